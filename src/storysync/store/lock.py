"""One writer per database: an advisory lock on a file beside it, which the kernel frees with the process."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Self

from storysync.errors import Locked, StoreError
from storysync.store import private


def lock_path(database: Path) -> Path:
    """`/x/storysync.db` is locked by `/x/storysync.db.lock`; a symbolic link to it by the same."""
    real = Path(os.path.realpath(database)) if database.is_symlink() else database
    return real.with_name(real.name + ".lock")


class InstanceLock:
    """An exclusive `flock` on `path`, with the holder's process id inside. The file stays when released.

    `group`: whether members of its group may read who holds it.
    """

    def __init__(self, path: Path, *, group: bool = False) -> None:
        self._path = path
        self._group = group
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *exc: object) -> None:
        self.release()

    def acquire(self) -> None:
        """Take the lock now. Raises Locked naming the holder, StoreError when the file cannot be made."""
        descriptor = self._open()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _pid_in(descriptor)
            os.close(descriptor)
            named = f"process {holder}" if holder else "another process"
            raise Locked(f"{named} of storysync holds the lock {self._path}") from None
        self._descriptor = descriptor
        with suppress(OSError):  # a full disk: others are not told who holds it
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Free the lock; nothing happens when it is not held."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> int:
        try:
            private.make_folder(self._path.parent, group=self._group)
            if self._group:
                private.share(self._path)
            return private.open_file(self._path, os.O_RDWR | os.O_NOFOLLOW, group=self._group)
        except OSError as error:
            raise StoreError(
                f"cannot open the lock file {self._path}: {error.strerror}",
                hint="choose another path with --database",
            ) from error


def _pid_in(descriptor: int) -> str:
    text = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
    return text if text.isdigit() else ""
