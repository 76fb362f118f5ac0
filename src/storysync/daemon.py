"""Floor 5: what keeps running. Follow the files of some projects and write what changed, until told to stop.

Listen first, then scan everything once, then answer what comes: one thread, the main loop, does all the
writing. Watcher, scheduler, clients and signals only put paths and requests into its inbox.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from typing import Any

import structlog

from storysync import faults
from storysync.adapters import git
from storysync.adapters.inbox import Inbox, Request
from storysync.adapters.systemd import Notifier
from storysync.core.settle import WHOLE_ROOT, Batch, Kind
from storysync.daemon_answers import Answers
from storysync.daemon_heir import inherit
from storysync.daemon_jobs import make_scheduler
from storysync.daemon_notes import Notes
from storysync.daemon_outage import Outage
from storysync.daemon_pulse import Pulse, patience_s
from storysync.daemon_record import State
from storysync.daemon_root import Presence, RootKeeper, log_sync
from storysync.daemon_summary import Summary
from storysync.daemon_wait import Waiting
from storysync.daemon_watch import WatchKeeper
from storysync.errors import Damaged, DatabaseAway, StorysyncError, UsageError
from storysync.jobs.project import Project
from storysync.jobs.sync import sync
from storysync.jobs.sync_report import SyncReport
from storysync.settings import Settings
from storysync.store.stores import Stores

LOOK_S = 2.0  # between looks at the roots' folders and the watcher's threads
FOREIGN_S = 5.0  # between looks at what others have written to the databases that ours refer to
GIT_POLL_S = 0.05  # while git holds a root; nothing reports its end
HOLD_SLACK_S = 0.5
MORE_TIME_S = 30.0  # asked of the service manager with every sign of progress during the first scan

log = structlog.get_logger()


class Stopped(StorysyncError):
    """Raised inside a long sync, which it rolls back, when the daemon must end."""


def _no_reload() -> dict[str, Any]:
    raise UsageError("this daemon cannot read its settings again", hint="restart it")


class Daemon:
    """Everything that runs, wired together. `run` returns after `stop`, or when it has given way."""

    def __init__(
        self,
        settings: Settings,
        projects: Sequence[Project],
        stores: Stores,
        notifier: Notifier,
        *,
        reload: Callable[[], dict[str, Any]] = _no_reload,
        record: Callable[[State], None] = lambda state: None,
    ) -> None:
        """`reload` reads the settings anew and calls `give_way_to`; `record` hears of the state."""
        self.settings = settings
        self.stores = stores
        self.databases = stores.databases
        self.keepers = {project.id: RootKeeper(project, settings.watch.git_wait_s) for project in projects}
        self.inbox = Inbox(settings.watch, self.keepers)
        cookies = self.databases.base.with_name(self.databases.base.name + ".watch")
        self.paused = False
        self.state: State = "starting"
        self.busy = True
        self.refused = ""  # why changed settings were not applied, '' when they were
        self.damaged: dict[str, str] = {}  # name of a database that must not be written -> what is wrong
        self.reread: frozenset[str] = frozenset()  # projects whose files are all to be read at the first scan
        self.successor: Daemon | None = None
        self.backups_lock = threading.Lock()
        self.outage = Outage(self.databases.place, notifier)
        self.waiting = Waiting()
        self.notes = Notes(self)
        self.watching = WatchKeeper(
            self.keepers, self.inbox, cookies, settings.watch.poll_s, self.scan, self.notes.note_state
        )
        self.answers = Answers(self)
        self.summary = Summary(self)
        self.scheduler = make_scheduler(self, patience_s(notifier))
        self.pulse = Pulse(notifier, self.watching.hopeless, self.scheduler.age_s)
        self.reload, self._record, self._notifier = reload, record, notifier
        self._signals: set[str] = set()
        self._looked_at = float("-inf")
        self._refreshed_at = float("-inf")

    def run(self, *, first: bool = True) -> None:
        """Serve until stopped. Raises what makes a `first` start impossible; nothing after that ends it."""
        with ExitStack() as stack:
            stack.callback(self._end)
            self._record("starting")
            self.watching.start()
            self._first_scan(refusable=first)
            if self.inbox.stopping:
                return
            self.scheduler.start()
            self.state = "running"
            self._record("running")
            self._notifier.ready(self.summary.text(time.monotonic()))
            log.info(
                "daemon.started" if first else "daemon.reloaded",
                projects=len(self.keepers),
                database=self.databases.place,
                pid=os.getpid(),
            )
            while not self.inbox.stopping:
                self._turn()

    def stop(self) -> None:
        """Have `run` return soon. May be called in a signal handler."""
        self.inbox.stop()
        if self.successor is not None:
            self.successor.stop()

    def signalled(self, wish: str) -> None:
        """A signal asks to `reload`, or for a `backup`. May be called in its handler."""
        latest = self.latest()
        latest._signals.add(wish)
        latest.inbox.wake()

    def give_way_to(self, successor: Daemon) -> None:
        """Have `run` return soon, so that the other one may run with what this one knows."""
        inherit(successor, self)
        self.successor = successor  # from here on signals reach it; those that came before follow
        while self._signals:
            successor._signals.add(self._signals.pop())
        if self.inbox.stopping:
            successor.stop()
        self.inbox.stop()

    def latest(self) -> Daemon:
        """The one that runs now: itself, or whichever came after it."""
        daemon = self
        while daemon.successor is not None:
            daemon = daemon.successor
        return daemon

    def put(self, request: Request) -> Future[dict[str, Any]]:
        """Ask the main loop, of whichever daemon runs now. Raises as `Inbox.put`."""
        latest = self.latest()
        try:
            latest.inbox.put(request)
        except StorysyncError:
            if latest.successor is None:
                raise
            return latest.put(request)  # it gave way just now
        return request.reply

    def asked(self, request: Request) -> dict[str, Any]:
        """The main loop's answer. Raises what it raises."""
        return self.put(request).result()

    def name_of(self, project_id: str) -> str:
        """How the database of a project is named among `Databases.named`."""
        return project_id if self.databases.per_project else ""

    def scan(self, keeper: RootKeeper, trigger: str) -> None:
        """Ask for a full scan as soon as the root may be synced."""
        keeper.trigger = trigger
        self.inbox.touch(keeper.id, Kind.NOW, WHOLE_ROOT)

    def sync(
        self,
        keeper: RootKeeper,
        paths: frozenset[str] | None,
        trigger: str,
        *,
        confirm: bool = False,
        reread: bool = False,
        rehash: bool = False,
    ) -> SyncReport:
        """Sync now and log it. Raises what `jobs.sync` raises, or Stopped."""
        head = git.head_commit(keeper.project.root)
        began_at = time.monotonic()
        report = sync(
            self.stores.of(keeper.id),
            keeper.project,
            trigger=trigger,
            paths=paths,
            deletions=self.settings.deletions,
            confirm_deletions=confirm,
            reread=reread,
            rehash=rehash,
            cancelled_satisfies=self.settings.cancelled_satisfies,
            progress=self._progress,
        )
        keeper.succeeded(report, head)
        self.summary.synced(report.changed)
        if report.changed:
            self.notes.refresh(keeper.id)
        log_sync(keeper, report, trigger)
        if report.later:
            self.inbox.touch(keeper.id, Kind.CREATED, *report.later)
        now = time.monotonic()
        keeper.relook.note(frozenset(report.unreadable), now)
        if report.held:
            keeper.rescan_within(self.settings.deletions.hold_s + HOLD_SLACK_S, now, "held-deletions")
        if keeper.state == "degraded":
            self.notes.note_state(keeper)
        self.waiting.note(keeper.id, began_at, None if report.full else paths, report.later)
        return report

    def notify_reload(self, *, over: bool) -> None:
        """Tell the service manager that a reload has begun or is over."""
        if over:
            self._notifier.ready(self.summary.text(time.monotonic()))
        else:
            self._notifier.reloading(time.monotonic_ns())

    def _end(self) -> None:
        clean = self.inbox.stopping
        if self.successor is None:
            self.state = "stopping"
            self._record("stopping")
            self._notifier.stopping()
        self.scheduler.stop()
        self.watching.stop()
        self.inbox.stop()
        while (request := self.inbox.pop()) is not None:
            try:
                if self.successor is None:
                    raise Stopped("the daemon is stopping", hint="start it again")
                self.put(request)
            except StorysyncError as error:
                request.reply.set_exception(error)
        if self.successor is None:
            log.info("daemon.stopped", clean=clean)

    def _first_scan(self, *, refusable: bool) -> None:
        """Bring every root in line with its files. What fails, but for a refusal, is retried later."""
        for keeper in self.keepers.values():
            self.scan(keeper, "start")
        for _ in self.keepers:
            batch = self.inbox.take(self._held(time.monotonic()))
            if batch is not None and not self.inbox.stopping:
                self._sync_batch(batch, refusable=refusable)

    def _turn(self) -> None:
        """One thing to do, or a sleep until there is one."""
        self.busy = True
        now = time.monotonic()
        self.pulse.beat(now)
        self._look(now)
        request = self.inbox.pop()
        if request is not None:
            self.answers.carry_out(request)
            return
        held = self._held(now)
        batch = self.inbox.take(held)
        if batch is not None:
            self._sync_batch(batch)
        else:
            self.busy = False
            self._note_equal(now)
            self.inbox.wait(self._nap_s(now), held)

    def _note_equal(self, now: float) -> None:
        for keeper in self.keepers.values():
            if keeper.state == "live" and not self.inbox.dirty(keeper.id):
                keeper.equal_at = now

    def _sync_batch(self, batch: Batch, *, refusable: bool = False) -> None:
        keeper = self.keepers[batch.root_id]
        if self.look_at(keeper) is not Presence.SAME or keeper.state == "lost":
            return  # a full scan follows when the folder is back
        trigger = (keeper.trigger or "watch") if batch.paths is None else "watch"
        keeper.trigger = None if batch.paths is None else keeper.trigger
        try:
            faults.point("batch.taken")
            reread = batch.paths is None and keeper.id in self.reread
            self.sync(keeper, None if keeper.head_moved() else batch.paths, trigger, reread=reread)
            self.reread -= {keeper.id} if reread else set()
        except Stopped:
            log.info("sync.stopped", project=keeper.id, trigger=trigger)
        except Exception as error:
            if refusable and isinstance(error, UsageError):
                raise
            self._retry(keeper, batch, trigger, error)

    def _retry(self, keeper: RootKeeper, batch: Batch, trigger: str, error: Exception) -> None:
        """Nothing is lost: the paths of a failed batch are dirty again."""
        if isinstance(error, DatabaseAway):
            self.outage.note(error)
        else:
            wait_s = keeper.failed(error, time.monotonic())
            log.error(
                "sync.failed", project=keeper.id, trigger=trigger, error=keeper.error,
                retry_s=round(wait_s, 1),
                exc_info=None if isinstance(error, StorysyncError | OSError) else error,
            )  # fmt: skip
        if isinstance(error, Damaged):
            self.scheduler.run("integrity", "damage")  # which recovers it
        keeper.trigger = trigger if batch.paths is None else keeper.trigger
        self.inbox.touch(keeper.id, Kind.NOW, *((WHOLE_ROOT,) if batch.paths is None else batch.paths))

    def _held(self, now: float) -> frozenset[str]:
        """The roots whose batches must wait."""
        if self.paused or self.outage.lasts:
            return frozenset(self.keepers)
        held = {keeper.id for keeper in self.keepers.values() if self.name_of(keeper.id) in self.damaged}
        for keeper in self.keepers.values():
            waited_for_git = keeper.waits_for_git
            if keeper.held(now, dirty=self.inbox.dirty(keeper.id) > 0):
                held.add(keeper.id)
            if waited_for_git and not keeper.waits_for_git:
                self.inbox.postpone(keeper.id)
        return frozenset(held)

    def _nap_s(self, now: float) -> float:
        """How long to sleep at most when no event comes."""
        keepers = self.keepers.values()
        if any(keeper.waits_for_git for keeper in keepers):
            return GIT_POLL_S
        look_at = min(self._looked_at + LOOK_S, now + self.pulse.every_s)
        wake_at = min([look_at, *(keeper.next_at(now) for keeper in keepers)])
        if self.outage.lasts:
            wake_at = min(wake_at, self.outage.retry_at)
        return max(0.0, wake_at - now)

    def _look(self, now: float) -> None:
        """Everything that no event reports."""
        self._heed_signals()
        for keeper in self.keepers.values():
            if keeper.rescan_at is not None and keeper.rescan_at <= now:
                keeper.rescan_at = None
                self.scan(keeper, keeper.trigger or "timer")
            again = keeper.relook.take(now)
            if again:
                self.inbox.touch(keeper.id, Kind.NOW, *again)
        if self.outage.lasts or now - self._looked_at >= LOOK_S:
            self._look_at_database()
        if now - self._looked_at < LOOK_S:
            return
        self._looked_at = now
        for keeper in self.keepers.values():
            self.look_at(keeper)
        self.watching.look(now)
        if now - self._refreshed_at >= FOREIGN_S and not self.outage.lasts:
            self.notes.refresh()
            self._refreshed_at = time.monotonic()
        self.notes.note_waiting()
        self._record(self.state)
        line = self.summary.changed(now)
        if line is not None:
            self._notifier.status(line)

    def _heed_signals(self) -> None:
        while self._signals:
            wish = self._signals.pop()
            if wish == "backup":
                self.scheduler.run("backup", "signal")
            else:
                self.answers.carry_out(Request("reload"))

    def _look_at_database(self) -> None:
        """While its server is away nothing is written. One that crashed may have lost its last commits."""
        if self.outage.look(self.stores):
            self._notifier.status(self.summary.text(time.monotonic()))
            for keeper in self.keepers.values():
                self.scan(keeper, "return")
            self.scheduler.run("health", "return")

    def look_at(self, keeper: RootKeeper) -> Presence:
        """Whether the root's folder is there, and all that follows from a change of that."""
        presence = keeper.look(ended=self.watching.take_ended(keeper))
        if presence is Presence.GONE:
            self.watching.forget(keeper)
            log.error("root.lost", project=keeper.id, root=str(keeper.project.root), reason=keeper.reason)
        elif presence is Presence.BACK:
            log.info("root.returned", project=keeper.id, root=str(keeper.project.root))
            self.watching.follow(keeper)
            self.scan(keeper, "return")
        if presence is not Presence.SAME:
            self.notes.note_state(keeper)
        return presence

    def _progress(self, done: int, total: int) -> None:
        """Called by a long sync: a sign of life, and the place where it can be ended early."""
        if self.inbox.stopping:
            raise Stopped("the daemon is stopping", hint="start it again")
        now = time.monotonic()
        if self.pulse.beat(now) and self.state == "starting":
            self._notifier.extend_timeout(MORE_TIME_S)
            self._notifier.status(f"first scan: {done} of {total} files")
