"""Floor 5: one JSON line asks a running daemon, one JSON line answers.

The socket lies beside the database (`/x/storysync.db.sock`, mode 0600). A request is an object with
`command` and its arguments:

    {"command": "status"}
    {"command": "sync", "projects": ["demo"], "paths": ["stories"], "confirm_deletions": false}
    {"command": "sync", "reread": true}
    {"command": "run_job", "name": "backup"}
    {"command": "confirm_deletions", "projects": ["demo"]}
    {"command": "wait_settled", "projects": ["demo"], "timeout_s": 5}
    {"command": "pause"}, {"command": "resume"}, {"command": "reload"}
    {"command": "acknowledge", "database": ""}

The answer is `{"ok": true, "data": {…}}` or `{"ok": false, "error": …, "hint": …, "exit_code": n}`.
`wait_settled` answers as `status` does, once all that was on disk when it came is in the database. `run_job`
answers when the run is over, or the one that was under way; `run` in its answer says how it ended. `reload`
answers when the settings are in force, or refuses them whole.
A connection may ask several times.
"""

from __future__ import annotations

import json
import os
import socket
import socketserver
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from storysync.errors import StorysyncError, WaitTimeout

MAX_LINE_BYTES = 1 << 20
IDLE_S = 60.0
_MAX_ADDRESS_BYTES = 100  # the kernel takes 107

Answer = Callable[[dict[str, Any]], dict[str, Any]]
"""Called in a thread of its own for each connection; raises StorysyncError for what cannot be done."""


class RemoteError(StorysyncError):
    """The daemon refused or failed; message, hint and exit code are its own."""

    def __init__(self, message: str, *, hint: str, exit_code: int) -> None:
        super().__init__(message, hint=hint)
        self.exit_code = exit_code


class NotRunning(StorysyncError):
    """Nobody answers at the socket."""

    hint = "start `storysync run`"


def socket_path(database: Path) -> Path:
    """`/x/storysync.db` is served at `/x/storysync.db.sock`."""
    return database.with_name(database.name + ".sock")


def request(path: Path, message: dict[str, Any], timeout_s: float = 30.0) -> dict[str, Any]:
    """The `data` of the daemon's answer. Raises NotRunning, WaitTimeout or RemoteError."""
    try:
        with _connected(path, timeout_s) as connection, connection.makefile("rwb") as lines:
            lines.write(_line(message))
            lines.flush()
            answer = lines.readline()
    except (TimeoutError, BlockingIOError) as error:  # the latter: its queue of connections is full
        raise WaitTimeout(
            f"no answer within {timeout_s:g} s",
            hint="`storysync run` is busy, or hangs and must be restarted; `storysync doctor` says more",
        ) from error
    except OSError as error:
        raise NotRunning(f"no storysync answers at {path}: {error.strerror or error}") from error
    return _data(answer)


def is_live(path: Path) -> bool:
    """Whether a daemon listens at the socket."""
    try:
        with _connected(path, 2.0):
            return True
    except BlockingIOError:
        return True  # its queue of connections is full
    except OSError:
        return False


class ControlServer:
    """Listens from `start` to `stop`; every connection has a thread, none of them can end the daemon."""

    def __init__(self, path: Path, answer: Answer) -> None:
        self._path = path
        self._answer = answer
        self._server: _Server | None = None

    def start(self) -> None:
        """Bind and listen. Only the holder of the instance lock may call this: a stale socket is replaced.

        The socket is made under another name and renamed when its mode is right, so that it is never
        open to others. Raises StorysyncError when it cannot be made.
        """
        fresh = self._path.with_name(self._path.name + ".new")
        try:
            _remove_socket(fresh)
            with _short(fresh) as address:
                server = _Server(address, self._answer)
            fresh.chmod(0o600)
            fresh.replace(self._path)
        except OSError as error:
            raise StorysyncError(
                f"cannot listen at {self._path}: {error.strerror}", hint="choose another path with --database"
            ) from error
        self._server = server
        threading.Thread(target=server.serve_forever, args=(0.2,), name="control", daemon=True).start()

    def stop(self) -> None:
        """Remove the socket and stop listening; requests under way are not waited for."""
        if self._server is not None:
            _remove_socket(self._path)
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: str, answer: Answer) -> None:
        self.answer = answer
        super().__init__(address, _Connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away in the middle is no news."""


class _Connection(socketserver.StreamRequestHandler):
    server: _Server
    timeout = IDLE_S

    def handle(self) -> None:
        while line := self.rfile.readline(MAX_LINE_BYTES + 1):
            self.wfile.write(_line(self._reply(line)))
            if len(line) > MAX_LINE_BYTES:
                return

    def _reply(self, line: bytes) -> dict[str, Any]:
        try:
            return {"ok": True, "data": self.server.answer(_parsed(line))}
        except StorysyncError as error:
            return {"ok": False, "error": str(error), "hint": error.hint, "exit_code": error.exit_code}
        except Exception as error:  # noqa: BLE001 - the client is told; the daemon must go on
            return {"ok": False, "error": f"internal error: {error!r}", "hint": "see the log", "exit_code": 1}


def _parsed(line: bytes) -> dict[str, Any]:
    if len(line) > MAX_LINE_BYTES:
        raise StorysyncError(f"the request is longer than {MAX_LINE_BYTES} bytes")
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise StorysyncError(f"the request is not JSON: {error}") from error
    if not isinstance(message, dict) or not isinstance(message.get("command"), str):
        raise StorysyncError("the request is not an object with a `command`")
    return message


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps(message, default=str).encode() + b"\n"


def _data(answer: bytes) -> dict[str, Any]:
    try:
        reply = json.loads(answer)
    except ValueError as error:
        raise NotRunning("the daemon closed the connection without an answer") from error
    if reply["ok"]:
        data: dict[str, Any] = reply["data"]
        return data
    raise RemoteError(reply["error"], hint=reply["hint"], exit_code=reply["exit_code"])


@contextmanager
def _connected(path: Path, timeout_s: float) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection, _short(path) as address:
        connection.settimeout(timeout_s)
        connection.connect(address)
        yield connection


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """The path, or one through its folder's descriptor where it is too long for a socket address."""
    if len(os.fsencode(path)) <= _MAX_ADDRESS_BYTES:
        yield str(path)
        return
    descriptor = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{path.name}"
    finally:
        os.close(descriptor)


def _remove_socket(path: Path) -> None:
    with suppress(FileNotFoundError):
        if stat.S_ISSOCK(path.lstat().st_mode):
            path.unlink()
