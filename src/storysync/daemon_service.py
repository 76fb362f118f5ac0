"""The process: locks and databases are opened once, the daemon inside may be replaced when settings change.

The control socket, the signals and the record of the process belong to it, so that a reload is no
interruption for whoever asks.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from types import FrameType
from typing import Any, NamedTuple

import structlog

from storysync import logs
from storysync.adapters.systemd import Notifier
from storysync.adapters.watch import quiet_warnings
from storysync.control import ControlServer, socket_path
from storysync.daemon import Daemon
from storysync.daemon_record import Recorder
from storysync.daemon_watch import log_dead_threads
from storysync.errors import StorysyncError, UsageError
from storysync.jobs.before_migration import backing_up
from storysync.jobs.project import Project
from storysync.settings import Settings
from storysync.store.stores import Databases, Stores

SWAP_WAIT_S = 30.0  # the longest that a client waits while the daemon is replaced

log = structlog.get_logger()


class Wanted(NamedTuple):
    """What is to run."""

    settings: Settings
    projects: Sequence[Project]
    databases: Databases


Again = Callable[[], Wanted]
"""Reads all settings anew. Raises SettingsError naming file and line, or another StorysyncError."""


def run(wanted: Wanted, again: Again, recorder: Recorder, reread: frozenset[str] = frozenset()) -> int:
    """Keep the databases equal to the files until SIGTERM or SIGINT; returns 0 then.

    `reread`: names of databases whose projects are read whole at the start, for they were `recovered`.
    Raises Locked when another instance holds them, StoreError when none can be used, UsageError when a
    project is refused. Of several databases one that cannot be used is tried again later.
    """
    settings, projects, databases = wanted
    logs.configure(settings.log)
    quiet_warnings()
    faulthandler.enable()
    log_dead_threads()
    notifier = Notifier.from_environment(os.environ)
    stores = Stores(
        databases,
        auto_migrate=settings.database.auto_migrate,
        serving=True,
        before_migration=backing_up(
            settings.backup, lambda told: log.info("migration.began", message=told), notifier.expect_silence
        ),
    )
    with databases.serve(), stores:
        refused = stores.open_each(project.id for project in projects)
        for project in projects:
            if project.id not in refused:
                stores.of(project.id).claim((project.id,))
        recorder.begin()
        for store in stores.opened():
            store.maintain(datetime.now(UTC))
        service = Service(wanted, stores, notifier, again, recorder)
        service.reread(reread)
        service.run()
    return 0


def recovered(databases: Databases, settings: Settings) -> frozenset[str]:
    """A quick look at each database, before any is opened; the names of those that had to be recovered.

    One that cannot be is refused when it is opened, with the reason. The service manager is asked for time.
    """
    from storysync.jobs.recover import recover_if_damaged

    notifier = Notifier.from_environment(os.environ)
    done: set[str] = set()
    for name, database in databases.known().items():
        notifier.extend_timeout(settings.backup.deadline_minutes * 60)
        try:
            report = recover_if_damaged(database, settings.backup, project=name)
        except StorysyncError as error:
            log.error("database.unrecovered", project=name, error=str(error))
            continue
        if report is not None:
            log.error("database.recovered", project=name, message=report.message)
            done.add(name)
    return frozenset(done)


class Service:
    """Runs one daemon after the other. `daemon` is the one that runs now."""

    def __init__(
        self, wanted: Wanted, stores: Stores, notifier: Notifier, again: Again, recorder: Recorder
    ) -> None:
        self._wanted = wanted
        self._stores = stores
        self._notifier = notifier
        self._again = again
        self._recorder = recorder
        self._replaced = threading.Event()
        self._replaced.set()
        self.daemon = self._make(wanted)
        self._control = ControlServer(socket_path(wanted.databases.base), self.answer)

    def reread(self, names: frozenset[str]) -> None:
        """Have all files of the projects in these databases read at the first scan."""
        daemon = self.daemon
        daemon.reread = frozenset(one for one in daemon.keepers if daemon.name_of(one) in names)

    def run(self) -> None:
        """Serve until stopped. Raises what makes a start impossible; nothing after that ends it."""
        with ExitStack() as stack:
            stack.enter_context(self._hearing_signals())
            stack.callback(self._recorder.write, "stopped")
            self._control.start()
            stack.callback(self._control.stop)
            self.daemon.run()
            while self.daemon.successor is not None:
                self.daemon = self.daemon.successor
                self._stores.keep_only(self.daemon.keepers)
                self._replaced.set()
                gc.collect()  # the one before, whose parts know each other
                self.daemon.run(first=False)

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """Called in a client's thread."""
        self._replaced.wait(SWAP_WAIT_S)
        told = self.daemon.answers.answer(message)
        self._replaced.wait(SWAP_WAIT_S)  # after `reload`: what is asked next is asked of the new one
        return told

    def _make(self, wanted: Wanted) -> Daemon:
        return Daemon(
            wanted.settings, wanted.projects, self._stores, self._notifier,
            reload=self._reload, record=self._recorder.write,
        )  # fmt: skip

    def _reload(self) -> dict[str, Any]:
        """In the main loop: read all settings, and put a daemon by them in the place of the present one.

        Raises StorysyncError for settings that are wrong or need a restart: then everything stays as it is.
        """
        wanted = self._again()
        _refuse_other_database(self._wanted, wanted)
        known = {project.id for project in self._wanted.projects}
        try:
            for project in wanted.projects:
                if project.id not in known:
                    self._stores.of(project.id).claim((project.id,))
        except BaseException:
            self._stores.keep_only(known)  # nothing that was opened for it stays locked
            raise
        before = self._wanted
        logs.configure(wanted.settings.log)
        successor = self._make(wanted)
        self._wanted = wanted
        self._replaced.clear()
        self.daemon.give_way_to(successor)
        return {"reloaded": True, **_differences(before, wanted)}

    @contextmanager
    def _hearing_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT stop, SIGHUP reloads, SIGUSR1 makes a backup; the former handlers come back."""
        wanted: Mapping[signal.Signals, Callable[[int, FrameType | None], None]] = {
            signal.SIGTERM: self._on_stop, signal.SIGINT: self._on_stop,
            signal.SIGHUP: self._on_hangup, signal.SIGUSR1: self._on_backup,
        }  # fmt: skip
        former = {number: signal.signal(number, handler) for number, handler in wanted.items()}
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        self.daemon.stop()

    def _on_hangup(self, number: int, frame: FrameType | None) -> None:
        self.daemon.signalled("reload")

    def _on_backup(self, number: int, frame: FrameType | None) -> None:
        self.daemon.signalled("backup")


def _refuse_other_database(before: Wanted, after: Wanted) -> None:
    """Raise UsageError when what has changed is held open by this process."""
    fixed: dict[str, Callable[[Settings], object]] = {
        "state_dir": lambda settings: settings.state_dir,
        "database.url": lambda settings: settings.database.url,
        "database.group_readable": lambda settings: settings.database.group_readable,
        "sqlite": lambda settings: settings.sqlite,
        "postgres": lambda settings: settings.postgres,
    }
    changed = [name for name, of in fixed.items() if of(before.settings) != of(after.settings)]
    if after.databases.place != before.databases.place and not changed:
        changed = ["database.url"]
    if changed:
        raise UsageError(f"a changed {', '.join(changed)} needs a restart", hint="restart the daemon")


def _differences(before: Wanted, after: Wanted) -> dict[str, list[str]]:
    """Which projects came and went, and which tables of the settings changed."""
    old, new = ({project.id for project in one.projects} for one in (before, after))
    tables = [
        name
        for name in Settings.__struct_fields__
        if getattr(before.settings, name) != getattr(after.settings, name)
    ]
    return {"added": sorted(new - old), "removed": sorted(old - new), "changed": tables}
