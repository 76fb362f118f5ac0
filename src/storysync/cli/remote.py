"""Work that a running daemon does for a command: it holds the lock, so it is the one that may write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from storysync import control

STATUS_TIMEOUT_S = 5.0
SYNC_TIMEOUT_S = 3600.0


def daemon_socket(database: Path) -> Path | None:
    """The socket of the daemon that serves this database, None when there is none."""
    path = control.socket_path(database)
    return path if path.exists() and control.is_live(path) else None


def daemon_status(database: Path) -> dict[str, Any] | None:
    """What the daemon that serves this database says of itself; None when there is none (any more).

    Raises WaitTimeout when it is there and silent.
    """
    socket = daemon_socket(database)
    try:
        return ask(socket, STATUS_TIMEOUT_S, command="status") if socket else None
    except control.NotRunning:
        return None


def ask(socket: Path, timeout_s: float, **message: Any) -> dict[str, Any]:
    """The daemon's answer. Raises RemoteError with its own words and exit code, or WaitTimeout.

    Before work that takes long it is asked how it is: for one that hangs nobody waits an hour.
    """
    if timeout_s > STATUS_TIMEOUT_S:
        control.request(socket, {"command": "status"}, STATUS_TIMEOUT_S)
    return control.request(socket, message, timeout_s)
