"""All of one database into another engine and back: nothing is lost, nothing is half there."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from storysync.errors import DatabaseAway, Locked, RowRefused, StoreError, UsageError
from storysync.jobs.copy import CopyReport, copy, copy_apart, copy_together, require_apart, require_source
from storysync.jobs.project import resolve_project
from storysync.jobs.sync import sync
from storysync.jobs.verify import verify
from storysync.settings import DeletionSettings, ProjectSettings
from storysync.store import copying
from storysync.store.database import Database, database_at
from storysync.store.digest import TableDigest, digests
from storysync.store.stores import Stores, databases_at
from support.forms import one_for_all

GENERATE = Path(__file__).resolve().parents[2] / "bench" / "generate.py"
MANY = 1500


def digests_of(url: str, *, uids: bool = True) -> list[TableDigest]:
    database = database_at(url)
    with database.read_only() as tx:
        return digests([tx], host=database.host, uids=uids)


def copied(source: str, target: str, **options: object) -> CopyReport:
    database = database_at(target)
    with database.lock(), database.open() as store:
        return copy(database_at(source), store, **options)  # type: ignore[arg-type]


def url_of(world) -> str:
    return f"sqlite:///{world.store.database.file}"


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """The source of most tests is of one form; what they copy it into makes the pairs."""
    return database_at(f"sqlite:///{tmp_path / 'live.db'}")


@pytest.fixture
def lived_in(world):
    """Two projects with everything that a database can hold after some weeks."""
    for number in range(50):
        world.write(f"many/{number:02}.md", id=f"M-{number}", status="todo")
    world.write(
        "a.md",
        id="A-1",
        status="todo",
        labels="[x, ü]",
        owner="Ada <ada@example.org>",
        custom="{deep: [1, 2.50, null], naïve: 'ß'}",
        body="# A-1: 漢字 🎉\n\n- [ ] one\n- [x] two\n",
    )
    world.write("b.md", id="B-1", status="todo", dependencies="[A-1, NO-1, 'other:O-1']", estimate="3 points")
    world.write("twice.md", id="A-1", status="done")
    world.write("gone.md", id="G-1", status="todo")
    world.write("plan/sprint-status.yaml", text="development_status:\n  1-1-x: done\n")
    world.write("plan/1-1-x.md", text="# Story 1.1: X\n\nStatus: review\n")
    odd = Path(os.fsdecode(os.fsencode(world.root()) + b"/odd-\xff.md"))
    odd.write_text("---\nid: ODD-1\nstatus: todo\n---\n")
    world.write("notes.md", text="# Notes\n")
    world.write("o.md", project="other", id="O-1", status="draft", related="[demo:B-1]")
    for project in ("demo", "other", "demo"):
        world.sync(project=project)
    world.write(
        "a.md",
        id="A-1",
        status="in_progress",
        labels="[x]",
        owner="Ada",
        custom="{deep: []}",
        body="# A-1: 漢字 🎉\n\n- [x] one\n- [x] two\n",
    )
    world.write("o.md", project="other", id="O-1", status="done", title="'Öffnen'")
    (world.root() / "gone.md").unlink()
    world.sync()
    world.sync(project="other")
    world.write("b.md", text="---\nid: [\n---\n")
    for number in range(40):
        (world.root() / f"many/{number:02}.md").unlink()
    assert len(world.sync().held) == 40
    with world.store.writing() as tx:
        tx.execute(
            "INSERT INTO status_history (identity, project_id, new_status, changed_at, path, source, on_head)"
            " SELECT uid, project_id, 'todo', '2019-05-06T07:08:09.000010Z', path, 'commit', ?"
            " FROM identities",
            (False,),
        )
        tx.execute(
            "INSERT INTO health_checks (checked_at, name, state, latency_ms)"
            " VALUES ('2026-01-01T00:00:00.000000Z', 'disk', 'ok', 0.1)"
        )
        tx.execute(
            "INSERT INTO backups (trigger, file, started_at, finished_at, state)"
            " VALUES ('test', '/b/storysync-1.db', '2026-01-01T00:00:00.000000Z',"
            " '2026-01-01T00:00:00.000000Z', 'good')"
        )
    world.must_equal()
    return world


@one_for_all
def test_the_database_of_these_tests_has_something_of_everything(lived_in) -> None:
    found = {one.table: one.rows for one in digests_of(url_of(lived_in))}
    assert [table for table, rows in found.items() if not rows] == ["foreign_stories", "project_members"]
    assert "deletion-held" in lived_in.codes() and "contested-id" in lived_in.codes()
    assert lived_in.column("SELECT COUNT(*) FROM identities WHERE gone_at IS NOT NULL") == [1]
    assert lived_in.column("SELECT COUNT(*) FROM stories WHERE parse_state = 'stale'") == [1]
    assert b"odd-\xff.md" in lived_in.column("SELECT path_raw FROM files")


def test_there_and_back_every_table_is_equal(lived_in, tmp_path: Path, postgres_url: str) -> None:
    back = f"sqlite:///{tmp_path / 'back.db'}"
    report = copied(url_of(lived_in), postgres_url)
    assert list(report.tables) == digests_of(url_of(lived_in)) == digests_of(postgres_url)
    assert report.rows == sum(one.rows for one in report.tables)
    assert copied(postgres_url, back).tables == report.tables
    assert digests_of(back) == digests_of(url_of(lived_in))
    assert digests_of(back, uids=False) == digests_of(postgres_url, uids=False)


def test_one_engine_alone_is_copied_too(lived_in, tmp_path: Path, postgres_server, postgres_url: str) -> None:
    other = f"sqlite:///{tmp_path / 'other.db'}"
    report = copied(url_of(lived_in), other)
    assert digests_of(other) == list(report.tables)
    copied(other, postgres_url)
    second = postgres_server.create_database()
    try:
        assert copied(postgres_url, second).tables == report.tables
    finally:
        postgres_server.drop_database(second)


def test_a_digest_changes_with_any_value(lived_in) -> None:
    before = {one.table: one.digest for one in digests_of(url_of(lived_in))}
    for table, change in {
        "stories": "UPDATE stories SET estimate_points = 3.5 WHERE estimate_points = 3",
        "files": "UPDATE files SET path_raw = NULL WHERE path_raw IS NOT NULL",
        "status_history": "UPDATE status_history SET on_head = NOT on_head WHERE id = 1",
        "changes": "UPDATE changes SET after = NULL WHERE after IS NOT NULL",
    }.items():
        with lived_in.store.writing() as tx:
            assert tx.execute(change), table
        after = {one.table: one.digest for one in digests_of(url_of(lived_in))}
        assert {one for one in after if after[one] != before[one]} == {table}
        before = after


@pytest.mark.parametrize("engine", ["postgres", "sqlite"])
def test_a_sync_of_the_copy_changes_nothing(lived_in, engine: str, tmp_path: Path, postgres_url: str) -> None:
    copied(url_of(lived_in), postgres_url)
    url = postgres_url
    if engine == "sqlite":
        url = f"sqlite:///{tmp_path / 'back.db'}"
        copied(postgres_url, url)
    with database_at(url).open() as store:
        moved = replace(lived_in, store=store)
        moved.must_equal()
        for project in ("demo", "other"):
            report = moved.sync(project=project)
            assert not report.changed
        moved.must_equal()
    assert digests_of(url, uids=False) == digests_of(url_of(lived_in), uids=False)


@pytest.mark.parametrize("engine", ["postgres", "sqlite"])
@one_for_all
def test_numbers_go_on_where_they_ended(lived_in, engine: str, tmp_path: Path, postgres_url: str) -> None:
    with lived_in.store.writing() as tx:  # the largest numbers were given to rows that are gone
        tx.execute("UPDATE sqlite_sequence SET seq = 5000")
    copied(url_of(lived_in), postgres_url)
    url = postgres_url
    if engine == "sqlite":
        url = f"sqlite:///{tmp_path / 'back.db'}"
        copied(postgres_url, url)
    with database_at(url).open() as store:
        moved = replace(lived_in, store=store)
        moved.write("new.md", id="N-1", status="todo")
        report = moved.sync()
        assert report.created == 1
        assert moved.uid("new.md") == 5001
        assert report.sync_id == 5001
        assert moved.column("SELECT MAX(seq) FROM changes") == [5001]
        assert moved.column("SELECT MAX(id) FROM status_history") == [5001]
        moved.must_equal()


def test_history_goes_into_the_partitions_of_its_years(lived_in, postgres_url: str) -> None:
    copied(url_of(lived_in), postgres_url)
    with psycopg.connect(postgres_url) as connection:
        rows = connection.execute(
            "SELECT tableoid::regclass::text, count(*) FROM storysync.status_history GROUP BY 1"
        ).fetchall()
    assert dict(rows)["storysync.status_history_2019"] > 50
    assert "storysync.status_history_default" not in dict(rows)


@one_for_all
def test_roots_of_this_machine_are_those_of_this_machine_afterwards(
    lived_in, tmp_path: Path, postgres_url: str
) -> None:
    with lived_in.store.writing() as tx:
        tx.execute("UPDATE roots SET host = 'elsewhere' WHERE project_id = 'other'")
    copied(url_of(lived_in), postgres_url)
    hosts = "SELECT project_id, host FROM roots ORDER BY project_id"
    with database_at(postgres_url).read_only() as tx:
        assert tx.rows(hosts) == [("demo", platform.node()), ("other", "elsewhere")]
    back = f"sqlite:///{tmp_path / 'back.db'}"
    copied(postgres_url, back)
    with database_at(back).read_only() as tx:
        assert tx.rows(hosts) == [("demo", ""), ("other", "elsewhere")]


def test_records_of_backup_files_stay_with_their_database(lived_in, postgres_url: str) -> None:
    copied(url_of(lived_in), postgres_url)
    with database_at(postgres_url).read_only() as tx:
        assert tx.rows("SELECT * FROM backups") == []


@one_for_all
def test_databases_synced_on_their_own_have_equal_digests_without_uids(world, postgres_url: str) -> None:
    for project, path, number in (("demo", "b.md", 2), ("demo", "a.md", 1), ("other", "c.md", 3)):
        world.write(path, project=project, id=f"X-{number}", status="todo", dependencies="[other:X-3, X-9]")
    for project in ("demo", "other"):
        world.sync(project=project)
    with database_at(postgres_url).open() as store:
        theirs = replace(world, store=store, clock=datetime(2027, 1, 1, tzinfo=UTC))
        for project in ("other", "demo"):
            theirs.sync(project=project)
        assert digests_of(url_of(world)) != digests_of(postgres_url)
        assert digests_of(url_of(world), uids=False) == digests_of(postgres_url, uids=False)
        theirs.write("a.md", id="X-1", status="done", dependencies="[other:X-3, X-9]")
        theirs.sync()
    differing = set(digests_of(url_of(world), uids=False)) ^ set(digests_of(postgres_url, uids=False))
    assert {one.table for one in differing} == {
        "stories", "files", "identities", "changes", "status_history",
    }  # fmt: skip


# -- one database for each project -------------------------------------------------------------------


def apart(source: str, folder: Path, **options: object) -> list[CopyReport]:
    with Stores(databases_at(each_in(folder))) as stores:
        return copy_apart(database_at(source), stores.of, **options)  # type: ignore[arg-type]


def each_in(folder: Path) -> str:
    return f"sqlite:///{folder}/{{project}}.db"


def together(folder: Path, target: str) -> CopyReport:
    with database_at(target).open() as store:
        return copy_together(databases_at(each_in(folder)).known(), "all", store)


@one_for_all
def test_projects_keep_their_numbers_apart_and_their_histories_together(
    lived_in, tmp_path: Path, postgres_url: str
) -> None:
    lived_in.sync(project="other")
    folder = tmp_path / "each"
    apart(url_of(lived_in), folder)
    with database_at(f"sqlite:///{folder}/other.db").read_only() as tx:
        (place,) = tx.rows("SELECT uid, project_id FROM stories")
        assert place == (lived_in.uid("o.md"), "other")
        assert tx.rows("SELECT DISTINCT project_id FROM changes") == [("other",)]
    with database_at(f"sqlite:///{folder}/demo.db").read_only() as tx:
        assert tx.rows("SELECT project_id, key, status FROM foreign_stories") == [("other", "o-1", "done")]
    together(folder, postgres_url)
    assert digests_of(postgres_url, uids=False) == digests_of(url_of(lived_in), uids=False)
    with database_at(postgres_url).open() as store:
        moved = replace(lived_in, store=store)
        moved.must_equal()
        moved.write("new.md", id="N-1", status="todo")
        assert not moved.sync(project="other").changed
        assert moved.sync().created == 1
        assert (
            moved.uid("new.md")
            > moved.column("SELECT MAX(identity) FROM changes WHERE operation <> 'create'")[0]
        )
        moved.must_equal()


@one_for_all
def test_what_was_interrupted_between_two_projects_is_completed(lived_in, tmp_path: Path) -> None:
    folder, whole = tmp_path / "each", tmp_path / "whole"
    apart(url_of(lived_in), whole)
    started: list[str] = []

    def stop(what: str, done: int, total: int) -> None:
        if what == "copy" and done == 0:
            started.append(what)
        if (folder / "other.db").exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apart(url_of(lived_in), folder, progress=stop)
    assert not is_empty(f"sqlite:///{folder}/demo.db") and is_empty(f"sqlite:///{folder}/other.db")
    apart(url_of(lived_in), folder)
    for project in ("demo", "other"):
        one, other = (f"sqlite:///{place}/{project}.db" for place in (folder, whole))
        assert digests_of(one, uids=False) == digests_of(other, uids=False)


@one_for_all
def test_a_project_that_went_on_after_its_copy_is_not_written_over(lived_in, tmp_path: Path) -> None:
    folder = tmp_path / "each"
    apart(url_of(lived_in), folder)
    lived_in.write("o.md", project="other", id="O-1", status="review")
    lived_in.sync(project="other")
    with pytest.raises(UsageError, match=r"other\.db is not empty"):
        apart(url_of(lived_in), folder)


# -- refusals and interruptions ----------------------------------------------------------------------


def test_a_target_that_holds_anything_is_refused_and_left_alone(lived_in, postgres_url: str) -> None:
    with database_at(postgres_url).open() as store, store.writing() as tx:
        tx.execute("INSERT INTO projects (id, name) VALUES ('theirs', 'theirs')")
    before = digests_of(postgres_url)
    with pytest.raises(UsageError, match="is not empty: there are rows in the table projects") as caught:
        copied(url_of(lived_in), postgres_url)
    assert "db downgrade base" in caught.value.hint
    assert digests_of(postgres_url) == before


def test_a_copy_is_not_copied_again(lived_in, tmp_path: Path) -> None:
    other = f"sqlite:///{tmp_path / 'other.db'}"
    copied(url_of(lived_in), other)
    with pytest.raises(UsageError, match="is not empty"):
        copied(url_of(lived_in), other)


def test_two_names_of_one_file_are_one_database(lived_in, tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(lived_in.store.database.file)
    with pytest.raises(UsageError, match="cannot be copied onto itself"):
        require_apart(database_at(url_of(lived_in)), database_at(f"sqlite:///{tmp_path / 'link.db'}"))


def test_a_source_without_projects_is_refused(world) -> None:
    with pytest.raises(StoreError, match="there is nothing in"):
        require_source(database_at(url_of(world)))


@one_for_all
def test_a_project_that_somebody_writes_in_the_target_is_refused(lived_in, postgres_url: str) -> None:
    with database_at(postgres_url).open() as other:
        other.claim(["other"])
        with pytest.raises(Locked, match="project other"):
            copied(url_of(lived_in), postgres_url)
    assert is_empty(postgres_url)


@one_for_all
def test_a_row_that_the_target_refuses_leaves_it_empty(lived_in, postgres_url: str) -> None:
    with lived_in.store.writing() as tx:
        tx.execute("UPDATE stories SET title = 'a' || char(0) || 'b' WHERE path = 'o.md'")
    with pytest.raises(RowRefused, match="refuses a row of the table stories") as caught:
        copied(url_of(lived_in), postgres_url)
    assert caught.value.hint.startswith("nothing was copied")
    assert is_empty(postgres_url)


def test_a_copy_is_of_one_moment_while_the_source_is_written(lived_in, postgres_url: str) -> None:
    before = digests_of(url_of(lived_in))
    written: list[int] = []

    def progress(what: str, done: int, total: int) -> None:
        if what == "copy" and done and not written:
            lived_in.write("new.md", id="N-1", status="todo", dependencies="[A-1]")
            written.append(lived_in.sync().created)

    copied(url_of(lived_in), postgres_url, progress=progress)
    assert written == [1]
    assert digests_of(postgres_url) == before != digests_of(url_of(lived_in))


def cut_off(postgres_server, url: str) -> Callable[[str, int, int], None]:
    """A progress that ends every connection to the database after the first rows."""
    name = url.partition("@/")[2].partition("?")[0]

    def progress(what: str, done: int, total: int) -> None:
        if done:
            postgres_server.psql(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            )

    return progress


def test_a_server_that_goes_away_is_told_and_the_next_copy_is_whole(
    lived_in, tmp_path: Path, postgres_server, postgres_url: str
) -> None:
    lost = cut_off(postgres_server, postgres_url)
    with pytest.raises(DatabaseAway) as caught:
        copied(url_of(lived_in), postgres_url, progress=lost)
    assert caught.value.hint.startswith("nothing was copied; ")
    assert is_empty(postgres_url)
    report = copied(url_of(lived_in), postgres_url)
    back = f"sqlite:///{tmp_path / 'back.db'}"
    with pytest.raises(DatabaseAway, match="postgresql:"):  # not as a fault of the file that is written
        copied(postgres_url, back, progress=lost)
    assert is_empty(back)
    assert copied(postgres_url, back).tables == report.tables


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database of many stories."""
    folder = tmp_path_factory.mktemp("large")
    stories = folder / "stories"
    subprocess.run([sys.executable, str(GENERATE), str(stories), str(MANY)], check=True, capture_output=True)
    url = f"sqlite:///{folder / 'large.db'}"
    with database_at(url).open() as store:
        project = resolve_project(ProjectSettings(path=str(stories)))
        sync(store, project, trigger="test", deletions=DeletionSettings())
        assert verify(database_at(url), [project], DeletionSettings()).stories == MANY
    return url


@pytest.mark.parametrize("after_s", [0.0, 0.1, 0.2])
@pytest.mark.parametrize("direction", ["there", "back"])
def test_a_killed_copy_leaves_nothing_and_the_next_is_whole(
    large: str, direction: str, after_s: float, tmp_path: Path, postgres_url: str
) -> None:
    source, target = large, postgres_url
    if direction == "back":
        copied(large, postgres_url)
        source, target = postgres_url, f"sqlite:///{tmp_path / 'back.db'}"
    command = [sys.executable, "-m", "storysync", "db", "copy", source, target]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        until_written(target, process)
        time.sleep(after_s)
        assert process.poll() is None, "it ended before it could be killed"
        process.kill()
    assert is_empty(target)
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert digests_of(target) == digests_of(large)


def until_written(url: str, process: subprocess.Popen[bytes]) -> None:
    """Return when the process has begun its transaction."""
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        if url.startswith("sqlite"):
            target = database_at(url)
            if target.exists() and target.revision() and target.write_obstacle(0)[1]:
                return
        else:
            with psycopg.connect(url) as connection:
                writing = (
                    "SELECT 1 FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND query LIKE 'COPY%'"
                )
                if connection.execute(writing).fetchone():
                    return
        time.sleep(0.002)
    raise AssertionError(f"it never began to write: {process.poll()}")


def is_empty(url: str) -> bool:
    with database_at(url).read_only() as tx:
        return copying.first_filled(tx) is None
