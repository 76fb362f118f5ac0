"""More events at once than anything holds, and a watcher that hangs: real daemons over thousands of files."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.following import Following, put

pytestmark = pytest.mark.long

Follow = Callable[..., Following]


@pytest.fixture
def follow(stories: Path, tmp_path: Path) -> Iterator[Follow]:
    made: list[Following] = []

    def start(**environ: str) -> Following:
        state = tmp_path / "state"
        state.mkdir(exist_ok=True)
        made.append(Following([stories], f"sqlite:///{state / 's.db'}", state, **environ))
        return made[-1].start()

    yield start
    for daemon in made:
        daemon.end()


def many(root: Path, count: int, status: str = "todo") -> dict[str, str]:
    """That many stories, a hundred in each folder: path -> status."""
    paths = [f"{number // 100}/A-{number}.md" for number in range(count)]
    for path in paths:
        put(root, path, status)
    return dict.fromkeys(paths, status)


def save(file: Path) -> None:
    """As editors and agents do: another file that takes the place of the first. Four events."""
    text = file.read_text()
    other = file.with_name(f"{file.name}.tmp")
    other.write_text(text.replace("status: todo", "status: done"))
    other.rename(file)


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def watches(daemon: Following) -> dict:  # type: ignore[type-arg]
    return dict(daemon.ask("status")["projects"][0]["watches"])


def test_ten_thousand_writes_while_it_was_stopped_are_there_ten_seconds_after(
    follow: Follow, stories: Path
) -> None:
    expected = many(stories, 10_000)
    daemon = follow()
    os.kill(daemon.pid, signal.SIGSTOP)
    expected = dict.fromkeys(expected, "done")
    for path in expected:
        save(stories / path)
    put(stories, "new/deep/B-1.md")
    os.kill(daemon.pid, signal.SIGCONT)
    resumed = time.monotonic()
    daemon.converges_to(expected | {"new/deep/B-1.md": "todo"})
    took_s = time.monotonic() - resumed
    print(f"converged {took_s:.1f} s after SIGCONT")
    assert took_s <= 10
    daemon.wait(lambda: daemon.logged("watch.overflowed", "times=1"))
    assert watches(daemon)["overflows"] >= 1
    put(stories, "new/deep/B-1.md", "done")
    daemon.converges_to(expected | {"new/deep/B-1.md": "done"})
    daemon.is_equal()


def test_a_thousand_folders_written_into_at_once_are_all_seen(follow: Follow, stories: Path) -> None:
    put(stories, "A.md")
    daemon = follow()
    expected = {"A.md": "todo"}
    for number in range(1000):
        put(stories, f"{number % 30}/a{number}/b/c/A-{number}.md")
        expected[f"{number % 30}/a{number}/b/c/A-{number}.md"] = "todo"
    daemon.converges_to(expected)
    for path in expected:
        put(stories, path, "done")
    daemon.converges_to(dict.fromkeys(expected, "done"))
    assert watches(daemon)["overflows"] == 0
    assert not daemon.logged("sync.done", "trigger=timer")
    assert watches(daemon)["registered"] == 1 + 30 + 3 * 1000


def test_reading_ten_thousand_stories_causes_neither_events_nor_work(follow: Follow, stories: Path) -> None:
    many(stories, 10_000)
    daemon = follow()
    daemon.settles()
    before = (daemon.ask("status")["events"], daemon.logged("sync.done"))
    cpu = cpu_s(daemon.pid)
    subprocess.run(["grep", "-r", "no such words", str(stories)], capture_output=True)
    subprocess.run(f"find '{stories}' -type f -exec cat {{}} + > /dev/null", shell=True, check=True)
    time.sleep(3)
    assert (daemon.ask("status")["events"], daemon.logged("sync.done")) == before
    assert cpu_s(daemon.pid) - cpu <= 0.1


def test_a_million_writes_while_nobody_takes_them_stay_small(follow: Follow, stories: Path) -> None:
    expected = many(stories, 10_000)
    daemon = follow()
    daemon.ask("pause")
    first_mb = resident_mb(daemon.pid)
    names = [str(stories / path) for path in expected]
    most_mb = 0.0
    for _ in range(100):
        for name in names:
            os.close(os.open(name, os.O_WRONLY))
        most_mb = max(most_mb, resident_mb(daemon.pid))
    put(stories, "3/A-300.md", "done")
    daemon.wait(lambda: daemon.ask("status")["projects"][0]["dirty"])
    most_mb = max(most_mb, resident_mb(daemon.pid))
    events = daemon.ask("status")["events"]
    print(f"resident before {first_mb:.0f} MB, at most {most_mb:.0f} MB; {events} events came through")
    assert most_mb < 150
    daemon.ask("resume")
    daemon.converges_to(expected | {"3/A-300.md": "done"})


def test_a_hanging_watcher_is_found_by_its_cookie_and_replaced(follow: Follow, stories: Path) -> None:
    """No thread is dead and no event lost: only the cookie shows it, after at most 30 + 20 seconds."""
    put(stories, "A-1.md")
    former = follow()
    former.runs_its_first_jobs()  # one of them would see the file as well
    assert former.stop() == 0
    daemon = follow(STORYSYNC_TESTING="faults", STORYSYNC_FAULTS="watch.event=hang:1")
    put(stories, "A-2.md")
    began = time.monotonic()
    while not daemon.logged("watch.died", "cookie"):
        assert time.monotonic() - began < 90, daemon.told()
        assert daemon.statuses() == {"A-1.md": "todo"}
        time.sleep(0.5)
    print(f"found after {time.monotonic() - began:.0f} s")
    daemon.converges_to({"A-1.md": "todo", "A-2.md": "todo"})
    assert watches(daemon)["restarts"] == 1
    put(stories, "A-2.md", "done")
    daemon.converges_to({"A-1.md": "todo", "A-2.md": "done"})


def test_a_folder_of_a_thousand_stories_that_moves_keeps_them(follow: Follow, stories: Path) -> None:
    expected = many(stories / "old", 1000)
    daemon = follow()
    uids = daemon.rows("SELECT uid FROM stories ORDER BY id")
    (stories / "old").rename(stories / "new")
    daemon.converges_to({f"new/{path}": "todo" for path in expected})
    assert daemon.rows("SELECT uid FROM stories ORDER BY id") == uids
    assert watches(daemon)["registered"] == 12
    daemon.is_equal()
