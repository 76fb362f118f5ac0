"""Floor 3: a backup before rows are migrated, without which they are not."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from storysync.errors import StoreError
from storysync.settings import BackupSettings
from storysync.store.database import Database
from storysync.store.store import Store
from storysync.store.stores import BeforeMigration

MIGRATION_S = 3600.0
"""The longest that a migration is expected to take; nothing ends one that takes longer."""


def backing_up(
    settings: BackupSettings,
    tell: Callable[[str], None] | None = None,
    more_time: Callable[[float], object] | None = None,
) -> BeforeMigration | None:
    """What `Stores` and `db upgrade` call first; None when the settings turn it off.

    `tell` hears what was made, `more_time` first of all how many seconds it may take, the migration with it.
    What is called raises StoreError when there is no backup: then nothing of the database was changed.
    """
    if not settings.before_migration:
        return None

    def before(database: Database, project: str) -> Callable[[Store], None]:
        # A backup loads what a start without one can do without.
        from storysync.jobs.backup import note
        from storysync.jobs.elsewhere import backup_elsewhere

        if more_time is not None:
            more_time(settings.deadline_minutes * 60 + MIGRATION_S)
        found = database.revision()
        report = backup_elsewhere(database, settings, trigger="migration", project=project)
        if report.state != "good":
            raise StoreError(
                f"the schema of {database.place} stays {found}, since the backup before it failed:"
                f" {report.message}",
                hint="mend that, or go without one: set backup.before_migration=false",
            )
        if tell is not None:
            tell(f"made the backup {report.name} of {database.place} before its schema {found} is changed")
        return partial(note, report=report)

    return before
