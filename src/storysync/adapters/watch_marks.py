"""What an event of the watcher makes dirty: from watchdog's events to marks in the inbox."""

from __future__ import annotations

import logging
import os
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)

from storysync import faults
from storysync.adapters.folders import Ignores
from storysync.core.file_names import is_looked_at
from storysync.core.settle import Kind

LEAN: list[type[FileSystemEvent]] = [
    FileCreatedEvent, FileClosedEvent, FileMovedEvent, FileDeletedEvent,
    DirCreatedEvent, DirMovedEvent, DirDeletedEvent,
]  # fmt: skip
EMACS_LOCK = ".#"  # a dangling symlink beside the file that is being edited
_CACHE_SIZE = 20_000


class Marks(Protocol):
    """Where the watcher writes: the inbox, or a list in tests."""

    def touch_all(self, root_id: str, marks: Iterable[tuple[str, Kind]]) -> None: ...

    def lose(self, root_ids: Iterable[str] | None = None) -> None: ...


@dataclass(frozen=True, slots=True)
class Watched:
    """A folder to follow. `ignores` tells of (name, root-relative path) whether it is not looked at."""

    id: str
    path: Path
    ignores: Ignores


class Handler(FileSystemEventHandler):
    """Writes down which paths an event makes dirty."""

    def __init__(self, root: Watched, inbox: Marks) -> None:
        self._root = root
        self._prefix = str(root.path)
        self._inbox = inbox
        self._ignored: dict[str, bool] = {"": False}

    def dispatch(self, event: FileSystemEvent) -> None:
        try:
            marks = [
                *self._marks(os.fsdecode(event.src_path), event, left=isinstance(event, _LEAVING)),
                *(self._marks(os.fsdecode(event.dest_path), event, left=False) if event.dest_path else ()),
            ]
            for told in faults.deliveries(_renamed(marks)) if marks else ():
                self._inbox.touch_all(self._root.id, told)
        except Exception:
            # An exception here would end watchdog's only thread; a full scan finds what this missed.
            logging.getLogger(__name__).exception("an event of the watcher could not be handled")
            self._inbox.lose([self._root.id])

    def _marks(self, absolute: str, event: FileSystemEvent, *, left: bool) -> list[tuple[str, Kind]]:
        path = self._relative(absolute)
        if path is None:
            return []
        folder, _, name = path.rpartition("/")
        if self._is_ignored(folder):
            return []
        if event.is_directory:
            return [] if self._is_ignored(path) else [(_plain(path), Kind.FOLDER)]
        if not is_looked_at(name) or name.startswith(EMACS_LOCK) or self._root.ignores(name, path):
            return []
        plain = _plain(path)
        return [(plain, _kind(event, left) if plain == path else Kind.FOLDER)]

    def _relative(self, absolute: str) -> str | None:
        """Relative to the root, '' for the root itself; None for a path that is not below it."""
        if not absolute.startswith(self._prefix):
            return None
        rest = absolute[len(self._prefix) :]
        return rest[1:] if rest.startswith("/") else (None if rest else "")

    def _is_ignored(self, folder: str) -> bool:
        known = self._ignored.get(folder)
        if known is None:
            above, _, name = folder.rpartition("/")
            known = self._is_ignored(above) or self._root.ignores(name, folder)
            if len(self._ignored) >= _CACHE_SIZE:
                self._ignored = {"": False}
            self._ignored[folder] = known
        return known


_LEAVING = (FileDeletedEvent, FileMovedEvent, DirDeletedEvent, DirMovedEvent)


def _kind(event: FileSystemEvent, left: bool) -> Kind:
    if left:
        return Kind.GONE
    return Kind.CREATED if isinstance(event, FileCreatedEvent) else Kind.CONTENT


def _renamed(marks: list[tuple[str, Kind]]) -> list[tuple[str, Kind]]:
    """A rename between two Markdown names is known at both ends, so both may be read at once.

    A move to another name (`s.md` to `s.md~`) stays a disappearance: editors do that before they write.
    """
    if [kind for _, kind in marks] == [Kind.GONE, Kind.CONTENT]:
        return [(path, Kind.CONTENT) for path, _ in marks]
    return marks


def _plain(path: str) -> str:
    """The path, or the nearest folder above it whose name the database spells as the disk does.

    Names that are not UTF-8 or not in normal form C are stored normalized, so a batch could not find them.
    """
    while not path.isascii() and not _is_plain(path):
        path = path.rpartition("/")[0]
    return path


def _is_plain(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return unicodedata.is_normalized("NFC", path)
