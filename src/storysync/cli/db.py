"""`storysync db upgrade|downgrade|current`."""

from __future__ import annotations

import click

from storysync.cli import output
from storysync.cli.options import load, with_app
from storysync.errors import StoreError


@click.group()
def command() -> None:
    """Upgrade, downgrade or show the schema of the database."""


@command.command()
@click.argument("revision", default="head")
@with_app
def upgrade(revision: str, database: str | None, config: str | None) -> int:
    """Bring the schema to REVISION, by default the newest. Creates the database when there is none."""
    from storysync.store import migrate

    app = load(database, config)
    with app.lock():
        migrate.upgrade(app.url, revision)
    output.say(f"{app.database}: revision {migrate.current(app.url)}")
    return 0


@command.command()
@click.argument("revision")
@with_app
def downgrade(revision: str, database: str | None, config: str | None) -> int:
    """Take the schema back to REVISION; `base` removes all tables. Make a backup first."""
    from storysync.store import migrate

    app = load(database, config)
    if not app.has_database():
        raise StoreError(f"there is no database at {app.database}", hint="check --database")
    with app.lock():
        migrate.downgrade(app.url, revision)
    output.say(f"{app.database}: revision {migrate.current(app.url) or 'base'}")
    return 0


@command.command()
@with_app
def current(database: str | None, config: str | None) -> int:
    """Print the revision of the database, and the one this program needs."""
    from storysync.store import migrate
    from storysync.store.revisions import HEAD

    app = load(database, config)
    found = migrate.current(app.url)
    note = "" if found == HEAD else f" (this storysync needs {HEAD})"
    output.say(f"{found or 'none'}{note}")
    return 0
