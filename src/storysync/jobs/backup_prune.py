"""Floor 3: old backups are removed, as `core.retention` decides."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from storysync.core.retention import Kept, Windows, superfluous
from storysync.jobs import backup_files
from storysync.jobs.backup_files import LOCK_WAIT_S, Manifest, backup_directory
from storysync.settings import BackupSettings
from storysync.store.database import Database

PROTECTING = ("migration", "restore")
"""Triggers of backups that are the way back from something dangerous."""


def prune(
    database: Database, settings: BackupSettings, *, project: str = "", now: datetime | None = None
) -> tuple[str, ...]:
    """Remove the superfluous backups of a database and return their names, oldest first.

    It need not be there. Raises Locked, StoreError, OSError; what was removed until then is whole.
    """
    directory = backup_directory(database, settings, project)
    if not directory.exists():
        return ()
    with backup_files.locked(directory, LOCK_WAIT_S, group=database.engines.group_readable):
        return prune_directory(directory, database.place, settings, now or datetime.now(UTC))


def prunable(
    database: Database, settings: BackupSettings, *, project: str = "", now: datetime | None = None
) -> tuple[str, ...]:
    """The names that `prune` would remove. Raises OSError."""
    directory = backup_directory(database, settings, project)
    return tuple(one.name for one in _chosen(directory, database.place, settings, now or datetime.now(UTC)))


def prune_directory(
    directory: Path, place: str, settings: BackupSettings, now: datetime, *, made: str = ""
) -> tuple[str, ...]:
    """As `prune`, while the lock is held; `made`: the one that stays in any case. Raises OSError."""
    removed: list[str] = []
    for one in _chosen(directory, place, settings, now):
        if one.name != made:
            backup_files.remove(one)
            removed.append(one.name)
    return tuple(removed)


def _chosen(directory: Path, place: str, settings: BackupSettings, now: datetime) -> list[Manifest]:
    """Those to remove, oldest first. One that does not tell of which database it was stays.

    So does the good one that was made last, which need not be the one with the latest date.
    """
    own = {one.name: one for one in backup_files.backups_in(directory, place) if one.database}
    windows = Windows(
        settings.hourly, settings.daily, settings.weekly, settings.monthly, settings.max_mb << 20
    )
    last = next((one.name for one in own.values() if _is_good(one)), "")
    kept = [_kept(one, pinned=one.name == last) for one in own.values()]
    return [own[name] for name in superfluous(kept, windows, now)]


def _is_good(one: Manifest) -> bool:
    return one.state == "good" and one.verified_at is not None


def _kept(one: Manifest, *, pinned: bool) -> Kept:
    size = 0 if one.state == "missing" else one.size
    return Kept(one.name, one.created_at, size, _is_good(one), one.trigger in PROTECTING, pinned)
