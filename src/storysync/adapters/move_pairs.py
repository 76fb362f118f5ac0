"""Both ends of a move as one event, at the cost of neither time nor order of the others.

watchdog's own queue searches linearly for the other end, so that a storm of atomic saves overflows the
kernel's queue meanwhile, and holds up everything for half a second when a file is moved out of the root.
Here only the first end itself waits; events are hints, and their order means nothing.
"""

from __future__ import annotations

import threading
import time
from collections import deque

from watchdog.observers.inotify_move_event_grouper import (
    GroupedInotifyEvent,
    InotifyMoveEventGrouper,
    PathedInotifyEvent,
)


class MovePairs(InotifyMoveEventGrouper):
    """The queue of one root. One thread puts, another reads."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = threading.Condition()
        self._ready: deque[GroupedInotifyEvent] = deque()
        self._waiting: dict[int, tuple[PathedInotifyEvent, float]] = {}  # cookie -> (moved from, until when)
        self._closed = False

    def put_event(self, event: PathedInotifyEvent) -> None:
        """Queue an event; both ends of a move become a pair, in whichever folders of the root they are."""
        with self._changed:
            cookie = event.ev.cookie
            if event.ev.is_moved_from:
                self._waiting[cookie] = (event, time.monotonic() + self.delay)
            elif event.ev.is_moved_to and cookie in self._waiting:
                self._ready.append((self._waiting.pop(cookie)[0], event))
            else:
                self._ready.append(event)
            self._changed.notify()

    def read_event(self) -> GroupedInotifyEvent | None:
        """Wait for the next one; None when the queue was closed."""
        with self._changed:
            while not self._closed:
                if self._ready:
                    return self._ready.popleft()
                left_s = None
                if self._waiting:
                    cookie, (event, until) = next(iter(self._waiting.items()))
                    left_s = until - time.monotonic()
                    if left_s <= 0:
                        del self._waiting[cookie]
                        return event
                self._changed.wait(left_s)
        return None

    def get_queued_moved_from_event(self, cookie: int) -> PathedInotifyEvent | None:
        with self._changed:
            found = self._waiting.get(cookie)
            return found[0] if found else None

    def discard_pending_events(self) -> None:
        with self._changed:
            self._ready.clear()
            self._waiting.clear()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
