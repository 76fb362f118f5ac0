"""`storysync db upgrade|downgrade|current`, and the group of all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import click

from storysync.app import App, require_id
from storysync.cli import db_copy, output
from storysync.cli.options import load, with_app, with_json
from storysync.errors import StoreError, StorysyncError, UsageError
from storysync.store.database import Database
from storysync.store.revisions import HEAD
from storysync.store.stores import locked

with_own_project = click.option(
    "--project", "-p", metavar="NAME", help="Only this project's database, where each has its own."
)


@click.group()
def command() -> None:
    """Upgrade, downgrade or show the schema of the database; copy it, or print its digest."""


command.add_command(db_copy.copy)
command.add_command(db_copy.digest)


@command.command()
@click.argument("revision", default="head")
@with_own_project
@with_app
@with_json
def upgrade(
    revision: str, project: str | None, database: str | None, config: str | None, as_json: bool
) -> int:
    """Bring the schema to REVISION, by default the newest. Creates the database when there is none."""
    from storysync.store import migrate

    app = load(database, config)
    return _each(_wanted(app, project, creating=True), migrate.upgrade, revision, as_json=as_json)


@command.command()
@click.argument("revision")
@with_own_project
@with_app
@with_json
def downgrade(
    revision: str, project: str | None, database: str | None, config: str | None, as_json: bool
) -> int:
    """Take the schema back to REVISION; `base` removes all tables. Make a backup first."""
    from storysync.store import migrate

    if not revision:
        raise click.UsageError("REVISION is empty", click.get_current_context())
    app = load(database, config)
    if not app.has_database():
        raise StoreError(f"there is no database at {app.databases.place}", hint="check --database")
    return _each(_wanted(app, project), migrate.downgrade, revision, as_json=as_json)


@command.command()
@with_own_project
@with_app
@with_json
def current(project: str | None, database: str | None, config: str | None, as_json: bool) -> int:
    """Print the revision of the database, and the one this program needs."""

    app = load(database, config)
    app.has_database()
    wanted = _wanted(app, project)
    found = {one.place: one.revision() for one in wanted}
    if as_json:
        _tell(found, as_json=True)
        return 0
    for place, revision in found.items():
        note = "" if revision == HEAD else f" (this storysync needs {HEAD})"
        output.say(f"{place + ': ' if len(found) > 1 else ''}{revision or 'none'}{note}")
    return 0


def _wanted(app: App, project: str | None, *, creating: bool = False) -> list[Database]:
    """The databases to work on. `creating`: the one that is named need not be there."""
    if project is not None and not app.databases.per_project:
        raise UsageError("all projects share one database", hint="leave out --project")
    if project is not None:
        require_id(project)
    if project is not None and creating:
        return [app.databases.of(project)]
    return list(app.databases.chosen(() if project is None else (project,)).values())


def _each(
    wanted: Sequence[Database], action: Callable[[Database, str], None], revision: str, *, as_json: bool
) -> int:
    """Each database under its lock; one of several that fails does not stop the others."""
    done: dict[str, str | None] = {}
    failed: StorysyncError | None = None
    for database in wanted:
        try:
            with locked(database):
                action(database, revision)
            done[database.place] = database.revision()
        except StorysyncError as error:
            if len(wanted) > 1:
                output.warn(f"{database.place}: {error}")
            failed = failed or error
    if failed is not None:
        raise failed
    _tell(done, as_json=as_json)
    return 0


def _tell(found: Mapping[str, str | None], *, as_json: bool) -> None:
    if as_json:
        told = [{"database": place, "revision": one, "needed": HEAD} for place, one in found.items()]
        output.show_document("schema", told[0] if len(told) == 1 else told, None)
    else:
        output.say("\n".join(f"{place}: revision {one or 'base'}" for place, one in found.items()))
