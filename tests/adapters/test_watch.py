"""The watcher over real files: what it writes down, and what it does not."""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from storysync.adapters import watch
from storysync.adapters.inotify import Group
from storysync.adapters.watch import Watcher, quiet_warnings
from storysync.adapters.watch_marks import Watched
from storysync.core.ignoring import pruner
from storysync.core.settle import Kind
from storysync.settings import ReadingSettings

PATIENCE_S = 20.0
SENTINEL = "zz-sentinel.md"

pytestmark = pytest.mark.filterwarnings("ignore:Callback with id:RuntimeWarning")


class Marks:
    """An inbox that only remembers."""

    def __init__(self) -> None:
        self.calls: list[list[tuple[str, Kind]]] = []
        self.lost: list[list[str] | None] = []

    def touch_all(self, root_id: str, marks: Iterable[tuple[str, Kind]]) -> None:
        assert root_id == "demo"
        self.calls.append(list(marks))

    def lose(self, root_ids: Iterable[str] | None = None) -> None:
        self.lost.append(None if root_ids is None else list(root_ids))

    @property
    def all(self) -> list[tuple[str, Kind]]:
        return [mark for call in self.calls for mark in call]


@pytest.fixture
def marks() -> Marks:
    return Marks()


@pytest.fixture
def watcher(stories: Path, marks: Marks) -> Iterator[Watcher]:
    made = Watcher([Watched("demo", stories, pruner(ReadingSettings().ignore))], marks)
    assert made.start() == {}
    yield made
    made.stop()


def wait(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def seen(marks: Marks, root: Path) -> dict[str, set[Kind]]:
    """Path -> kinds, once everything before this call has been reported."""
    (root / SENTINEL).write_text("x")
    wait(lambda: (SENTINEL, Kind.CONTENT) in marks.all)
    found: dict[str, set[Kind]] = {}
    for path, kind in marks.all:
        if path != SENTINEL:
            found.setdefault(path, set()).add(kind)
    return found


def test_a_new_file(watcher: Watcher, marks: Marks, stories: Path) -> None:
    (stories / "a.md").write_text("x")
    assert seen(marks, stories) == {"a.md": {Kind.CREATED, Kind.CONTENT}}


def test_a_save_in_place(watcher: Watcher, marks: Marks, stories: Path) -> None:
    (stories / "a.md").write_text("x")
    seen(marks, stories)
    marks.calls.clear()
    (stories / "a.md").write_text("y")
    assert seen(marks, stories) == {"a.md": {Kind.CONTENT}}


def test_a_rename_tells_both_ends_as_one(watcher: Watcher, marks: Marks, stories: Path) -> None:
    (stories / "a.md").write_text("x")
    (stories / "a.md").rename(stories / "b.md")
    seen(marks, stories)
    assert [("a.md", Kind.CONTENT), ("b.md", Kind.CONTENT)] in marks.calls


def test_temp_and_rename_tells_the_target_only(watcher: Watcher, marks: Marks, stories: Path) -> None:
    (stories / "a.tmp").write_text("x")
    (stories / "a.tmp").rename(stories / "a.md")
    assert seen(marks, stories) == {"a.md": {Kind.CONTENT}}


def test_a_backup_of_an_editor_is_a_disappearance(watcher: Watcher, marks: Marks, stories: Path) -> None:
    (stories / "a.md").write_text("x")
    seen(marks, stories)
    marks.calls.clear()
    (stories / "a.md").rename(stories / "a.md~")
    assert seen(marks, stories) == {"a.md": {Kind.GONE}}


def test_a_deletion(watcher: Watcher, marks: Marks, stories: Path) -> None:
    (stories / "a.md").write_text("x")
    seen(marks, stories)
    marks.calls.clear()
    (stories / "a.md").unlink()
    assert seen(marks, stories) == {"a.md": {Kind.GONE}}


def test_a_file_moved_in_from_elsewhere(watcher: Watcher, marks: Marks, stories: Path) -> None:
    (stories.parent / "a.md").write_text("x")
    (stories.parent / "a.md").rename(stories / "a.md")
    assert seen(marks, stories) == {"a.md": {Kind.CREATED}}


def test_new_folders_are_told_as_folders_and_watched(watcher: Watcher, marks: Marks, stories: Path) -> None:
    (stories / "a" / "b").mkdir(parents=True)
    (stories / "a" / "b" / "x.md").write_text("x")
    found = seen(marks, stories)
    assert Kind.FOLDER in found["a"]
    marks.calls.clear()
    (stories / "a" / "b" / "later.md").write_text("x")
    assert Kind.CONTENT in seen(marks, stories)["a/b/later.md"]


def test_files_written_into_a_folder_at_once_are_never_missed(
    watcher: Watcher, marks: Marks, stories: Path
) -> None:
    for number in range(100):
        folder = stories / f"d{number}" / "deep"
        folder.mkdir(parents=True)
        (folder / "x.md").write_text("x")
    found = seen(marks, stories)
    assert all(f"d{number}" in found for number in range(100))


def test_a_moved_folder_tells_both_places(watcher: Watcher, marks: Marks, stories: Path) -> None:
    (stories / "a").mkdir()
    (stories / "a" / "x.md").write_text("x")
    seen(marks, stories)
    marks.calls.clear()
    (stories / "a").rename(stories / "b")
    seen(marks, stories)
    assert [("a", Kind.FOLDER), ("b", Kind.FOLDER)] in marks.calls


def test_a_folder_moved_away_and_one_moved_in(watcher: Watcher, marks: Marks, stories: Path) -> None:
    (stories / "a").mkdir()
    (stories / "a" / "x.md").write_text("x")
    seen(marks, stories)
    marks.calls.clear()
    (stories / "a").rename(stories.parent / "a")
    (stories.parent / "a").rename(stories / "back")
    found = seen(marks, stories)
    wait(lambda: ("a", Kind.FOLDER) in marks.all)  # watchdog waits half a second for the other end
    assert Kind.FOLDER in found["back"] | {kind for path, kind in marks.all if path == "back"}


@pytest.mark.parametrize(
    "path",
    [
        "notes.txt", "a.md~", ".a.md.swp", "4913", ".#a.md", ".git/index.lock", ".git/a.md",
        "node_modules/x/README.md", "deep/.venv/lib/a.md",
    ],
)  # fmt: skip
def test_what_is_no_story_file_is_not_told(watcher: Watcher, marks: Marks, stories: Path, path: str) -> None:
    (stories / path).parent.mkdir(parents=True, exist_ok=True)
    (stories / path).write_text("x")
    (stories / path).unlink()
    assert set(seen(marks, stories)) <= {"deep"}


def test_a_second_source_is_told(watcher: Watcher, marks: Marks, stories: Path) -> None:
    (stories / "sprint-status.yaml").write_text("development_status:\n")
    (stories / "other.yaml").write_text("x: y\n")
    assert set(seen(marks, stories)) == {"sprint-status.yaml"}


def test_hidden_folders_are_followed(watcher: Watcher, marks: Marks, stories: Path) -> None:
    (stories / ".backlog").mkdir()
    seen(marks, stories)
    (stories / ".backlog" / "a.markdown").write_text("x")
    wait(lambda: (".backlog/a.markdown", Kind.CONTENT) in marks.all)


def test_readers_cause_no_event(watcher: Watcher, marks: Marks, stories: Path) -> None:
    for number in range(50):
        (stories / f"{number}.md").write_text("x")
    seen(marks, stories)
    marks.calls.clear()
    for number in range(50):
        (stories / f"{number}.md").read_text()
        (stories / f"{number}.md").stat()
    list(stories.iterdir())
    assert seen(marks, stories) == {}


@pytest.mark.parametrize("name", [b"caf\xe9.md", "cafe\u0301.md".encode()])
def test_a_name_that_is_stored_in_another_form_tells_its_folder(
    watcher: Watcher, marks: Marks, stories: Path, name: bytes
) -> None:
    (stories / "d").mkdir()
    seen(marks, stories)
    marks.calls.clear()
    with open(os.path.join(os.fsencode(stories), b"d", name), "w") as file:
        file.write("x")
    assert seen(marks, stories) == {"d": {Kind.FOLDER}}


def test_a_name_in_normal_form_is_told_as_it_is(watcher: Watcher, marks: Marks, stories: Path) -> None:
    (stories / "café\nzwei.md").write_text("x")
    assert set(seen(marks, stories)) == {"café\nzwei.md"}


def test_a_deleted_root_tells_the_whole_root(watcher: Watcher, marks: Marks, stories: Path) -> None:
    stories.rmdir()
    wait(lambda: ("", Kind.FOLDER) in marks.all)
    wait(lambda: not watcher.alive())
    stories.mkdir()
    watcher.follow("demo")
    assert watcher.alive()
    (stories / "a.md").write_text("x")
    wait(lambda: ("a.md", Kind.CONTENT) in marks.all)


def test_a_root_that_is_not_there_is_named_and_can_be_followed_later(tmp_path: Path, marks: Marks) -> None:
    watcher = Watcher([Watched("demo", tmp_path / "later", pruner(()))], marks)
    assert set(watcher.start()) == {"demo"}
    (tmp_path / "later").mkdir()
    watcher.follow("demo")
    (tmp_path / "later" / "a.md").write_text("x")
    wait(lambda: ("a.md", Kind.CONTENT) in marks.all)
    watcher.stop()
    assert not watcher.alive()


def test_an_exception_in_the_handler_loses_no_event_and_no_thread(
    watcher: Watcher, marks: Marks, stories: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = marks.touch_all
    monkeypatch.setattr(marks, "touch_all", lambda *_: 1 / 0)
    (stories / "a.md").write_text("x")
    wait(lambda: len(marks.lost) == 2)  # the creation and the close
    assert marks.lost[0] == ["demo"]
    monkeypatch.setattr(marks, "touch_all", real)
    assert watcher.alive()
    assert seen(marks, stories) == {}


def test_a_dead_reader_thread_shows(watcher: Watcher) -> None:
    assert watcher.alive()
    (reader,) = [thread for thread in threading.enumerate() if type(thread).__name__ == "InotifyFD"]
    reader.stop()  # type: ignore[attr-defined]
    wait(lambda: not watcher.alive())


def test_a_real_overflow_makes_the_root_dirty_and_leaves_it_watched(
    watcher: Watcher, marks: Marks, stories: Path
) -> None:
    """The reader is held until more events wait than the kernel's queue takes (16,384 by default)."""
    (stories / "deep").mkdir()
    seen(marks, stories)
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    with group(watcher)._lock:
        for number in range(limit // 2 + 200):
            (stories / f"{number % 100}.md").write_text("x")  # at least one event each, two when new
            (stories / f"{number % 100}.md").rename(stories / "x.md")
        (stories / "late").mkdir()
    wait(lambda: marks.lost)
    assert set(map(tuple, filter(None, marks.lost))) == {("demo",)}
    assert watcher.overflows["demo"] >= 1
    assert watcher.alive()
    wait(lambda: watcher.registered("demo") == 3)
    marks.calls.clear()
    (stories / "deep" / "a.md").write_text("x")
    (stories / "late" / "b.md").write_text("x")
    assert {"deep/a.md", "late/b.md"} <= set(seen(marks, stories))


def test_no_watch_is_removed_and_set_anew_after_an_overflow(
    watcher: Watcher, marks: Marks, stories: Path
) -> None:
    """Each removal is an event itself: in a tree of 16,384 folders they would overflow the queue again."""
    for number in range(20):
        (stories / f"d{number}").mkdir()
    seen(marks, stories)
    before = kernel_watches()
    group(watcher).on_queue_overflow()
    assert kernel_watches() == before
    assert marks.lost == [["demo"]]


def test_ignored_folders_use_no_watch(watcher: Watcher, marks: Marks, stories: Path) -> None:
    for path in ("node_modules/a/b/c", ".git/refs/heads", "kept/deep", "kept/.venv/lib"):
        (stories / path).mkdir(parents=True)
    seen(marks, stories)
    wait(lambda: watcher.registered("demo") == 3)  # the root, kept, kept/deep
    assert len(kernel_watches()) == 3
    coverage = watcher.check("demo")
    assert (coverage.expected, coverage.registered, coverage.missed) == (3, 3, {})
    (stories / "node_modules").rename(stories / "modules")
    wait(lambda: watcher.registered("demo") == 7)
    (stories / "modules/a/b/c/x.md").write_text("x")
    wait(lambda: ("modules/a/b/c/x.md", Kind.CONTENT) in marks.all)


def test_of_a_linked_worktree_only_the_top_is_watched_and_a_submodule_whole(
    stories: Path, marks: Marks
) -> None:
    for name, pointer in (("tree", "/repo/.git/worktrees/tree"), ("module", "../.git/modules/module")):
        (stories / name / "deep").mkdir(parents=True)
        (stories / name / ".git").write_text(f"gitdir: {pointer}\n")
    made = Watcher([Watched("demo", stories, pruner(()))], marks)
    assert made.start() == {}
    assert made.registered("demo") == 4  # the root, tree, module, module/deep
    made.stop()


def test_a_check_finds_an_unwatched_folder_watches_it_and_marks_it(
    watcher: Watcher, marks: Marks, stories: Path
) -> None:
    (stories / "a" / "b").mkdir(parents=True)
    seen(marks, stories)
    own = group(watcher)
    with own._lock:
        own._remove_callbacks([own._active_callbacks_by_path[os.fsencode(stories / "a" / "b")]])
    assert watcher.registered("demo") == 2
    marks.calls.clear()
    assert watcher.check("demo").registered == 3
    assert marks.all == [("a/b", Kind.FOLDER)]
    (stories / "a" / "b" / "x.md").write_text("x")
    wait(lambda: ("a/b/x.md", Kind.CONTENT) in marks.all)


def test_a_folder_that_was_moved_out_is_not_watched_any_more(
    watcher: Watcher, marks: Marks, stories: Path
) -> None:
    (stories / "a" / "b").mkdir(parents=True)
    seen(marks, stories)
    (stories / "a").rename(stories.parent / "away")
    wait(lambda: watcher.registered("demo") == 1)
    (stories / "a").mkdir()
    wait(lambda: watcher.registered("demo") == 2)
    seen(marks, stories)
    marks.calls.clear()
    (stories.parent / "away" / "ghost.md").write_text("x")
    (stories / "a" / "real.md").write_text("x")
    assert set(seen(marks, stories)) == {"a/real.md"}
    assert len(kernel_watches()) == 2


def test_a_folder_moved_out_and_made_anew_at_once_stays_watched(
    watcher: Watcher, marks: Marks, stories: Path
) -> None:
    (stories / "a" / "b").mkdir(parents=True)
    seen(marks, stories)
    inner = os.fsencode(stories / "a" / "b")
    own = group(watcher)._active_callbacks_by_path
    former = own[inner]
    (stories / "a").rename(stories.parent / "away")
    (stories / "a" / "b").mkdir(parents=True)
    wait(lambda: own.get(inner, former) != former)
    wait(lambda: len(kernel_watches()) == 3)  # half a second later: nobody has moved it back in
    (stories / "a" / "b" / "real.md").write_text("x")
    wait(lambda: ("a/b/real.md", Kind.CONTENT) in marks.all)
    assert watcher.alive()


def test_the_end_of_the_root_is_told_even_when_another_is_in_its_place(
    watcher: Watcher, stories: Path
) -> None:
    assert not watcher.take_ended("demo")
    stories.rmdir()
    stories.mkdir()
    wait(lambda: watcher.take_ended("demo"))
    assert not watcher.take_ended("demo")


def test_cookies_are_heard_and_a_deaf_watcher_shows(stories: Path, marks: Marks, tmp_path: Path) -> None:
    made = Watcher([Watched("demo", stories, pruner(()))], marks, tmp_path / "state" / "cookies")
    made.start()
    assert made.cookie_age_s() is None
    assert made.hears(0.0)
    wait(lambda: made.cookie_age_s() is not None)
    assert made._observer is not None
    with made._observer._lock:  # the dispatcher waits for it: no thread is dead, and nothing arrives
        answers = [made.hears(100.0 + 2 * look) for look in range(20)]
        assert answers == [True] * 11 + [False] * 9
        assert made.alive()
    assert marks.all == []
    made.stop()


def test_a_watcher_whose_thread_hangs_can_be_left_behind(
    watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "STOP_S", 0.2)
    hung = watcher._observer
    assert hung is not None
    with hung._lock:
        watcher.stop()
        assert watcher.dead() == ["observer"]
        assert watcher.start() == {}
        assert watcher.alive()
    wait(lambda: not hung.is_alive())


def group(watcher: Watcher) -> Group:
    found = watcher._group("demo")
    assert found is not None
    return found


def kernel_watches() -> set[str]:
    """The watches of this process as the kernel lists them."""
    found: set[str] = set()
    for info in Path("/proc/self/fdinfo").iterdir():
        try:
            lines = info.read_text().splitlines()
        except OSError:
            continue
        found |= {line.split()[1] for line in lines if line.startswith("inotify wd:")}
    return found


def test_the_flood_of_harmless_warnings_is_silenced() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quiet_warnings()
        warnings.warn("Callback with id '7' already exists for watch …", RuntimeWarning, stacklevel=1)
