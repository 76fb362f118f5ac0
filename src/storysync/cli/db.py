"""`storysync db upgrade|downgrade|current|history`, and the group of all of them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack

import click

from storysync.app import App, require_id
from storysync.cli import db_copy, output
from storysync.cli.options import load, with_app, with_json
from storysync.control import socket_path
from storysync.errors import Locked, StoreError, StorysyncError, UsageError
from storysync.store.database import Database
from storysync.store.revisions import HEAD
from storysync.store.store import Store
from storysync.store.stores import BeforeMigration, locked

WAIT_S = 60.0
"""The longest wait for another process that upgrades; a daemon is not waited for."""
_POLL_S = 0.05

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
    """Bring the schema to REVISION, by default the newest. Creates the database when there is none.

    One that holds rows is backed up first, unless `backup.before_migration` is off.
    """
    app = load(database, config)
    before = app.before_migration(None if as_json else output.warn)
    wanted = _wanted(app, project, creating=True)
    return _each(wanted, lambda own, one: _upgrade(one, own, revision, before), as_json=as_json)


def _upgrade(database: Database, project: str, asked: str, before: BeforeMigration | None) -> None:
    from storysync.store import migrate, upgrade

    def work() -> None:
        with database.migrating():
            found = database.revision() if database.exists() else None
            wanted = migrate.target(found, asked)
            if migrate.is_later(found, wanted):
                raise UsageError(
                    f"the schema of {database.place} is {found} already",
                    hint=f"take it back with `storysync db downgrade {asked}`",
                )
            if wanted is None:
                return
            backed_up = before is not None and found not in (None, wanted) and upgrade.holds_rows(database)
            after = before(database, project) if before is not None and backed_up else None
            migrate.upgrade(database, wanted)
            if after is not None:
                _note(database, after)

    def done() -> bool:
        found = database.revision() if database.exists() else None
        return found is not None and found == migrate.target(found, asked)

    _under_lock(database, work, done)


def _note(database: Database, after: Callable[[Store], None]) -> None:
    """Note the backup in its own database, where this program can write it."""
    if database.revision() == HEAD:
        with database.open(auto_migrate=False) as store:
            after(store)


def _under_lock(database: Database, work: Callable[[], None], done: Callable[[], bool]) -> None:
    """Work on a database under its lock. Raises Locked naming the holder, unless all is done already.

    Another process that upgrades is waited for, a daemon is not.
    """
    give_up_at = time.monotonic() + WAIT_S
    while True:
        with ExitStack() as stack:
            try:
                stack.enter_context(locked(database))
            except Locked:
                if done():
                    return
                if socket_path(database.base).exists() or time.monotonic() > give_up_at:
                    raise
            else:
                work()
                return
        time.sleep(_POLL_S)


@command.command()
@click.argument("revision")
@click.option(
    "--yes", "-y", is_flag=True, help="Do not ask before tables or columns that hold rows are dropped."
)
@with_own_project
@with_app
@with_json
def downgrade(
    revision: str, yes: bool, project: str | None, database: str | None, config: str | None, as_json: bool
) -> int:
    """Take the schema back to REVISION; `base` removes all tables.

    Says what would be lost and asks; makes a backup first, unless `backup.before_migration` is off. This
    storysync upgrades the database again when it next writes: install the older one before it does.
    """
    if not revision:
        raise click.UsageError("REVISION is empty", click.get_current_context())
    app = load(database, config)
    if not app.has_database():
        raise StoreError(f"there is no database at {app.databases.place}", hint="check --database")
    before = app.before_migration(None if as_json else output.warn)
    asking = not yes and not as_json and sys.stdin.isatty()

    def move(own: str, one: Database) -> None:
        _downgrade(one, own, revision, before, yes=yes, asking=asking)

    return _each(_wanted(app, project), move, as_json=as_json)


def _downgrade(
    database: Database, project: str, asked: str, before: BeforeMigration | None, *, yes: bool, asking: bool
) -> None:
    from storysync.store import migrate, upgrade

    with locked(database), database.migrating(alone=True):
        found = database.revision()
        wanted = migrate.target(found, asked)
        if migrate.is_later(wanted, found):
            raise UsageError(
                f"the schema of {database.place} is {found or 'base'}, which is older",
                hint=f"bring it forward with `storysync db upgrade {asked}`",
            )
        if wanted == found:
            return
        if not yes:
            _agree(database, wanted or "base", migrate.losses(database, wanted), asking=asking)
        if before is not None and upgrade.holds_rows(database):
            _note(database, before(database, project))
        migrate.downgrade(database, wanted or "base")


def _agree(database: Database, wanted: str, losses: Sequence[tuple[str, int]], *, asking: bool) -> None:
    """Raise UsageError unless nothing is lost or whoever is asked agrees."""
    if not losses:
        return
    told = ", ".join(f"{name} ({output.count(rows, 'row')})" for name, rows in losses)
    drops = f"the downgrade of {database.place} to {wanted} drops {told}"
    if asking and click.confirm(f"storysync: {output.clean(drops)}. Go on?", err=True):
        return
    raise UsageError(drops, hint="add --yes to agree to that")


@command.command()
@with_own_project
@with_app
@with_json
def current(project: str | None, database: str | None, config: str | None, as_json: bool) -> int:
    """Print the revision of the database, and the one this program needs."""
    app = load(database, config)
    app.has_database()
    found = {one.place: one.revision() for one in _wanted(app, project).values()}
    if as_json:
        _tell(found, as_json=True)
        return 0
    for place, revision in found.items():
        note = "" if revision == HEAD else f" (this storysync needs {HEAD})"
        output.say(f"{place + ': ' if len(found) > 1 else ''}{revision or 'none'}{note}")
    return 0


@command.command()
@click.argument("span", metavar="[FROM:TO]", default="")
@click.option("--sql", "as_sql", is_flag=True, help="Print the SQL that leads from FROM to TO instead.")
@with_own_project
@with_app
@with_json
def history(
    span: str, as_sql: bool, project: str | None, database: str | None, config: str | None, as_json: bool
) -> int:
    """List the revisions of the schema, what each does, and which one is current.

    With --sql nothing is run: it prints the script from FROM, by default the current revision, to TO, by
    default the newest, for the engine of the database. An older TO gives the way back.
    """
    if span and not as_sql:
        raise UsageError(f"{span!r} says what to print with --sql", hint="add --sql, or leave it out")
    if as_sql and as_json:
        raise UsageError("--sql prints SQL, and --json a document", hint="leave out one of them")
    app = load(database, config)
    if as_sql:
        output.say("\n".join(_script(one, span) for one in _wanted(app, project, creating=True).values()))
        return 0
    found = (
        {one.place: one.revision() for one in _wanted(app, project).values()} if app.has_database() else {}
    )
    _list_revisions(found, as_json=as_json)
    return 0


def _script(database: Database, span: str) -> str:
    from storysync.store import migrate

    start, _, end = span.partition(":")
    if span and not (start and end):
        raise UsageError(f"{span!r} is no way from one revision to another", hint="write it as 0001:0002")
    if not start:
        start = (database.revision() if database.exists() else None) or "base"
    end = HEAD if end in ("", "head") else end
    told = migrate.script(database, start, end)
    where = f"-- {database.place}: from {start} to {end}"
    if not told:
        return f"{where}, nothing to do\n"
    return f"{where}. Run it whole or not at all: stop at the first error.\n\n{told.strip()}\n"


def _list_revisions(found: Mapping[str, str | None], *, as_json: bool) -> None:
    from storysync.store import migrate

    listed = migrate.history()
    if as_json:
        data = {
            "needed": HEAD,
            "revisions": [{"revision": one.name, "what": one.doc} for one in listed],
            "databases": [{"database": place, "revision": one} for place, one in found.items()],
        }
        output.show_document("schema-history", data, None)
        return
    rows = [(one.name, _state(one.name, found), one.doc) for one in listed]
    output.show_table(["REVISION", "STATE", "WHAT IT DOES"], rows, empty="")


def _state(revision: str, found: Mapping[str, str | None]) -> str:
    """Where a revision stands: `current`, `done`, or `pending`; of several databases, in how many."""
    here = sum(one == revision for one in found.values())
    if here:
        return "current" if here == len(found) else f"current in {here} of {len(found)}"
    done = bool(found) and all(one is not None and one > revision for one in found.values())
    return "done" if done else "pending"


def _wanted(app: App, project: str | None, *, creating: bool = False) -> dict[str, Database]:
    """The databases to work on, by the project that has one for itself, or ''.

    `creating`: the one that is named need not be there.
    """
    if project is not None and not app.databases.per_project:
        raise UsageError("all projects share one database", hint="leave out --project")
    if project is not None:
        require_id(project)
    if project is not None and creating:
        return {project: app.databases.of(project)}
    return app.databases.chosen(() if project is None else (project,))


def _each(wanted: Mapping[str, Database], action: Callable[[str, Database], None], *, as_json: bool) -> int:
    """One after the other; one of several that fails does not stop the others."""
    done: dict[str, str | None] = {}
    failed: StorysyncError | None = None
    for project, database in wanted.items():
        try:
            action(project, database)
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
