"""What a check keeps for the next one: its scratch database, as one file in the user's cache folder.

A file is a header and the bytes of a database, written beside its place and renamed, so that another check
sees all of it or nothing and none waits for another. Whatever is not as it should be, a damaged file or a
folder that cannot be written, means that there is nothing kept; it is never told.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import msgspec

from storysync import __version__
from storysync.jobs.project import Project

MOST_BYTES = 128 << 20
"""Of one database, which a check holds in memory: about fifty thousand stories."""
MOST_FILES = 20
KEPT_DAYS = 30
_ABANDONED_S = 3600
"""Age of a part of a file that nobody will finish."""

_MAGIC = b"storysync check\n"
_NAME_BYTES = 16
_CRC_BYTES = 4
_HEADER_BYTES = len(_MAGIC) + _NAME_BYTES + _CRC_BYTES
_SUFFIX = ".kept"
_PART_SUFFIX = ".part"
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_READERS = ("yaml", "pyromark")
"""Packages of others that decide what bytes mean."""


class Kept:
    """The place of one database: of these projects with these settings, read by this very program."""

    def __init__(self, folder: Path, projects: Sequence[Project]) -> None:
        self._folder = folder
        self._name = _digest(projects)
        self.path = folder / (self._name.hex() + _SUFFIX)

    def load(self) -> bytes | None:
        """The database that was kept last; None when there is none, or it is not what was written."""
        try:
            with open(os.open(self.path, _READ), "rb") as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
                    return None
                if not _HEADER_BYTES < status.st_size <= _HEADER_BYTES + MOST_BYTES:
                    return None
                header, content = file.read(_HEADER_BYTES), file.read()
            if header != self._header(content):
                return None
            os.utime(self.path)  # when it was last used
        except OSError:
            return None
        return content

    def keep(self, content: bytes) -> None:
        """Put this database in the place of the one before, and remove those that nobody asks for."""
        part = self._folder / f"{self._name.hex()}-{os.urandom(4).hex()}{_PART_SUFFIX}"
        try:
            _make_folder(self._folder)
            with open(os.open(part, _WRITE, 0o600), "wb") as file:
                file.write(self._header(content))
                file.write(content)
            part.replace(self.path)
            _prune(self._folder)
        except OSError:
            _remove(part)
        except BaseException:  # interrupted
            _remove(part)
            raise

    def drop(self) -> None:
        """Keep nothing."""
        _remove(self.path)

    def _header(self, content: bytes) -> bytes:
        return _MAGIC + self._name + zlib.crc32(content).to_bytes(_CRC_BYTES, "big")


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError:
        return  # it is gone, or stays: another check finds out whether it is of use


def _make_folder(folder: Path) -> None:
    folder.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.parent.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def _prune(folder: Path) -> None:
    """Remove what was not used for long, the oldest of too many, and parts that were never finished."""
    now = time.time()
    used: list[tuple[float, str]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            at = entry.stat(follow_symlinks=False).st_mtime
            if entry.name.endswith(_SUFFIX):
                used.append((at, entry.path))
            elif entry.name.endswith(_PART_SUFFIX) and now - at > _ABANDONED_S:
                _remove(Path(entry.path))
    used.sort(reverse=True)
    for index, (at, path) in enumerate(used):
        if index >= MOST_FILES or now - at > KEPT_DAYS * 86400:
            _remove(Path(path))


def _digest(projects: Sequence[Project]) -> bytes:
    """Of all that decides what a check finds, except the files. Raises OSError for a program in no files."""
    told = [[project.id, str(project.root), project.settings] for project in projects]
    program = [__version__, sys.version, [list(one) for one in _program()]]
    text = msgspec.json.encode([program, told], order="deterministic")
    return hashlib.sha256(text).digest()[:_NAME_BYTES]


def _program() -> Iterator[tuple[str, int, int]]:
    """(path, size, time of change) of every file of this program, and of the packages that it reads with."""
    pending = [str(Path(__file__).resolve().parent.parent)]
    found: list[tuple[str, int, int]] = []
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.name.endswith((".py", ".sql")):
                    status = entry.stat()
                    found.append((entry.path, status.st_size, status.st_mtime_ns))
                elif entry.is_dir() and entry.name not in ("__pycache__", "_data"):
                    pending.append(entry.path)
    yield from sorted(found)
    for name in _READERS:
        spec = find_spec(name)
        if spec is not None and spec.origin is not None:
            status = Path(spec.origin).stat()
            yield spec.origin, status.st_size, status.st_mtime_ns
