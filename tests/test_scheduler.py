"""When jobs are due, by clocks of our own: nothing here sleeps until it is time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import apscheduler.schedulers.base
import pytest
from apscheduler.schedulers.background import BackgroundScheduler
from structlog.testing import capture_logs

from storysync import faults
from storysync import scheduler as scheduler_module
from storysync.scheduler import SOON_S, Clock, Ended, Job, Result, Scheduler, first_run
from storysync.scheduler_runs import MOST_LEFT_BEHIND
from storysync.store import job_rows
from storysync.store.database import database_at

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
HOUR_S = 3600.0
PATIENCE_S = 30.0


@pytest.mark.parametrize(
    ("last", "expected_s"),
    [
        (None, SOON_S),  # never
        (NOON - timedelta(minutes=10), HOUR_S - 600),  # a restart does not push it forward
        (NOON - timedelta(hours=5), SOON_S),  # overdue: once, soon
        (NOON - timedelta(seconds=HOUR_S - 1), SOON_S),
        (NOON + timedelta(days=3), SOON_S),  # the clock was set back since
    ],
)
def test_the_first_run_counts_from_the_last_success(last: datetime | None, expected_s: float) -> None:
    assert first_run(last, HOUR_S, NOON) == NOON + timedelta(seconds=expected_s)


def test_a_job_that_is_more_frequent_than_soon() -> None:
    assert first_run(None, 0.5, NOON) == NOON + timedelta(seconds=0.5)


# -- with real threads -------------------------------------------------------------------------------------


def unnoted(ended: Ended, wait: bool) -> None:
    """Of these runs nobody keeps a record."""


def done(trigger: str) -> Result:
    return Result()


def waited_for(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_jobs_run_again_and_again_although_some_hang_and_one_fails() -> None:
    hang, runs = threading.Event(), threading.Semaphore(0)

    def hangs(trigger: str) -> Result:
        hang.wait()
        return Result()

    def fails(trigger: str) -> Result:
        raise ValueError("on purpose")

    def works(trigger: str) -> Result:
        runs.release()
        return Result()

    jobs = [Job(f"hangs-{number}", 0.05, hangs, None) for number in range(5)]
    jobs += [Job("fails", 0.05, fails, None), Job("health", 0.05, works, None)]
    scheduler = Scheduler(jobs, unnoted, beat_s=0.05)
    scheduler.start()
    try:
        assert all(runs.acquire(timeout=PATIENCE_S) for _ in range(4))
        assert set(scheduler.next_runs()) == {job.name for job in jobs}
        assert set(scheduler.running()) >= {f"hangs-{number}" for number in range(5)}
    finally:
        scheduler.stop()  # does not wait for those that hang
        hang.set()


def test_who_asks_for_a_job_that_runs_gets_the_result_of_that_run() -> None:
    begun, go = threading.Event(), threading.Event()
    count = []

    def work(trigger: str) -> Result:
        count.append(trigger)
        begun.set()
        go.wait(PATIENCE_S)
        return Result({"number": len(count)})

    scheduler = Scheduler([Job("backup", HOUR_S, work, None)], unnoted)
    first = scheduler.run("backup", "command")
    assert begun.wait(PATIENCE_S)
    second = scheduler.run("backup", "signal")
    assert second is first and not first.done()
    go.set()
    ended = first.result(PATIENCE_S)
    assert (ended.state, ended.trigger, ended.result.data) == ("good", "command", {"number": 1})
    assert scheduler.run("backup", "signal").result(PATIENCE_S).result.data == {"number": 2}
    assert count == ["command", "signal"]


def test_what_a_job_raises_is_told_to_whoever_asked() -> None:
    def work(trigger: str) -> Result:
        raise OSError("no space")

    noted: list[Ended] = []
    scheduler = Scheduler([Job("backup", HOUR_S, work, None)], lambda ended, wait: noted.append(ended))
    ended = scheduler.run("backup", "command").result(PATIENCE_S)
    assert (ended.state, ended.message, type(ended.error)) == ("failed", "no space", OSError)
    assert noted == [ended]


def test_failure_in_one_of_several_databases_fails_the_run() -> None:
    job = Job("backup", HOUR_S, lambda trigger: Result(failed={"shop": "disk full"}), None)
    ended = Scheduler([job], unnoted).run("backup", "timer").result(PATIENCE_S)
    assert (ended.state, ended.message, ended.error) == ("failed", "disk full", None)


def test_job_for_which_there_is_no_thread_has_failed_and_runs_again_when_there_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    noted: list[tuple[Ended, bool]] = []
    scheduler = Scheduler(
        [Job("backup", HOUR_S, done, None)], lambda ended, wait: noted.append((ended, wait))
    )

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        for _ in range(MOST_LEFT_BEHIND + 1):
            ended = scheduler.run("backup", "timer").result(0)
            assert (ended.state, "can't start new thread" in ended.message) == ("failed", True)
    assert [wait for _, wait in noted] == [False] * (MOST_LEFT_BEHIND + 1), "the main loop may have asked"
    assert scheduler.run("backup", "timer").result(PATIENCE_S).state == "good"


def test_successor_joins_the_run_that_is_under_way_and_counts_from_its_end() -> None:
    go_on, began = threading.Event(), threading.Semaphore(0)

    def work(trigger: str) -> Result:
        began.release()
        go_on.wait(PATIENCE_S)
        return Result()

    noted: list[str] = []
    before, after = (
        Scheduler([Job("backup", HOUR_S, work, None)], lambda ended, wait, name=name: noted.append(name))  # type: ignore[misc]
        for name in ("before", "after")
    )
    run = before.run("backup", "timer")
    assert began.acquire(timeout=PATIENCE_S)
    after.take_over(before)
    assert after.run("backup", "command") is run
    assert set(after.running()) == {"backup"}
    soon = after.next_runs()["backup"]
    go_on.set()
    assert run.result(PATIENCE_S).trigger == "timer"
    assert after.next_runs()["backup"] - soon > timedelta(seconds=HOUR_S / 2)
    assert (noted, after.running()) == (["before"], {})
    assert after.run("backup", "command") is not run


def test_successor_gives_up_a_run_that_hangs_since_before(world: World) -> None:
    hang, began = threading.Event(), threading.Semaphore(0)

    def work(trigger: str) -> Result:
        began.release()
        hang.wait(PATIENCE_S)
        return Result()

    before, after = (
        Scheduler([Job("backup", HOUR_S, work, None, deadline_s=600.0)], unnoted, clock=world.clock)
        for _ in range(2)
    )
    run = before.run("backup", "command")
    assert began.acquire(timeout=PATIENCE_S)
    after.take_over(before)
    after.start()
    world.passes(601)
    after.look()
    assert run.result(0).state == "late"
    hang.set()
    after.stop()


def test_stop_before_start_is_harmless() -> None:
    Scheduler([], unnoted).stop()


def test_a_scheduler_that_hangs_shows_its_age_and_can_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler_module, "STOP_S", 0.2)
    with faults.armed("scheduler.beat=hang:60s:2"):
        scheduler = Scheduler([Job("health", HOUR_S, done, None)], unnoted, beat_s=0.05)
        scheduler.start()
        waited_for(lambda: (scheduler.age_s() or 0.0) > 0.5)
        assert set(scheduler.next_runs()) == {"health"}  # waits for no lock that it holds
        assert scheduler.run("health", "command").result(PATIENCE_S).state == "good"
        scheduler.stop()


# -- with clocks of our own --------------------------------------------------------------------------------


def has(listed: list[Any], count: int) -> bool:
    return len(listed) == count


def is_idle(scheduler: Scheduler) -> bool:
    return not scheduler.running()


class World:
    """A wall clock that can be set, and one that cannot."""

    def __init__(self) -> None:
        self.wall = NOON
        self.steady = 1000.0

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.wall, lambda: self.steady)

    def passes(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.steady += seconds

    def step(self, seconds: float) -> None:
        """Somebody sets the clock on the wall."""
        self.wall += timedelta(seconds=seconds)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """APScheduler sees its wall clock, and its thread ends at once: `look` does what the thread would."""
    made = World()

    class Told(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return made.wall.astimezone(tz)

    monkeypatch.setattr(apscheduler.schedulers.base, "datetime", Told)
    monkeypatch.setattr(BackgroundScheduler, "_main_loop", lambda self: None)
    yield made


class Simulated:
    """A scheduler in such a world, and when its jobs ran, in seconds of the steady clock."""

    def __init__(self, world: World, **every_s: float) -> None:
        self.world = world
        self.ran: dict[str, list[float]] = {name: [] for name in every_s}
        jobs = [Job(name, every, self._work(name), world.wall) for name, every in every_s.items()]
        self.scheduler = Scheduler(jobs, unnoted, clock=world.clock)
        self.scheduler.start()

    def _work(self, name: str) -> Callable[[str], Result]:
        def work(trigger: str) -> Result:
            self.ran[name].append(self.world.steady)
            return Result()

        return work

    def look(self) -> None:
        self.scheduler.look()
        waited_for(lambda: not self.scheduler.running())
        self.scheduler.look()  # as it does when it is woken by the end of a run

    def live(self, seconds: float, every_s: float = 5.0) -> None:
        for _ in range(int(seconds / every_s)):
            self.world.passes(every_s)
            self.look()

    def pauses(self, name: str) -> list[float]:
        began = [1000.0, *self.ran[name]]
        return [later - earlier for earlier, later in pairwise(began)]


@pytest.fixture
def simulated(world: World) -> Iterator[Simulated]:
    made = Simulated(world, health=300.0, backup=1800.0)
    yield made
    made.scheduler.stop()


def test_jobs_run_at_their_intervals(simulated: Simulated) -> None:
    simulated.live(3700)
    assert simulated.pauses("health") == pytest.approx([300.0] * 12, abs=10)
    assert simulated.pauses("backup") == pytest.approx([1800.0] * 2, abs=10)


@pytest.mark.parametrize("step_s", [-3600.0, 3600.0, 86_400.0, -86_400.0, -7.0, 365 * 86_400.0])
def test_a_clock_that_is_set_makes_neither_storm_nor_silence(simulated: Simulated, step_s: float) -> None:
    simulated.live(100)
    with capture_logs() as events:
        simulated.world.step(step_s)
        simulated.live(3600)
    assert [event["event"] for event in events] == ["clock.stepped"]
    assert simulated.pauses("health") == pytest.approx([300.0] * 12, abs=10)
    assert simulated.pauses("backup") == pytest.approx([1800.0] * 2, abs=10)
    next_s = (simulated.scheduler.next_runs()["backup"] - simulated.world.wall).total_seconds()
    assert 0 < next_s <= 1800


def test_a_clock_that_is_slewed_is_followed_in_silence(simulated: Simulated) -> None:
    with capture_logs() as events:
        for _ in range(720):  # an hour in which NTP takes a minute back
            simulated.world.step(-60 / 720)
            simulated.live(5)
    assert events == []
    assert len(simulated.ran["health"]) in (11, 12)


def test_daylight_saving_is_no_step_since_all_is_utc(simulated: Simulated) -> None:
    simulated.world.passes((datetime(2026, 3, 29, 0, 50, tzinfo=UTC) - simulated.world.wall).total_seconds())
    simulated.look()
    simulated.ran["health"].clear()
    began = simulated.world.steady
    simulated.live(3600)
    assert [at - began for at in simulated.ran["health"]] == pytest.approx(range(300, 3601, 300), abs=10)


def test_after_a_sleep_what_is_overdue_runs_once(simulated: Simulated) -> None:
    simulated.live(1500)
    before = len(simulated.ran["health"])
    simulated.world.passes(600)  # the machine slept; the steady clock went on
    simulated.look()
    assert len(simulated.ran["health"]) == before + 1
    assert len(simulated.ran["backup"]) == 1
    simulated.live(290)
    assert len(simulated.ran["health"]) == before + 1


def test_failed_job_is_tried_again_sooner_and_then_less_often(world: World) -> None:
    ran: list[float] = []

    def fails(trigger: str) -> Result:
        ran.append(world.steady)
        raise OSError("on purpose")

    made = Simulated(world)
    made.scheduler.stop()
    made.scheduler = Scheduler([Job("backup", 21_600.0, fails, None)], unnoted, clock=world.clock)
    made.scheduler.start()
    made.live(50_000)
    made.scheduler.stop()
    pauses = [later - earlier for earlier, later in pairwise(ran)]
    assert pauses[:6] == pytest.approx([300, 600, 1200, 2400, 4800, 9600], abs=10)
    assert max(pauses) <= 21_610


def test_hung_run_is_given_up_at_its_deadline_and_blocks_nothing(world: World) -> None:
    hang = threading.Event()
    began: list[float] = []
    noted: list[Ended] = []

    def hangs(trigger: str) -> Result:
        began.append(world.steady)
        hang.wait(PATIENCE_S)
        return Result()

    jobs = [Job("backup", 1800.0, hangs, None, deadline_s=600.0), Job("health", 300.0, done, None)]
    scheduler = Scheduler(jobs, lambda ended, wait: noted.append(ended), clock=world.clock)
    scheduler.start()
    asked = scheduler.run("backup", "command")
    waited_for(lambda: began)
    for _ in range(130):
        world.passes(5)
        scheduler.look()
        waited_for(lambda: "health" not in scheduler.running())
    ended = asked.result(PATIENCE_S)
    assert ended.state == "late" and ended.seconds == pytest.approx(605, abs=10)
    assert "10 minutes" in ended.message
    assert sum(one.name == "health" for one in noted) >= 2
    assert [one.state for one in noted if one.name == "backup"] == ["late"]
    for _ in range(400):
        world.passes(5)
        scheduler.look()
        waited_for(lambda: "health" not in scheduler.running())
    assert len(began) >= 2, "the next run has begun although the first one hangs"
    with capture_logs() as events:
        hang.set()
        waited_for(lambda: [event for event in events if event["event"] == "job.returned"])
    waited_for(lambda: not scheduler.running())
    scheduler.stop()


def test_threads_that_hang_do_not_pile_up(world: World) -> None:
    hang = threading.Event()
    began: list[str] = []

    def hangs(trigger: str) -> Result:
        began.append(trigger)
        hang.wait(PATIENCE_S)
        return Result()

    scheduler = Scheduler([Job("health", 60.0, hangs, None, deadline_s=30.0)], unnoted, clock=world.clock)
    scheduler.start()
    for number in range(MOST_LEFT_BEHIND):
        asked = scheduler.run("health", "timer")
        waited_for(partial(has, began, number + 1))
        world.passes(31)
        scheduler.look()
        assert asked.result(PATIENCE_S).state == "late"
    refused = scheduler.run("health", "timer").result(PATIENCE_S)
    assert refused.state == "failed" and "earlier runs of it hang" in refused.message
    assert len(began) == MOST_LEFT_BEHIND
    hang.set()
    waited_for(lambda: scheduler.run("health", "command").result(PATIENCE_S).state == "good")
    scheduler.stop()


def test_daemon_that_restarts_every_minute_backs_up_on_time(world: World, tmp_path: Path) -> None:
    """Two hours, a backup each half hour; what lasts is the row in the database."""
    made: list[float] = []

    def back_up(trigger: str) -> Result:
        made.append((world.wall - NOON).total_seconds())
        return Result()

    with database_at(f"sqlite:///{tmp_path}/s.db").open() as store:

        def note(ended: Ended, wait: bool) -> None:
            run = job_rows.JobRun(
                ended.name, ended.trigger, ended.started_at, ended.finished_at, ended.state, ended.message
            )
            notes.append(run)

        for _ in range(121):
            notes: list[job_rows.JobRun] = []
            with store.reading() as reader:
                last = job_rows.last_runs(reader).get("backup")
            job = Job("backup", 1800.0, back_up, last.succeeded_at if last else None)
            scheduler = Scheduler([job], note, clock=world.clock)
            scheduler.start()
            for _ in range(12):
                world.passes(5)
                scheduler.look()
                waited_for(partial(is_idle, scheduler))
            scheduler.stop()
            with store.writing() as tx:
                for run in notes:
                    job_rows.note(tx, run)
    assert made == pytest.approx([5, 1805, 3605, 5405, 7205], abs=30)
