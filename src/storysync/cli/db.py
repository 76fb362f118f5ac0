"""`storysync db upgrade|downgrade|current`."""

from __future__ import annotations

import click

from storysync.cli import output
from storysync.cli.options import load, with_app, with_json
from storysync.errors import StoreError
from storysync.store.revisions import HEAD


@click.group()
def command() -> None:
    """Upgrade, downgrade or show the schema of the database."""


@command.command()
@click.argument("revision", default="head")
@with_app
@with_json
def upgrade(revision: str, database: str | None, config: str | None, as_json: bool) -> int:
    """Bring the schema to REVISION, by default the newest. Creates the database when there is none."""
    from storysync.store import migrate

    app = load(database, config)
    with app.lock():
        migrate.upgrade(app.database, revision)
    _tell(app.database.place, app.database.revision(), as_json=as_json)
    return 0


@command.command()
@click.argument("revision")
@with_app
@with_json
def downgrade(revision: str, database: str | None, config: str | None, as_json: bool) -> int:
    """Take the schema back to REVISION; `base` removes all tables. Make a backup first."""
    from storysync.store import migrate

    if not revision:
        raise click.UsageError("REVISION is empty", click.get_current_context())
    app = load(database, config)
    if not app.has_database():
        raise StoreError(f"there is no database at {app.database.place}", hint="check --database")
    with app.lock():
        migrate.downgrade(app.database, revision)
    _tell(app.database.place, app.database.revision(), as_json=as_json)
    return 0


@command.command()
@with_app
@with_json
def current(database: str | None, config: str | None, as_json: bool) -> int:
    """Print the revision of the database, and the one this program needs."""

    app = load(database, config)
    app.has_database()
    found = app.database.revision()
    if as_json:
        _tell(app.database.place, found, as_json=True)
        return 0
    note = "" if found == HEAD else f" (this storysync needs {HEAD})"
    output.say(f"{found or 'none'}{note}")
    return 0


def _tell(database: str, revision: str | None, *, as_json: bool) -> None:
    if as_json:
        data = {"database": database, "revision": revision, "needed": HEAD}
        output.show_document("schema", data, None)
    else:
        output.say(f"{database}: revision {revision or 'base'}")
