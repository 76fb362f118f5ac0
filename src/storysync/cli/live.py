"""What a running daemon adds to an answer: how fresh it is, and a wait until it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from storysync.app import App
from storysync.errors import WaitTimeout
from storysync.queries.freshness import ABSENT, Daemon

Command = TypeVar("Command", bound=Callable[..., Any])

TIMEOUT_S = 0.2
"""A daemon that takes longer must not hold up a question."""
GRACE_S = 2.0
"""A daemon that was asked to wait says itself when the time is over."""
MOST_WAIT_S = 3600.0

with_wait = click.option(
    "--wait-synced",
    "wait_s",
    type=click.FloatRange(min=0, max=MOST_WAIT_S, min_open=True),
    metavar="SECONDS",
    help="First let the running daemon take in all that is on disk now; exit code 3 if that takes longer.",
)


def ask_daemon(app: App, projects: Sequence[str], wait_s: float | None, *, wanted: bool) -> Daemon:
    """What the daemon says, to be asked before the database, so that its word holds for the answer.

    With `wait_s` all that is on disk now is in the database when this returns; raises WaitTimeout when it
    is not after that many seconds, or no daemon runs here. Else it is asked when `wanted`, and never long.
    """
    if wait_s is None and not wanted:
        return ABSENT
    from storysync import control  # takes milliseconds that a plain `list` need not pay

    path = control.socket_path(app.databases.base)
    if wait_s is not None:
        return _waited(path, projects, wait_s)
    if not path.exists():
        return ABSENT
    try:
        return Daemon("running", control.request(path, {"command": "status"}, TIMEOUT_S))
    except (WaitTimeout, control.RemoteError):
        return Daemon("silent")
    except control.NotRunning as error:
        return Daemon("silent") if isinstance(error.__cause__, PermissionError) else ABSENT


def _waited(path: Path, projects: Sequence[str], wait_s: float) -> Daemon:
    from storysync.control import NotRunning, request

    message = {"command": "wait_settled", "projects": list(projects) or None, "timeout_s": wait_s}
    try:
        return Daemon("running", request(path, message, wait_s + GRACE_S))
    except NotRunning as error:
        raise WaitTimeout(
            "--wait-synced: no `storysync run` serves this database, so nothing takes the files in",
            hint="run `storysync sync` first, or start `storysync run`",
        ) from error
