"""A file beside the database that says how the daemon is, also when it is gone: `BASE.status`, JSON.

`doctor` and `service status` read it. A crash loop that the service manager has ended leaves its last error
there. Whoever writes it holds the lock of the database, or knows that no daemon runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec
import structlog

from storysync import __version__, logs
from storysync.control import is_live, socket_path
from storysync.errors import Locked, StorysyncError
from storysync.store import private

State = Literal["starting", "running", "stopping", "stopped", "failed"]

log = structlog.get_logger()


class Record(msgspec.Struct, frozen=True):
    """How it was `at` a time (RFC 3339, UTC), of the process `pid`."""

    state: State
    last_error: str
    """The newest error that it has logged, with its time; '' for none yet."""
    at: str
    pid: int
    version: str


def record_path(base: Path) -> Path:
    """`/x/storysync.db` has its record in `/x/storysync.db.status`."""
    return base.with_name(base.name + ".status")


def read(base: Path) -> Record | None:
    """None when there is none that can be read."""
    with suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode(record_path(base).read_bytes(), type=Record)
    return None


class Recorder:
    """Keeps the file in step with state and last error; one that cannot be written is no reason to end."""

    def __init__(self, base: Path, *, group: bool = False) -> None:
        self._base = base
        self._group = group
        self._last: tuple[State, str] | None = None
        self._failed = False
        self._before = ""

    def begin(self) -> None:
        """The lock is held: what the process before has left is told, and this one begins."""
        before = read(self._base)
        if before is not None:
            self._before = before.last_error
            if before.state in ("starting", "running", "stopping") and before.pid != os.getpid():
                told = f"process {before.pid} ended without a word: killed, or ended because it hung"
                log.warning("daemon.vanished", pid=before.pid, was=before.state, last_error=self._before)
                self._before = f"{before.at} {told}" + (f"; before: {self._before}" if self._before else "")
        self.write("starting")

    def write(self, state: State, error: str = "") -> None:
        """Write when something is new."""
        last_error = (f"{_now()} {error}" if error else logs.last_error()) or self._before
        if (state, last_error) == self._last:
            return
        record = Record(state, last_error[:2000], _now(), os.getpid(), __version__)
        try:
            _put(record_path(self._base), msgspec.json.encode(record), group=self._group)
            self._last, self._failed = (state, last_error), False
        except OSError as error_:
            if not self._failed:
                log.warning("record.failed", file=str(record_path(self._base)), error=str(error_))
            self._failed = True


@contextmanager
def recorded(base: Path, *, group: bool = False) -> Iterator[Recorder]:
    """Whatever ends the block is recorded, unless it is the daemon of somebody else that runs.

    A start that is refused leaves nothing new beside a database that may be none of ours: it is recorded
    where there is a record already, and for a service manager, whose log people may not find.
    """
    recorder = Recorder(base, group=group)
    try:
        yield recorder
    except Locked:
        raise
    except BaseException as error:
        wanted = bool(os.environ.get("NOTIFY_SOCKET")) or record_path(base).exists()
        if isinstance(error, Exception) and wanted and not is_live(socket_path(base)):
            hint = f" ({error.hint})" if isinstance(error, StorysyncError) and error.hint else ""
            recorder.write("failed", f"{str(error) or type(error).__name__}{hint}")
        raise


def _put(file: Path, data: bytes, *, group: bool) -> None:
    private.make_folder(file.parent, group=group)
    fresh = file.with_name(file.name + ".new")
    descriptor = private.open_file(fresh, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW, group=group)
    try:
        os.write(descriptor, data + b"\n")
    finally:
        os.close(descriptor)
    fresh.replace(file)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
