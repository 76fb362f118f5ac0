"""Floor 3: a copy of the database that has been opened and checked before it counts as a backup.

Copy into `.partial`, verify, fsync, rename, note a row. Retention counts only files that this database has
on record, since another may keep its own in the same directory, and removes old ones only after a new one
stands.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from storysync import faults
from storysync.core import instants
from storysync.errors import StoreError, StorysyncError
from storysync.settings import BackupSettings
from storysync.store import private
from storysync.store.engines.sqlite_backup import copy_database, verify_copy
from storysync.store.reader import Reader
from storysync.store.store import Store

_NAME = re.compile(r"storysync-(\d{8}T\d{6}Z)(?:-(\d+))?\.db", re.ASCII)
_PARTIAL = ".partial"
_LITTER = re.compile(_NAME.pattern + r"\.partial(-journal|-wal|-shm)?", re.ASCII)


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


def utc_now() -> datetime:
    return datetime.now(UTC)


def backup_directory(database: Path, settings: BackupSettings, project: str = "") -> Path:
    """The setting, else `backups` beside the database; below it one for the project that has its own."""
    directory = Path(settings.directory) if settings.directory else database.parent / "backups"
    own = not settings.directory and database.parent.name == project
    return directory if own else directory / project


def backup(
    store: Store,
    settings: BackupSettings,
    *,
    trigger: str,
    project: str = "",
    now: Callable[[], datetime] = utc_now,
) -> BackupReport:
    """Make one backup and note it, good or failed. `project` is the one whose own database it is, if any.

    A failure is a report, not an exception: the older backups stay and the next attempt may succeed.
    StoreError is raised only when the attempt cannot even be noted in the database.
    """
    started_at = now()
    database = store.database.file
    if database is None:
        raise StoreError(
            f"storysync makes no backups of a server's database yet: {store.database.place}",
            hint="use pg_dump; see docs/postgresql.md",
        )
    directory = backup_directory(database, settings, project)
    try:
        file, digest, verified_at = _make(database, directory, started_at, now)
        older = [one for one in _made(store, directory) if one != file]
        pruned, message = _prune(older, settings.daily)
        report = BackupReport(
            state="good", trigger=trigger, file=file, size=file.stat().st_size, digest=digest,
            started_at=started_at, finished_at=now(), verified_at=verified_at, pruned=pruned, message=message,
        )  # fmt: skip
    except (OSError, StorysyncError) as error:
        report = BackupReport(
            state="failed", trigger=trigger, file=None, size=None, digest=None, started_at=started_at,
            finished_at=now(), verified_at=None, pruned=(), message=_reason(error, directory),
        )  # fmt: skip
    _note(store, report)
    return report


def last_good_at(reader: Reader) -> datetime | None:
    """When the newest good backup was finished."""
    row = reader.rows("SELECT max(finished_at) AS at FROM backups WHERE state = 'good'")[0]
    return instants.from_text(row["at"]) if row["at"] else None


def _make(
    database: Path, directory: Path, started_at: datetime, now: Callable[[], datetime]
) -> tuple[Path, str, datetime]:
    private.make_folder(directory)
    _clean(directory)
    final = _free_name(directory, started_at)
    partial = final.with_name(final.name + _PARTIAL)
    try:
        os.close(private.open_file(partial, os.O_WRONLY | os.O_EXCL))
        faults.point("backup.before-copy")
        stories = copy_database(database, partial)
        faults.point("backup.after-copy")
        verify_copy(partial, stories)
        digest = _flushed_digest(partial)
        faults.point("backup.before-rename")
        partial.rename(final)
        _flush_directory(directory)
        faults.point("backup.after-rename")
    except BaseException:
        with suppress(OSError):
            final.unlink(missing_ok=True)
            _clean(directory)
        raise
    return final, digest, now()


def _free_name(directory: Path, at: datetime) -> Path:
    stamp = at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    file = directory / f"storysync-{stamp}.db"
    number = 1
    while file.exists():
        number += 1
        file = directory / f"storysync-{stamp}-{number}.db"
    return file


def _clean(directory: Path) -> None:
    """Remove what attempts that failed or were killed have left."""
    for file in directory.iterdir():
        if _LITTER.fullmatch(file.name):
            file.unlink()


def _flushed_digest(file: Path) -> str:
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        os.fsync(stream.fileno())
    return digest


def _flush_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _made(store: Store, directory: Path) -> list[Path]:
    """The backups in the directory that this database has on record, newest first."""
    with store.reading() as reader:
        rows = reader.rows("SELECT DISTINCT file FROM backups WHERE state = 'good'")
    files = [Path(row["file"]) for row in rows]
    found = [file for file in files if file.parent == directory and _NAME.fullmatch(file.name)]
    return sorted(filter(Path.is_file, found), key=lambda file: _age_key(file.name), reverse=True)


def _age_key(name: str) -> tuple[datetime, int]:
    match = _NAME.fullmatch(name)
    assert match is not None
    made_at = datetime.strptime(match[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return made_at, int(match[2] or 1)


def _prune(older: list[Path], keep: int) -> tuple[tuple[str, ...], str]:
    """Remove all but the newest `keep`, counting the one just made, which is not among them.

    Returns the names removed, and what could not be removed: the new backup is good all the same.
    """
    removed: list[str] = []
    try:
        for file in older[keep - 1 :]:
            file.unlink()
            removed.append(file.name)
    except OSError as error:
        return tuple(removed), f"cannot remove an old backup: {_reason(error, file.parent)}"
    return tuple(removed), ""


def _reason(error: Exception, directory: Path) -> str:
    if isinstance(error, OSError):
        return f"{error.filename or directory}: {error.strerror or error}"
    return str(error)


def _note(store: Store, report: BackupReport) -> None:
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
