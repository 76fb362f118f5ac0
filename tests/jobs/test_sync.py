from __future__ import annotations

import errno
import os
import subprocess
import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from storysync.core import reading
from storysync.core.story import Good
from storysync.errors import RootLost, UsageError
from storysync.settings import BacklogSettings, DeletionSettings, ReadingSettings
from support.forms import one_for_all


def stories(world, number: int, folder: str = "") -> list[str]:  # type: ignore[no-untyped-def]
    paths = [f"{folder}S-{index}.md" for index in range(number)]
    for index, path in enumerate(paths):
        world.write(path, id=f"S-{index}", status="todo")
    return paths


# -- what a sync writes ----------------------------------------------------------------------------------


def test_a_first_sync_fills_every_table_from_the_file(world) -> None:
    world.write(
        "backlog/infra/INF-013-database.md",
        id="INF-013", title="A database", status="In Progress", priority="high", estimate='"2sp"',
        dependencies="[INF-014]", labels="[db, schema]", owner='"Ada (@ada)"', created="2026-01-02",
        market="eu",
        body="# INF-013: A database\n\n## Acceptance Criteria\n\n- [x] made\n- [ ] tested\n",
    )  # fmt: skip
    report = world.sync()
    assert (report.created, report.files, report.dangling) == (1, 1, 1)
    (row,) = world.rows("SELECT * FROM v_stories")
    assert (row["id"], row["key"], row["status"], row["status_raw"]) == (
        "INF-013",
        "inf-13",
        "in_progress",
        "In Progress",
    )
    assert (row["priority"], row["estimate_points"], row["created_on"], row["backlog_id"]) == (
        1,
        2,
        "2026-01-02",
        "backlog",
    )
    assert row["metadata"] == '{"market":"eu"}'
    assert world.column("SELECT label FROM story_labels") == ["db", "schema"]
    assert world.rows("SELECT role, name, handle FROM story_people") == [
        {"role": "owner", "name": "Ada", "handle": "ada"}
    ]
    assert world.column("SELECT done FROM criteria ORDER BY position") == [1, 0]
    (edge,) = world.rows("SELECT target_key, state, line FROM story_dependencies")
    assert edge == {"target_key": "inf-14", "state": "dangling", "line": 7}


def test_a_second_sync_changes_nothing_but_the_time_of_the_scan(world) -> None:
    stories(world, 3)
    world.sync()
    before = world.column("SELECT synced_at FROM stories"), world.column("SELECT COUNT(*) FROM syncs")
    scanned = world.column("SELECT last_full_scan_at FROM roots")
    report = world.sync()
    assert not report.changed
    assert (
        world.column("SELECT synced_at FROM stories"),
        world.column("SELECT COUNT(*) FROM syncs"),
    ) == before
    assert world.column("SELECT last_full_scan_at FROM roots") > scanned


def test_only_the_edited_story_is_written(world) -> None:
    stories(world, 3)
    world.sync()
    world.write("S-1.md", id="S-1", status="done")
    report = world.sync("S-1.md")
    assert (report.updated, report.read) == (1, 1)
    assert len(set(world.column("SELECT synced_at FROM stories"))) == 2
    (change,) = world.rows("SELECT operation, before, after FROM changes WHERE operation <> 'create'")
    assert '"status":"todo"' in change["before"]
    assert '"status":"done"' in change["after"]


def test_history_tells_what_was_seen_and_nothing_of_the_first_load(world) -> None:
    stories(world, 1)
    world.sync()
    assert world.rows("SELECT * FROM status_history") == []
    world.write("S-0.md", id="S-0", status="done")
    world.write("S-9.md", id="S-9", status="draft")
    world.sync()
    rows = world.rows("SELECT story_id, old_status, new_status, source FROM status_history ORDER BY story_id")
    assert rows == [
        {"story_id": "S-0", "old_status": "todo", "new_status": "done", "source": "worktree"},
        {"story_id": "S-9", "old_status": None, "new_status": "draft", "source": "worktree"},
    ]


def test_a_touched_file_is_not_a_change(world) -> None:
    path = world.write("a.md", id="A-1", status="todo")
    world.sync()
    os.utime(path, (1, 1))
    assert not world.sync().changed
    assert world.column("SELECT mtime_ns FROM files") == [1_000_000_000]


def test_the_same_size_and_time_do_not_hide_an_edit(world) -> None:
    path = world.write("a.md", id="A-1", status="todo")
    world.sync()
    status = path.stat()
    other = world.write("b.tmp", id="A-1", status="done")
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(path)
    assert world.sync().updated == 1


def test_bytes_that_changed_behind_every_change_key_are_found_by_hashing_all(world) -> None:
    stories(world, 3)
    world.sync()
    world.clock = datetime.now(UTC) + timedelta(days=1)
    world.sync()  # from here on no file is young
    path = world.write("S-1.md", id="S-1", status="done")
    found = path.stat()
    with world.store_of("demo").writing() as tx:  # as a faulty disk would have it
        tx.execute(
            "UPDATE files SET inode = ?, size = ?, mtime_ns = ?, ctime_ns = ? WHERE path = 'S-1.md'",
            (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns),
        )
    assert world.sync().read == 0
    report = world.sync(rehash=True)
    assert (report.read, report.updated) == (1, 1)
    world.must_equal()


# -- identity ----------------------------------------------------------------------------------------------


def test_a_renamed_file_keeps_uid_and_history_in_one_batch(world) -> None:
    path = world.write("a.md", id="A-1", status="todo")
    world.sync()
    uid = world.uid("a.md")
    path.rename(world.root() / "b.md")
    report = world.sync("a.md", "b.md")
    assert (report.moved, report.removed, report.full) == (1, 0, False)
    assert world.uid("b.md") == uid
    world.must_equal()


def test_the_event_of_the_old_path_may_be_missing(world) -> None:
    path = world.write("a.md", id="A-1", status="todo")
    world.sync()
    uid = world.uid("a.md")
    path.rename(world.root() / "b.md")
    world.sync("b.md")
    assert world.uid("b.md") == uid
    assert world.uid("a.md") is None


def test_a_copy_makes_the_id_contested_and_its_end_frees_it(world) -> None:
    world.write("a.md", id="A-1", status="todo")
    world.write("x.md", id="X-1", status="todo", dependencies="[A-1]")
    world.sync()
    world.write("b.md", id="A-1", status="todo")
    world.sync("b.md")
    assert world.column("SELECT contested FROM stories WHERE id = 'A-1'") == [1, 1]
    assert world.column("SELECT state FROM story_dependencies") == ["ambiguous"]
    assert world.codes() == ["contested-id", "contested-id", "ambiguous-reference"]
    world.must_equal()
    (world.root() / "b.md").unlink()
    world.sync("b.md")
    assert world.column("SELECT contested FROM stories WHERE id = 'A-1'") == [0]
    assert world.column("SELECT state FROM story_dependencies") == ["resolved"]
    assert world.codes() == []
    world.must_equal()


def test_files_that_change_names_change_uids_with_them(world) -> None:
    one, two = world.write("a.md", id="A-1", status="todo"), world.write("b.md", id="B-1", status="todo")
    world.sync()
    uids = world.uid("a.md"), world.uid("b.md")
    spare = world.root() / "spare"
    one.rename(spare)
    two.rename(one)
    spare.rename(two)
    world.sync("a.md", "b.md")
    assert (world.uid("b.md"), world.uid("a.md")) == uids
    world.must_equal()


def test_a_moved_folder_keeps_every_uid(world) -> None:
    stories(world, 60, "old/")
    world.sync()
    before = dict(
        zip(world.column("SELECT id FROM stories"), world.column("SELECT uid FROM stories"), strict=True)
    )
    (world.root() / "old").rename(world.root() / "new")
    report = world.sync("old", "new")
    assert (report.moved, report.removed) == (60, 0)
    after = dict(
        zip(world.column("SELECT id FROM stories"), world.column("SELECT uid FROM stories"), strict=True)
    )
    assert after == before
    world.must_equal()


def test_a_story_that_comes_back_is_the_same_story(world) -> None:
    path = world.write("a.md", id="A-1", status="todo")
    world.write("b.md", id="B-1", status="todo")
    world.sync()
    uid, text = world.uid("a.md"), path.read_text()
    path.unlink()
    world.sync()
    assert world.uid("a.md") is None
    path.write_text(text)
    world.sync()
    assert world.uid("a.md") == uid
    world.must_equal()


def test_a_changed_id_keeps_the_story_and_the_dangling_reference_says_so(world) -> None:
    world.write("a.md", id="A-1", status="todo")
    world.write("x.md", id="X-1", status="todo", dependencies="[A-1]")
    world.sync()
    uid = world.uid("a.md")
    world.write("a.md", id="A-7", status="todo")
    world.sync("a.md")
    assert world.uid("a.md") == uid
    (problem,) = world.rows("SELECT code, hint FROM problems")
    assert problem == {"code": "dangling-reference", "hint": "renamed to A-7?"}
    world.must_equal()


def test_a_contested_id_is_reported_where_it_stands_now(world) -> None:
    world.write("a.md", id="A-1", status="todo")
    world.write("b.md", id="A-1", status="todo")
    world.sync()
    world.write("a.md", market="one more line", id="A-1", status="todo")
    world.sync("a.md")
    assert world.column("SELECT line FROM problems WHERE path = 'a.md'") == [3]
    world.must_equal()


def test_a_file_that_is_no_story_any_more_keeps_no_problem_of_one(world) -> None:
    world.write("a.md", id="A-1", status="todo", dependencies="[NO-1]")
    world.write("b.md", id="A-1", status="todo")
    world.write("c.md", id="C-1", status="todo", dependencies="[D-1]")
    world.write("d.md", id="D-1", status="todo", dependencies="[C-1]")
    world.sync()
    world.write("a.md", text="# Notes\n")
    world.reading = ReadingSettings(exclude=("c.md",))
    world.sync()
    assert world.codes() == ["no-evidence", "dangling-reference"]
    world.must_equal()


def test_what_stands_where_a_story_was_has_none_of_its_problems(world) -> None:
    path = world.write("a.md", id="A-1", status="todo", dependencies="[B-1, NO-1]")
    world.write("b.md", id="B-1", status="todo", dependencies="[A-1]")
    world.sync()
    assert world.codes("a.md") == ["dangling-reference", "dependency-cycle"]
    path.rename(world.root() / "z.md")
    world.write("a.md", id="N-1", status="todo")
    world.sync()
    assert world.codes("a.md") == []
    world.must_equal()
    (world.root() / "z.md").rename(path)
    world.write("z.md", text="# Notes\n")
    world.sync()
    assert world.codes("z.md") == ["no-evidence"]
    world.must_equal()


# -- files that cannot be read -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty-file"), (b"---\nid: A-1\nstatus: todo\n", "front-matter-unclosed"),
        (b"---\nid: A-1\nx: \x00\n---\n", "nul-byte"), (b"---\nid: A-1\ntitle: caf\xe9\n---\n", "not-utf8"),
        (b"x" * 3_000_000, "file-too-large"),
    ],
)  # fmt: skip
def test_a_broken_file_keeps_its_last_good_row_and_the_others_sync(world, content: bytes, code: str) -> None:
    path = world.write("a.md", id="A-1", status="todo")
    world.sync()
    good = path.read_text()
    path.write_bytes(content)
    world.write("b.md", id="B-1", status="todo")
    report = world.sync()
    assert (report.stale, report.created, report.broken) == (1, 1, 1)
    (row,) = world.rows("SELECT status, parse_state, stale_since FROM stories WHERE id = 'A-1'")
    assert (row["status"], row["parse_state"]) == ("todo", "stale")
    assert row["stale_since"]
    assert code in world.codes("a.md")
    assert "A-1" not in world.column("SELECT id FROM v_ready")
    world.must_equal()
    path.write_text(good)
    world.sync("a.md")
    assert world.column("SELECT parse_state FROM stories") == ["good", "good"]
    world.must_equal()


def test_a_broken_file_that_moves_takes_its_last_good_row_along(world) -> None:
    path = world.write("a.md", id="A-1", status="todo")
    world.sync()
    uid = world.uid("a.md")
    path.write_bytes(b"")
    path.rename(world.root() / "b.md")
    world.sync()
    assert world.uid("b.md") == uid
    assert world.column("SELECT parse_state FROM stories") == ["stale"]
    world.must_equal()


def test_odd_files_are_problems_and_never_block(world) -> None:
    world.write("good.md", id="A-1", status="todo")
    root = world.root()
    os.mkfifo(root / "fifo.md")
    (root / "loop").symlink_to(root)
    (root / "link.md").symlink_to(root / "good.md")
    (root / "dangling.md").symlink_to(root / "nowhere.md")
    report = world.sync()
    assert report.files == 1
    assert world.column("SELECT path FROM problems WHERE code = 'not-a-regular-file' ORDER BY path") == [
        "dangling.md", "fifo.md", "link.md",
    ]  # fmt: skip
    world.must_equal()
    (root / "fifo.md").unlink()
    world.sync()
    assert world.column("SELECT path FROM problems WHERE code = 'not-a-regular-file' ORDER BY path") == [
        "dangling.md", "link.md",
    ]  # fmt: skip


def test_names_that_are_not_plain_text_are_kept_without_loss(world) -> None:
    root = world.root()
    text = "---\nid: {}\nstatus: todo\n---\n"
    decomposed = unicodedata.normalize("NFD", "é.md")
    (root / decomposed).write_text(text.format("A-1"))
    Path(os.fsdecode(os.fsencode(root) + b"/bad-\xff.md")).write_text(text.format("A-2"))
    (root / "new\nline.md").write_text(text.format("A-3"))
    world.sync()
    rows = world.rows("SELECT path, path_raw FROM files ORDER BY path")
    assert {row["path"] for row in rows} == {"new\nline.md", "bad-\ufffd.md", "é.md"}
    assert {row["path_raw"] for row in rows} == {None, b"bad-\xff.md", decomposed.encode()}
    assert world.column("SELECT COUNT(*) FROM stories") == [3]
    (root / decomposed).write_text(text.format("A-9"))
    assert world.sync("é.md").updated == 1
    world.must_equal()


def test_a_large_file_that_grows_is_the_same_problem(world) -> None:
    world.write("a.md", text="x" * 3_000_000)
    world.sync()
    world.write("a.md", text="x" * 3_500_000)
    world.sync()
    assert world.codes() == ["file-too-large"]
    world.must_equal()


def close(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let the folder look as it does to a user who may not enter it."""
    real_open, real_lstat = os.open, os.lstat

    def is_closed(place: object) -> bool:
        return isinstance(place, str) and f"{place}/".startswith(f"{folder}/")

    def no_open(place, *args, **options):  # type: ignore[no-untyped-def]
        if is_closed(place):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real_open(place, *args, **options)

    def no_lstat(place, *args, **options):  # type: ignore[no-untyped-def]
        if is_closed(place) and place != str(folder):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real_lstat(place, *args, **options)

    monkeypatch.setattr(os, "open", no_open)
    monkeypatch.setattr(os, "lstat", no_lstat)


def test_a_folder_that_is_closed_keeps_its_stories_however_it_is_looked_at(
    world, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.write("x/a.md", id="A-1", status="todo")
    world.write("x/notes.md", text="# Notes\n")
    world.write("b.md", id="B-1", status="todo")
    world.sync()
    with monkeypatch.context() as patch:
        close(patch, world.root() / "x")
        assert world.sync().stale == 1
        found = world.rows("SELECT path, code, message FROM problems ORDER BY path")
        assert [(row["path"], row["code"]) for row in found] == [
            ("x", "unreadable-folder"), ("x/a.md", "unreadable-file"), ("x/notes.md", "unreadable-file"),
        ]  # fmt: skip
        world.must_equal()
        world.write("b.md", id="B-1", status="done")
        assert not world.sync("b.md").full
        assert world.rows("SELECT path, code, message FROM problems ORDER BY path") == found
        world.must_equal()
    world.sync()
    assert world.codes() == ["no-evidence"]
    world.must_equal()


def test_a_look_at_a_part_says_of_links_and_pipes_what_a_full_one_says(world) -> None:
    world.write("a.md", id="A-1", status="todo")
    world.sync()
    os.mkfifo(world.root() / "pipe.md")
    (world.root() / "link.md").symlink_to("a.md")
    world.sync("pipe.md", "link.md")
    assert world.codes() == ["not-a-regular-file", "not-a-regular-file"]
    world.must_equal()
    (world.root() / "pipe.md").unlink()
    assert not world.sync("pipe.md").full
    assert world.codes() == ["not-a-regular-file"]
    world.must_equal()


def test_two_spellings_of_one_name_are_told_until_one_is_gone(world) -> None:
    composed, decomposed = world.root() / "\u00e9.md", world.root() / "e\u0301.md"
    composed.write_text("---\nid: A-1\nstatus: strange\n---\n")
    decomposed.write_text("---\nid: A-2\nstatus: strange\n---\n")
    world.sync()
    codes = world.codes()
    assert set(codes) == {"path-clash", "title-missing", "unknown-status"}
    world.sync()
    world.sync("\u00e9.md")
    assert world.codes() == codes
    world.must_equal()
    composed.unlink()
    world.sync()
    assert set(world.codes()) == {"title-missing", "unknown-status"}
    world.must_equal()


def test_a_name_in_another_unicode_form_is_noted_though_the_text_is_the_same(world) -> None:
    decomposed = world.root() / "e\u0301.md"
    decomposed.write_text("---\nid: A-1\nstatus: todo\n---\n")
    world.sync()
    decomposed.rename(world.root() / "\u00e9.md")
    assert not world.sync().changed
    assert world.column("SELECT path_raw FROM files") == [None]
    world.must_equal()


def test_ignored_folders_are_ignored_in_every_unicode_form(world) -> None:
    world.reading = ReadingSettings(ignore=("caf\u00e9",))
    world.write("cafe\u0301/a.md", id="A-1", status="todo")
    world.write("b.md", id="B-1", status="todo")
    world.sync()
    assert world.column("SELECT path FROM files") == ["b.md"]


# -- deletions ---------------------------------------------------------------------------------------------


def test_a_deleted_file_leaves_a_tombstone_and_a_dangling_reference(world) -> None:
    path = world.write("a.md", id="A-1", status="todo")
    world.write("x.md", id="X-1", status="todo", dependencies="[A-1]")
    world.sync()
    path.unlink()
    report = world.sync("a.md")
    assert (report.removed, report.full, report.dangling) == (1, True, 1)
    assert world.column("SELECT gone_at IS NOT NULL FROM identities WHERE path = 'a.md'") == [1]
    world.must_equal()


def test_many_deletions_are_held_until_they_are_confirmed(world) -> None:
    paths = stories(world, 50)
    world.sync()
    for path in paths[:30]:
        (world.root() / path).unlink()
    report = world.sync()
    assert (len(report.held), report.removed) == (30, 0)
    assert world.column("SELECT COUNT(*) FROM stories") == [50]
    answer = world.verify()
    assert (answer.equal, len(answer.held)) == (True, 30)
    assert world.sync(confirm_deletions=True).removed == 30
    assert not world.verify().held
    world.must_equal()


def test_held_deletions_go_with_a_second_scan_after_the_wait(world) -> None:
    world.deletions = DeletionSettings(hold_s=10)
    paths = stories(world, 50)
    world.sync()
    for path in paths[:30]:
        (world.root() / path).unlink()
    world.sync()
    assert world.sync().removed == 0
    world.clock = world.clock.replace(minute=30)
    assert world.sync().removed == 30
    assert "deletion-held" not in world.codes()
    world.must_equal()


def test_files_that_return_are_held_no_more(world) -> None:
    stories(world, 50)
    world.sync()
    parked = world.folder / "parked"
    world.root().rename(parked)
    world.write("other.md", id="O-1", status="todo")
    assert len(world.sync().held) == 50
    world.root().joinpath("other.md").unlink()
    world.root().rmdir()
    parked.rename(world.root())
    report = world.sync()
    assert report.held == ()
    assert world.column("SELECT COUNT(*) FROM stories") == [50]
    world.must_equal()


def test_files_that_are_seen_again_in_part_are_held_no_more(world) -> None:
    paths = stories(world, 50)
    world.sync()
    for path in paths[:30]:
        (world.root() / path).rename(world.folder / path)
    assert len(world.sync().held) == 30
    for path in paths[:30]:
        (world.folder / path).rename(world.root() / path)
    world.sync(*paths[:10])
    assert set(world.verify().held) == set(paths[10:30])
    world.sync(*paths[10:30])
    assert world.verify().held == ()
    world.must_equal()


def test_a_root_that_looks_empty_deletes_nothing(world) -> None:
    stories(world, 2)
    world.sync()
    for path in world.root().iterdir():
        path.unlink()
    assert len(world.sync().held) == 2
    assert world.column("SELECT COUNT(*) FROM stories") == [2]


def test_a_root_that_is_gone_is_lost_and_deletes_nothing(world) -> None:
    stories(world, 2)
    world.sync()
    away = world.folder / "away"
    project = world.project()
    world.root().rename(away)
    from storysync.jobs.sync import sync

    with pytest.raises(RootLost, match="cannot be read"):
        sync(world.store, project, trigger="test", deletions=world.deletions)
    assert world.column("SELECT state FROM roots") == ["lost"]
    assert world.column("SELECT COUNT(*) FROM stories") == [2]
    away.rename(world.folder / "demo")
    world.sync()
    assert world.column("SELECT state FROM roots") == ["live"]


def git(world, *words: str) -> None:  # type: ignore[no-untyped-def]
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.invalid"]
    command = ["git", *identity, "-C", str(world.root()), *words]
    subprocess.run(command, check=True, capture_output=True)


def commit_many(world, folder: str = "") -> None:  # type: ignore[no-untyped-def]
    """One commit with one story, then one with fifty more."""
    git(world, "init", "-q", "-b", "main")
    world.write("keep.md", id="K-1", status="todo")
    git(world, "add", ".")
    git(world, "commit", "-qm", "one")
    stories(world, 50, folder)
    git(world, "add", ".")
    git(world, "commit", "-qm", "many")


@pytest.mark.parametrize("folder", ["", "cafe\u0301/"])
def test_deletions_that_git_explains_pass_at_once(world, folder: str) -> None:
    commit_many(world, folder)
    world.sync()
    git(world, "checkout", "-q", "HEAD~1")
    report = world.sync()
    assert (report.removed, report.held) == (50, ())
    world.must_equal()


def test_a_checkout_during_a_scan_explains_what_the_next_one_misses(
    world, monkeypatch: pytest.MonkeyPatch
) -> None:
    from storysync.jobs import look

    commit_many(world)
    world.sync()
    whole = look.whole

    def overtaken(*args: Any, **options: Any) -> look.Todo:
        found = whole(*args, **options)
        git(world, "checkout", "-q", "HEAD~1")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(look, "whole", overtaken)
        world.sync()
    report = world.sync()
    assert (report.removed, report.held) == (50, ())
    world.must_equal()


# -- references --------------------------------------------------------------------------------------------


@one_for_all
def test_a_dangling_reference_resolves_when_its_target_appears_in_any_project(world) -> None:
    world.write("x.md", id="X-1", status="todo", dependencies="[other:B-1]")
    world.sync()
    assert world.column("SELECT state FROM story_dependencies") == ["external"]
    world.write("c.md", id="C-1", status="todo", project="other")
    world.sync(project="other")
    assert world.column("SELECT state FROM story_dependencies") == ["dangling"]
    world.write("b.md", id="B-1", status="done", project="other")
    world.sync("b.md", project="other")
    assert world.column("SELECT state FROM story_dependencies") == ["resolved"]
    assert world.column("SELECT id FROM v_ready WHERE project_id = 'demo'") == ["X-1"]
    assert world.rows("SELECT from_project_id, to_project_id, edge_count FROM project_dependencies") == [
        {"from_project_id": "demo", "to_project_id": "other", "edge_count": 1}
    ]
    (world.root("other") / "b.md").unlink()
    world.sync("b.md", project="other")
    assert world.column("SELECT state FROM story_dependencies") == ["dangling"]
    assert world.rows("SELECT * FROM project_dependencies") == []
    world.must_equal()


@one_for_all
def test_an_edge_between_projects_goes_with_its_statement(world) -> None:
    world.write("a.md", id="A-1", status="todo", dependencies="[other:B-1]")
    world.write("b.md", id="B-1", status="todo", project="other")
    world.sync()
    world.sync(project="other")
    assert world.column("SELECT edge_count FROM project_dependencies") == [1]
    world.write("a.md", id="A-1", status="todo")
    world.sync("a.md")
    assert world.rows("SELECT * FROM project_dependencies") == []
    world.must_equal()


def test_an_edge_stated_from_both_ends_is_one_edge(world) -> None:
    world.write("a.md", id="A-1", status="done", blocks="[B-1]")
    world.write("b.md", id="B-1", status="todo", dependencies="[A-1]")
    world.sync()
    assert world.rows("SELECT dependent_id, prerequisite_id, stated_by, statements FROM v_edges") == [
        {"dependent_id": "B-1", "prerequisite_id": "A-1", "stated_by": "both", "statements": 2}
    ]
    assert world.column("SELECT id FROM v_ready") == ["B-1"]


def test_a_cycle_is_one_problem_at_its_smallest_member_and_goes_with_an_edge(world) -> None:
    world.write("a.md", id="A-1", status="todo", dependencies="[B-1]")
    world.write("b.md", id="B-1", status="todo", dependencies="[C-1]")
    world.write("c.md", id="C-1", status="todo", dependencies="[A-1]")
    world.sync()
    (problem,) = world.rows("SELECT path, line, message FROM problems")
    assert problem == {"path": "a.md", "line": 4, "message": "cycle: A-1 -> B-1 -> C-1 -> A-1"}
    world.write("c.md", id="C-1", status="todo")
    world.sync("c.md")
    assert world.codes() == []
    world.must_equal()


def test_a_cycle_goes_with_a_member(world) -> None:
    world.write("a.md", id="A-1", status="todo", dependencies="[B-1]")
    world.write("b.md", id="B-1", status="todo", dependencies="[C-1]")
    path = world.write("c.md", id="C-1", status="todo", dependencies="[A-1]")
    world.sync()
    path.unlink()
    world.sync("c.md")
    assert world.codes() == ["dangling-reference"]
    world.must_equal()


def test_a_cycle_tells_the_ids_that_its_members_have_now(world) -> None:
    world.write("a.md", id="A-1", status="todo", dependencies="[B-1]")
    world.write("b.md", id="B-1", status="todo", dependencies="[b-2]")
    world.write("c.md", id="B-2", status="todo", dependencies="[A-1]")
    world.sync()
    assert world.column("SELECT message FROM problems WHERE code = 'dependency-cycle'") == [
        "cycle: A-1 -> B-1 -> B-2 -> A-1"
    ]
    world.write("c.md", id="b-02", status="todo", dependencies="[A-1]")
    world.sync("c.md")
    assert world.column("SELECT message FROM problems WHERE code = 'dependency-cycle'") == [
        "cycle: A-1 -> B-1 -> b-02 -> A-1"
    ]
    world.must_equal()


def test_a_cycle_follows_the_line_of_its_reference(world) -> None:
    world.write("a.md", id="A-1", status="todo", dependencies="[B-1]")
    world.write("b.md", id="B-1", status="todo", dependencies="[A-1]")
    world.sync()
    world.write("a.md", market="one more line", id="A-1", status="todo", dependencies="[B-1]")
    world.sync("a.md")
    assert world.column("SELECT line FROM problems") == [5]
    world.must_equal()


def test_a_link_follows_the_file(world) -> None:
    world.write("one/a.md", id="A-1", status="todo")
    world.write("x.md", id="X-1", status="todo", dependencies='"[the first](one/a.md)"')
    world.sync()
    assert world.column("SELECT match FROM story_dependencies") == ["path"]
    (world.root() / "one/a.md").rename(world.root() / "b.md")
    world.sync("one/a.md", "b.md")
    assert world.column("SELECT state FROM story_dependencies") == ["dangling"]
    world.must_equal()


# -- views -------------------------------------------------------------------------------------------------


def test_ready_and_blocked_say_why(world) -> None:
    world.write("a.md", id="A-1", status="done")
    world.write("b.md", id="B-1", status="todo", dependencies="[A-1]")
    world.write("c.md", id="C-1", status="todo", dependencies="[B-1]")
    world.write("d.md", id="D-1", status="todo", dependencies="[NO-1]")
    world.write("e.md", id="E-1", status="draft")
    world.write("f.md", id="F-1", status="todo", dependencies="[F-1]")
    world.write("g.md", id="EPIC-1", type="epic", status="todo")
    world.write("h.md", id="H-1", status="todo", dependencies="[Z-1]")
    world.write("z.md", id="Z-1", status="cancelled")
    world.sync()
    assert world.column("SELECT id FROM v_ready ORDER BY id") == ["B-1"]
    reasons = {(row["id"], row["reason"], row["blocker"]) for row in world.rows("SELECT * FROM v_blocked")}
    assert reasons == {
        ("C-1", "waits for", "B-1"), ("D-1", "dangling", "NO-1"), ("E-1", "status", None),
        ("F-1", "depends on itself", "F-1"), ("H-1", "waits for cancelled", "Z-1"),
    }  # fmt: skip
    world.sync(cancelled_satisfies=True)
    assert world.column("SELECT id FROM v_ready ORDER BY id") == ["B-1", "H-1"]


# -- roots and rules ---------------------------------------------------------------------------------------


def test_an_empty_folder_is_refused_and_leaves_nothing(world) -> None:
    world.root()
    with pytest.raises(UsageError, match="no Markdown files"):
        world.sync()
    assert world.rows("SELECT * FROM projects") == []


def test_a_known_project_at_another_place_is_refused_unless_it_moved(world) -> None:
    from storysync.jobs.project import Project
    from storysync.jobs.sync import sync
    from storysync.settings import ProjectSettings

    stories(world, 2)
    world.sync()
    elsewhere = world.folder / "elsewhere"
    world.root().rename(elsewhere)
    project = Project("demo", elsewhere, ProjectSettings(path=str(elsewhere)))
    with pytest.raises(UsageError, match="already the folder"):
        sync(world.store, project, trigger="test", deletions=world.deletions)
    report = sync(world.store, project, trigger="test", deletions=world.deletions, moved=True)
    assert not report.changed
    assert world.column("SELECT real_path FROM roots") == [str(elsewhere)]


def test_a_folder_is_not_synced_as_two_projects(world) -> None:
    from storysync.jobs.project import Project
    from storysync.jobs.sync import sync

    stories(world, 1)
    world.sync()
    twin = Project("twin", world.root(), world.project().settings)
    with pytest.raises(UsageError, match="already synced as project 'demo'"):
        sync(world.store, twin, trigger="test", deletions=world.deletions)


def test_other_rules_of_reading_read_everything_again(world) -> None:
    world.write("a.md", id="A-1", status="Hibernating")
    world.sync()
    assert world.column("SELECT status FROM stories") == ["unknown"]
    world.reading = ReadingSettings(statuses={"hibernating": "deferred"})
    assert world.sync().updated == 1
    assert world.column("SELECT status FROM stories") == ["deferred"]
    world.reading = ReadingSettings(exclude=("a.md",))
    assert world.sync().removed == 1
    assert world.column("SELECT state FROM files") == ["excluded"]
    world.must_equal()


def test_stories_that_come_after_a_scan_without_any_are_judged(world) -> None:
    world.write("notes.md", text="# Notes\n")
    world.write("empty.md", text="")
    os.mkfifo(world.root() / "pipe.md")
    world.sync()
    (world.root() / "pipe.md").unlink()
    world.write("empty.md", id="A-1", status="todo")
    world.write("b.md", id="A-1", status="todo")
    world.write("c.md", id="C-1", status="todo", dependencies="[D-1]")
    world.write("d.md", id="D-1", status="todo", dependencies="[C-1]")
    world.sync()
    assert world.codes() == ["contested-id", "dependency-cycle", "contested-id", "no-evidence"]
    world.must_equal()


def test_a_move_seen_late_leaves_the_unchanged_files_of_the_batch_alone(world) -> None:
    world.write("notes.md", text="# Notes\n")
    path = world.write("old.md", id="A-1", status="todo")
    world.sync()
    path.rename(world.root() / "new.md")
    report = world.sync("notes.md", "new.md")
    assert (report.full, report.moved) == (False, 1)
    assert world.column("SELECT path FROM files ORDER BY path") == ["new.md", "notes.md"]
    world.must_equal()


def test_a_backlog_of_the_settings_wins_over_a_folder_of_its_name(world) -> None:
    world.backlogs = (BacklogSettings(id="infra", path_prefix="x", name="Ours"),)
    world.write("infra/a.md", id="A-1", status="todo")
    world.write("x/b.md", id="B-1", status="todo")
    world.sync()
    assert world.column("SELECT name FROM backlogs") == ["Ours"]
    world.write("x/b.md", id="B-1", status="done")
    world.sync("x/b.md")
    world.must_equal()


def test_an_empty_backlog_goes_with_its_settings(world) -> None:
    world.backlogs = (BacklogSettings(id="later", path_prefix="nowhere"),)
    stories(world, 1)
    world.sync()
    assert world.column("SELECT id FROM backlogs ORDER BY id") == [".", "later"]
    world.backlogs = ()
    world.sync()
    assert world.column("SELECT id FROM backlogs") == ["."]
    world.must_equal()


def test_a_load_that_was_cut_off_is_finished_by_the_next_sync(world, monkeypatch: pytest.MonkeyPatch) -> None:
    from storysync.jobs import sync as module

    monkeypatch.setattr(module, "FIRST_LOAD_FILES", 10)
    paths = stories(world, 35)
    world.write("S-0.md", id="S-0", status="todo", dependencies="[S-34]")
    original = module._Run._finish

    def cut_off(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module._Run, "_finish", cut_off)
    with pytest.raises(KeyboardInterrupt):
        world.sync()
    assert world.column("SELECT state FROM roots") == ["loading"]
    assert world.column("SELECT COUNT(*) FROM stories") == [30]
    monkeypatch.setattr(module._Run, "_finish", original)
    (world.root() / paths[3]).unlink()
    world.sync(confirm_deletions=True)
    assert world.column("SELECT state FROM roots") == ["live"]
    assert world.column("SELECT COUNT(*) FROM stories") == [34]
    assert world.column("SELECT state FROM story_dependencies") == ["resolved"]
    world.must_equal()


def test_a_file_that_comes_back_after_a_cut_off_load_is_read_again(
    world, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its story had moved in the part that was written, with its row among the files still there."""
    from storysync.jobs import sync as module

    world.write("old/a.md", id="A-1", status="todo")
    for name in ("b", "c", "d"):
        world.write(f"{name}.md", id=f"{name}-1", status="todo")
    world.sync()
    text = (world.root() / "old/a.md").read_text()
    (world.root() / "old").rename(world.root() / "0")
    for name in ("b", "c", "d"):
        world.write(f"{name}.md", id=f"{name}-1", status="done")

    def cut_off(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "FIRST_LOAD_FILES", 2)
        patch.setattr(module, "ONE_BATCH_FILES", 2)
        patch.setattr(module._Run, "_finish", cut_off)
        with pytest.raises(KeyboardInterrupt):
            world.sync()
    world.write("old/a.md", text=text)
    world.sync()
    found = world.column("SELECT path FROM stories WHERE key = 'a-1' ORDER BY path")
    assert found == ["0/a.md", "old/a.md"]
    world.must_equal()


def test_a_failed_batch_changes_nothing(world, monkeypatch: pytest.MonkeyPatch) -> None:
    from storysync.store import batch

    stories(world, 2)
    world.sync()
    world.write("S-0.md", id="S-0", status="done")
    world.write("S-7.md", id="S-7", status="done")

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("out of luck")

    with monkeypatch.context() as patch:
        patch.setattr(batch, "judge", fail)
        with pytest.raises(RuntimeError):
            world.sync()
    assert world.column("SELECT status FROM stories") == ["todo", "todo"]
    assert world.sync().created == 1
    world.must_equal()


@pytest.mark.parametrize(
    "fault", ["a position twice", "an unknown status", "a number too large", "half a pair"]
)
def test_a_file_that_the_database_refuses_does_not_stop_the_others(
    world, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    world.write("a.md", id="A-1", status="todo", body="- [ ] one\n")
    world.write("b.md", id="B-1", status="todo")
    world.sync()
    read = reading.read

    def faulty(path: str, data: bytes, settings: ReadingSettings, **_: bool):  # type: ignore[no-untyped-def]
        found = read(path, data, settings)
        if path != "a.md" or not isinstance(found, Good):
            return found
        (story,) = found.stories
        wrong = {
            "a position twice": {"criteria": story.criteria * 2},
            "an unknown status": {"status": "nonsense"},
            "a number too large": {"id_line": 1 << 70},
            "half a pair": {"title": "\ud800"},
        }[fault]
        return Good((msgspec.structs.replace(story, **wrong),), ())

    monkeypatch.setattr(reading, "read", faulty)
    world.write("a.md", id="A-1", status="done", body="- [ ] one\n")
    world.write("b.md", id="B-1", status="done")
    world.write("c.md", id="C-1", status="done")
    report = world.sync()
    assert (report.updated, report.created, report.stale) == (1, 1, 1)
    rows = world.rows("SELECT id, status, parse_state FROM stories ORDER BY id")
    assert [tuple(row.values()) for row in rows] == [
        ("A-1", "todo", "stale"), ("B-1", "done", "good"), ("C-1", "done", "good"),
    ]  # fmt: skip
    assert world.codes("a.md") == ["internal-error"]
    world.must_equal()
    monkeypatch.setattr(reading, "read", read)
    world.write("a.md", id="A-1", status="review", body="- [ ] one\n")
    assert world.sync("a.md").updated == 1
    world.must_equal()
