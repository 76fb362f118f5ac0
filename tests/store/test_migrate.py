"""Migrations, in every database: up, down, refused, at once in several processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from storysync.errors import ForeignDatabase, SchemaAhead, StoreError, UsageError
from storysync.store import migrate, tables
from storysync.store.database import Database
from storysync.store.revisions import HEAD, REVISIONS
from support.forms import Form

VIEWS = {
    "v_stories", "v_edges", "v_ready", "v_blocked", "v_problems", "v_status_history", "v_criteria_progress",
}  # fmt: skip
EVERYTHING = {
    **dict.fromkeys([*tables.METADATA.tables, "storysync_version"], "table"),
    **dict.fromkeys(VIEWS, "view"),
}
PROJECT = "INSERT INTO projects (id, name) VALUES ('demo', 'Demo')"


@pytest.fixture
def place(form: Form, tmp_path: Path) -> Iterator[Database]:
    """Where a database can be; there is none."""
    database = form.empty(tmp_path)
    yield database
    form.drop(database)


def in_processes(count: int, database: Database, call: str) -> None:
    """Do the same in so many processes at once."""
    code = (
        "from pathlib import Path\nfrom storysync.store import migrate\n"
        "from storysync.store.database import Engines, database_at\n"
        f"database = database_at({database.url!r},"
        f" Engines(state_dir=Path({str(database.engines.state_dir)!r})))\n{call}\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(count)]
    errors = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0] * count, errors


def test_upgrading_makes_every_table_and_view(form: Form, place: Database) -> None:
    migrate.upgrade(place)
    assert form.relations(place) == EVERYTHING
    assert place.revision() == HEAD


def test_opening_makes_every_table_and_view(form: Form, place: Database) -> None:
    place.open().close()
    assert form.relations(place) == EVERYTHING
    migrate.upgrade(place)  # nothing to do
    command.check(migrate._config(place))


def test_down_and_up_again_with_data(form: Form, place: Database) -> None:
    migrate.upgrade(place)
    with place.open() as store, store.writing() as tx:
        tx.execute(PROJECT)
    migrate.downgrade(place, "base")
    assert form.relations(place) == {"storysync_version": "table"}
    migrate.upgrade(place)
    assert form.relations(place) == EVERYTHING
    with place.read_only() as tx:
        assert tx.rows("SELECT id FROM projects") == []


def test_tables_and_migrations_are_the_same_schema(place: Database) -> None:
    migrate.upgrade(place)
    command.check(migrate._config(place))


def test_the_list_of_revisions_is_that_of_the_files() -> None:
    scripts = ScriptDirectory(str(migrate.scripts_folder()))
    assert tuple(reversed([script.revision for script in scripts.walk_revisions()])) == REVISIONS
    assert [revision for revision, _ in migrate.history()] == list(REVISIONS)


def test_a_failing_migration_leaves_nothing(form: Form, place: Database) -> None:
    form.execute(place, form.mark, "CREATE TABLE stories (uid INTEGER)")
    before = form.relations(place)
    with pytest.raises(StoreError, match="nothing was changed"):
        migrate.upgrade(place)
    assert form.relations(place) == before


def test_processes_that_migrate_at_once_all_go_on(form: Form, place: Database) -> None:
    in_processes(4, place, "migrate.upgrade(database)")
    assert (form.relations(place), place.revision()) == (EVERYTHING, HEAD)


def test_processes_that_open_a_new_database_at_once_all_go_on(form: Form, place: Database) -> None:
    in_processes(4, place, "database.open().close()")
    assert (form.relations(place), place.revision()) == (EVERYTHING, HEAD)


@contextmanager
def left_as_it_was(form: Form, database: Database) -> Iterator[None]:
    before = form.relations(database), database.file and database.file.read_bytes()
    yield
    assert (form.relations(database), database.file and database.file.read_bytes()) == before


def test_a_foreign_database_is_refused_and_untouched(form: Form, place: Database) -> None:
    form.execute(place, "CREATE TABLE theirs (x INTEGER)")
    with left_as_it_was(form, place), pytest.raises(ForeignDatabase):
        migrate.upgrade(place)


@pytest.mark.parametrize("target", ["head", "base"])
def test_a_newer_database_is_refused_and_untouched(form: Form, place: Database, target: str) -> None:
    migrate.upgrade(place)
    form.execute(place, "UPDATE storysync_version SET version_num = '9999'")
    move = migrate.upgrade if target == "head" else migrate.downgrade
    with left_as_it_was(form, place), pytest.raises(SchemaAhead, match="9999"):
        move(place, target)


def test_an_unknown_revision_is_a_usage_error(form: Form, place: Database) -> None:
    with pytest.raises(UsageError, match="nonsense"):
        migrate.upgrade(place, "nonsense")


def test_alembic_itself_can_be_used_from_the_checkout(place: Database) -> None:
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "alembic", "-x", f"url={place.url}", "upgrade", "head"],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert place.revision() == HEAD


def test_a_failed_migration_is_told_without_its_sql(place: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: object, **options: object) -> None:
        raise sa.exc.OperationalError("BEGIN IMMEDIATE", {}, RuntimeError("database is locked"))

    monkeypatch.setattr(migrate.command, "upgrade", fail)
    with pytest.raises(StoreError, match=r"nothing was changed: database is locked$") as refused:
        migrate.upgrade(place)
    assert "try again" in refused.value.hint
