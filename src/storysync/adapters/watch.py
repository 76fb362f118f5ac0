"""The file watcher: watchdog, told to report little, and not trusted to report all.

Only creations, closes after writing, moves and deletions are asked for: with the default set of events
mere readers of the tree (grep, git gc) overflow the kernel's queue. The handler writes paths into the
inbox and nothing else, since it runs under the observer's lock and any exception would end its thread.
An overflow shows only in watchdog's log; `_OverflowHook` listens there and marks every root dirty.
"""

from __future__ import annotations

import logging
import os
import unicodedata
import warnings
from collections.abc import Callable, Iterable
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
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

from storysync.core.file_names import is_looked_at
from storysync.core.settle import Kind

LEAN: list[type[FileSystemEvent]] = [
    FileCreatedEvent, FileClosedEvent, FileMovedEvent, FileDeletedEvent,
    DirCreatedEvent, DirMovedEvent, DirDeletedEvent,
]  # fmt: skip
EMACS_LOCK = ".#"  # a dangling symlink beside the file that is being edited
_OVERFLOW_LOGGER = "watchdog.observers.inotify_c"
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
    ignores: Callable[[str, str], bool]


class Watcher:
    """Follows roots from `start` to `stop`. Each root may be followed anew when its folder was replaced."""

    def __init__(self, roots: Iterable[Watched], inbox: Marks) -> None:
        self._roots = {root.id: root for root in roots}
        self._inbox = inbox
        self._observer: BaseObserver | None = None
        self._watches: dict[str, ObservedWatch] = {}
        self._hook = _OverflowHook(inbox)

    def start(self) -> dict[str, OSError]:
        """Begin. Returns the roots that cannot be followed, with the reason; they need polling."""
        try:
            self._observer = Observer()
            self._observer.start()
        except OSError as error:
            self._observer = None
            return dict.fromkeys(self._roots, error)
        logging.getLogger(_OVERFLOW_LOGGER).addHandler(self._hook)
        failed: dict[str, OSError] = {}
        for root_id in self._roots:
            try:
                self.follow(root_id)
            except OSError as error:
                failed[root_id] = error
        return failed

    def follow(self, root_id: str) -> None:
        """Watch the root's folder as it is now, giving up the folder that was there before.

        Raises OSError when the folder cannot be watched (missing, or a limit of the kernel reached).
        """
        if self._observer is None:
            raise OSError("the watcher is not running")
        self.forget(root_id)
        root = self._roots[root_id]
        handler = _Handler(root, self._inbox)
        self._watches[root_id] = self._observer.schedule(
            handler, str(root.path), recursive=True, event_filter=LEAN
        )

    def forget(self, root_id: str) -> None:
        """Stop watching a root; nothing happens when it is not watched."""
        watch = self._watches.pop(root_id, None)
        if watch is not None and self._observer is not None:
            self._observer.unschedule(watch)

    def stop(self) -> None:
        logging.getLogger(_OVERFLOW_LOGGER).removeHandler(self._hook)
        if self._observer is not None:
            self._observer.stop()
            self._observer.join(10)
            self._observer = None
            self._watches.clear()

    def alive(self) -> bool:
        """Whether every thread that this needs is alive: observer, kernel reader, one emitter a root."""
        observer = self._observer
        if observer is None or not observer.is_alive():
            return False
        reader = getattr(observer, "_inotify_fd", None)
        emitters = list(observer.emitters)
        return (
            (reader is None or reader.is_alive())
            and len(emitters) == len(self._watches)
            and all(emitter.is_alive() for emitter in emitters)
        )


def quiet_warnings() -> None:
    """Silence watchdog's RuntimeWarning for a folder registered twice, which prints pages and is harmless."""
    warnings.filterwarnings("ignore", message="Callback with id", category=RuntimeWarning)


class _Handler(FileSystemEventHandler):
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
            if marks:
                self._inbox.touch_all(self._root.id, _renamed(marks))
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


class _OverflowHook(logging.Handler):
    """Sees watchdog's warning that the kernel dropped events, its only sign of it."""

    def __init__(self, inbox: Marks) -> None:
        super().__init__(level=logging.WARNING)
        self._inbox = inbox

    def emit(self, record: logging.LogRecord) -> None:
        if "overflow" in record.getMessage():
            self._inbox.lose()
