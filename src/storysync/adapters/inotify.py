"""watchdog's inotify parts, mended where they lose something without a word. Only this module knows them.

Watchdog 7.1 forgets folders that may not be watched (EACCES) or exceed a limit (ENOSPC); it watches what
is ignored; after an overflow it removes every watch, which in a tree of more than 16,384 folders fills
the queue with the removals; it keeps the watches of a folder that was moved out; and its search for the other
end of a move is quadratic. `Group` replaces that.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers.api import EventQueue, ObservedWatch
from watchdog.observers.inotify import (
    InotifyEmitter,
    InotifyObserver,
    InotifyWatchGroup,
)
from watchdog.observers.inotify_c import (
    InotifyConstants,
    InotifyEvent,
    InotifyFD,
    Mask,
    WatchDescriptor,
)
from watchdog.observers.inotify_move_event_grouper import GroupedInotifyEvent, PathedInotifyEvent

from storysync import faults
from storysync.adapters.folders import Ignores, folders
from storysync.adapters.move_pairs import MovePairs
from storysync.adapters.watch_coverage import Coverage

_ENDED = InotifyConstants.IN_DELETE_SELF | InotifyConstants.IN_UNMOUNT
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


@dataclass(frozen=True, slots=True)
class Ear:
    """What a watched root is told, in the threads of the watcher: nothing here may wait."""

    ignores: Ignores
    overflowed: Callable[[], None]  # events were lost; all that should be watched is watched again
    ended: Callable[[], None]  # the folder itself was deleted, or its file system unmounted


class Observer(InotifyObserver):
    """One inotify instance with its threads. Raises OSError (EMFILE) when the kernel gives none."""

    def __init__(self) -> None:
        super().__init__()
        self._ears: dict[str, Ear] = {}
        self._emitter_class = Emitter
        self._emitter_kwargs = {**self._emitter_kwargs, "ears": self._ears}

    def listen(
        self, handler: FileSystemEventHandler, path: Path, ear: Ear, **options: object
    ) -> ObservedWatch:
        """Watch a folder. Raises OSError when the folder itself cannot be watched."""
        self._ears[str(path)] = ear
        return self.schedule(handler, str(path), **options)  # type: ignore[arg-type]

    def reader_is_alive(self) -> bool:
        return self._inotify_fd.is_alive()

    def emitter(self, watch: ObservedWatch) -> Emitter | None:
        found = self._emitter_for_watch.get(watch)
        return found if isinstance(found, Emitter) else None


class Emitter(InotifyEmitter):
    """The thread of one root."""

    def __init__(
        self,
        event_queue: EventQueue,
        watch: ObservedWatch,
        *,
        ears: dict[str, Ear],
        timeout: float = 1.0,
        event_filter: list[type[FileSystemEvent]] | None = None,
        inotify_fd: InotifyFD | None = None,
    ) -> None:
        super().__init__(
            event_queue, watch, timeout=timeout, event_filter=event_filter, inotify_fd=inotify_fd
        )
        self._ear = ears[watch.path]

    @property
    def group(self) -> Group | None:
        """None once the thread has ended."""
        return self._inotify if isinstance(self._inotify, Group) else None

    def on_thread_start(self) -> None:
        self._inotify = Group(
            self._inotify_fd,
            os.fsencode(self.watch.path),
            self.get_event_mask_from_filter(),
            self._ear,
            is_recursive=self.watch.is_recursive,
        )

    def build_and_queue_event(self, event: GroupedInotifyEvent, *, full_events: bool = False) -> None:
        faults.point("watch.emit")
        super().build_and_queue_event(event, full_events=full_events)
        left = isinstance(event, PathedInotifyEvent) and event.ev.is_moved_from and event.ev.is_directory
        if left and self.group is not None:
            self.group.drop(event.path)  # type: ignore[union-attr]


class Group(InotifyWatchGroup):
    """The watches of one root, by path and by number."""

    def __init__(self, reader: InotifyFD, path: bytes, mask: Mask, ear: Ear, *, is_recursive: bool) -> None:
        self._ear = ear
        self._root = os.fsdecode(path)
        self._missed: dict[str, int] = {}  # absolute path -> errno
        super().__init__(reader, path, mask, is_recursive)

    def _activate(self) -> None:
        self._move_event_grouper = MovePairs()
        super()._activate()

    def __repr__(self) -> str:
        """Short: watchdog puts it into warnings, with all watches of the group otherwise."""
        return f"<Group {self._root}>"

    def check(self) -> tuple[Coverage, list[str]]:
        """Compare with the disk and watch what is not: (what is covered now, folders found unwatched).

        Both in paths relative to the root. Raises OSError when the root itself cannot be watched.
        """
        with self._lock:
            before = set(self._active_callbacks_by_path)
            expected = self._renew()
            watched = set(self._active_callbacks_by_path)
            coverage = Coverage(expected, len(watched), self._refused())
        return coverage, [self._relative(os.fsdecode(path)) for path in watched - before]

    def missed(self) -> dict[str, int]:
        """Folders that could not be watched, relative to the root -> errno."""
        with self._lock:
            return self._refused()

    def registered(self) -> int:
        """How many folders are watched."""
        return len(self._active_callbacks_by_path)

    def drop(self, path: bytes) -> None:
        """Give up the watches of a folder that was moved out of the root, but for what is there anew."""
        with self._lock:
            if not self.is_active:
                return
            inside = path + b"/"
            former = [
                (wd, place)
                for wd, place in self._active_callbacks_by_watch.items()
                if place == path or place.startswith(inside)
            ]
            for wd, place in former:
                del self._active_callbacks_by_watch[wd]
                self._active_callbacks_by_path.pop(place, None)
            self._add_all_callbacks(path)
            self._give_up(wd for wd, _ in former)

    def on_event(self, event: InotifyEvent) -> None:
        faults.point("watch.read")
        if event.mask & _ENDED and self._active_callbacks_by_watch.get(event.wd) == self.path:
            self._ear.ended()
        super().on_event(event)

    def on_queue_overflow(self) -> None:
        with self._lock:
            if not self.is_active:
                return
            self._move_event_grouper.discard_pending_events()
            try:
                self._renew()
            except OSError:
                self._ear.ended()
        self._ear.overflowed()

    def _renew(self) -> int:
        """Watch every folder there is, under its present path; returns how many there are.

        The kernel gives a folder that is watched the number it has, so nothing is removed but what left.
        """
        former = list(self._active_callbacks_by_watch)
        self._active_callbacks_by_watch.clear()
        self._active_callbacks_by_path.clear()
        self._missed.clear()
        expected = self._watch_below("") if self.is_recursive else self._watch(self.path)
        self._give_up(former)
        return expected

    def _give_up(self, former: Iterable[WatchDescriptor]) -> None:
        """Remove those of the former watches that were not found again."""
        stale = [(wd, self._id) for wd in former if wd not in self._active_callbacks_by_watch]
        self._inotify_fd.remove_callbacks(stale)

    def _add_all_callbacks(self, path: bytes) -> None:
        if not self.is_recursive or path == self.path:
            self._watch_below("") if self.is_recursive else self._watch(path)
            return
        relative = self._relative(os.fsdecode(path))
        if _is_folder(path) and not self._ear.ignores(relative.rpartition("/")[2], relative):
            self._watch_below(relative)

    def _recursive_simulate(self, src_path: bytes) -> list[InotifyEvent]:
        return super()._recursive_simulate(src_path) if src_path in self._active_callbacks_by_path else []

    def _watch_below(self, relative: str) -> int:
        return sum(
            self._watch(os.fsencode(place)) for place in folders(self._root, self._ear.ignores, relative)
        )

    def _watch(self, path: bytes) -> int:
        """Set one watch; 1, or 0 for a folder that is not there any more."""
        number = self._refusal(path)
        if number in _GONE and path != self.path:
            return 0
        if number and path == self.path:
            raise OSError(number, os.strerror(number), self._root)
        if number:
            self._missed[os.fsdecode(path)] = number
        else:
            self._missed.pop(os.fsdecode(path), None)
        return 1

    def _refusal(self, path: bytes) -> int:
        """Register the folder; the errno when the kernel refuses."""
        try:
            wd = self._inotify_fd.add_callback(path, self.event_mask, self._callback, self._id)
        except OSError as error:
            return error.errno or errno.EIO
        if wd < 0:  # watchdog passes over EACCES, and registers the number -1
            self._inotify_fd.remove_callbacks([(wd, self._id)])
            return errno.EACCES
        self._active_callbacks_by_path[path] = wd
        self._active_callbacks_by_watch[wd] = path
        return 0

    def _remove_watch_internally(self, wd: WatchDescriptor) -> None:
        path = self._active_callbacks_by_watch.pop(wd, None)
        if path is not None and self._active_callbacks_by_path.get(path) == wd:
            del self._active_callbacks_by_path[path]

    def _refused(self) -> dict[str, int]:
        return {self._relative(path): number for path, number in self._missed.items()}

    def _relative(self, absolute: str) -> str:
        return absolute[len(self._root) :].lstrip("/")


def _is_folder(path: bytes) -> bool:
    """Not through a link."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False
