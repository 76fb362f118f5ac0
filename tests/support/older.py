"""Databases of an older revision, with rows in every table; and a further revision of our own to come."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from storysync.app import App
from storysync.store import migrate, revisions, upgrade
from storysync.store.database import Database
from storysync.store.engines import postgres, sqlite
from storysync.store.engines.postgres_database import PostgresDatabase
from storysync.store.engines.postgres_tx import PostgresTx
from storysync.store.engines.sqlite_database import SqliteDatabase, SqliteTx
from storysync.store.layouts import layouts
from storysync.store.revisions import REVISIONS
from storysync.store.tx import Row, Tx

OLDEST = REVISIONS[0]
LATER = {"jobs", "incidents"}
"""Tables that the oldest revision does not have."""
_NOW = "2026-03-01T12:00:00.000000Z"
_MORE = (
    f"INSERT INTO backups (trigger, started_at, finished_at, state) VALUES ('t', '{_NOW}', '{_NOW}', 'good')",
    "INSERT INTO foreign_stories (project_id, key, state, title, path, seen_at)"
    f" VALUES ('elsewhere', 'a-1', 'resolved', 'A title', 'a.md', '{_NOW}')",
    f"INSERT INTO health_checks (checked_at, name, state) VALUES ('{_NOW}', 'disk', 'ok')",
    "INSERT INTO status_history (identity, project_id, changed_at, source, new_status, on_head, path)"
    f" SELECT uid, project_id, '{_NOW}', 'worktree', 'done', true, path FROM identities",
    "INSERT INTO status_claims (project_id, path, name, raw, line, col, story_uid, stale)"
    " SELECT project_id, 'sprint-status.yaml', path, 'done', 1, 1, uid, false FROM stories",
)


Held = dict[str, list[Row]]
"""Table -> all of its rows, with the columns that this program knows."""


def held(tx: Tx) -> Held:
    return {one.table: tx.rows(one.select) for one in layouts() if one.table in tx.tables()}


def held_by(database: Database) -> Held:
    """The rows of a database of any revision whose tables have the columns of today."""
    with database.read_any() as tx:
        return held(tx)


def fill(database: Database, samples: App) -> Held:
    """Put the rows of the sample stories, and a few more, into every table that was there from the first."""
    with samples.database.read_any() as there, writing(database) as tx:
        present = tx.tables()
        for layout in (one for one in layouts() if one.table in present):
            rows = [layout.writable(row) for row in there.rows(layout.select)]
            tx.insert_all(layout.insert, rows)
        for statement in _MORE:
            tx.execute(statement)
        tx.count_on({})
        found = held(tx)
    empty = {table for table, rows in found.items() if not rows}
    assert empty <= LATER, f"tables without rows: {empty}"
    return found


def old(database: Database, samples: App) -> Held:
    """Make a database of the oldest revision with rows in every table."""
    migrate.upgrade(database, OLDEST)
    return fill(database, samples)


@contextmanager
def writing(database: Database) -> Iterator[Tx]:
    """One transaction in a database of any revision."""
    if isinstance(database, PostgresDatabase):
        with closing(database.connect_writer()) as connection, connection.transaction():
            yield PostgresTx(connection)
        return
    assert isinstance(database, SqliteDatabase)
    with closing(sqlite.connect_writer(database.path, database.settings)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        yield SqliteTx(writer)
        writer.execute("COMMIT")


REBUILD = """
import importlib.util
import pathlib

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"

_spec = importlib.util.spec_from_file_location(
    "storysync_views", pathlib.Path(__file__).parent.parent / "views.py"
)
MODE = "always" if op.get_context().dialect.name == "sqlite" else "never"
views = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(views)


def upgrade():
    views.drop_all(op)
    for table in ("projects", "identities", "stories"):
        with op.batch_alter_table(table, recreate=MODE) as batch:
            batch.add_column(sa.Column("later", sa.Text(), server_default="x"))
    {last}
    views.create(op, "{before}")


def downgrade():
    views.drop_all(op)
    for table in ("stories", "identities", "projects"):
        with op.batch_alter_table(table, recreate=MODE) as batch:
            batch.drop_column("later")
    views.create(op, "{before}")
"""
"""A migration that makes parent tables anew in SQLite, as most changes of a table there do."""


def one_more(patch: pytest.MonkeyPatch, folder: Path, *, last: str = "") -> str:
    """Let there be one revision more, which makes parent tables anew; `last`: what else it does. Its name."""
    scripts = folder / "alembic"
    if not scripts.exists():
        shutil.copytree(migrate.scripts_folder(), scripts)
    name = "9999"
    text = REBUILD.format(revision=name, before=revisions.REVISIONS[-1], last=last or "pass")
    (scripts / "versions" / "9999_one_more.py").write_text(text, encoding="utf-8")
    patch.setattr(migrate, "scripts_folder", lambda: scripts)
    for module in (migrate, upgrade, sqlite, postgres, revisions):
        for attribute, value in (("REVISIONS", (*REVISIONS, name)), ("HEAD", name)):
            if hasattr(module, attribute):
                patch.setattr(module, attribute, value)
    return name
