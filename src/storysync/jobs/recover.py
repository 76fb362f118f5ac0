"""Floor 3: a SQLite database that is damaged gives way to its newest backup that restores, by itself.

Nothing of it is destroyed: it is moved aside, and an incident says so until somebody has acknowledged it.
Only damage counts. What a lock, a missing right, a full disk or a failing device says is no damage.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec

from storysync import faults
from storysync.errors import Damaged, NoDatabase, StoreError
from storysync.jobs.backup_files import (
    Manifest,
    backup_directory,
    backups_in,
    reason,
    require_reachable,
    utc_now,
)
from storysync.jobs.backup_verify import verify_one
from storysync.settings import BackupSettings
from storysync.store import incidents
from storysync.store.archive import BackupDamaged
from storysync.store.database import Database
from storysync.store.revisions import REVISIONS

ROOM = 1_000_000
"""So far the counters of a restored database move on, since no number may be given out twice."""


class RecoveryReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was done. `message` says all of it in one line, as its incident does."""

    project: str
    """Whose own database it is, '' for the one of all projects."""
    found: str
    """How the damage showed."""
    backup: str
    """The name of the backup that was restored, '' for none: the database is empty then."""
    created_at: datetime | None
    """When that backup was made."""
    aside: str
    """Where the damaged database lies now."""
    passed_over: tuple[str, ...]
    """Newer backups, and why each was not restored."""
    message: str


def damage_of(database: Database, settings: BackupSettings, *, project: str = "") -> str:
    """What shows that a database of ours lies here and is damaged, '' when nothing does.

    A quick look: seconds a gigabyte. What is no database at all (zeros, or nothing in the file) counts when
    there are backups of one in this place. Never raises for a database that cannot be looked at: whoever
    opens it next finds out why.
    """
    try:
        if database.file is None or not database.exists():
            return ""
        found = database.findings(thorough=False).damage
        return found[0] if found else ""
    except Damaged as error:
        return str(error.__cause__ or error)
    except NoDatabase as error:
        return str(error) if any(map(_may_be_good, _listed(database, settings, project))) else ""
    except StoreError:
        return ""


def recover_if_damaged(
    database: Database,
    settings: BackupSettings,
    *,
    project: str = "",
    now: datetime | None = None,
) -> RecoveryReport | None:
    """Recover a database that a quick look finds damaged; None when all is well, as nearly always.

    The caller has no connection to it and does not hold its lock, which is taken if there is something to do.
    Raises as `recover`. Files must be read again after it: `sync` of every project with `reread`.
    """
    if not damage_of(database, settings, project=project):
        return None
    with database.lock():
        found = damage_of(database, settings, project=project)  # somebody else may have been first
        return _recovered(database, settings, project, found, now) if found else None


def recover(
    database: Database,
    settings: BackupSettings,
    *,
    project: str = "",
    found: str = "found damaged",
    now: datetime | None = None,
) -> RecoveryReport:
    """As `recover_if_damaged`, of a database that was found damaged, by a thorough look perhaps.

    Raises Locked, StoreError when a backup cannot be tried or put in place now (a full disk), or the database
    is a server's; then everything is as it was.
    """
    if database.file is None:
        raise StoreError(
            f"the database {database.place} is damaged ({found}), and its server is not ours to mend",
            hint="mend the server, or stop `storysync run` and use `storysync backup restore`",
        )
    with database.lock():
        return _recovered(database, settings, project, found, now)


def _recovered(
    database: Database, settings: BackupSettings, project: str, found: str, now: datetime | None
) -> RecoveryReport:
    faults.point("recover.found")
    at = now or utc_now()
    stamp = f"damaged-{at:%Y%m%dT%H%M%SZ}"
    passed_over: list[str] = []
    for manifest in _listed(database, settings, project):
        if manifest.state == "good" and manifest.schema_version not in REVISIONS:
            passed_over.append(f"{manifest.name}: its schema {manifest.schema_version} is not known here")
            continue
        tried = verify_one(database, settings, manifest, now=lambda: at)
        if tried.state == "failed":
            raise StoreError(
                f"the database {database.place} is damaged ({found}), and the backup {manifest.name}"
                f" cannot be tried now: {tried.message}",
                hint="mend that and start again; nothing was changed",
            )
        try:
            if tried.state == "damaged":
                raise BackupDamaged(tried.message)
            archive = database.archive(settings)
            finish = partial(_note, found, manifest, tuple(passed_over), at)
            aside = _put(database, partial(archive.replace, manifest.data, stamp, finish=finish))
        except BackupDamaged as error:
            passed_over.append(f"{manifest.name}: {error}")
            continue
        return _reported(project, found, manifest, aside, tuple(passed_over), at)
    finish = partial(_note, found, None, tuple(passed_over), at)
    aside = _put(database, partial(database.start_anew, stamp, finish))
    return _reported(project, found, None, aside, tuple(passed_over), at)


def _put(database: Database, put: Callable[[], str]) -> str:
    try:
        return put()
    except OSError as error:
        told = reason(error, Path(database.place).parent)
        raise StoreError(
            f"the database {database.place} is damaged, and cannot be replaced now: {told}",
            hint="mend that and start again; nothing was changed",
        ) from error


def _note(
    found: str, manifest: Manifest | None, passed_over: tuple[str, ...], at: datetime,
    made: Database, aside: str,
) -> None:  # fmt: skip
    """Let the database that was made say why it is there, before it is."""
    faults.point("recover.before-note")
    with made.open() as store, store.writing() as tx:
        if manifest is not None:
            tx.count_on({table: last + ROOM for table, last in tx.last_numbers().items()})
        incidents.note(tx, "recovered", _told(found, manifest, aside, passed_over, at), at)


def _reported(
    project: str, found: str, manifest: Manifest | None, aside: str, passed_over: tuple[str, ...],
    at: datetime,
) -> RecoveryReport:  # fmt: skip
    return RecoveryReport(
        project=project, found=found, backup=manifest.name if manifest else "",
        created_at=manifest.created_at if manifest else None, aside=aside, passed_over=passed_over,
        message=_told(found, manifest, aside, passed_over, at),
    )  # fmt: skip


def _told(
    found: str, manifest: Manifest | None, aside: str, passed_over: tuple[str, ...], at: datetime
) -> str:
    if manifest is None:
        done = "there was no backup that restores, so an empty one was begun; what files do not say is lost"
    else:
        minutes = max(0, round((at - manifest.created_at).total_seconds() / 60))
        age = f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
        done = f"the backup {manifest.name} was restored, {age} old; what files do not say is as it was then"
    skipped = f"; passed over: {'; '.join(passed_over)}" if passed_over else ""
    return f"the database was damaged ({found}); {done}{skipped}; the damaged one lies at {aside}"


def _listed(database: Database, settings: BackupSettings, project: str) -> list[Manifest]:
    """Backups of this database, newest first."""
    directory = backup_directory(database, settings, project)
    try:
        return backups_in(directory, database.place)
    except OSError as error:
        raise StoreError(
            f"cannot read the backups in {directory}: {error.strerror or error}", hint="make it readable"
        ) from error


def _may_be_good(manifest: Manifest) -> bool:
    """Whether it can be restored, as far as is known now."""
    try:
        require_reachable(manifest)
    except OSError:
        return True
    return manifest.state == "good" and manifest.schema_version in REVISIONS
