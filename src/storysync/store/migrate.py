"""Schema migrations by alembic. Loading this module costs half a second: import it only when needed."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Container, Mapping
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from storysync.errors import SchemaAhead, StoreError, UsageError
from storysync.store.database import Database, database_at
from storysync.store.revisions import HEAD, REVISIONS


def scripts_folder() -> Path:
    """The migrations: packaged in the wheel, else the checkout's top-level `alembic` folder."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "_data" / "alembic", package.parent.parent / "alembic"):
        if (folder / "env.py").is_file():
            return folder
    raise StoreError("the migrations are missing from this installation", hint="install storysync again")


def _config(database: Database | None = None) -> Config:
    config = Config(stdout=sys.stderr)
    config.set_main_option("script_location", str(scripts_folder()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    if database is not None:
        config.attributes["engine"] = database.sqlalchemy_engine()
    return config


def target(found: str | None, asked: str) -> str | None:
    """The revision that is meant by a name, `head`, `base`, or `+1` and `-1`; None is no tables at all.

    Raises UsageError for one that is not known.
    """
    place = REVISIONS.index(found) if found in REVISIONS else -1
    steps = int(asked) if re.fullmatch(r"[+-]\d{1,4}", asked, re.ASCII) else None
    if asked == "base" or (steps is not None and place + steps == -1):
        return None
    if asked == "head":
        return HEAD
    if asked in REVISIONS:
        return asked
    if steps is not None and 0 <= place + steps < len(REVISIONS):
        return REVISIONS[place + steps]
    raise UsageError(
        f"cannot migrate to {asked!r}: there is no such revision", hint="see `storysync db history`"
    )


def is_later(one: str | None, other: str | None) -> bool:
    """Whether a revision of ours comes after another one."""
    order = (None, *REVISIONS)
    return order.index(one) > order.index(other)


class Loss(NamedTuple):
    """What a downgrade takes away with its rows: `table`, or `table.column`."""

    name: str
    rows: int


def losses(database: Database, revision: str | None) -> list[Loss]:
    """What holds something and is not in that revision: tables, and columns of those that stay."""
    if revision is None:
        return _missing(database, {})
    with TemporaryDirectory() as folder:
        older = database_at(f"sqlite:///{folder}/older.db")
        upgrade(older, revision)
        with older.read_any() as tx:
            kept = {table: set(tx.columns(table)) for table in tx.tables()}
    return _missing(database, kept)


def _missing(database: Database, kept: Mapping[str, Container[str]]) -> list[Loss]:
    found: list[Loss] = []
    with database.read_any() as tx:
        for table in tx.tables():
            if table not in kept:
                asked = {table: f"SELECT count(*) FROM {table}"}
            else:
                gone = [column for column in tx.columns(table) if column not in kept[table]]
                asked = {f"{table}.{one}": f"SELECT count({one}) FROM {table}" for one in gone}
            found += [Loss(name, int(row[0])) for name, sql in asked.items() if (row := tx.row(sql))]
    return [one for one in found if one.rows]


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the database to `revision`, all or nothing. Creates it when there is none.

    Raises ForeignDatabase, SchemaAhead, DatabaseAway, or StoreError when a migration fails (nothing is
    changed then).
    """
    _run(database, revision, lambda config: command.upgrade(config, revision))
    if database.revision() == HEAD:
        with database.open(auto_migrate=False) as store:
            store.maintain(datetime.now(UTC))


def downgrade(database: Database, revision: str) -> None:
    """Take the database back to `revision` (`base` for no tables at all)."""
    _run(database, revision, lambda config: command.downgrade(config, revision))


def history() -> list[Revision]:
    """Every revision, oldest first."""
    scripts = ScriptDirectory.from_config(_config())
    return [Revision(one.revision, one.doc) for one in reversed(list(scripts.walk_revisions()))]


class Revision(NamedTuple):
    """One step of the schema. `doc`: what it does, in a few words."""

    name: str
    doc: str


def script(database: Database, start: str, end: str) -> str:
    """The SQL that brings a database from one revision to another, either way; `base` is no tables at all.

    For the engine of `database`, which is not asked. Raises UsageError for a revision that is unknown.
    """
    for one in (start, end):
        if one not in ("base", *REVISIONS):
            raise UsageError(f"there is no revision {one!r}", hint="see `storysync db history`")
    config = _config()
    config.attributes["database"] = database
    config.output_buffer = StringIO()
    forward = REVISIONS.index(start) if start != "base" else -1
    further = REVISIONS.index(end) if end != "base" else -1
    move = command.upgrade if further > forward else command.downgrade
    if further != forward:
        move(config, f"{start}:{end}", sql=True)
    return config.output_buffer.getvalue()


def _run(database: Database, revision: str, action: Callable[[Config], None]) -> None:
    config = _config(database)
    try:
        found = database.revision()
        if found is not None and found not in REVISIONS:
            raise SchemaAhead(f"the database {database.place} has schema {found}, newer than this storysync")
        action(config)
    except CommandError as error:
        raise UsageError(
            f"cannot migrate to {revision!r}: {error}", hint="see `storysync db current`"
        ) from error
    except (sa.exc.SQLAlchemyError, RuntimeError) as error:
        told = error.orig if isinstance(error, sa.exc.DBAPIError) else error  # without its SQL
        raise StoreError(
            f"the migration of {database.place} failed and nothing was changed: {told}",
            hint="mend that, or end the program that uses the database, and try again",
        ) from error
    finally:
        config.attributes["engine"].dispose()
