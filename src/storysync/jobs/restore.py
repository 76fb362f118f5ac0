"""Floor 3: a backup in the place of the database, which is moved aside and never destroyed; or beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

import msgspec

from storysync.core import instants
from storysync.errors import (
    ForeignDatabase,
    Locked,
    NoDatabase,
    NotFound,
    SchemaAhead,
    StoreError,
    StorysyncError,
    UsageError,
)
from storysync.jobs import backup_files
from storysync.jobs.backup_files import Manifest, backup_directory, reason, utc_now
from storysync.jobs.backup_verify import verify_one
from storysync.settings import BackupSettings
from storysync.store import incidents
from storysync.store.archive import BackupDamaged, Step, no_step
from storysync.store.database import Database
from storysync.store.revisions import HEAD, REVISIONS
from storysync.store.tx import Tx

STOP_FIRST = "stop `storysync run` first (`systemctl stop storysync`), or restore beside with --to"
_COUNTED = ("stories", "changes", "status_history")


class Present(msgspec.Struct, frozen=True):
    """The database that a restore would move aside."""

    state: str
    """`there`, `none`, or why it cannot be read."""
    schema_version: str = ""
    rows: dict[str, int] = {}
    """Of stories, changes and status_history; {} when it cannot be read."""
    changes_since: int = 0
    """Changes that were noted after the backup was made: it does not have them."""


class RestoreReport(msgspec.Struct, frozen=True):
    backup: str
    """Its name."""
    created_at: datetime
    database: str
    """The place of the database, without a password."""
    aside: str
    """Where the former one lies now, '' when there was none."""
    migrated_from: str
    """The revision of the backup's schema when that was not the newest, else ''."""


def choose(
    database: Database,
    settings: BackupSettings,
    *,
    name: str | None = None,
    at: datetime | None = None,
    project: str = "",
) -> Manifest:
    """The backup of this name, else the newest verified one, made at `at` or before.

    The database need not be there. Raises NotFound; StoreError when the directory cannot be read; UsageError
    for a backup of another project's database, SchemaAhead for one of a newer program.
    """
    directory = backup_directory(database, settings, project)
    try:
        found = _found(directory, database.place, name, at)
    except OSError as error:
        raise StoreError(f"cannot read the backups in {directory}: {error.strerror or error}") from error
    if found.state != "good":
        raise BackupDamaged(f"the backup {found.name} is {found.state}: {found.reason}")
    if found.project != project:
        raise UsageError(
            f"the backup {found.name} is of {_whose(found.project)}, not of {_whose(project)}",
            hint="name a backup of this database, or restore it beside with --to",
        )
    if found.schema_version not in REVISIONS:
        raise SchemaAhead(
            f"the backup {found.name} has schema {found.schema_version}, newer than this storysync ({HEAD})"
        )
    return found


def look_at_present(database: Database, backup: Manifest) -> Present:
    """What a restore would move aside. Raises ForeignDatabase for a database of another program."""
    try:
        if not database.exists():
            return Present("none")
        with database.read_any() as tx:
            return _counted(tx, database.revision() or "", instants.to_text(backup.created_at))
    except ForeignDatabase as error:
        if not isinstance(error, NoDatabase):
            raise
        return Present(str(error))
    except StoreError as error:
        return Present(str(error))


def restore(
    database: Database,
    settings: BackupSettings,
    backup: Manifest,
    *,
    project: str = "",
    step: Step = no_step,
    now: datetime | None = None,
) -> RestoreReport:
    """Restore a backup that `choose` gave: try it, put it in place, migrate it, and note an incident.

    Files must be read again after it: `sync` of every project with `reread`. The caller has no connection to
    the database. Raises Locked when another process may write it, BackupDamaged when the backup does not
    restore, StoreError; then everything is as it was.
    """
    at = now or utc_now()
    look_at_present(database, backup)  # refuses one of another program
    with _held(database):
        prove(database, settings, backup, now=at)
        last = _last_numbers(database)

        def finish(made: Database, aside: str) -> None:
            with made.open() as store, store.writing() as tx:
                tx.count_on(last)
                incidents.note(tx, "restored", _told(backup, aside), at)

        try:
            aside = database.archive(settings).replace(backup.data, f"{at:%Y%m%dT%H%M%SZ}", step, finish)
        except OSError as error:
            told = reason(error, Path(database.place).parent)
            raise StoreError(
                f"{database.place} cannot be replaced: {told}", hint="nothing was changed; mend that"
            ) from error
    migrated_from = backup.schema_version if backup.schema_version != HEAD else ""
    return RestoreReport(backup.name, backup.created_at, database.place, aside, migrated_from)


def extract(
    database: Database,
    settings: BackupSettings,
    backup: Manifest,
    target: str,
    *,
    step: Step = no_step,
    now: datetime | None = None,
) -> str:
    """Restore a backup beside: to a new file, or a new database of the server. Returns its URL.

    It keeps the schema that it had. Raises BackupDamaged, UsageError when something is there, StoreError.
    """
    prove(database, settings, backup, now=now or utc_now())
    try:
        return database.archive(settings).extract(backup.data, target, step)
    except OSError as error:
        raise StorysyncError(
            f"cannot restore to {target}: {reason(error, Path(target).parent)}", hint="choose another path"
        ) from error


def prove(database: Database, settings: BackupSettings, backup: Manifest, *, now: datetime) -> None:
    """Restore it on trial and compare. Raises BackupDamaged, or StorysyncError when it cannot be tried."""
    tried = verify_one(database, settings, backup, now=lambda: now)
    if tried.state == "damaged":
        raise BackupDamaged(f"the backup {backup.name} does not restore: {tried.message}")
    if tried.state == "failed":
        raise StorysyncError(
            f"the backup {backup.name} cannot be tried now: {tried.message}",
            hint="nothing was changed; mend that and try again",
        )


def _found(directory: Path, place: str, name: str | None, at: datetime | None) -> Manifest:
    if name is not None:
        return backup_files.find(directory, name)
    found = backup_files.newest_verified(directory, place, at=at)
    if found is None:
        until = f" made until {at:%Y-%m-%d %H:%M:%S} UTC" if at else ""
        raise NotFound(
            f"there is no verified backup of {place}{until} in {directory}",
            hint="see `storysync backup list`",
        )
    return found


def _counted(tx: Tx, revision: str, made_at: str) -> Present:
    tables = [table for table in _COUNTED if table in tx.tables()]
    rows = {table: _number(tx, f"SELECT count(*) FROM {table}") for table in tables}
    since = _number(tx, "SELECT count(*) FROM changes WHERE at > ?", made_at) if "changes" in rows else 0
    return Present("there", revision, rows, since)


def _number(tx: Tx, sql: str, *params: str) -> int:
    row = tx.row(sql, params)
    return int(row[0]) if row else 0


@contextmanager
def _held(database: Database) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(database.lock())
        except Locked as error:
            raise Locked(str(error), hint=STOP_FIRST) from error
        yield


def _last_numbers(database: Database) -> dict[str, int]:
    """What the counters of the present database have given out, which is not given out again.

    {} for one that is not there or cannot tell.
    """
    try:
        if not database.exists():
            return {}
        with database.read_any() as tx:
            return tx.last_numbers()
    except StoreError:
        return {}


def _told(backup: Manifest, aside: str) -> str:
    kept = f"; the former database lies at {aside}" if aside else ""
    made = f"{backup.created_at:%Y-%m-%d %H:%M:%S} UTC"
    return f"the backup {backup.name} of {made} was restored{kept}"


def _whose(project: str) -> str:
    return f"the database of project {project}" if project else "the one database of all projects"
