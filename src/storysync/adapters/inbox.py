"""What the daemon has to do: dirty paths and requests. Many threads put in, the main loop takes out.

Everything is bounded: paths collapse into folders and roots (`core.settle`), requests are refused when
too many wait. The wake-up goes through a `SimpleQueue`, whose `put` is safe even in a signal handler.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Collection, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from storysync.core.settle import WHOLE_ROOT, Batch, Kind, Settler
from storysync.errors import StorysyncError
from storysync.settings import WatchSettings

MAX_REQUESTS = 64


@dataclass(frozen=True, eq=False)
class Request:
    """Work that only the main loop may do. It sets `reply` to a dict for the client, or to an exception."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    reply: Future[dict[str, Any]] = field(default_factory=Future)


class Inbox:
    """Thread-safe, except that only one thread may `wait`."""

    def __init__(self, watch: WatchSettings, root_ids: Iterable[str]) -> None:
        self._root_ids = tuple(root_ids)
        self._settler = Settler(watch)
        self._requests: deque[Request] = deque()
        self._lock = threading.Lock()
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._asleep = False
        self._held: Collection[str] = ()
        self.stopping = False  # a plain flag: `stop` may interrupt itself, and an Event has a lock
        self.events = 0
        self.losses = 0

    def touch(self, root_id: str, kind: Kind, *paths: str) -> None:
        """Mark paths of a root dirty; those of one call belong together."""
        self.touch_all(root_id, [(path, kind) for path in paths])

    def touch_all(self, root_id: str, marks: Iterable[tuple[str, Kind]]) -> None:
        """Mark what one event says dirty, as of one instant."""
        with self._lock:
            now = time.monotonic()
            sooner = False
            for path, kind in marks:
                self.events += 1
                sooner |= self._settler.touch(root_id, path, now, kind)
            if sooner and root_id not in self._held:
                self._rouse()

    def lose(self, root_ids: Iterable[str] | None = None) -> None:
        """Events of these roots (None: of all) were lost: all their files are dirty."""
        with self._lock:
            self.losses += 1
            now = time.monotonic()
            for root_id in self._root_ids if root_ids is None else root_ids:
                self._settler.touch(root_id, WHOLE_ROOT, now, Kind.FOLDER)
            self._rouse()

    def put(self, request: Request, *, unless_waiting: bool = False) -> None:
        """Queue a request. Raises StorysyncError when too many wait or the daemon is stopping.

        With `unless_waiting`, a request of the same name that waits already makes this one needless.
        """
        with self._lock:
            if unless_waiting and any(waiting.name == request.name for waiting in self._requests):
                return
            if len(self._requests) >= MAX_REQUESTS or self.stopping:
                raise StorysyncError("the daemon is too busy or stopping", hint="try again later")
            self._requests.append(request)
            self._rouse()

    def pop(self) -> Request | None:
        """The oldest request."""
        with self._lock:
            return self._requests.popleft() if self._requests else None

    def take(self, held: Collection[str] = ()) -> Batch | None:
        """The next batch that is due, of a root that is not held."""
        with self._lock:
            return self._settler.take(time.monotonic(), held)

    def postpone(self, root_id: str) -> None:
        """Let a root rest from now on (`Settler.postpone`)."""
        with self._lock:
            self._settler.postpone(root_id, time.monotonic())

    def dirty(self, root_id: str) -> int:
        with self._lock:
            return self._settler.dirty(root_id)

    def wait(self, limit_s: float, held: Collection[str] = ()) -> None:
        """Sleep until there is something to do in a root that is not held, at most `limit_s`."""
        with self._lock:
            due_s = self._settler.due(time.monotonic(), held)
            wait_s = limit_s if due_s is None else min(limit_s, due_s)
            if wait_s <= 0 or self._requests or self.stopping:
                return
            self._held = frozenset(held)
            self._asleep = True
        try:
            self._wake.get(timeout=wait_s)
        except queue.Empty:
            pass  # the time has come
        finally:
            with self._lock:
                self._asleep = False
                self._held = ()

    def wake(self) -> None:
        """End the present or next `wait`. May be called in a signal handler."""
        self._wake.put(None)

    def stop(self) -> None:
        """Tell the main loop to end. May be called in a signal handler."""
        self.stopping = True
        self._wake.put(None)

    def _rouse(self) -> None:
        """Called with the lock. One token a sleep is enough, so they cannot pile up."""
        if self._asleep:
            self._asleep = False
            self._wake.put(None)
