"""Floor 5: what keeps running. Follow the files of some projects and write what changed, until told to stop.

Listen first, then scan everything once, then answer what comes: one thread, the main loop, does all the
writing. Watcher, scheduler, clients and signals only put paths and requests into its inbox.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from types import FrameType

import structlog

from storysync import faults, logs
from storysync.adapters import git
from storysync.adapters.inbox import Inbox
from storysync.adapters.systemd import Notifier
from storysync.adapters.watch import quiet_warnings
from storysync.control import ControlServer, socket_path
from storysync.core.settle import WHOLE_ROOT, Batch, Kind
from storysync.daemon_answers import Answers
from storysync.daemon_jobs import make_scheduler
from storysync.daemon_outage import Outage
from storysync.daemon_root import Presence, RootKeeper
from storysync.daemon_wait import Waiting
from storysync.daemon_watch import WatchKeeper, log_dead_threads
from storysync.errors import DatabaseAway, StorysyncError, UsageError
from storysync.jobs.project import Project
from storysync.jobs.sync import sync
from storysync.jobs.sync_report import SyncReport
from storysync.settings import Settings
from storysync.store import projects as project_rows
from storysync.store.stores import Databases, Stores

LOOK_S = 2.0  # between looks at the roots' folders and the watcher's threads
FOREIGN_S = 5.0  # between looks at what others have written to the databases that ours refer to
GIT_POLL_S = 0.05  # while git holds a root; nothing reports its end
HOLD_SLACK_S = 0.5
MORE_TIME_S = 30.0  # asked of the service manager with every sign of progress during the first scan

log = structlog.get_logger()


class Stopped(StorysyncError):
    """Raised inside a long sync, which it rolls back, when the daemon must end."""


def run(settings: Settings, projects: Sequence[Project], databases: Databases) -> int:
    """Keep the databases equal to the files until SIGTERM or SIGINT; returns 0 then.

    Raises Locked when another instance holds them, StoreError when none can be used, UsageError when a
    project is refused. Of several databases one that cannot be used is tried again later.
    """
    logs.configure(settings.log)
    quiet_warnings()
    faulthandler.enable()
    log_dead_threads()
    notifier = Notifier.from_environment(os.environ)
    stores = Stores(databases, auto_migrate=settings.database.auto_migrate, serving=True)
    with databases.serve(), stores:
        refused = stores.open_each(project.id for project in projects)
        for project in projects:
            if project.id not in refused:
                stores.of(project.id).claim((project.id,))
        for store in stores.opened():
            store.maintain(datetime.now(UTC))
        daemon = Daemon(settings, projects, stores, notifier)
        with daemon.hearing_signals():
            daemon.run()
    return 0


class Daemon:
    """Everything that runs, wired together. `run` returns after `stop`."""

    def __init__(
        self, settings: Settings, projects: Sequence[Project], stores: Stores, notifier: Notifier
    ) -> None:
        self.settings = settings
        self.stores = stores
        self.databases = stores.databases
        self.keepers = {project.id: RootKeeper(project, settings.watch.git_wait_s) for project in projects}
        self.inbox = Inbox(settings.watch, self.keepers)
        cookies = self.databases.base.with_name(self.databases.base.name + ".watch")
        self.watching = WatchKeeper(
            self.keepers, self.inbox, cookies, settings.watch.poll_s, self.scan, self._store_state
        )
        self.paused = False
        self.state = "starting"
        self.outage = Outage(self.databases.place, notifier)
        self._notifier = notifier
        self.busy = True
        self.waiting = Waiting()
        self.answers = Answers(self)
        self._scheduler = make_scheduler(self)
        self._control = ControlServer(socket_path(self.databases.base), self.answers.answer)
        self._hung_up = False
        self._looked_at = self._beat_at = float("-inf")
        self._refreshed_at = float("-inf")
        self._unrefreshed: dict[str, str] = {}  # project -> why it cannot see others, as the log has told
        self._unnoted: set[str] = set()  # projects whose state the database does not show yet

    def run(self) -> None:
        """Serve until stopped. Raises what makes a start impossible; nothing after that ends it."""
        with ExitStack() as stack:
            stack.callback(self._end)
            self._control.start()
            self.watching.start()
            self._first_scan()
            if self.inbox.stopping:
                return
            self._scheduler.start()
            self.state = "running"
            self._notifier.ready(self._summary())
            log.info(
                "daemon.started",
                projects=len(self.keepers),
                database=self.databases.place,
                pid=os.getpid(),
            )
            while not self.inbox.stopping:
                self._turn()

    def next_runs(self) -> dict[str, datetime]:
        return self._scheduler.next_runs()

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
            cancelled_satisfies=self.settings.cancelled_satisfies,
            progress=self._progress,
        )
        keeper.succeeded(report, head)
        if report.changed:
            self._refresh(keeper.id)
        self._log_sync(keeper, report, trigger)
        if report.later:
            self.inbox.touch(keeper.id, Kind.CREATED, *report.later)
        now = time.monotonic()
        keeper.relook.note(frozenset(report.unreadable), now)
        if report.held:
            keeper.rescan_within(self.settings.deletions.hold_s + HOLD_SLACK_S, now, "held-deletions")
        if keeper.state == "degraded":
            self._store_state(keeper)
        self.waiting.note(keeper.id, began_at, None if report.full else paths, report.later)
        return report

    def _refresh(self, only: str | None = None) -> None:
        """What databases know of each other; what cannot be done now is tried again within `FOREIGN_S`."""
        refused = self.stores.refresh(datetime.now(UTC), only)
        told = {project_id: str(error) for project_id, error in refused.items()}
        if only is None:
            self._refreshed_at = time.monotonic()
            for project_id, error in told.items():
                if self._unrefreshed.get(project_id) != error:
                    log.warning("foreign.failed", project=project_id, error=error)
            self._unrefreshed = told

    def _log_sync(self, keeper: RootKeeper, report: SyncReport, trigger: str) -> None:
        changed = report.created or report.updated or report.moved or report.removed
        idle = trigger in ("poll", "wait") and not changed
        (log.debug if idle else log.info)(
            "sync.done", project=keeper.id, trigger=trigger, full=report.full, read=report.read,
            put=report.created + report.updated, moved=report.moved, removed=report.removed,
            stale=report.stale, held=len(report.held), dangling=report.dangling,
            ms=round(report.duration_ms, 1),
        )  # fmt: skip

    def notify_reload(self) -> None:
        """Tell the service manager that a reload was asked for and is over."""
        self._notifier.reloading(time.monotonic_ns())
        self._notifier.ready(self._summary())

    @contextmanager
    def hearing_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT stop, SIGHUP is explained in the log; the former handlers come back after."""
        wanted = {signal.SIGTERM: self._on_stop, signal.SIGINT: self._on_stop, signal.SIGHUP: self._on_hangup}
        former = {number: signal.signal(number, handler) for number, handler in wanted.items()}
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        self.inbox.stop()

    def _on_hangup(self, number: int, frame: FrameType | None) -> None:
        self._hung_up = True
        self.inbox.wake()

    def _end(self) -> None:
        self.state = "stopping"
        self._notifier.stopping()
        self._control.stop()
        self._scheduler.stop()
        self.watching.stop()
        self.inbox.stop()
        while (request := self.inbox.pop()) is not None:
            request.reply.set_exception(Stopped("the daemon is stopping", hint="start it again"))
        log.info("daemon.stopped")

    def _first_scan(self) -> None:
        """Bring every root in line with its files. What fails, but for a refusal, is retried later."""
        for keeper in self.keepers.values():
            self.scan(keeper, "start")
        for _ in self.keepers:
            batch = self.inbox.take(self._held(time.monotonic()))
            if batch is not None and not self.inbox.stopping:
                self._sync_batch(batch, refusable=True)

    def _turn(self) -> None:
        """One thing to do, or a sleep until there is one."""
        self.busy = True
        now = time.monotonic()
        self._beat(now)
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
            self.sync(keeper, None if keeper.head_moved() else batch.paths, trigger)
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
        keeper.trigger = trigger if batch.paths is None else keeper.trigger
        self.inbox.touch(keeper.id, Kind.NOW, *((WHOLE_ROOT,) if batch.paths is None else batch.paths))

    def _held(self, now: float) -> frozenset[str]:
        """The roots whose batches must wait."""
        if self.paused or self.outage.lasts:
            return frozenset(self.keepers)
        held = set()
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
        wake_at = min([self._looked_at + LOOK_S, *(keeper.next_at(now) for keeper in keepers)])
        if self.outage.lasts:
            wake_at = min(wake_at, self.outage.retry_at)
        return max(0.0, wake_at - now)

    def _look(self, now: float) -> None:
        """Everything that no event reports."""
        if self._hung_up:
            self._hung_up = False
            self.answers.reload()
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
            if keeper.id in self._unnoted and not self.outage.lasts:
                self._store_state(keeper)
        self.watching.look(now)
        if now - self._refreshed_at >= FOREIGN_S and not self.outage.lasts:
            self._refresh()

    def _look_at_database(self) -> None:
        """While its server is away nothing is written. One that crashed may have lost its last commits."""
        if self.outage.look(self.stores):
            self._notifier.status(self._summary())
            for keeper in self.keepers.values():
                self.scan(keeper, "return")

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
            self._store_state(keeper)
        return presence

    def _store_state(self, keeper: RootKeeper) -> None:
        """Show the state in the database; one that refuses it hears it again at the next look."""
        known = keeper.id in self._unnoted
        self._unnoted.add(keeper.id)
        try:
            with self.stores.of(keeper.id).writing() as tx:
                project_rows.set_state(tx, keeper.id, keeper.state)
            self._unnoted.discard(keeper.id)
        except DatabaseAway as error:
            self.outage.note(error)
        except StorysyncError as error:
            if not known:
                log.warning("root.unnoted", project=keeper.id, state=keeper.state, error=str(error))

    def _summary(self) -> str:
        return f"following {len(self.keepers)} {'project' if len(self.keepers) == 1 else 'projects'}"

    def _progress(self, done: int, total: int) -> None:
        """Called by a long sync: a sign of life, and the place where it can be ended early."""
        if self.inbox.stopping:
            raise Stopped("the daemon is stopping", hint="start it again")
        now = time.monotonic()
        if self._beat(now) and self.state == "starting":
            self._notifier.extend_timeout(MORE_TIME_S)
            self._notifier.status(f"first scan: {done} of {total} files")

    def _beat(self, now: float) -> bool:
        """Tell the service manager that the main loop moves; at most a few times in its interval."""
        interval_s = (self._notifier.watchdog_s or 3.0) / 3
        if now - self._beat_at < interval_s:
            return False
        self._beat_at = now
        self._notifier.ping()
        return True
