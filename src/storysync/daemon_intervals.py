"""How often each job of the daemon is due, and how long it may take. Commands ask too, without a daemon."""

from __future__ import annotations

from storysync.settings import Settings
from storysync.store.job_rows import NAMES

_SLACK_S = 60.0  # for what surrounds a process that is killed at the deadline itself


def intervals(settings: Settings) -> dict[str, float]:
    """Job -> seconds between its runs."""
    return {
        "reconcile": settings.watch.reconcile_minutes * 60,
        "health": settings.health.every_minutes * 60,
        "backup": settings.backup.every_minutes * 60,
        "verify": settings.backup.verify_hours * 3600,
        "prune": settings.jobs.maintain_hours * 3600,
        "integrity": settings.health.integrity_hours * 3600,
        "maintain": settings.jobs.maintain_hours * 3600,
        "reread": settings.jobs.reread_hours * 3600,
    }


def deadlines(settings: Settings, databases: int) -> dict[str, float]:
    """Job -> seconds after which a run is given up. Some may take their time for each database."""
    one_s = settings.jobs.deadline_minutes * 60
    backup_s = settings.backup.deadline_minutes * 60 * max(1, databases) + _SLACK_S
    return {
        **dict.fromkeys(NAMES, one_s),
        "integrity": one_s * max(1, databases) + _SLACK_S,
        **dict.fromkeys(("backup", "verify", "prune"), backup_s),
    }
