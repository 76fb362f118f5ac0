"""Which file is it that the database refuses? Tried one by one in a scratch database.

No file should ever come to that: readers yield what the schema takes. If one does, it must not stop the
others, so it is treated as a broken file.
"""

from __future__ import annotations

from collections.abc import Iterable

from storysync.core.plan import Plan, Put, Seen
from storysync.core.problems import problem
from storysync.core.story import Broken, Good
from storysync.errors import RowRefused
from storysync.settings import ProjectSettings
from storysync.store import projects, syncs
from storysync.store.put import Writer
from storysync.store.store import Store


class _Taken(Exception):
    """Rolls a trial back."""


def sift(store: Store, project_id: str, settings: ProjectSettings, seen: Iterable[Seen]) -> list[Seen]:
    """The same files, those broken whose stories the database refuses."""
    with Store.scratch() as scratch:
        return [_tried(scratch, project_id, settings, one) for one in seen]


def _tried(scratch: Store, project_id: str, settings: ProjectSettings, one: Seen) -> Seen:
    if not isinstance(one.found, Good):
        return one
    puts = tuple(Put(None, None, one.path, one.content_hash or "", story) for story in one.found.stories)
    try:
        with scratch.writing() as tx:
            projects.enter_bare(tx, project_id, "/", "")
            backlogs = projects.Backlogs(tx, project_id, settings.backlogs)
            sync_id = syncs.begin(tx, project_id, "sieve", "")
            writer = Writer(tx, project_id, backlogs, sync_id=sync_id, now="", first_load=True)
            writer.write(Plan(put=puts, remove=(), stale=(), carry=()))
            raise _Taken
    except _Taken:
        return one
    except RowRefused as error:
        found = Broken((problem("internal-error", f"the database refuses what was read: {error}"),))
        return Seen(one.path, one.signature, one.content_hash, found, one.path_raw)
