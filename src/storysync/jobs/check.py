"""What is wrong in the story files of whole projects: they are synced into a scratch database.

The database is kept for the next check, which then reads only the files that changed. What such a sync finds
is what a new database would find, with few exceptions; where one of them may hold, the check begins anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from storysync.errors import StorysyncError
from storysync.jobs import look
from storysync.jobs.check_kept import MOST_BYTES, Kept
from storysync.jobs.findings import CheckReport, Finding
from storysync.jobs.project import Project
from storysync.settings import DeletionSettings, SqliteSettings
from storysync.store import indexed
from storysync.store.problems import NAME_CODES
from storysync.store.projects import known_root
from storysync.store.store import Store

if TYPE_CHECKING:
    from storysync.jobs.sync_report import SyncReport

_PROBLEMS = (
    "SELECT project_id, path, line, col, severity, code, message, hint FROM problems"
    " ORDER BY project_id, path, line, col, code, message, hint"
)
_FROM_BEFORE = (
    "SELECT 1 FROM stories WHERE parse_state = 'stale'",
    "SELECT 1 FROM status_claims WHERE stale",
    "SELECT 1 FROM problems WHERE code = 'unreadable-folder'",
    "SELECT 1 FROM problems WHERE code = 'dangling-reference' AND hint LIKE 'renamed to %'",
)
"""What a database tells of files as they were: what they no longer say, what is in folders closed since."""
_PAST = (
    "DELETE FROM changes",
    "DELETE FROM status_history",
    "DELETE FROM syncs",
    "DELETE FROM identities WHERE gone_at IS NOT NULL",
)
"""What no finding follows from, and what would grow from check to check."""


def check(
    projects: Sequence[Project], settings: SqliteSettings, kept_below: Path | None = None
) -> CheckReport:
    """Read the files of these projects as `sync` would, with the graph. Raises what `sync` raises.

    `kept_below` is the folder of databases of earlier checks, which need not be there; None does without.
    The findings are the same.
    """
    kept = _kept(kept_below, projects)
    content = kept.load() if kept else None
    if kept and content is not None:
        report = _again(projects, settings, kept, content)
        if report is not None:
            return report
    with Store.scratch(settings) as store:
        for project in projects:
            _sync(store, project)
        report = _report(store, projects)
        if kept:
            _keep(kept, store)
    return report


def _kept(folder: Path | None, projects: Sequence[Project]) -> Kept | None:
    try:
        return Kept(folder, projects) if folder else None
    except OSError:  # of a program that does not lie in files, such as a zip
        return None


def _again(
    projects: Sequence[Project], settings: SqliteSettings, kept: Kept, content: bytes
) -> CheckReport | None:
    """A check that begins with what the one before has found; None when it may find something else.

    Whatever goes wrong, a new check tells it better, or does without what went wrong.
    """
    try:
        with Store.scratch(settings, content) as store:
            if all(_is_as_it_was(store, project) for project in projects):
                return _report(store, projects)
            done = [_sync(store, project) for project in projects]
            if any(one.later or not one.files for one in done) or _tells_of_before(store):
                return None
            report = _report(store, projects)
            if any(one.read or one.changed for one in done):
                _keep(kept, store)
    except StorysyncError:
        return None
    return report


def _is_as_it_was(store: Store, project: Project) -> bool:
    """Whether a sync would find nothing to do; it takes no readers to say so."""
    with store.snapshot() as tx:
        root = known_root(tx, project.id)
        known = indexed.files(tx, project.id)
        noted = tx.rows("SELECT path, code, message FROM problems WHERE project_id = ?", (project.id,))
    if root is None or not known:
        return False
    since = look.racy_after_ns(root.last_full_scan_at)
    try:
        todo = look.whole(project.root, project.settings.reading, known, force=False, racy_after_ns=since)
    except OSError:
        return False
    by_names = {(path, one.code, one.message) for path, found in todo.problems.items() for one in found}
    same_names = by_names == {row for row in noted if row[1] in NAME_CODES}
    return same_names and not (todo.read or todo.gone or todo.unreadable)


def _sync(store: Store, project: Project) -> SyncReport:
    # With all readers, which take as long to load as the rest of a check.
    from storysync.jobs.sync import sync

    return sync(
        store, project, trigger="check", deletions=DeletionSettings(), confirm_deletions=True, lean=True
    )


def _tells_of_before(store: Store) -> bool:
    with store.snapshot() as tx:
        return any(tx.row(sql + " LIMIT 1") for sql in _FROM_BEFORE)


def _report(store: Store, projects: Sequence[Project]) -> CheckReport:
    roots = {project.id: project.root for project in projects}
    with store.snapshot() as tx:
        rows = tx.rows(_PROBLEMS)
        (files,) = tx.row("SELECT COUNT(*) FROM files") or (0,)
        (stories,) = tx.row("SELECT COUNT(*) FROM stories") or (0,)
    return CheckReport(tuple(Finding(row[0], roots[row[0]], *row[1:]) for row in rows), files, stories)


def _keep(kept: Kept, store: Store) -> None:
    """Keep the database, unless the next check could not go on with it. One that is too large is not kept."""
    try:
        content = None if _tells_of_before(store) else _content(store)
    except StorysyncError:
        content = None
    if content is None:
        kept.drop()
    else:
        kept.keep(content)


def _content(store: Store) -> bytes | None:
    with store.writing() as tx:
        for sql in _PAST:
            tx.execute(sql)
    return store.content(most=MOST_BYTES)
