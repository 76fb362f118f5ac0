"""`storysync reload`."""

from __future__ import annotations

import click

from storysync.cli import output
from storysync.cli.options import load, with_app
from storysync.cli.remote import ask, daemon_socket
from storysync.control import NotRunning, RemoteError
from storysync.errors import StorysyncError, UsageError

TIMEOUT_S = 90.0


@click.command()
@with_app
def command(database: str | None, config: str | None) -> int:
    """Have the running `storysync run` read its settings again and apply what has changed.

    Settings that are wrong are refused with file and line, and the old ones stay. Another database, its
    `[sqlite]` or `[postgres]` settings and the state folder need a restart.

    Exit codes: 0 applied, 1 refused, or no daemon runs.
    """
    answer = _asked(database, config)
    told = [
        *(f"{name} is followed now" for name in answer["added"]),
        *(f"{name} is followed no more" for name in answer["removed"]),
        *([f"changed settings: {', '.join(answer['changed'])}"] if answer["changed"] else []),
    ]
    output.say("\n".join(told) or "no setting has changed")
    return 0


def _asked(database: str | None, config: str | None) -> dict[str, list[str]]:
    """The daemon's answer. Raises StorysyncError, with exit code 1, for whatever stands in the way."""
    try:
        app = load(database, config)
        socket = daemon_socket(app.databases.base)
        if socket is None:
            raise NotRunning(f"no `storysync run` serves {app.databases.place}")
        return ask(socket, TIMEOUT_S, command="reload")
    except (RemoteError, UsageError) as error:
        raise StorysyncError(f"the settings are not applied: {error}", hint=error.hint) from error
