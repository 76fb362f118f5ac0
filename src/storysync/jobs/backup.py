"""Floor 3: a backup, which counts only once it was restored on trial and found equal.

Copy into `.partial`, restore, compare, flush, rename, then the manifest. It reads the database and writes
files: the row of the run in the database is noted by whoever may write there.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from msgspec.structs import replace

from storysync import __version__, faults
from storysync.core import instants
from storysync.errors import StoreError, StorysyncError
from storysync.jobs import backup_files, backup_prune
from storysync.jobs.backup_files import LOCK_WAIT_S, Manifest, flushed_digest, reason, require_space
from storysync.jobs.backup_files import backup_directory as backup_directory
from storysync.jobs.backup_files import utc_now as utc_now
from storysync.settings import BackupSettings
from storysync.store import private
from storysync.store.archive import Archive, Dumped, differences, facts_in
from storysync.store.database import Database
from storysync.store.durable import flush_folder
from storysync.store.reader import Reader
from storysync.store.store import Store


@dataclass(frozen=True, slots=True)
class BackupReport:
    """One attempt. `file`, `size`, `digest` (SHA-256) and `verified_at` are None when it failed."""

    state: Literal["good", "failed"]
    trigger: str
    file: Path | None
    size: int | None
    digest: str | None
    started_at: datetime
    finished_at: datetime
    verified_at: datetime | None
    pruned: tuple[str, ...]  # names of old backups that were removed
    message: str  # why it failed, or which old backup could not be removed
    name: str = ""  # of the backup, without the end of its file; empty when it failed
    project: str = ""


def make_backup(
    database: Database,
    settings: BackupSettings,
    *,
    trigger: str,
    project: str = "",
    now: Callable[[], datetime] = utc_now,
) -> BackupReport:
    """Make one backup and remove those that are superfluous then. It does not write the database.

    `project`: whose own database it is, if any. A failure is a report, not an exception: the older backups
    stay and the next attempt may succeed. What was made before a `migration` or a `restore` removes nothing:
    it may be one of the old ones that is to be restored.
    """
    started_at = now()
    directory = backup_directory(database, settings, project)
    group = database.engines.group_readable
    try:
        private.make_folder(directory, group=group)
        with backup_files.locked(directory, LOCK_WAIT_S, group=group):
            backup_files.clean(directory)
            name = backup_files.free_name(directory, started_at)
            begun = Manifest(
                directory=directory, name=name, number=backup_files.next_number(directory),
                created_at=started_at, trigger=trigger,
                database=database.place, project=project, storysync=__version__,
                beside=database.file is not None and backup_files.lies_beside(directory, database.file),
            )  # fmt: skip
            made = _make(database, settings, begun, now)
            pruned, message = _pruned(database, settings, directory, made, now())
    except (OSError, StorysyncError) as error:
        return BackupReport(
            state="failed", trigger=trigger, file=None, size=None, digest=None, started_at=started_at,
            finished_at=now(), verified_at=None, pruned=(), message=reason(error, directory), project=project,
        )  # fmt: skip
    return BackupReport(
        state="good", trigger=trigger, file=made.data, size=made.size, digest=made.sha256,
        started_at=started_at, finished_at=now(), verified_at=made.verified_at, pruned=pruned,
        message=message, name=made.name, project=project,
    )  # fmt: skip


def note(store: Store, report: BackupReport) -> None:
    """Put the attempt on record in `backups`. Raises StoreError, which tells of a failed attempt as well."""
    try:
        with store.writing() as tx:
            tx.execute(
                "INSERT INTO backups (trigger, file, size, digest, started_at, finished_at, verified_at,"
                " state, message) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    report.trigger, str(report.file) if report.file else None, report.size, report.digest,
                    instants.to_text(report.started_at), instants.to_text(report.finished_at),
                    instants.to_text(report.verified_at) if report.verified_at else None,
                    report.state, report.message,
                ),
            )  # fmt: skip
    except StoreError as error:
        if report.state == "failed":
            raise StoreError(
                f"the backup failed ({report.message}), and so did noting it: {error}"
            ) from error
        raise


def last_good_at(reader: Reader) -> datetime | None:
    """When the newest good backup was finished."""
    row = reader.rows("SELECT max(finished_at) AS at FROM backups WHERE state = 'good'")[0]
    return instants.from_text(row["at"]) if row["at"] else None


def _make(
    database: Database,
    settings: BackupSettings,
    begun: Manifest,
    now: Callable[[], datetime],
) -> Manifest:
    """Both files of the backup that is begun. Raises OSError, StorysyncError; then neither is there."""
    directory = begun.directory
    archive = database.archive(settings)
    group = database.engines.group_readable
    require_space(directory, archive.needed_bytes())
    file = f"{begun.name}{archive.suffix}"
    partial, half = directory / f"{file}.partial", directory / f"{begun.name}.json.partial"
    try:
        os.close(private.open_file(partial, os.O_WRONLY | os.O_EXCL, group=group))
        faults.point("backup.before-copy")
        dumped = archive.dump(partial)
        size, sha256 = flushed_digest(partial)
        _prove(archive, partial, dumped)
        verified_at = now()
        made = _finished(begun, dumped, file, size, sha256, verified_at)
        backup_files.write_partial(half, backup_files.written(made), group=group)
        flush_folder(directory)
        faults.point("backup.before-rename")
        partial.rename(made.data)
        faults.point("backup.between-renames")
        half.rename(made.path)
        flush_folder(directory)
        faults.point("backup.after-rename")
    except BaseException:
        with suppress(OSError):
            _withdraw(directory, begun, archive)
        raise
    return made


def _prove(archive: Archive, file: Path, dumped: Dumped) -> None:
    """Raise StoreError unless what the file restores to is what was copied."""
    with archive.restored(file, file.parent) as tx:
        found = facts_in(tx)
    for difference in differences(dumped.facts, found):
        raise StoreError(f"restored on trial, {difference}")


def _finished(
    begun: Manifest, dumped: Dumped, file: str, size: int, sha256: str, verified_at: datetime
) -> Manifest:
    took = verified_at - begun.created_at
    return replace(
        begun, verified_at=verified_at, engine=dumped.version.partition(" ")[0].lower(),
        engine_version=dumped.version, schema_version=dumped.facts.schema_version, file=file, size=size,
        sha256=sha256, rows=dumped.facts.rows, digests=dumped.facts.digests,
        duration_ms=round(took.total_seconds() * 1000),
    )  # fmt: skip


def _withdraw(directory: Path, begun: Manifest, archive: Archive) -> None:
    (directory / f"{begun.name}.json").unlink(missing_ok=True)
    (directory / f"{begun.name}{archive.suffix}").unlink(missing_ok=True)
    backup_files.clean(directory)


def _pruned(
    database: Database, settings: BackupSettings, directory: Path, made: Manifest, at: datetime
) -> tuple[tuple[str, ...], str]:
    """What was removed, and what could not be: the new backup is good all the same."""
    if made.trigger in backup_prune.PROTECTING:
        return (), ""
    try:
        return backup_prune.prune_directory(directory, database.place, settings, at, made=made.name), ""
    except OSError as error:
        return (), f"cannot remove an old backup: {reason(error, directory)}"
