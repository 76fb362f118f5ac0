"""Floor 3: a backup is restored on trial once more, and compared with what was written about it."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from storysync.errors import NotFound, StoreError, StorysyncError
from storysync.jobs import backup_files
from storysync.jobs.backup_files import (
    LOCK_WAIT_S,
    Manifest,
    backup_directory,
    flushed_digest,
    reason,
    utc_now,
)
from storysync.settings import BackupSettings
from storysync.store.archive import BackupDamaged, differences, facts_in
from storysync.store.database import Database

Outcome = Literal["good", "damaged", "failed"]


@dataclass(frozen=True, slots=True)
class VerifiedBackup:
    """What one trial has shown. `damaged`: it does not restore; `failed`: that could not be found out."""

    state: Outcome
    name: str
    message: str
    """Why it is not good."""
    file: Path | None = None
    created_at: datetime | None = None
    verified_at: datetime | None = None
    """When this was found out; None unless it is good."""
    tables: int = 0
    rows: int = 0
    digests: int = 0
    """Tables whose every row was compared."""
    duration_ms: int = 0
    project: str = ""


def verify(
    database: Database,
    settings: BackupSettings,
    *,
    name: str | None = None,
    project: str = "",
    now: Callable[[], datetime] = utc_now,
) -> VerifiedBackup:
    """Restore a backup of the database, by default the newest, and compare all of it with its manifest.

    The database need not be there. The outcome is noted in the manifest where that may be written; one that
    could not be tried stays as it was. Raises NotFound when there is none, or none of that name.
    """
    directory = backup_directory(database, settings, project)
    if name is not None:
        found = backup_files.find(directory, name)
    else:
        listed = backup_files.backups_in(directory, database.place)
        if not listed:
            raise NotFound(
                f"there is no backup of {database.place} in {directory}",
                hint="make one with `storysync backup create`",
            )
        found = listed[0]
    return verify_one(database, settings, found, now=now)


def verify_one(
    database: Database,
    settings: BackupSettings,
    manifest: Manifest,
    *,
    now: Callable[[], datetime] = utc_now,
) -> VerifiedBackup:
    """As `verify`, of one that was found."""
    began = time.monotonic()
    try:
        with _workplace(manifest, group=database.engines.group_readable) as folder:
            state, message = _tried(database, settings, manifest, folder, now)
    except (OSError, StorysyncError) as error:
        state, message = "failed", reason(error, manifest.directory)
    return VerifiedBackup(
        state=state, name=manifest.name, message=message, file=manifest.data if manifest.file else None,
        created_at=manifest.created_at, verified_at=now() if state == "good" else None,
        tables=len(manifest.rows), rows=manifest.row_count,
        digests=sum(1 for digest in manifest.digests.values() if digest),
        duration_ms=round((time.monotonic() - began) * 1000), project=manifest.project,
    )  # fmt: skip


def _tried(
    database: Database,
    settings: BackupSettings,
    manifest: Manifest,
    folder: Path,
    now: Callable[[], datetime],
) -> tuple[Outcome, str]:
    """What the trial shows, and why; noted in the manifest where it may be written."""
    try:
        _prove(database, settings, manifest, folder)
    except BackupDamaged as error:
        if _holds(manifest) and manifest.state != "missing":
            with suppress(OSError):
                backup_files.rewrite(manifest, state="damaged", reason=str(error))
        return "damaged", str(error)
    with suppress(OSError):
        backup_files.rewrite(manifest, state="good", reason="", verified_at=now())
    return "good", ""


def _prove(database: Database, settings: BackupSettings, manifest: Manifest, folder: Path) -> None:
    """Raise BackupDamaged unless the data is that which was written, and restores to what was there."""
    backup_files.require_reachable(manifest)
    if not _holds(manifest) or manifest.state == "missing":
        raise BackupDamaged(manifest.reason)
    archive = database.archive(settings)
    if not manifest.file.endswith(archive.suffix):
        raise StoreError(
            f"it is a backup of {manifest.engine_version.partition(' ')[0]}, and the database"
            f" {database.place} is not",
            hint="name the database that it was made of with --database",
        )
    size, sha256 = flushed_digest(manifest.data)
    if size != manifest.size:
        raise BackupDamaged(f"{manifest.file} has {size} bytes instead of {manifest.size}")
    if sha256 != manifest.sha256:
        raise BackupDamaged(f"{manifest.file} is not what was written: its SHA-256 differs")
    with archive.restored(manifest.data, folder) as tx:
        found = facts_in(tx)
    for difference in differences(manifest.facts, found):
        raise BackupDamaged(f"restored on trial, {difference}")


def _holds(manifest: Manifest) -> bool:
    """Whether the manifest itself is sound, so that the rest can be compared with it."""
    return bool(manifest.sha256)


@contextmanager
def _workplace(manifest: Manifest, *, group: bool) -> Iterator[Path]:
    """A folder to restore into: that of the backups, which nobody else uses then; or one of our own, where

    this user may not write there. Raises Locked, StoreError, OSError.
    """
    directory = manifest.directory
    if os.access(directory, os.W_OK):
        with backup_files.locked(directory, LOCK_WAIT_S, group=group):
            yield directory
        return
    with tempfile.TemporaryDirectory(prefix="storysync-") as own:
        yield Path(own)
