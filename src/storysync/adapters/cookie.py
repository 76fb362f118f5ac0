"""Proof that the watcher hears: write a file in a folder of our own, which it watches, and wait to be told.

Watchman's idea. A cookie that comes back has passed the kernel's queue, the thread that reads it and the
one that hands events out. It lies beside the database, so the folders of the stories stay untouched.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from watchdog.events import FileClosedEvent, FileSystemEvent, FileSystemEventHandler

EVERY_S = 30.0
PATIENCE_LOOKS = 10
FILTER: list[type[FileSystemEvent]] = [FileClosedEvent]
_NAME = "cookie"


class Cookie(FileSystemEventHandler):
    """`look` every few seconds. Patience counts looks, since the clock runs on while a process is stopped."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.error = ""  # why no cookie could be written, '' when it could
        self._sent_at = float("-inf")
        self._seen_at: float | None = None
        self._waits = False
        self._looks = 0

    def begin(self) -> Path:
        """A new watcher listens: what the former one was sent counts no more. Returns the folder to watch."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._waits = False
        self._sent_at = float("-inf")
        return self.folder

    def look(self, now: float) -> bool:
        """Send a cookie when it is time; False when the last one has been waited for in vain."""
        if self._waits:
            self._looks += 1
            return self._looks <= PATIENCE_LOOKS
        if now - self._sent_at >= EVERY_S:
            self._send(now)
        return True

    def age_s(self, now: float) -> float | None:
        """Seconds since a cookie last came back; None when none did."""
        return None if self._seen_at is None else max(0.0, now - self._seen_at)

    def dispatch(self, event: FileSystemEvent) -> None:
        """Called in the observer's thread."""
        self._seen_at = time.monotonic()
        self._waits = False

    def _send(self, now: float) -> None:
        self._sent_at = now
        self._looks = 0
        self._waits = True  # before the file is closed: the answer may be there first
        try:
            # Opening and closing is enough for an event, and needs no space on a full disk.
            flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            os.close(os.open(self.folder / _NAME, flags, 0o600))
            self.error = ""
        except OSError as error:
            self._waits = False
            self.error = f"no cookie can be written in {self.folder}: {error.strerror}"
