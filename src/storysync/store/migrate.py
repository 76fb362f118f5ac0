"""Schema migrations by alembic. Loading this module costs half a second: import it only when needed."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from storysync.errors import SchemaAhead, StoreError, UsageError
from storysync.settings import SqliteSettings
from storysync.store.engines import sqlite
from storysync.store.revisions import REVISIONS


def scripts_folder() -> Path:
    """The migrations: packaged in the wheel, else the checkout's top-level `alembic` folder."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "_data" / "alembic", package.parent.parent / "alembic"):
        if (folder / "env.py").is_file():
            return folder
    raise StoreError("the migrations are missing from this installation", hint="install storysync again")


def _config(url: str) -> Config:
    config = Config(stdout=sys.stderr)
    config.set_main_option("script_location", str(scripts_folder()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = _sqlalchemy_url(url)
    return config


def _sqlalchemy_url(url: str) -> sa.URL | str:
    return sa.URL.create("sqlite", database=str(sqlite.path_of(url)))


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database to `revision`, all or nothing. Creates the file when there is none.

    Raises ForeignDatabase, SchemaAhead, or StoreError when a migration fails (nothing is changed then).
    """
    _refuse_unknown(url, create=True)
    _run(lambda: command.upgrade(_config(url), revision), revision)


def downgrade(url: str, revision: str) -> None:
    """Take the database back to `revision` (`base` for no tables at all)."""
    _refuse_unknown(url, create=False)
    _run(lambda: command.downgrade(_config(url), revision), revision)


def current(url: str) -> str | None:
    """The revision of the database, None when it has no tables. Raises StoreError when there is none."""
    path = sqlite.path_of(url)
    if not path.exists():
        raise StoreError(f"there is no database at {path}", hint="run `storysync sync PATH` first")
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            sqlite.refuse_foreign(connection, path)
            return sqlite.revision(connection)
    except sqlite3.Error as error:
        raise sqlite.translated(error, path) from error


def history() -> list[tuple[str, str]]:
    """Every revision and what it does, oldest first."""
    config = Config()
    config.set_main_option("script_location", str(scripts_folder()).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    return [(script.revision, script.doc) for script in reversed(list(scripts.walk_revisions()))]


def _refuse_unknown(url: str, *, create: bool) -> None:
    path = sqlite.path_of(url)
    if create:
        sqlite.connect_writer(path, SqliteSettings()).close()
    found = current(url)
    if found is not None and found not in REVISIONS:
        raise SchemaAhead(f"the database {path} has schema {found}, newer than this storysync")


def _run(action: Callable[[], None], revision: str) -> None:
    try:
        action()
    except CommandError as error:
        raise UsageError(
            f"cannot migrate to {revision!r}: {error}", hint="see `storysync db current`"
        ) from error
    except (sa.exc.SQLAlchemyError, RuntimeError) as error:
        raise StoreError(f"the migration failed and nothing was changed: {error}") from error
