"""What a check keeps for the next one never shows in what it finds, whatever became of the files."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.test_model import ITEM_OPERATIONS, OPERATIONS, RULES, perform, story
from storysync.adapters import disk
from storysync.core import reading
from storysync.core.plan import Signature
from storysync.errors import StorysyncError, UsageError
from storysync.jobs import check_kept, look
from storysync.jobs import sync as sync_module
from storysync.jobs.check import check
from storysync.jobs.findings import CheckReport
from storysync.jobs.project import Project, resolve_project
from storysync.settings import ProjectSettings, ReadingSettings, SqliteSettings
from storysync.store.store import Store

STORY = "---\nid: {}\ntitle: Rent\nstatus: {}\ndependencies: [{}]\n---\n\n# Rent\n"
OLD_NS = 1_700_000_000_000_000_000


def write(root: Path, path: str, text: str) -> Path:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")
    os.utime(place, ns=(OLD_NS, OLD_NS))  # not so young that every check reads it again; see `aged`
    return place


@pytest.fixture(autouse=True)
def aged(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `write` has written changed an hour ago: nobody can set ctime back."""
    real = disk.signature

    def signature(status: os.stat_result) -> Signature:
        found = real(status)
        old_s = 3600 if found.mtime_ns == OLD_NS else 0
        return msgspec.structs.replace(found, ctime_ns=found.ctime_ns - old_s * 1_000_000_000)

    monkeypatch.setattr(disk, "signature", signature)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three stories; one refers to nothing, and two claim one id."""
    folder = tmp_path / "demo"
    write(folder, "a/A-1.md", STORY.format("A-1", "todo", "A-9"))
    write(folder, "a/A-2.md", STORY.format("A-2", "simmering", "A-1"))
    write(folder, "b/A-2.md", STORY.format("A-2", "done", "A-1"))
    return folder


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "storysync" / "check"


def project(root: Path, **fields: Any) -> Project:
    return resolve_project(ProjectSettings(path=str(root), **fields))


def outcome(projects: list[Project], kept: Path | None) -> CheckReport | str:
    """The report, or what the error says."""
    try:
        return check(projects, SqliteSettings(), kept)
    except StorysyncError as error:
        return f"{type(error).__name__}: {error} ({error.hint})"


def must_agree(kept: Path, *projects: Project) -> CheckReport:
    """The report of a check that may use what was kept, which is that of one that begins anew."""
    found = outcome(list(projects), kept)
    assert found == outcome(list(projects), None)
    assert isinstance(found, CheckReport)
    return found


@contextmanager
def no_sync() -> Iterator[None]:
    """Whoever syncs, fails."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(sync_module, "sync")
        yield


@contextmanager
def files_read() -> Iterator[list[str]]:
    """The paths of the files that are read meanwhile."""
    paths: list[str] = []
    real = reading.read

    def read(path: str, data: bytes, settings: ReadingSettings, *, lean: bool = False) -> Any:
        paths.append(path)
        return real(path, data, settings, lean=lean)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "read", read)
        yield paths


def the_file(kept: Path) -> Path:
    (file,) = kept.iterdir()
    return file


# -- what changed since ----------------------------------------------------------------------------------


def test_when_nothing_changed_nothing_is_synced(root: Path, kept: Path) -> None:
    first = must_agree(kept, project(root))
    with no_sync():
        assert check([project(root)], SqliteSettings(), kept) == first
    assert {one.code for one in first.findings} == {"contested-id", "unknown-status", "dangling-reference"}


def test_only_what_changed_is_read(root: Path, kept: Path) -> None:
    must_agree(kept, project(root))
    write(root, "b/A-2.md", STORY.format("A-3", "done", "A-8"))
    with files_read() as paths:
        found = check([project(root)], SqliteSettings(), kept)
    assert paths == ["b/A-2.md"]
    assert found == check([project(root)], SqliteSettings())
    with no_sync():
        assert check([project(root)], SqliteSettings(), kept) == found


def test_a_broken_file_shows_nothing_of_what_it_was(root: Path, kept: Path) -> None:
    must_agree(kept, project(root))
    write(root, "a/A-1.md", "---\nid: A-1\n<<<<<<< HEAD\nstatus: todo\n---\n# A-1: Rent\n")
    found = must_agree(kept, project(root))
    assert (found.files, found.stories) == (3, 2)
    with no_sync():  # it stays broken, and costs no more than another
        assert check([project(root)], SqliteSettings(), kept) == found


def test_a_new_id_is_guessed_by_no_check(root: Path, kept: Path) -> None:
    write(root, "rent.md", STORY.format("A-5", "todo", ""))
    write(root, "asks.md", STORY.format("A-6", "todo", "A-5"))
    must_agree(kept, project(root))
    write(root, "rent.md", STORY.format("A-7", "todo", ""))
    hints = {one.hint for one in must_agree(kept, project(root)).findings}
    assert not any("renamed" in hint for hint in hints)


def test_the_corrected_line_of_a_hint_is_that_of_the_file_as_it_is(root: Path, kept: Path) -> None:
    head = "---\nid: A-4\nowner: @{}\nstatus: todo\n---\n# Rent\n"
    write(root, "A-4.md", head.format("ana"))
    must_agree(kept, project(root))
    write(root, "A-4.md", head.format("ben"))
    (one,) = (one for one in must_agree(kept, project(root)).findings if one.path == "A-4.md")
    assert "@ben" in one.hint


def test_many_deletions_are_not_held(root: Path, kept: Path) -> None:
    for number in range(50):
        write(root, f"c/C-{number}.md", STORY.format(f"C-{number}", "todo", "A-1"))
    assert must_agree(kept, project(root)).files == 53
    shutil.rmtree(root / "c")
    (root / "a" / "A-1.md").unlink()
    assert must_agree(kept, project(root)).files == 2


def test_an_empty_or_lost_root_is_told_as_before(root: Path, kept: Path) -> None:
    asked = project(root)
    must_agree(kept, asked)
    shutil.rmtree(root / "a")
    shutil.rmtree(root / "b")
    with pytest.raises(UsageError, match="no Markdown files"):
        check([asked], SqliteSettings(), kept)
    root.rmdir()
    told = outcome([asked], kept)
    assert isinstance(told, str) and told.startswith("RootLost") and told == outcome([asked], None)


def test_a_closed_folder_hides_what_was_in_it(
    root: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(root, "notes/notes.md", "# Notes\n")
    must_agree(kept, project(root))
    real = os.open

    def closed(path: Any, *arguments: Any, **options: Any) -> int:
        if os.fspath(path) == str(root / "notes"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *arguments, **options)

    with monkeypatch.context() as patch:  # a mode would not stop a test that is run by root
        patch.setattr(os, "open", closed)
        found = must_agree(kept, project(root))
        assert found.files == 3 and "unreadable-folder" in {one.code for one in found.findings}
    assert must_agree(kept, project(root)).files == 4


def test_other_words_of_the_same_stat_within_a_tick_are_read(
    root: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = root / "a" / "A-1.md"
    file.write_text(STORY.format("A-1", "todo", "A-9"))  # now, so that it is too young to be trusted
    must_agree(kept, project(root))
    real = disk.scan
    before = real(root, lambda name: name == "A-1.md", lambda *_: False).files
    file.write_text(STORY.format("A-1", "todo", "A-8"))

    def scan(*arguments: Any) -> disk.Scan:
        found = real(*arguments)
        found.files.update(before)
        return found

    monkeypatch.setattr(disk, "scan", scan)
    assert "A-8" in str(must_agree(kept, project(root)).findings)


def test_links_and_pipes_come_and_go(root: Path, kept: Path) -> None:
    (root / "link.md").symlink_to("a/A-1.md")
    os.mkfifo(root / "pipe.md")
    found = must_agree(kept, project(root))
    with no_sync():
        assert check([project(root)], SqliteSettings(), kept) == found
    (root / "link.md").unlink()
    assert len(must_agree(kept, project(root)).findings) == len(found.findings) - 1
    (root / "link.md").symlink_to("a/A-1.md")
    assert must_agree(kept, project(root)) == found


def test_a_broken_second_source_says_nothing_of_what_it_said(root: Path, kept: Path) -> None:
    said = "development_status:\n  A-1: done\n  Z-9: done\n"
    write(root, "sprint-status.yaml", said)
    before = must_agree(kept, project(root))
    assert any(one.path == "sprint-status.yaml" for one in before.findings)
    write(root, "sprint-status.yaml", "<<<<<<< HEAD\n" + said)
    must_agree(kept, project(root))
    write(root, "sprint-status.yaml", said)
    assert must_agree(kept, project(root)) == before


def test_what_was_kept_does_not_grow_from_check_to_check(root: Path, kept: Path) -> None:
    sizes = []
    for number in range(30):
        write(root, "a/A-1.md", STORY.format(f"A-{number % 3 + 10}", "todo", "A-9"))
        write(root, f"d/D-{number}.md", STORY.format(f"D-{number}", "todo", "A-9"))
        (root / f"d/D-{number - 1}.md").unlink(missing_ok=True)
        must_agree(kept, project(root))
        sizes.append(the_file(kept).stat().st_size)
    assert sizes[-1] <= sizes[3]


# -- another check, another program ----------------------------------------------------------------------


def test_other_settings_roots_and_programs_keep_their_own(
    root: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    must_agree(kept, project(root))
    known = project(root, reading=ReadingSettings(statuses={"simmering": "todo"}))
    assert "unknown-status" not in {one.code for one in must_agree(kept, known).findings}
    must_agree(kept, project(root, id="other"))
    assert len(list(kept.iterdir())) == 3
    monkeypatch.setattr(check_kept, "__version__", "next")
    must_agree(kept, project(root))
    assert len(list(kept.iterdir())) == 4


def test_a_changed_file_of_the_program_is_another_program(tmp_path: Path) -> None:
    copy = tmp_path / "lib" / "storysync"
    shutil.copytree(Path(check_kept.__file__).parents[1], copy, ignore=shutil.ignore_patterns("__pycache__"))
    code = "import sys; from storysync.jobs import check_kept as k; print(k.__file__, k._digest([]).hex())"

    def digest() -> str:
        environ = {**os.environ, "PYTHONPATH": str(copy.parent), "PYTHONDONTWRITEBYTECODE": "1"}
        told = subprocess.run(
            [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
        )
        place, found = told.stdout.split()
        assert place.startswith(str(copy))
        return found

    first = digest()
    assert digest() == first
    with (copy / "core" / "ids.py").open("a") as file:
        file.write("\n")
    assert digest() != first


def test_checks_at_the_same_time_do_not_disturb_each_other(root: Path, kept: Path) -> None:
    expected = check([project(root)], SqliteSettings())
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: check([project(root)], SqliteSettings(), kept), range(12)))
    assert found == [expected] * 12
    with no_sync():
        assert check([project(root)], SqliteSettings(), kept) == expected
    assert [file.suffix for file in kept.iterdir()] == [".kept"]


# -- what became of the file -----------------------------------------------------------------------------


def cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def zero_its_end(file: Path) -> None:
    size = file.stat().st_size
    file.write_bytes(file.read_bytes()[: size // 2] + bytes(size - size // 2))


def turn_a_byte(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 3] ^= 1
    file.write_bytes(data)


def be_a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def be_a_link(file: Path) -> None:
    file.rename(file.with_name("elsewhere"))
    file.symlink_to("elsewhere")


def be_anothers(file: Path) -> None:
    """A sound file, of a check of other projects."""
    other = check_kept.Kept(file.parent, [])
    with Store.scratch(SqliteSettings()) as store:
        other.keep(store.content(most=1 << 30) or b"")
    other.path.rename(file)


def be_no_database(file: Path) -> None:
    mine = check_kept.Kept(file.parent, [])
    mine._name = bytes.fromhex(file.stem)
    mine.path = file
    mine.keep(b"no database" * 1000)


DAMAGES = [
    cut, zero_its_end, turn_a_byte, be_a_pipe, be_a_link, be_anothers, be_no_database,
    lambda file: file.write_bytes(b""), lambda file: file.write_text("not ours\n" * 100),
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_that_is_not_what_was_written_is_replaced(
    root: Path, kept: Path, damage: Callable[[Path], None]
) -> None:
    found = must_agree(kept, project(root))
    file = the_file(kept)
    damage(file)
    assert must_agree(kept, project(root)) == found
    assert file.is_file() and not file.is_symlink()
    with no_sync():
        assert check([project(root)], SqliteSettings(), kept) == found


def test_a_place_that_cannot_be_written_is_done_without(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "long").mkdir()
    for kept in (tmp_path / "file" / "x" / "y", Path("/proc/none/x/y"), tmp_path / ("n" * 300) / "x" / "y"):
        must_agree(kept, project(root))
    kept = tmp_path / "cache" / "storysync" / "check"
    must_agree(kept, project(root))
    file = the_file(kept)
    file.unlink()
    file.mkdir()
    must_agree(kept, project(root))


def test_a_full_disk_leaves_nothing_behind(root: Path, kept: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        must_agree(kept, project(root))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(kept.iterdir()) == []
    must_agree(kept, project(root))


def test_a_database_that_is_too_large_is_not_kept(
    root: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    must_agree(kept, project(root))
    monkeypatch.setattr("storysync.jobs.check.MOST_BYTES", 10_000)
    write(root, "a/A-1.md", STORY.format("A-1", "todo", "A-7"))
    must_agree(kept, project(root))
    assert list(kept.iterdir()) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from storysync.jobs.check import check
from storysync.jobs.project import resolve_project
from storysync.settings import ProjectSettings, SqliteSettings
Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
check([resolve_project(ProjectSettings(path=sys.argv[1]))], SqliteSettings(), Path(sys.argv[2]))
"""


def test_a_check_that_is_killed_leaves_what_was_kept_before(root: Path, kept: Path) -> None:
    must_agree(kept, project(root))
    file = the_file(kept)
    before = file.read_bytes()
    write(root, "a/A-1.md", STORY.format("A-1", "todo", "A-7"))
    ended = subprocess.run([sys.executable, "-c", KILLED, str(root), str(kept)], check=False)
    assert ended.returncode == -signal.SIGKILL
    (part,) = set(kept.iterdir()) - {file}
    assert file.read_bytes() == before
    must_agree(kept, project(root))
    assert part.exists()  # it may be that of a check that is just writing
    os.utime(part, (0, 0))
    write(root, "a/A-1.md", STORY.format("A-1", "todo", "A-6"))
    must_agree(kept, project(root))
    assert list(kept.iterdir()) == [file]


def test_only_the_user_may_read_what_is_kept(root: Path, kept: Path) -> None:
    mask = os.umask(0)
    try:
        must_agree(kept, project(root))
    finally:
        os.umask(mask)
    assert the_file(kept).stat().st_mode & 0o777 == 0o600
    assert {place.stat().st_mode & 0o777 for place in (kept, kept.parent, kept.parent.parent)} == {0o700}


def test_what_is_not_asked_for_any_more_is_removed(root: Path, kept: Path) -> None:
    kept.mkdir(parents=True)
    now = time.time()
    for number in range(30):
        file = kept / f"{number:032x}.kept"
        file.write_bytes(b"")
        os.utime(file, (0, now - number * 86400 * 2))
    must_agree(kept, project(root))
    left = sorted(int((now - file.stat().st_mtime) / 86400 + 0.5) for file in kept.iterdir())
    assert left[0] == 0 and left[-1] <= check_kept.KEPT_DAYS
    for number in range(30):
        (kept / f"{number:032x}.kept").write_bytes(b"")
    write(root, "a/A-1.md", STORY.format("A-1", "todo", "A-6"))
    must_agree(kept, project(root))
    assert len(list(kept.iterdir())) == check_kept.MOST_FILES


def test_being_used_is_what_keeps_it(root: Path, kept: Path) -> None:
    must_agree(kept, project(root))
    os.utime(the_file(kept), (0, 0))
    with no_sync():
        check([project(root)], SqliteSettings(), kept)
    assert time.time() - the_file(kept).stat().st_mtime < 60


# -- anything --------------------------------------------------------------------------------------------

_SLOW = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
STEPS = st.lists(
    st.tuples(st.lists(st.one_of(OPERATIONS, ITEM_OPERATIONS), max_size=6), st.booleans()),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, deadline=None, suppress_health_check=_SLOW)
@given(steps=STEPS)
def test_whatever_changes_between_checks_they_find_what_new_ones_find(steps: list[Any]) -> None:
    """Half of them trust every stat, as they would two seconds later."""
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        folder = Path(name)
        projects: dict[str, Project] = {}
        for root in ("alpha", "beta"):
            (folder / root).mkdir()
            (folder / root / "start.md").write_text(story("S-1", "todo", [], []))
            projects[root] = project(folder / root)
        for operations, trusting in steps:
            for kind, root, one, other in operations:
                if kind == "rules":
                    rules = ProjectSettings(path=str(folder / root), **RULES[one])
                    projects[root] = replace(projects[root], settings=rules)
                else:
                    perform(folder / root, kind, one, other)
            time.sleep(0.01)  # a tick of the clock of files
            patch.setattr(look, "RACY_NS", 0 if trusting else 2_000_000_000)
            asked = list(projects.values())
            expected = outcome(asked, None)
            assert outcome(asked, folder / "x" / "y" / "kept") == expected
            assert outcome(asked, folder / "x" / "y" / "kept") == expected
