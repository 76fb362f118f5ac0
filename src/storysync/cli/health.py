"""`storysync health`."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click
import msgspec

from storysync.cli import output
from storysync.cli.options import load, with_app, with_json
from storysync.cli.remote import daemon_status
from storysync.errors import DatabaseAway, ForeignDatabase, StorysyncError, WaitTimeout

if TYPE_CHECKING:
    from pathlib import Path

    from storysync.app import App
    from storysync.jobs.live import Answer

UNHEALTHY, UNREADABLE = 1, 5


@click.command()
@with_app
@with_json
def command(database: str | None, config: str | None, as_json: bool) -> int:
    """Run the health checks: database, disk, daemon, ages of the last sync and backup, and more.

    Exit codes: 0 ok or warnings only, 1 a check failed, 5 no database can be asked.
    """
    from storysync.jobs.health import check_all

    app = load(database, config)
    require_database(app)
    databases = app.databases.chosen()
    live = answer_of_daemon(app.databases.base)
    report = check_all(databases, app.settings.health, live=live, backups=app.settings.backup)
    if as_json:
        output.show_document("health", msgspec.to_builtins(report), None)
    else:
        rows = [(check.name, check.state, f"{check.latency_ms:.1f}", check.reason) for check in report.checks]
        output.show_table(("CHECK", "STATE", "MS", "REASON"), rows, empty="no checks", right=("MS",))
    if not report.readable:
        return UNREADABLE
    return UNHEALTHY if report.state == "fail" else 0


def require_database(app: App) -> None:
    """Raise StoreError when there is none, or another program's in its place; what is ill is reported."""
    from storysync.jobs.health_bounds import NoAnswer, within

    with suppress(DatabaseAway, NoAnswer):
        if not within("exists", app.has_database):
            app.reader().close()
    if not app.databases.per_project:
        try:
            within("opens", lambda: app.reader().close())
        except ForeignDatabase:
            raise
        except StorysyncError:
            return  # told by the checks


def answer_of_daemon(database: Path) -> Answer:
    """What the daemon of this database says of itself. One that does not answer hangs."""
    from storysync.jobs.live import Live, Silent

    try:
        status: dict[str, Any] | None = daemon_status(database)
    except WaitTimeout:
        return Silent()
    return None if status is None else msgspec.convert(status["live"], Live)
