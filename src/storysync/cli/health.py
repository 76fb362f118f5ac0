"""`storysync health`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click
import msgspec

from storysync.cli import output
from storysync.cli.options import load, with_app, with_json
from storysync.cli.remote import daemon_status
from storysync.errors import DatabaseAway, WaitTimeout

UNHEALTHY = 1


@click.command()
@with_app
@with_json
def command(database: str | None, config: str | None, as_json: bool) -> int:
    """Run the health checks: database, disk space, watcher, age of last sync and backup, broken files.

    Exit codes: 0 ok or warnings only, 1 a check failed.
    """
    from storysync.jobs.health import check_all

    app = load(database, config)
    with suppress(DatabaseAway):  # a failed check, with the others
        if not app.databases.per_project:
            app.reader().close()
    alive = _watcher_alive(app.databases.base)
    report = check_all(app.databases.chosen(), app.settings.health, watcher_alive=alive)
    if as_json:
        output.show_document("health", msgspec.to_builtins(report), None)
    else:
        rows = [(check.name, check.state, f"{check.latency_ms:.1f}", check.reason) for check in report.checks]
        output.show_table(("CHECK", "STATE", "MS", "REASON"), rows, empty="no checks", right=("MS",))
    return UNHEALTHY if report.state == "fail" else 0


def _watcher_alive(database: Path) -> bool | None:
    """None without a daemon. One that does not answer hangs: nothing follows the files, and that fails."""
    try:
        status = daemon_status(database)
    except WaitTimeout:
        return False
    return None if status is None else bool(status["watcher_alive"])
