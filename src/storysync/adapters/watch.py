"""The file watcher: watchdog, told to report little, and not trusted to report all.

Only creations, closes after writing, moves and deletions are asked for: with the default set of events
mere readers of the tree (grep, git gc) overflow the kernel's queue. The handler writes paths into the
inbox and nothing else, since it runs under the observer's lock and any exception would end its thread.
What the kernel refuses or drops is told by `check`, `overflows` and `take_ended`; `dead` names what ended.
"""

from __future__ import annotations

import threading
import time
import warnings
from collections import Counter
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from watchdog.observers.api import ObservedWatch

from storysync import faults
from storysync.adapters.cookie import FILTER, Cookie
from storysync.adapters.inotify import Ear, Group, Observer
from storysync.adapters.watch_coverage import Coverage
from storysync.adapters.watch_marks import LEAN, Handler, Marks, Watched
from storysync.core.settle import Kind

STOP_S = 10.0


class Watcher:
    """Follows roots from `start` to `stop`. Each root may be followed anew when its folder was replaced.

    With a `cookie_folder`, `hears` proves from time to time that events arrive at all.
    """

    def __init__(self, roots: Iterable[Watched], inbox: Marks, cookie_folder: Path | None = None) -> None:
        self._roots = {root.id: root for root in roots}
        self._inbox = inbox
        self._observer: Observer | None = None
        self._watches: dict[str, ObservedWatch] = {}
        self._cookie = Cookie(cookie_folder) if cookie_folder else None
        self._cookie_watch: ObservedWatch | None = None
        self._ended: set[str] = set()
        self.overflows: Counter[str] = Counter()  # by root; the queue is one, so they count alike

    def start(self) -> dict[str, OSError]:
        """Begin. Returns the roots that cannot be followed, with the reason; they need polling."""
        try:
            self._observer = Observer()
            self._observer.start()
        except OSError as error:
            self._observer = None
            return dict.fromkeys(self._roots, error)
        self._listen_for_cookies()  # first: it needs one watch, and the limit may be near
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
        faults.point("watch.follow")
        root = self._roots[root_id]
        ear = Ear(root.ignores, partial(self._overflowed, root_id), partial(self._ended.add, root_id))
        self._watches[root_id] = self._observer.listen(
            Handler(root, self._inbox), root.path, ear, recursive=True, event_filter=LEAN
        )

    def forget(self, root_id: str) -> None:
        """Stop watching a root; nothing happens when it is not watched."""
        watch = self._watches.pop(root_id, None)
        self._ended.discard(root_id)
        if watch is not None and self._observer is not None:
            self._observer.unschedule(watch)

    def follows(self, root_id: str) -> bool:
        """Whether the root was put under watch, however much of it is covered."""
        return root_id in self._watches

    def stop(self, limit_s: float | None = None) -> None:
        """End all threads. One that hangs is left behind after `STOP_S` seconds, since it cannot be ended."""
        if self._observer is not None:
            ending = threading.Thread(target=self._end, args=(self._observer,), daemon=True)
            ending.start()
            ending.join(STOP_S if limit_s is None else limit_s)
        self._observer = None
        self._cookie_watch = None
        self._watches.clear()

    def alive(self) -> bool:
        """Whether every thread that this needs is alive."""
        return not self.dead()

    def dead(self) -> list[str]:
        """What has ended of its own accord: `observer`, `reader` of the kernel's queue, `emitter ROOT`."""
        observer = self._observer
        if observer is None:
            return ["observer"]
        found = [] if observer.is_alive() else ["observer"]
        found += [] if observer.reader_is_alive() else ["reader"]
        wanted = dict(self._watches)
        if self._cookie_watch is not None:
            wanted["cookie"] = self._cookie_watch
        for name, watch in wanted.items():
            emitter = observer.emitter(watch)
            if emitter is None or not emitter.is_alive():
                found.append(f"emitter {name}")
        return found

    def hears(self, now: float) -> bool:
        """Send a cookie when it is time; False when one did not come back. To be asked every few seconds."""
        return self._cookie is None or self._cookie_watch is None or self._cookie.look(now)

    @property
    def cookie_error(self) -> str:
        """Why nothing can be proved at present, '' when it can."""
        return self._cookie.error if self._cookie else ""

    def cookie_age_s(self) -> float | None:
        """Seconds since it was last proved that events arrive; None when it never was."""
        return self._cookie.age_s(time.monotonic()) if self._cookie else None

    def take_ended(self, root_id: str) -> bool:
        """Whether the kernel ended the watch of the root's own folder since the last call: it was deleted
        or unmounted, even if another one is in its place already."""
        ended = root_id in self._ended
        self._ended.discard(root_id)
        return ended

    def check(self, root_id: str) -> Coverage:
        """Walk the root, watch what is not watched and mark it dirty. Raises OSError when it cannot be."""
        group = self._group(root_id)
        if group is None:
            raise OSError("the folder is not watched")
        coverage, mended = group.check()
        if mended:
            self._inbox.touch_all(root_id, [(path, Kind.FOLDER) for path in mended])
        return coverage

    def missed(self, root_id: str) -> dict[str, int]:
        """Folders that the kernel refused to watch so far: relative path -> errno. No walk."""
        group = self._group(root_id)
        return group.missed() if group else {}

    def registered(self, root_id: str) -> int:
        """How many folders of the root are watched at present."""
        group = self._group(root_id)
        return group.registered() if group else 0

    def _group(self, root_id: str) -> Group | None:
        watch = self._watches.get(root_id)
        emitter = self._observer.emitter(watch) if self._observer and watch else None
        return emitter.group if emitter else None

    def _listen_for_cookies(self) -> None:
        if self._cookie is None or self._observer is None:
            return
        ear = Ear(lambda _name, _path: False, lambda: None, lambda: None)
        try:
            self._cookie_watch = self._observer.listen(
                self._cookie, self._cookie.begin(), ear, recursive=False, event_filter=FILTER
            )
        except OSError as error:
            self._cookie.error = f"{self._cookie.folder} cannot be watched: {error.strerror}"

    def _overflowed(self, root_id: str) -> None:
        self.overflows[root_id] += 1
        self._inbox.lose([root_id])

    @staticmethod
    def _end(observer: Observer) -> None:
        observer.stop()
        observer.join()


def quiet_warnings() -> None:
    """Silence watchdog's RuntimeWarning for a folder registered twice, which prints pages and is harmless."""
    warnings.filterwarnings("ignore", message="Callback with id", category=RuntimeWarning)
