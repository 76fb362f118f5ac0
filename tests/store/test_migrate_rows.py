"""Every migration with rows in every table: up, down, refused, printed as SQL, killed in the middle."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest
from alembic import command

from storysync import faults
from storysync.app import App
from storysync.errors import Locked, SchemaBehind, StoreError, UsageError
from storysync.settings import PostgresSettings
from storysync.store import migrate
from storysync.store.database import Database, database_at
from storysync.store.revisions import HEAD, REVISIONS
from storysync.store.store import Store
from storysync.store.stores import Stores, databases_at
from support import older
from support.faulty import KILLED
from support.forms import Form, SqliteForm, each_engine, only
from support.older import Held

VIEWS = (
    "v_stories", "v_edges", "v_ready", "v_blocked", "v_problems", "v_status_history", "v_criteria_progress",
)  # fmt: skip
STEPS = list(pairwise(REVISIONS))


@pytest.fixture
def place(form: Form, tmp_path: Path) -> Iterator[Database]:
    database = form.empty(tmp_path)
    yield database
    form.drop(database)


@pytest.fixture
def old(place: Database, samples: App) -> Held:
    """The rows of every table of the oldest revision, which `place` holds."""
    return older.old(place, samples)


def kept(before: Held, after: Held) -> None:
    """All rows that were there are there, and no others in their tables."""
    assert {table: after.get(table) for table in before} == before


def views_answer(database: Database) -> None:
    with database.read_any() as tx:
        for view in VIEWS:
            assert tx.row(f"SELECT count(*) FROM {view}") is not None
        assert tx.row("SELECT count(*) FROM v_stories") == tx.row("SELECT count(*) FROM stories") != (0,)


def test_rows_survive_each_migration_up_down_and_up_again(form: Form, place: Database, samples: App) -> None:
    migrate.upgrade(place, older.OLDEST)
    shapes = {older.OLDEST: form.relations(place)}
    older.fill(place, samples)
    for earlier, later in STEPS:
        before = older.held_by(place)
        migrate.upgrade(place, later)
        kept(before, older.held_by(place))
        shapes[later] = form.relations(place)
        if later == HEAD:
            with place.open(auto_migrate=False) as store, store.writing() as tx:
                tx.execute(
                    "INSERT INTO jobs (name, trigger, started_at, finished_at, state)"
                    " VALUES ('backup', 'timer', '2026-03-01T12:00:00.000000Z',"
                    " '2026-03-01T12:00:00.000000Z', 'good')"
                )
        migrate.downgrade(place, earlier)
        assert (form.relations(place), place.revision()) == (shapes[earlier], earlier)
        kept(before, older.held_by(place))
        views_answer(place)
        migrate.upgrade(place, later)
        assert (form.relations(place), place.revision()) == (shapes[later], later)
        kept(before, older.held_by(place))
    views_answer(place)
    command.check(migrate._config(place))


@each_engine
def test_base_takes_every_table_with_its_rows(form: Form, place: Database, old: Held) -> None:
    migrate.upgrade(place)
    migrate.downgrade(place, "base")
    assert form.relations(place) == {"storysync_version": "table"}
    migrate.upgrade(place)
    assert not any(older.held_by(place).values())


@each_engine
def test_a_parent_table_made_anew_loses_no_child(
    place: Database, samples: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate.upgrade(place)
    older.fill(place, samples)
    before = older.held_by(place)
    name = older.one_more(monkeypatch, tmp_path)
    migrate.upgrade(place)
    assert place.revision() == name
    kept(before, older.held_by(place))
    views_answer(place)
    migrate.downgrade(place, HEAD)
    kept(before, older.held_by(place))
    views_answer(place)


@each_engine
def test_a_migration_that_fails_at_its_end_changes_nothing(
    form: Form, place: Database, samples: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate.upgrade(place)
    older.fill(place, samples)
    before = older.held_by(place), form.relations(place), place.revision()
    older.one_more(monkeypatch, tmp_path, last='op.execute("INSERT INTO nowhere VALUES (1)")')
    with pytest.raises(StoreError, match="nothing was changed"):
        migrate.upgrade(place)
    assert (older.held_by(place), form.relations(place), place.revision()) == before
    views_answer(place)


@each_engine
def test_a_migration_that_would_leave_an_orphan_is_refused(
    place: Database, samples: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate.upgrade(place)
    older.fill(place, samples)
    before = older.held_by(place)
    older.one_more(monkeypatch, tmp_path, last='op.execute("DELETE FROM identities")')
    with pytest.raises(StoreError, match="nothing was changed"):
        migrate.upgrade(place)
    assert older.held_by(place) == before


# -- before it: a backup, once, by the one that migrates ---------------------------------------------------


def test_what_is_to_be_done_before_is_done_once_and_before(place: Database, old: Held) -> None:
    seen: list[object] = []

    def before(database: Database, project: str) -> object:
        seen.append((database.revision(), older.held_by(database)))
        return lambda store: seen.append(store.database.revision())

    with Stores(databases_at(place.url, place.engines), before_migration=before) as stores:  # type: ignore[arg-type]
        stores.shared()
    assert seen == [(older.OLDEST, old), HEAD]
    kept(old, older.held_by(place))


def refusing(database: Database, project: str) -> object:
    raise StoreError("there is no room")


def test_without_what_is_to_be_done_before_nothing_is_migrated(
    form: Form, place: Database, old: Held
) -> None:
    relations = form.relations(place)
    stores = Stores(databases_at(place.url, place.engines), before_migration=refusing)  # type: ignore[arg-type]
    with stores, pytest.raises(StoreError, match="there is no room"):
        stores.shared()
    assert (place.revision(), form.relations(place), older.held_by(place)) == (older.OLDEST, relations, old)


def test_a_new_database_and_one_without_rows_need_nothing_before(place: Database) -> None:
    for _ in range(2):
        with Stores(databases_at(place.url, place.engines), before_migration=refusing) as stores:  # type: ignore[arg-type]
            stores.shared()
        migrate.downgrade(place, older.OLDEST)


def test_with_auto_migrate_off_it_is_refused_with_the_command(place: Database, old: Held) -> None:
    stores = Stores(databases_at(place.url, place.engines), auto_migrate=False)
    with stores, pytest.raises(SchemaBehind, match=f"{older.OLDEST}, this storysync needs {HEAD}") as told:
        stores.shared()
    assert told.value.hint == "run `storysync db upgrade`"
    assert older.held_by(place) == old


@each_engine
def test_of_several_processes_one_migrates_after_one_backup(
    place: Database, old: Held, tmp_path: Path
) -> None:
    """On SQLite the lock of the file lets one in; on a server each waits for the one before it."""
    code = (
        "import sys, time\nfrom pathlib import Path\n"
        "from storysync.errors import Locked\n"
        "from storysync.store.database import Engines\n"
        "from storysync.store.stores import Stores, databases_at\n"
        "def before(database, project):\n"
        f"    Path({str(tmp_path)!r}, 'made-' + sys.argv[1]).touch()\n"
        "    return lambda store: None\n"
        f"engines = Engines(state_dir=Path({str(place.engines.state_dir)!r}))\n"
        f"databases = databases_at({place.url!r}, engines)\n"
        "until = time.monotonic() + 60\n"
        "while True:\n"
        "    try:\n"
        "        with Stores(databases, before_migration=before) as stores:\n"
        "            stores.shared()\n"
        "        break\n"
        "    except Locked:\n"
        "        assert time.monotonic() < until\n"
        "        time.sleep(0.01)\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(number)], stderr=subprocess.PIPE)
        for number in range(3)
    ]
    errors = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0] * 3, errors
    assert len(list(tmp_path.glob("made-*"))) == 1
    assert place.revision() == HEAD
    kept(old, older.held_by(place))


# -- killed in the middle ----------------------------------------------------------------------------------

MIGRATE = [point for point in faults.POINTS if point.startswith("migrate.")]


@each_engine
@pytest.mark.parametrize("point", MIGRATE)
def test_a_killed_migration_leaves_the_old_schema_or_the_new(
    form: Form, place: Database, old: Held, point: str
) -> None:
    relations = form.relations(place)
    code = (
        "from pathlib import Path\nfrom storysync.store import migrate\n"
        "from storysync.store.database import Engines, database_at\n"
        f"engines = Engines(state_dir=Path({str(place.engines.state_dir)!r}))\n"
        f"migrate.upgrade(database_at({place.url!r}, engines))"
    )
    environ = os.environ | {"STORYSYNC_TESTING": "faults", "STORYSYNC_FAULTS": f"{point}=kill"}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, check=False)
    assert done.returncode == KILLED, done.stderr
    kept(old, older.held_by(place))
    if point == "migrate.after-commit":
        assert place.revision() == HEAD
    else:
        assert (form.relations(place), place.revision()) == (relations, older.OLDEST)
    views_answer(place)
    place.open().close()
    kept(old, older.held_by(place))
    assert place.revision() == HEAD


# -- as SQL --------------------------------------------------------------------------------------------------


def run_script(database: Database, script: str) -> None:
    """As its administrator would: with the engine's own means, all or nothing."""
    if database.file is not None:
        with closing(sqlite3.connect(database.file, isolation_level=None)) as connection:
            connection.executescript(script)
        return
    with closing(psycopg.connect(database.url, autocommit=True)) as server:
        server.execute(script)


@each_engine
def test_the_printed_script_does_what_the_migration_does(form: Form, place: Database, old: Held) -> None:
    run_script(place, migrate.script(place, older.OLDEST, HEAD))
    assert place.revision() == HEAD
    kept(old, older.held_by(place))
    command.check(migrate._config(place))
    views_answer(place)
    run_script(place, migrate.script(place, HEAD, older.OLDEST))
    assert (place.revision(), older.held_by(place)) == (older.OLDEST, old)
    views_answer(place)


@each_engine
def test_the_printed_script_makes_a_new_database(form: Form, place: Database, tmp_path: Path) -> None:
    if place.file is not None:
        place.file.parent.mkdir(parents=True, exist_ok=True)
    run_script(place, migrate.script(place, "base", HEAD))
    assert place.revision() == HEAD
    command.check(migrate._config(place))
    with place.open(auto_migrate=False) as store:
        assert isinstance(store, Store)


@only("sqlite")
def test_a_script_asks_no_database(form: SqliteForm, tmp_path: Path) -> None:
    told = migrate.script(database_at("postgresql://nobody@127.0.0.1:1/none?schema=team"), "base", HEAD)
    assert 'SET search_path = "team";' in told and "pg_advisory_xact_lock" in told
    assert "PRAGMA" not in told and "%%" not in told
    absent = database_at(f"sqlite:///{tmp_path}/none.db")
    assert "PRAGMA foreign_keys = OFF" in migrate.script(absent, "base", HEAD)
    assert migrate.script(absent, HEAD, HEAD) == ""
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UsageError, match="there is no revision '77'"):
        migrate.script(absent, "base", "77")


# -- what is meant, what is lost ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "asked", "meant"),
    [(None, "head", HEAD), ("0001", "head", HEAD), ("0002", "base", None), ("0002", "-1", "0001"),
     ("0002", "-2", None), (None, "+1", "0001"), ("0001", "+1", "0002"), ("0001", "0001", "0001")],
)  # fmt: skip
def test_a_revision_can_be_named_in_several_ways(found: str | None, asked: str, meant: str | None) -> None:
    assert migrate.target(found, asked) == meant


@pytest.mark.parametrize("asked", ["", "nonsense", "+9", "-3", "+", "١", "0001 ", "--sql"])
def test_any_other_name_is_a_usage_error(asked: str) -> None:
    with pytest.raises(UsageError, match="there is no such revision"):
        migrate.target("0002", asked)


@each_engine
def test_what_a_downgrade_drops_is_told(place: Database, old: Held) -> None:
    migrate.upgrade(place)
    assert migrate.losses(place, older.OLDEST) == []
    with older.writing(place) as tx:
        tx.execute(
            "INSERT INTO incidents (at, kind, message)"
            " VALUES ('2026-03-01T12:00:00.000000Z', 'damaged', 'a page')"
        )
    assert migrate.losses(place, older.OLDEST) == [("incidents", 1)]
    everything = dict(migrate.losses(place, None))
    assert everything == {table: len(rows) for table, rows in old.items()} | {"incidents": 1}


@each_engine
def test_a_column_that_goes_is_a_loss(
    place: Database, samples: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate.upgrade(place)
    older.fill(place, samples)
    stories = len(older.held_by(place)["stories"])
    older.one_more(monkeypatch, tmp_path)
    migrate.upgrade(place)
    assert ("stories.later", stories) in migrate.losses(place, HEAD)


@only("postgresql")
def test_the_limit_on_a_statement_is_not_for_migrations(
    form: Form, place: Database, samples: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate.upgrade(place)
    name = older.one_more(monkeypatch, tmp_path, last='op.execute("SELECT pg_sleep(1.2)")')
    hasty = place.engines._replace(postgres=PostgresSettings(statement_timeout_s=1))
    migrate.upgrade(database_at(place.url, hasty))
    assert place.revision() == name


@only("postgresql")
def test_a_server_is_not_downgraded_below_a_writer(form: Form, place: Database, samples: App) -> None:
    migrate.upgrade(place)
    older.fill(place, samples)
    with place.open() as store:
        store.claim([project_of(place)])
        with pytest.raises(Locked, match="writes project"), place.migrating(alone=True):
            raise AssertionError("a writer was overlooked")
    with place.migrating(alone=True):
        pass


def project_of(database: Database) -> str:
    with database.read_only() as tx:
        row = tx.row("SELECT id FROM projects ORDER BY id")
    assert row is not None
    return str(row[0])
