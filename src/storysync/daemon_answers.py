"""What the daemon answers to its clients. `status` at once; everything else in the main loop, in order."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from storysync import __version__
from storysync.adapters.inbox import Request
from storysync.daemon_outage import Outage
from storysync.daemon_root import Presence, RootKeeper
from storysync.errors import (
    DatabaseAway,
    NotFound,
    StoreError,
    StorysyncError,
    UsageError,
    WaitTimeout,
)
from storysync.jobs import backup, health
from storysync.jobs.sync_report import SyncReport

if TYPE_CHECKING:
    from storysync.daemon import Daemon

log = structlog.get_logger()

JOBS = ("backup", "health", "reconcile")
MOST_WAIT_S = 3600.0
_INTERNAL = ("maintain", "record_health", "timed_backup")  # asked by the scheduler only


class Answers:
    """The commands of `control`, and the requests that the scheduler makes of the main loop."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._started_at = datetime.now(UTC)
        self.health: health.HealthReport | None = None
        self._commands: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "sync": self._sync,
            "confirm_deletions": self._confirm_deletions,
            "run_job": self._run_job,
            "pause": self._pause,
            "resume": self._resume,
            "reload": lambda _: self.reload(),
            "record_health": self._record_health,
            "timed_backup": lambda _: self._backup("timer"),
            "maintain": lambda _: self._maintain(),
        }

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """Called in the client's thread. Raises StorysyncError for what cannot be done."""
        command = message.pop("command")
        if command == "status":
            return self.status()
        if command == "wait_settled":
            return self._wait_settled(message)
        if command not in self._commands or command in _INTERNAL:
            raise UsageError(f"unknown command {command!r}")
        request = Request(command, message)
        self._daemon.inbox.put(request)
        return request.reply.result()

    def carry_out(self, request: Request) -> None:
        """Called in the main loop. Whatever goes wrong is told to whoever asked, and logged."""
        try:
            request.reply.set_result(self._commands[request.name](request.arguments))
        except DatabaseAway as error:
            self._daemon.outage.note(error)
            request.reply.set_exception(error)
        except Exception as error:  # noqa: BLE001 - the daemon must go on, and the client is told
            log.error("request.failed", request=request.name, error=str(error) or type(error).__name__)
            request.reply.set_exception(error)

    def status(self) -> dict[str, Any]:
        """A snapshot for people and programs; `settled` means that nothing known is left to do."""
        daemon = self._daemon
        projects = [self._of_project(keeper) for keeper in daemon.keepers.values()]  # before `busy` is asked
        return {
            "pid": os.getpid(),
            "version": __version__,
            "database": daemon.databases.place,
            "state": "paused" if daemon.paused else daemon.state,
            "waits_for_database": _outage(daemon.outage),
            "settled": self._idle() and not any(p["dirty"] for p in projects),
            "started_at": self._started_at.isoformat(),
            "watcher_alive": daemon.watching.alive(),
            "events": daemon.inbox.events,
            "overflows": daemon.watching.overflows(),
            "projects": projects,
            "health": "fail" if daemon.outage.lasts else self.health.state if self.health else None,
            "next_runs": {name: at.isoformat() for name, at in sorted(daemon.next_runs().items())},
        }

    def reload(self) -> dict[str, Any]:
        """Settings are read when the process starts; say so, for a reload must not pretend."""
        self._daemon.notify_reload()
        log.warning("reload.ignored", hint="restart the daemon to apply changed settings")
        return {"reloaded": False, "hint": "restart the daemon to apply changed settings"}

    def _idle(self) -> bool:
        daemon = self._daemon
        return daemon.state == "running" and not daemon.busy and not daemon.outage.lasts

    def _lag_s(self, keeper: RootKeeper, *, settled: bool) -> float | None:
        """Seconds since the database was last known to equal the files; 0.0 now, None when it never was."""
        if settled and keeper.state == "live" and self._daemon.watching.alive():
            return 0.0
        known = [self._daemon.waiting.complete_from(keeper.id), keeper.equal_at]
        moments = [at for at in known if at is not None]
        return round(time.monotonic() - max(moments), 3) if moments else None

    def _wait_settled(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """In the client's thread. Raises WaitTimeout that says what is in the way."""
        timeout_s = arguments.get("timeout_s")
        if not isinstance(timeout_s, int | float) or not 0 < timeout_s <= MOST_WAIT_S:
            raise UsageError(f"`timeout_s` must be a number of seconds up to {MOST_WAIT_S:g}")
        keepers = self._keepers(arguments)
        asked_at = time.monotonic()
        for keeper in keepers:
            self._daemon.scan(keeper, "wait")
        names = [keeper.id for keeper in keepers]
        late = self._daemon.waiting.wait(names, asked_at, asked_at + timeout_s)
        if late:
            told = "; ".join(f"{name}: {self._in_the_way(self._daemon.keepers[name])}" for name in late)
            raise WaitTimeout(
                f"not in step with the files after {timeout_s:g} s: {told}",
                hint="wait longer, or ask without --wait-synced",
            )
        return self.status()

    def _in_the_way(self, keeper: RootKeeper) -> str:
        daemon = self._daemon
        if keeper.state == "lost":
            return keeper.reason
        dirty = daemon.inbox.dirty(keeper.id)
        reasons = [
            *(["the daemon is paused"] if daemon.paused else []),
            *(["the database does not answer"] if daemon.outage.lasts else []),
            *(["git is at work"] if keeper.waits_for_git else []),
            *([f"the last sync failed: {keeper.error}"] if keeper.error else []),
            *([f"{dirty} {'path' if dirty == 1 else 'paths'} to look at"] if dirty else []),
        ]
        return ", ".join(reasons) or "a sync is under way"

    def _of_project(self, keeper: RootKeeper) -> dict[str, Any]:
        dirty = self._daemon.inbox.dirty(keeper.id)
        settled = not dirty and self._idle() and keeper.state in ("live", "degraded")
        return {
            "id": keeper.id,
            "root": str(keeper.project.root),
            "state": keeper.state,
            "reason": keeper.reason,
            "watches": self._daemon.watching.told(keeper),
            "dirty": dirty,
            "settled": settled,
            "lag_s": self._lag_s(keeper, settled=settled),
            "waits_for_git": keeper.waits_for_git,
            "held": len(keeper.last.held) if keeper.last else 0,
            "error": keeper.error,
        }

    def _sync(self, arguments: dict[str, Any]) -> dict[str, Any]:
        keepers = self._keepers(arguments)
        confirm = arguments.get("confirm_deletions", False) is True
        given = arguments.get("paths")
        if given is None:
            reread = arguments.get("reread", False) is True
            return _reports([self._now(keeper, None, confirm, reread=reread) for keeper in keepers])
        wanted = _paths_of(given, keepers)
        return _reports([self._now(keeper, paths, confirm) for keeper, paths in wanted])

    def _confirm_deletions(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return _reports([self._now(keeper, None, True) for keeper in self._keepers(arguments)])

    def _now(
        self, keeper: RootKeeper, paths: frozenset[str] | None, confirm: bool, *, reread: bool = False
    ) -> SyncReport:
        if self._daemon.look_at(keeper) is Presence.GONE or keeper.state == "lost":
            raise StorysyncError(
                f"the folder {keeper.project.root} is not there; its stories are kept",
                hint="bring the folder back, for example by mounting its disk",
            )
        return self._daemon.sync(keeper, paths, "command", confirm=confirm, reread=reread)

    def _run_job(self, arguments: dict[str, Any]) -> dict[str, Any]:
        name = arguments.get("name")
        if name == "backup":
            return self._backup("command")
        if name == "health":
            return self._record_health({"report": self.check_health()})
        if name == "reconcile":
            return _reports([self._now(keeper, None, False) for keeper in self._daemon.keepers.values()])
        raise UsageError(f"unknown job {name!r}", hint=f"one of {', '.join(JOBS)}")

    def _backup(self, trigger: str) -> dict[str, Any]:
        """Every database that is open, each in turn; one that fails does not stop the others."""
        daemon = self._daemon
        names = daemon.databases.named(daemon.keepers)
        made: dict[str, Any] = {}
        for name in names:
            try:
                made[name] = _plain(self._backup_one(name, trigger))
            except StoreError as error:
                if len(names) == 1:
                    raise
                log.error("backup.failed", project=name, state="failed", error=str(error))
                made[name] = {"state": "failed", "message": f"project {name}: {error}"}
        answer: dict[str, Any] = made.get("", {"backups": made})
        return answer

    def _backup_one(self, name: str, trigger: str) -> backup.BackupReport:
        started = time.monotonic()
        settings, store = self._daemon.settings.backup, self._daemon.stores.of(name)
        report = backup.backup(store, settings, trigger=trigger, project=name)
        ms = round((time.monotonic() - started) * 1000, 1)
        if report.state == "good":
            log.info("backup.done", file=str(report.file), size=report.size, pruned=len(report.pruned), ms=ms)
        if report.message:
            log.error("backup.failed", state=report.state, error=report.message, ms=ms)
        return report

    def _maintain(self) -> dict[str, Any]:
        """What the databases need each day. A failure is logged, and the next day tries again."""
        for store in self._daemon.stores.opened():
            store.maintain(datetime.now(UTC))
        return {}

    def check_health(self) -> health.HealthReport:
        """All checks, in whichever thread asks; `record_health` notes the outcome in the main loop."""
        daemon = self._daemon
        return health.check_all(
            daemon.databases.named(daemon.keepers),
            daemon.settings.health,
            watcher_alive=daemon.watching.alive(),
        )

    def _record_health(self, arguments: dict[str, Any]) -> dict[str, Any]:
        report: health.HealthReport = arguments["report"]
        before = self.health.state if self.health else None
        self.health = report
        if report.state != before:
            poor = {check.name: check.reason for check in report.checks if check.state != "ok"}
            (log.info if report.state == "ok" else log.warning)("health.changed", state=report.state, **poor)
        for name in self._daemon.databases.named(self._daemon.keepers):
            self._note_health(name, report)
        return _plain(report)

    def _note_health(self, name: str, report: health.HealthReport) -> None:
        """Where a database of several cannot be written, its own checks have said so already."""
        try:
            store = self._daemon.stores.of(name)
            health.record(store, health.of_project(report, name))
            store.release_memory()  # of the check, which reads all of the database
        except StorysyncError:
            if not name:
                raise

    def _pause(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self._daemon.paused = True
        log.info("daemon.paused")
        return {"paused": True}

    def _resume(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self._daemon.paused = False
        log.info("daemon.resumed")
        return {"paused": False}

    def _keepers(self, arguments: dict[str, Any]) -> list[RootKeeper]:
        """The projects that are named, else all."""
        named = arguments.get("projects")
        known = self._daemon.keepers
        if named is None:
            return list(known.values())
        if not isinstance(named, list):
            raise UsageError("`projects` must be a list of project ids")
        for name in named:
            if name not in known:
                raise NotFound(
                    f"the running daemon does not follow a project {name!r}",
                    hint="restart `storysync run` with its folder, or stop it and run the command again",
                )
        return [known[name] for name in named]


def _paths_of(given: Any, keepers: list[RootKeeper]) -> list[tuple[RootKeeper, frozenset[str] | None]]:
    """Absolute paths go to the project that holds them, relative ones to the only project that is meant."""
    if not isinstance(given, list) or not all(isinstance(path, str) for path in given):
        raise UsageError("`paths` must be a list of strings")
    found: dict[str, set[str]] = {}
    for path in given:
        whole = [keeper for keeper in keepers if Path(path).is_relative_to(keeper.project.root)]
        holders = whole if path.startswith("/") else keepers
        if len(holders) != 1:
            raise UsageError(f"cannot tell which project {path!r} belongs to", hint="name one in `projects`")
        below = os.path.relpath(os.path.normpath(holders[0].project.root / path), holders[0].project.root)
        if below.split("/")[0] == "..":
            raise UsageError(f"{path!r} lies outside the project {holders[0].id}")
        found.setdefault(holders[0].id, set()).add("" if below == "." else below)
    by_id = {keeper.id: keeper for keeper in keepers}
    return [
        (by_id[project_id], None if "" in paths else frozenset(paths)) for project_id, paths in found.items()
    ]


def _outage(outage: Outage) -> dict[str, Any] | None:
    """Since when the database does not answer, and what was said at the last attempt."""
    since = outage.since  # read once: the main loop may end it meanwhile
    return None if since is None else {"since": since.isoformat(), "error": outage.error}


def _reports(reports: list[SyncReport]) -> dict[str, Any]:
    return {"reports": [_plain(report) for report in reports]}


def _plain(value: Any) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(value, str_keys=True, enc_hook=str)
    return plain
