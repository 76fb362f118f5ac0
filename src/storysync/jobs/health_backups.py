"""The health checks of backups and of the room for them. They work when the database does not open."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from storysync.jobs.health_report import Finding, amount, spell

if TYPE_CHECKING:
    from storysync.jobs.backup_files import Manifest
    from storysync.jobs.health_look import Seen
    from storysync.settings import BackupSettings, HealthSettings
    from storysync.store.database import Database

OLDEST_PROOF = timedelta(days=7)


def state_folder(database: Database) -> Path:
    """Where it lies; of one of a server its companions."""
    return (database.file or database.base).parent


def disk(places: Mapping[str, Path], min_free_mb: int) -> Finding:
    """Free space of each place, by how it is called; one not made yet is measured where it will be."""
    free = {name: free_bytes(path) // (1 << 20) for name, path in places.items()}
    told = ", ".join(f"{mb} MB free {name}" for name, mb in free.items())
    if min(free.values()) < min_free_mb:
        return "fail", f"{told}: less than {min_free_mb} MB; make room, or lower health.min_free_mb"
    return "ok", told


def free_bytes(path: Path) -> int:
    """Free bytes of the disk of a folder, or of what will hold it. Raises OSError."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return shutil.disk_usage(path).free


def backup(made: Sequence[Manifest], seen: Seen | None, health: HealthSettings, at: datetime) -> Finding:
    """Age of the newest one that is there; `made` are all, newest first."""
    good = next((one for one in made if one.state == "good"), None)
    failed = _failed(seen, good)
    if good is None:
        return _none(made, seen, failed)
    age = at - good.created_at
    if age > timedelta(hours=health.max_backup_age_hours):
        return (
            "fail",
            f"the last good backup is {spell(age)} old{failed or '; run `storysync backup create`'}",
        )
    return ("warn" if failed else "ok"), f"the last good backup is {spell(age)} old{failed}"


def _none(made: Sequence[Manifest], seen: Seen | None, failed: str) -> Finding:
    if made:
        return "fail", f"none of {amount(len(made), 'backup')} is good; run `storysync backup create`"
    if seen is not None and seen.backed_up_at is not None:
        return "fail", "the backups on record are gone; is the right `backup.directory` set and mounted?"
    if failed:
        return "fail", f"no backup has succeeded yet{failed}"
    return "warn", "there is no backup yet; run `storysync backup create`"


def _failed(seen: Seen | None, good: Manifest | None) -> str:
    """Why the newest attempt has failed, if it came after the newest good one."""
    tried = seen.tried if seen is not None else None
    if tried is None or tried.state == "good" or (good is not None and tried.at < good.created_at):
        return ""
    return f"; the last attempt failed: {tried.message}"


def restore(made: Sequence[Manifest], backups: BackupSettings, at: datetime) -> Finding:
    """Age of the last proof that a backup restores, and those that do not."""
    damaged = [one.name for one in made if one.state != "good"]
    proved_at = last_proof(made)
    if proved_at is None:
        if damaged:
            return "fail", f"no backup is known to restore; damaged: {', '.join(damaged)}"
        return "warn", "there is no backup that could be restored yet"
    age = at - proved_at
    told = f"that a backup restores was proved {spell(age)} ago"
    limit = timedelta(hours=2 * backups.verify_hours)
    if damaged:
        told += f"; damaged: {', '.join(damaged)}; see `storysync backup list`"
    if age > max(OLDEST_PROOF, limit):
        return "fail", f"{told}; run `storysync backup verify`"
    if age > limit:
        return "warn", f"{told}; run `storysync backup verify`"
    return ("warn" if damaged else "ok"), told


def last_proof(made: Sequence[Manifest]) -> datetime | None:
    """When one of these backups was last restored on trial, with success."""
    proofs = [one.verified_at for one in made if one.state == "good" and one.verified_at is not None]
    return max(proofs, default=None)
