"""One root, as the daemon sees it: is its folder there, may it be synced now, when to look again."""

from __future__ import annotations

import os
import random
from enum import Enum
from pathlib import Path
from typing import Literal

import structlog

from storysync.adapters import git
from storysync.adapters.git_gate import GitGate
from storysync.daemon_relook import Relook
from storysync.jobs.project import Project
from storysync.jobs.sync_report import SyncReport

FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 60.0

log = structlog.get_logger()

Identity = tuple[int, int]  # st_dev, st_ino


class Presence(Enum):
    """What a look at a root's folder has found."""

    SAME = "same"  # nothing new: there as before, or still lost
    GONE = "gone"  # just lost: not a folder any more, or another one
    BACK = "back"  # there again: watch it anew and scan all of it


class RootKeeper:
    """The state of one root. Used by the main loop only, but for plain reads by `status`."""

    def __init__(self, project: Project, git_wait_s: float) -> None:
        self.project = project
        self.state: Literal["loading", "live", "degraded", "lost"] = "loading"
        self.reason = ""  # why it is degraded or lost, for people
        self.trigger: str | None = None  # why the next full scan was asked for
        self.rescan_at: float | None = None  # when to ask for a full scan, in monotonic seconds
        self.error = ""  # of the last sync, '' when it went well
        self.last: SyncReport | None = None
        self.equal_at: float | None = None  # when nothing was left to do and all of it was watched
        self.relook = Relook()
        self.waits_for_git = False
        self._gate = GitGate(project.root, git_wait_s)
        self._identity = identity_of(project.root)
        self._failures = 0
        self._retry_at = float("-inf")
        self._scanned_head: str | None = None

    @property
    def id(self) -> str:
        return self.project.id

    def look(self, *, ended: bool = False) -> Presence:
        """Compare the folder with the one that was there before, and keep `state` in step.

        `ended`: the kernel has seen it go, even if another one of the same number is there by now. A folder
        that came instead of the old one counts only when something is in it: an empty one is more likely a
        mount point without its disk, and must not delete every story.
        """
        leads_here = self._leads_here()
        found = identity_of(self.project.root) if leads_here else None
        if self.state != "lost":
            if found is not None and found == self._identity and not ended:
                return Presence.SAME
            self._identity = None if ended else self._identity
            self.state = "lost"
            self.reason = self._why_lost(found, leads_here)
            return Presence.GONE
        if found is None or (found != self._identity and is_empty(self.project.root)):
            self.reason = self._why_lost(found, leads_here)
            return Presence.SAME
        self._identity = found
        self.state = "live"
        self.reason = ""
        return Presence.BACK

    def _leads_here(self) -> bool:
        """Whether the path in the settings still means this folder, if it passes through links."""
        named = self.project.settings.path
        return str(self.project.root) in (named, os.path.realpath(named))

    def _why_lost(self, found: Identity | None, leads_here: bool) -> str:
        if not leads_here:
            named = self.project.settings.path
            return f"{named} leads to {os.path.realpath(named)} now; restart the daemon to follow it"
        if found is None:
            return "the folder is not there, or may not be read; its stories are kept"
        if is_empty(self.project.root):
            return "an empty folder is in its place, perhaps a disk that is not mounted; its stories are kept"
        return "the folder was replaced; it is scanned anew"

    def held(self, now: float, *, dirty: bool) -> bool:
        """Whether its batches must wait: the folder is lost, a failure was just now, or git is at work."""
        closed = self._gate.closed(now)  # also when nothing is dirty: it must see a marker go
        self.waits_for_git = dirty and closed
        return self.state == "lost" or self.waits_for_git or now < self._retry_at

    def head_moved(self) -> bool:
        """Whether git's HEAD is another commit than at the last full scan.

        Then all must be looked at: git explains deletions only between two commits that were both seen whole.
        """
        return git.head_commit(self.project.root) != self._scanned_head

    def succeeded(self, report: SyncReport, head: str | None) -> None:
        """Note a sync, and the commit that HEAD named before it."""
        self.last = report
        self._scanned_head = head if report.full else self._scanned_head
        self.state = "live" if self.state == "loading" else self.state
        self.error = ""
        self._failures = 0
        self._retry_at = float("-inf")

    def failed(self, error: Exception, now: float) -> float:
        """Note a failure and return the seconds until the next attempt: doubling, with jitter."""
        self.error = str(error) or type(error).__name__
        wait_s: float = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2**self._failures) * random.uniform(0.8, 1.2)
        self._failures += 1
        self._retry_at = now + wait_s
        return wait_s

    def rescan_within(self, seconds: float, now: float, trigger: str) -> None:
        """Ask for a full scan that much later, unless an earlier one is planned."""
        at = now + seconds
        if self.rescan_at is None or at < self.rescan_at:
            self.rescan_at = at
            self.trigger = trigger

    def next_at(self, now: float) -> float:
        """When something may be due without any event, in monotonic seconds."""
        rescan_at = min(self.relook.at, float("inf") if self.rescan_at is None else self.rescan_at)
        return min(rescan_at, self._retry_at) if self._retry_at > now else rescan_at


def identity_of(root: Path) -> Identity | None:
    """None when it is no folder that can be looked into."""
    try:
        status = root.stat()
        return (
            (status.st_dev, status.st_ino) if root.is_dir() and os.access(root, os.R_OK | os.X_OK) else None
        )
    except OSError:
        return None


def is_empty(root: Path) -> bool:
    try:
        with os.scandir(root) as entries:
            return next(entries, None) is None
    except OSError:
        return True


def log_sync(keeper: RootKeeper, report: SyncReport, trigger: str) -> None:
    changed = report.created or report.updated or report.moved or report.removed
    idle = trigger in ("poll", "wait") and not changed
    (log.debug if idle else log.info)(
        "sync.done", project=keeper.id, trigger=trigger, full=report.full, read=report.read,
        put=report.created + report.updated, moved=report.moved, removed=report.removed,
        stale=report.stale, held=len(report.held), dangling=report.dangling,
        ms=round(report.duration_ms, 1),
    )  # fmt: skip
