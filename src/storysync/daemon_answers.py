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
from storysync.core import instants
from storysync.daemon_notes import plain
from storysync.daemon_outage import Outage
from storysync.daemon_root import Presence, RootKeeper
from storysync.errors import (
    DatabaseAway,
    NotFound,
    StorysyncError,
    UsageError,
    WaitTimeout,
)
from storysync.jobs import health
from storysync.jobs.live import Live
from storysync.jobs.sync_report import SyncReport
from storysync.scheduler import Ended

if TYPE_CHECKING:
    from storysync.daemon import Daemon

log = structlog.get_logger()

MOST_WAIT_S = 3600.0
_INTERNAL = ("maintain", "note_backup", "note_run", "record_health", "stop_writing", "take_in")
"""Asked by jobs only."""


class Answers:
    """The commands of `control`, and the requests that the scheduler makes of the main loop."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self.started_at = datetime.now(UTC)
        notes = daemon.notes
        self._commands: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "sync": self._sync,
            "confirm_deletions": self._confirm_deletions,
            "pause": self._pause,
            "resume": self._resume,
            "reload": self._reload,
            "acknowledge": notes.acknowledge,
            "maintain": notes.maintain,
            "note_backup": notes.note_backup,
            "note_run": notes.note_run,
            "record_health": notes.record_health,
            "stop_writing": notes.stop_writing,
            "take_in": notes.take_in,
        }

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """Called in the client's thread. Raises StorysyncError for what cannot be done."""
        command = message.pop("command")
        if command == "status":
            return self.status()
        if command == "wait_settled":
            return self._wait_settled(message)
        if command == "run_job":
            return self._run_job(message)
        if command not in self._commands or command in _INTERNAL:
            raise UsageError(f"unknown command {command!r}")
        return self._daemon.asked(Request(command, message))

    def carry_out(self, request: Request) -> None:
        """Called in the main loop. Whatever goes wrong is told to whoever asked, and logged."""
        try:
            request.reply.set_result(self._commands[request.name](request.arguments))
        except DatabaseAway as error:
            self._daemon.outage.note(error)
            request.reply.set_exception(error)
        except Exception as error:  # noqa: BLE001 - the daemon must go on, and the client is told
            if request.name not in _INTERNAL:  # of these the job tells
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
            "settings_error": daemon.refused,
            "damaged": dict(daemon.damaged),
            "waits_for_database": _outage(daemon.outage),
            "settled": self._idle() and not any(p["dirty"] for p in projects),
            "started_at": self.started_at.isoformat(),
            "watcher_alive": daemon.watching.alive(),
            "events": daemon.inbox.events,
            "overflows": daemon.watching.overflows(),
            "projects": projects,
            "health": _health_of(daemon),
            "live": msgspec.to_builtins(self.live()),
            "next_runs": _instants(daemon.scheduler.next_runs()),
            "running_jobs": _instants(daemon.scheduler.running()),
        }

    def live(self) -> Live:
        """What only this process knows of itself."""
        daemon = self._daemon
        return Live(
            watcher_alive=daemon.watching.alive(),
            cookie_age_s=daemon.watching.cookie_age_s(),
            scheduler_alive=daemon.pulse.scheduler_moves(),
            main_age_s=round(daemon.pulse.main_age_s(), 3),
            dirty=sum(daemon.inbox.dirty(name) for name in daemon.keepers),
            overflows=daemon.watching.overflows(),
            restarts=daemon.watching.restarts(),
            polled=daemon.watching.polled(),
            paused=daemon.paused,
            waits_for_database=daemon.outage.lasts,
            started_at=instants.to_text(self.started_at),
        )

    def _reload(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Apply changed settings. Those that are wrong leave everything as it is."""
        daemon = self._daemon
        daemon.notify_reload(over=False)
        try:
            told = daemon.reload()
        except Exception as error:
            daemon.refused = str(error) or type(error).__name__
            log.error("reload.refused", error=daemon.refused)
            daemon.notify_reload(over=True)
            raise
        log.info("reload.accepted", **told)
        return told

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
        return self._daemon.latest().answers.status()

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
            options = {name: arguments.get(name, False) is True for name in ("reread", "rehash")}
            return _reports([self._now(keeper, None, confirm, **options) for keeper in keepers])
        wanted = _paths_of(given, keepers)
        return _reports([self._now(keeper, paths, confirm) for keeper, paths in wanted])

    def _confirm_deletions(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return _reports([self._now(keeper, None, True) for keeper in self._keepers(arguments)])

    def _now(
        self, keeper: RootKeeper, paths: frozenset[str] | None, confirm: bool, **options: bool
    ) -> SyncReport:
        if self._daemon.look_at(keeper) is Presence.GONE or keeper.state == "lost":
            raise StorysyncError(
                f"the folder {keeper.project.root} is not there; its stories are kept",
                hint="bring the folder back, for example by mounting its disk",
            )
        return self._daemon.sync(keeper, paths, "command", confirm=confirm, **options)

    def _run_job(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """In the client's thread: run a job now, or wait for the run that is under way."""
        name, scheduler = arguments.get("name"), self._daemon.scheduler
        if name not in scheduler.names():
            raise UsageError(f"unknown job {name!r}", hint=f"one of {', '.join(scheduler.names())}")
        ended = scheduler.run(str(name), "command").result()
        if ended.error is not None:
            raise ended.error
        if ended.state == "late":
            raise StorysyncError(f"the job {name} has {ended.message}", hint="see the log of storysync")
        return {**ended.result.data, "run": _run(ended)}

    def check_health(self) -> health.HealthReport:
        """All checks, in whichever thread asks; the main loop notes the outcome."""
        daemon = self._daemon
        return health.check_all(
            daemon.databases.named(daemon.keepers),
            daemon.settings.health,
            live=self.live(),
            backups=daemon.settings.backup,
        )

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
    return {"reports": [plain(report) for report in reports]}


def _health_of(daemon: Daemon) -> str | None:
    report = daemon.notes.health
    return "fail" if daemon.outage.lasts or daemon.damaged else report.state if report else None


def _instants(moments: dict[str, datetime]) -> dict[str, str]:
    return {name: at.isoformat() for name, at in sorted(moments.items())}


def _run(ended: Ended) -> dict[str, Any]:
    """A run of a job, as JSON has it."""
    return {
        "name": ended.name,
        "trigger": ended.trigger,
        "started_at": instants.to_text(ended.started_at),
        "finished_at": instants.to_text(ended.finished_at),
        "state": ended.state,
        "message": ended.message,
    }
