"""When dirty paths become a batch. No clock runs here: every time is passed in."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storysync.core.settle import (
    CREATED_WAIT_S,
    MAX_PATHS_BELOW_FOLDER,
    MAX_PATHS_IN_ROOT,
    WHOLE_ROOT,
    Batch,
    Kind,
    Settler,
)
from storysync.settings import WatchSettings

WATCH = WatchSettings(settle_ms=75, batch_ms=400, max_wait_s=2.0)
SETTLE_S, BATCH_S, MAX_WAIT_S = 0.075, 0.4, 2.0
ROOT = "demo"

Event = tuple[float, str, Kind]


def settler(*events: Event) -> Settler:
    made = Settler(WATCH)
    for at, path, kind in events:
        made.touch(ROOT, path, at, kind)
    return made


def batches(*events: Event) -> list[tuple[float, set[str] | None]]:
    """(time, paths) of each batch, when it is taken as soon as it is due, between events and after them."""
    made = Settler(WATCH)
    taken: list[tuple[float, set[str] | None]] = []
    now = 0.0
    for at, path, kind in events:
        _drain(made, now, at, taken)
        now = at
        made.touch(ROOT, path, at, kind)
    _drain(made, now, float("inf"), taken)
    return taken


def _drain(made: Settler, now: float, until: float, taken: list[tuple[float, set[str] | None]]) -> None:
    while (wait_s := made.due(now)) is not None and now + wait_s < until:
        now += wait_s + 1e-6
        batch = made.take(now)
        assert batch is not None
        taken.append((round(now, 3), None if batch.paths is None else set(batch.paths)))


@pytest.mark.parametrize("kind", [Kind.CONTENT, Kind.NOW])
def test_what_comes_alone_is_taken_at_once(kind: Kind) -> None:
    assert settler((10.0, "a.md", kind)).take(10.0) == Batch(ROOT, frozenset({"a.md"}))


@pytest.mark.parametrize(
    ("kind", "rest_s"),
    [(Kind.GONE, SETTLE_S), (Kind.FOLDER, SETTLE_S), (Kind.CREATED, CREATED_WAIT_S)],
)
def test_what_may_be_half_of_something_rests(kind: Kind, rest_s: float) -> None:
    made = settler((10.0, "a", kind))
    assert made.take(10.0 + rest_s - 0.001) is None
    assert made.due(10.0) == pytest.approx(rest_s)
    assert made.take(10.0 + rest_s + 0.001) == Batch(ROOT, frozenset({"a"}))


def test_nothing_is_due_in_a_clean_root() -> None:
    made = settler((0.0, "a.md", Kind.CONTENT))
    made.take(0.0)
    assert made.due(1.0) is None
    assert made.take(1.0) is None
    assert made.dirty(ROOT) == 0
    assert made.dirty("never-seen") == 0


def test_saves_far_apart_are_each_taken_at_once() -> None:
    assert batches((1.0, "a.md", Kind.CONTENT), (1.2, "b.md", Kind.CONTENT), (1.4, "a.md", Kind.CONTENT)) == [
        (1.0, {"a.md"}),
        (1.2, {"b.md"}),
        (1.4, {"a.md"}),
    ]


def test_what_follows_the_first_is_one_batch() -> None:
    burst = [(1.0 + number / 1000, f"{number}.md", Kind.CONTENT) for number in range(50)]
    first, rest = batches(*burst)
    assert first == (1.0, {"0.md"})
    assert rest == (1.449, {f"{number}.md" for number in range(1, 50)})


def test_an_endless_burst_is_cut_at_the_longest_wait() -> None:
    burst = [(1.0 + number / 20, f"{number}.md", Kind.CREATED) for number in range(200)]
    taken = batches(*burst)
    assert len(taken) <= 200 / 20 / MAX_WAIT_S + 2
    assert set().union(*(paths or set() for _, paths in taken)) == {f"{number}.md" for number in range(200)}


def test_a_path_that_never_rests_is_taken_all_the_same() -> None:
    restless = [(1.0 + number / 50, "a.md", Kind.GONE) for number in range(150)]
    assert batches(*restless)[0] == (3.0, {"a.md"})


@pytest.mark.parametrize(
    "events",
    [
        [(0.0, "s.md", Kind.GONE), (0.002, "s.md", Kind.CREATED), (0.004, "s.md", Kind.CONTENT)],  # vim
        [(0.0, "s.md", Kind.GONE), (0.001, "s.md", Kind.CONTENT)],  # unlink and write
        [(0.0, "s.md", Kind.CREATED), (0.003, "s.md", Kind.CONTENT)],  # a new file
        [(0.0, "s.md", Kind.CONTENT)],  # truncate and write, or temp and rename
    ],
)
def test_a_save_is_one_batch_taken_when_the_file_is_closed(events: list[Event]) -> None:
    assert batches(*events) == [(events[-1][0], {"s.md"})]


def test_both_ends_of_a_rename_are_one_batch() -> None:
    assert batches((1.0, "old.md", Kind.CONTENT), (1.0, "new.md", Kind.CONTENT)) == [
        (1.0, {"old.md", "new.md"})
    ]


def test_a_file_that_goes_before_it_was_taken_rests_again() -> None:
    made = settler((1.0, "a.md", Kind.CONTENT), (1.001, "a.md", Kind.GONE))
    assert made.take(1.002) is None
    assert made.take(1.1) == Batch(ROOT, frozenset({"a.md"}))


def test_a_folder_stands_for_what_is_below_it() -> None:
    made = settler(
        (1.0, "sprint", Kind.FOLDER), (1.001, "sprint/a.md", Kind.CONTENT), (1.002, "b.md", Kind.GONE)
    )
    assert made.dirty(ROOT) == 2
    assert made.take(1.5) == Batch(ROOT, frozenset({"sprint", "b.md"}))


def test_paths_below_a_folder_that_became_dirty_later_are_left_out() -> None:
    made = settler((1.0, "sprint/a.md", Kind.GONE), (1.001, "sprint", Kind.FOLDER))
    assert made.take(1.5) == Batch(ROOT, frozenset({"sprint"}))
    assert made.dirty(ROOT) == 0


def test_a_folder_with_a_similar_name_is_another_folder() -> None:
    made = settler((1.0, "sprint", Kind.FOLDER), (1.001, "sprint-2/a.md", Kind.GONE))
    assert made.take(1.5) == Batch(ROOT, frozenset({"sprint", "sprint-2/a.md"}))


def test_many_paths_in_one_folder_collapse_into_it() -> None:
    count = MAX_PATHS_BELOW_FOLDER + 1
    made = settler(*((1.0 + number / 1e4, f"x/{number}.md", Kind.GONE) for number in range(count)))
    made.touch(ROOT, "y/a.md", 1.1, Kind.GONE)
    assert made.dirty(ROOT) == 2
    assert made.take(2.0) == Batch(ROOT, frozenset({"x", "y/a.md"}))


def test_many_paths_in_a_root_collapse_into_it() -> None:
    events = (
        (1.0 + number / 1e5, f"{number % 100}/{number}.md", Kind.GONE)
        for number in range(MAX_PATHS_IN_ROOT + 1)
    )
    made = settler(*events)
    assert made.dirty(ROOT) == 1
    assert made.take(2.0) == Batch(ROOT, None)


def test_a_collapse_keeps_the_longest_wait() -> None:
    count = MAX_PATHS_BELOW_FOLDER + 1
    made = settler(*((1.0 + number / 1e4, f"x/{number}.md", Kind.GONE) for number in range(count)))
    made.touch(ROOT, "x/late.md", 2.9, Kind.GONE)
    assert made.take(1.0 + MAX_WAIT_S + 0.001) == Batch(ROOT, frozenset({"x"}))


def test_the_whole_root_is_a_batch_without_paths() -> None:
    made = settler((1.0, "a.md", Kind.GONE), (1.0, WHOLE_ROOT, Kind.NOW))
    assert made.take(1.0) == Batch(ROOT, None)


def test_a_held_root_waits_and_does_not_hold_up_another() -> None:
    made = settler((1.0, "a.md", Kind.CONTENT))
    made.touch("other", "b.md", 1.0, Kind.GONE)
    assert made.take(1.0, held={ROOT}) is None
    assert made.due(1.0, held={ROOT}) == pytest.approx(SETTLE_S)
    assert made.take(1.1, held={ROOT}) == Batch("other", frozenset({"b.md"}))
    assert made.take(1.1) == Batch(ROOT, frozenset({"a.md"}))


def test_roots_take_turns() -> None:
    made = Settler(WATCH)
    for number in range(3):
        made.touch("one", "a.md", 1.0 + number, Kind.NOW)
        made.touch("two", "b.md", 1.0 + number, Kind.NOW)
        assert {made.take(1.0 + number).root_id, made.take(1.0 + number).root_id} == {"one", "two"}  # type: ignore[union-attr]


def test_a_root_that_was_held_rests_anew_and_is_one_batch() -> None:
    made = settler((1.0, "a.md", Kind.CONTENT), (59.9, "b.md", Kind.GONE))
    made.postpone(ROOT, 60.0)
    assert made.take(60.0 + BATCH_S - 0.001) is None
    assert made.take(60.0 + BATCH_S + 0.001) == Batch(ROOT, frozenset({"a.md", "b.md"}))


def test_a_single_path_that_was_held_rests_only_shortly() -> None:
    made = settler((1.0, "a.md", Kind.CONTENT))
    made.postpone(ROOT, 60.0)
    assert made.due(60.0) == pytest.approx(SETTLE_S)


@pytest.mark.parametrize(
    ("events", "sooner"),
    [
        ([(1.0, "a.md", Kind.GONE)], True),  # the first of all
        ([(1.0, "a.md", Kind.GONE), (1.1, "b.md", Kind.CONTENT)], True),  # may be taken at once
        ([(1.0, "a.md", Kind.CREATED), (1.01, "a.md", Kind.CREATED)], True),  # the only one
        ([(1.0, "a.md", Kind.GONE), (1.01, "b.md", Kind.GONE)], False),
        ([(1.0, "d", Kind.FOLDER), (1.01, "d/b.md", Kind.CONTENT)], False),
    ],
)
def test_touch_tells_whether_a_sleeper_must_wake(events: list[Event], sooner: bool) -> None:
    made = Settler(WATCH)
    answers = [made.touch(ROOT, path, at, kind) for at, path, kind in events]
    assert answers[-1] is sooner


EVENTS = st.lists(
    st.tuples(
        st.floats(0, 0.5),
        st.sampled_from(["a.md", "b.md", "d", "d/a.md", "d/b.md", "d/e/a.md", "f/a.md"]),
        st.sampled_from([Kind.CONTENT, Kind.CREATED, Kind.GONE, Kind.FOLDER]),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(EVENTS)
def test_every_path_is_taken_within_the_longest_wait(steps: list[tuple[float, str, Kind]]) -> None:
    made = Settler(WATCH)
    owed: dict[str, float] = {}  # path -> the first event that no batch has answered
    now = 0.0

    def take_what_is_due() -> None:
        while (batch := made.take(now)) is not None:
            assert batch.paths, "a batch is never empty"
            answered = [
                path for path in owed if any(path == one or path.startswith(one + "/") for one in batch.paths)
            ]
            for path in answered:
                assert now - owed.pop(path) <= MAX_WAIT_S + 0.011

    for pause_s, path, kind in steps:
        until = now + pause_s
        while now < until:
            now = min(now + 0.01, until)
            take_what_is_due()
        made.touch(ROOT, path, now, kind)
        owed.setdefault(path, now)
    until = now + MAX_WAIT_S + 0.02
    while now < until:
        now += 0.01
        take_what_is_due()
    assert not owed
    assert made.due(now) is None
