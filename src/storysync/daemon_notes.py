"""What jobs ask of the main loop, which alone writes: rows of their runs, and care of the databases."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from storysync.errors import DatabaseAway, NotFound, StorysyncError
from storysync.jobs import backup, health
from storysync.store import incidents, job_rows
from storysync.store import projects as project_rows

if TYPE_CHECKING:
    from storysync.daemon import Daemon
    from storysync.daemon_root import RootKeeper
    from storysync.store.database import Database

log = structlog.get_logger()


class Notes:
    """Used by the main loop only."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._unnoted: dict[tuple[str, str], job_rows.JobRun] = {}  # by database and job
        self._unstated: dict[str, RootKeeper] = {}  # whose state the database does not show yet
        self._unrefreshed: dict[str, str] = {}  # project -> why it cannot see others, as the log has told
        self.health: health.HealthReport | None = None

    def inherit(self, before: Notes) -> None:
        """Take over what another one knows, and what it could not write."""
        self.health = before.health
        self._unnoted |= before._unnoted

    def note_state(self, keeper: RootKeeper) -> None:
        """Show the state of a root in the database; one that refuses it hears it again at the next look."""
        known = keeper.id in self._unstated
        self._unstated[keeper.id] = keeper
        try:
            with self._daemon.stores.of(keeper.id).writing() as tx:
                project_rows.set_state(tx, keeper.id, keeper.state)
            del self._unstated[keeper.id]
        except DatabaseAway as error:
            self._daemon.outage.note(error)
        except StorysyncError as error:
            if not known:
                log.warning("root.unnoted", project=keeper.id, state=keeper.state, error=str(error))

    def refresh(self, only: str | None = None) -> None:
        """What databases know of each other, as far as it follows from one project or of all."""
        refused = self._daemon.stores.refresh(datetime.now(UTC), only)
        told = {project_id: str(error) for project_id, error in refused.items()}
        if only is None:
            for project_id, error in told.items():
                if self._unrefreshed.get(project_id) != error:
                    log.warning("foreign.failed", project=project_id, error=error)
            self._unrefreshed = told

    def note_run(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """A run of a job has ended; where a database cannot be written it is noted later."""
        runs: dict[str, job_rows.JobRun] = arguments["runs"]
        self._unnoted |= {(name, run.name): run for name, run in runs.items()}
        self.note_waiting()
        return {}

    def note_waiting(self) -> None:
        """Write what could not be written when it came."""
        for keeper in list(self._unstated.values()):
            if not self._daemon.outage.lasts:
                self.note_state(keeper)
        followed = self._databases() if self._unnoted else {}
        for (name, job), run in list(self._unnoted.items()):
            if name not in followed:  # since a reload
                del self._unnoted[name, job]
                continue
            if self._daemon.outage.lasts or name in self._daemon.damaged:
                continue
            try:
                with self._daemon.stores.of(name).writing() as tx:
                    job_rows.note(tx, run)
            except DatabaseAway as error:
                self._daemon.outage.note(error)
            except StorysyncError as error:
                log.debug("job.unnoted", job=job, project=name, error=str(error))
            else:
                del self._unnoted[name, job]

    def note_backup(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """A backup was made or has failed, in a process of its own."""
        report: backup.BackupReport = arguments["report"]
        if report.state == "good":
            ms = round((report.finished_at - report.started_at).total_seconds() * 1000)
            log.info("backup.done", file=str(report.file), size=report.size, ms=ms)
        else:
            log.error("backup.failed", state=report.state, error=report.message)
        self._served(arguments["name"])
        backup.note(self._daemon.stores.of(arguments["name"]), report)
        return plain(report)

    def acknowledge(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The open incidents of a database are known; `database`: its project, '' for that of all."""
        name = str(arguments.get("database", ""))
        self._served(name)
        with self._daemon.stores.of(name).writing() as tx:
            return {"acknowledged": incidents.acknowledge(tx, datetime.now(UTC))}

    def record_health(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """A health check has ended; the log tells of a change only."""
        report: health.HealthReport = arguments["report"]
        before = self.health.state if self.health else None
        self.health = report
        if report.state != before:
            poor = {check.name: check.reason for check in report.checks if check.state != "ok"}
            (log.info if report.state == "ok" else log.warning)("health.changed", state=report.state, **poor)
        for name in self._databases():
            self._note_health(name, report)
        return plain(report)

    def _note_health(self, name: str, report: health.HealthReport) -> None:
        """Where a database of several cannot be written, its own checks have said so already."""
        try:
            store = self._daemon.stores.of(name)
            health.record(store, health.of_project(report, name))
            store.release_memory()  # of the check, which reads all of the database
        except StorysyncError:
            if not name:
                raise

    def maintain(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """What the databases need from time to time; `failed`: name -> why it could not be done there."""
        failed: dict[str, str] = {}
        for name in self._databases():
            try:
                self._daemon.stores.of(name).maintain(datetime.now(UTC))
            except DatabaseAway:
                raise
            except StorysyncError as error:
                failed[name] = str(error)
        return {"failed": failed}

    def stop_writing(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """A database is damaged: its writer is closed, and its projects wait until `take_in`."""
        daemon, name, why = self._daemon, str(arguments["name"]), str(arguments["why"])
        database = self._served(name)
        daemon.damaged[name] = why
        daemon.stores.bar(database, f"it is damaged: {why}")
        return {}

    def take_in(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """A database has been recovered: what its backup does not know is in the files."""
        daemon, name = self._daemon, str(arguments["name"])
        daemon.stores.allow(self._served(name))
        daemon.damaged.pop(name, None)
        for keeper in self._keepers(name):
            try:
                daemon.stores.of(keeper.id).claim((keeper.id,))
                daemon.sync(keeper, None, "recovery", reread=True)
            except (StorysyncError, OSError) as error:
                log.warning("sync.failed", project=keeper.id, trigger="recovery", error=str(error))
                daemon.reread |= {keeper.id}
                daemon.scan(keeper, "recovery")
        return {}

    def _databases(self) -> dict[str, Database]:
        return self._daemon.databases.named(self._daemon.keepers)

    def _served(self, name: str) -> Database:
        """Raises NotFound, for a job that began before a reload as well: what it worked on may be gone."""
        served = self._databases()
        if name not in served:
            raise NotFound(f"this daemon serves no database of a project {name!r}")
        return served[name]

    def _keepers(self, name: str) -> list[RootKeeper]:
        keepers = self._daemon.keepers.values()
        return [keeper for keeper in keepers if self._daemon.name_of(keeper.id) == name]


def plain(value: Any) -> dict[str, Any]:
    """A report as JSON has it."""
    made: dict[str, Any] = msgspec.to_builtins(value, str_keys=True, enc_hook=str)
    return made
