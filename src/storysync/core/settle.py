"""Floor 1: when file events have become a batch that is worth reading.

Events are hints that a path is dirty. A content event (a file closed after writing, or moved into place)
that comes alone is read at once; whatever comes close to others is coalesced: a path rests `settle_ms`,
a burst of several paths `batch_ms`, and nothing waits longer than `max_wait_s`. A disappearance always
rests, because editors and git remove a file only to write it anew. A file that was created and not yet
closed is given `CREATED_WAIT_S`, since some ways of creating one never report a close.

Nothing here reads a clock: `now` is passed in, as seconds of a monotonic clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from dataclasses import dataclass, field
from enum import Enum

from storysync.settings import WatchSettings

CREATED_WAIT_S = 0.2
MAX_PATHS_BELOW_FOLDER = 512
MAX_PATHS_IN_ROOT = 5_000
WHOLE_ROOT = ""


class Kind(Enum):
    """What an event says about a path."""

    CONTENT = "content"  # closed after writing, or moved here: the file is whole
    CREATED = "created"  # there, perhaps not yet whole
    GONE = "gone"  # deleted or moved away, perhaps only for a moment
    FOLDER = "folder"  # a folder came, went or moved: everything below it is dirty
    NOW = "now"  # asked for rather than observed: nothing to wait for


@dataclass(frozen=True, slots=True)
class Batch:
    """Paths of one root to look at, relative and POSIX; a folder means all below. None: the whole root."""

    root_id: str
    paths: frozenset[str] | None


@dataclass(slots=True)
class _Dirty:
    since: float  # the first event that no batch has answered yet
    ready_at: float  # when the path has rested


@dataclass(slots=True)
class _Burst:
    """What is dirty in one root."""

    paths: dict[str, _Dirty] = field(default_factory=dict)
    urgent: set[str] = field(default_factory=set)  # to be taken without waiting for the burst
    folders: set[str] = field(default_factory=set)  # paths that stand for everything below them
    arrivals: set[str] = field(default_factory=set)  # resting paths, but for those that went away
    below: Counter[str] = field(default_factory=Counter)  # folder -> dirty paths directly in it
    last_at: float = float("-inf")
    content_at: float = float("-inf")
    lead_at: float = float("-inf")

    def covers(self, path: str) -> bool:
        """Whether a dirty folder above `path` stands for it already."""
        return bool(self.folders) and any(folder in self.folders for folder in _folders_above(path))

    def add(self, path: str, now: float, ready_at: float) -> None:
        known = self.paths.get(path)
        if known is not None:
            known.ready_at = ready_at
            return
        self.paths[path] = _Dirty(since=now, ready_at=ready_at)
        if path == WHOLE_ROOT:
            return
        folder = _folder_of(path)
        self.below[folder] += 1
        if len(self.paths) > MAX_PATHS_IN_ROOT:
            self.collapse(WHOLE_ROOT, ready_at)
        elif self.below[folder] > MAX_PATHS_BELOW_FOLDER:
            self.collapse(folder, ready_at)

    def collapse(self, folder: str, ready_at: float) -> None:
        """Let `folder` stand for all dirty paths below it."""
        inside = [path for path in self.paths if folder in _folders_above(path) or path == folder]
        since = min(self.paths[path].since for path in inside)
        self.remove(inside)
        self.folders.add(folder)
        self.arrivals.add(folder)
        self.paths[folder] = _Dirty(since=since, ready_at=ready_at)
        if folder != WHOLE_ROOT:
            self.below[_folder_of(folder)] += 1

    def remove(self, paths: list[str]) -> None:
        for path in paths:
            del self.paths[path]
            if path != WHOLE_ROOT:
                self.below[_folder_of(path)] -= 1
        self.below += Counter()  # drops the counts that fell to nothing
        for paths_of_a_kind in (self.urgent, self.folders, self.arrivals):
            paths_of_a_kind.difference_update(paths)


class Settler:
    """The dirty paths of all roots, bounded, and the decision when to act on them. Not thread-safe."""

    def __init__(self, watch: WatchSettings) -> None:
        self._settle_s = watch.settle_ms / 1000
        self._batch_s = max(watch.batch_ms, watch.settle_ms) / 1000
        self._max_wait_s = watch.max_wait_s
        self._bursts: dict[str, _Burst] = {}

    def touch(self, root_id: str, path: str, now: float, kind: Kind) -> bool:
        """Mark `path` ('' for the whole root) dirty. True when the root may now be due sooner than before.

        Events of one instant belong together: both ends of a rename lead, if one does.
        """
        burst = self._bursts.setdefault(root_id, _Burst())
        was_clean = not burst.paths
        burst.last_at = now
        if kind is not Kind.NOW and burst.covers(path):
            return False
        alone = len(burst.paths) == 1 and path in burst.paths
        leads = self._mark(burst, path, now, kind)
        return was_clean or alone or leads

    def take(self, now: float, held: Container[str] = ()) -> Batch | None:
        """The next batch that is due, of a root that is not held; None when nothing is."""
        for root_id, burst in self._bursts.items():
            if burst.paths and root_id not in held and self._due_at(burst) <= now:
                batch = Batch(root_id, self._take(burst, now))
                self._bursts[root_id] = self._bursts.pop(root_id)  # the other roots come first next time
                return batch
        return None

    def due(self, now: float, held: Container[str] = ()) -> float | None:
        """Seconds until `take` has something; 0 when it has; None when nothing is dirty."""
        times = [
            self._due_at(burst)
            for root_id, burst in self._bursts.items()
            if burst.paths and root_id not in held
        ]
        return max(0.0, min(times) - now) if times else None

    def postpone(self, root_id: str, now: float) -> None:
        """Let a root rest from now on, because something else (git) held it, and worked in it, until now."""
        burst = self._burst(root_id)
        burst.last_at = now
        burst.urgent.clear()
        for dirty in burst.paths.values():
            dirty.since = now

    def dirty(self, root_id: str) -> int:
        """How many dirty paths (files or folders) wait in a root."""
        return len(self._burst(root_id).paths)

    def _burst(self, root_id: str) -> _Burst:
        return self._bursts.get(root_id) or _Burst()

    def _mark(self, burst: _Burst, path: str, now: float, kind: Kind) -> bool:
        """Returns whether the path may be taken at once."""
        leads = kind is Kind.NOW or (kind is Kind.CONTENT and self._leads(burst, path, now))
        if leads:
            burst.lead_at = now
            burst.arrivals.discard(path)
            burst.urgent.add(path)
        else:
            burst.urgent.discard(path)
            (burst.arrivals.discard if kind is Kind.GONE else burst.arrivals.add)(path)
        if kind in (Kind.CONTENT, Kind.FOLDER):
            burst.content_at = now
        if kind is Kind.FOLDER or path == WHOLE_ROOT:
            burst.folders.add(path)
        rest_s = max(CREATED_WAIT_S, self._settle_s) if kind is Kind.CREATED else self._settle_s
        burst.add(path, now, now if leads else now + rest_s)
        return leads

    def _leads(self, burst: _Burst, path: str, now: float) -> bool:
        """Whether a content event comes alone: nothing else arrives, and nothing did just before."""
        if path in burst.urgent:
            return True
        quiet = now - burst.content_at >= self._settle_s or now == burst.lead_at
        return quiet and len(burst.arrivals) == (path in burst.arrivals)

    def _due_at(self, burst: _Burst) -> float:
        return float("-inf") if burst.urgent else self._rested_at(burst)

    def _rested_at(self, burst: _Burst) -> float:
        """When the burst as a whole is due: it has rested, or its first change has waited long enough."""
        quiet_s = self._settle_s if len(burst.paths) == 1 else self._batch_s
        ready_at = max(dirty.ready_at for dirty in burst.paths.values())
        longest = min(dirty.since for dirty in burst.paths.values()) + self._max_wait_s
        return min(max(burst.last_at + quiet_s, ready_at), longest)

    def _take(self, burst: _Burst, now: float) -> frozenset[str] | None:
        due = self._rested_at(burst) <= now
        chosen = [
            path
            for path, dirty in burst.paths.items()
            if path in burst.urgent
            or (due and (dirty.ready_at <= now or dirty.since + self._max_wait_s <= now))
        ]
        folders = burst.folders.intersection(chosen)
        burst.remove(chosen)
        if WHOLE_ROOT in folders:
            return None
        return frozenset(path for path in chosen if not folders.intersection(_folders_above(path)))


def _folder_of(path: str) -> str:
    return path.rpartition("/")[0]


def _folders_above(path: str) -> list[str]:
    """All folders that contain `path`, up to the root ('' for it); none for the root itself."""
    if path == WHOLE_ROOT:
        return []
    folders = [WHOLE_ROOT]
    position = path.find("/")
    while position >= 0:
        folders.append(path[:position])
        position = path.find("/", position + 1)
    return folders
