"""Writing a plan: rows that differ, and nothing else."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from storysync.core.plan import Carry, KnownStory, Plan, Put
from storysync.errors import RowRefused
from storysync.store import rows as layout
from storysync.store.changes import to_json, told
from storysync.store.projects import Backlogs
from storysync.store.rows import CHILDREN, DERIVED, STORY
from storysync.store.tx import Insert, Row, Tx

_UNRESOLVED = ("dependent_uid", "prerequisite_uid")
_PATH = DERIVED.index("path")
_ID = DERIVED.index("id")
_KEY = DERIVED.index("key")
_STATUS = DERIVED.index("status")
_STATUS_RAW = DERIVED.index("status_raw")
_NAMING = tuple(DERIVED.index(column) for column in ("path", "anchor", "scope", "id", "key", "kind"))
_CLAIM = tuple(DERIVED.index(column) for column in ("id_line", "id_col"))
_MOVE_STATEMENT = "UPDATE story_dependencies SET line = ?, col = ? WHERE story_uid = ? AND ordinal = ?"
_LINE = 4  # of a row of story_dependencies; the column follows
_TARGET_PROJECT = 6


_INSERT_STORY = Insert("stories", STORY)
_UPDATE_STORY = (
    f"UPDATE stories SET {', '.join(f'{column} = ?' for column in DERIVED)},"
    " stale_since = NULL, synced_at = ? WHERE uid = ?"
)
_INSERT_CHILD = {
    table: Insert(table, (*key, *others, *(_UNRESOLVED if table == "story_dependencies" else ())))
    for table, (key, others) in CHILDREN.items()
}
_AGAIN_UNRESOLVED = "target_uid = NULL, state = 'dangling', match = NULL"
_UPSERT_CHILD = {
    table: Insert(
        table,
        _INSERT_CHILD[table].columns,
        key,
        _AGAIN_UNRESOLVED if table == "story_dependencies" else "",
    )
    for table, (key, _) in CHILDREN.items()
}
_DELETE_CHILD = {
    table: f"DELETE FROM {table} WHERE {' AND '.join(f'{column} = ?' for column in key)}"
    for table, (key, _) in CHILDREN.items()
}
_SELECT_CHILD = {
    table: f"SELECT {', '.join((*key, *others))} FROM {table} WHERE story_uid IN ({{marks}})"
    for table, (key, others) in CHILDREN.items()
}
_INSERT_IDENTITY = Insert("identities", ("uid", "project_id", "path", "anchor", "key", "content_hash"))
_UPDATE_IDENTITY = (
    "UPDATE identities SET path = ?, anchor = ?, key = ?, content_hash = ?, gone_at = NULL WHERE uid = ?"
)
_INSERT_CHANGE = Insert(
    "changes", ("at", "sync_id", "identity", "project_id", "story_id", "operation", "before", "after")
)
_INSERT_HISTORY = Insert(
    "status_history",
    (
        "identity", "project_id", "story_id", "old_status", "new_status", "old_raw", "new_raw", "changed_at",
        "path", "notes",
    ),
)  # fmt: skip


@dataclass
class Written:
    """What a batch changed, as far as references, ids and cycles must be judged again."""

    created: int = 0
    updated: int = 0
    moved: int = 0
    removed: int = 0
    stale: int = 0
    names: set[str] = field(default_factory=set)  # keys and stems that now lead elsewhere
    paths: set[str] = field(default_factory=set)  # places of stories that appeared, moved or went
    owners: set[int] = field(default_factory=set)  # stories whose references changed
    claims: set[str] = field(default_factory=set)  # keys that stand elsewhere in their files now
    crossed: bool = False  # a reference to another project went
    seeds: set[int] = field(default_factory=set)  # ends of edges that went
    renamed: dict[str, str] = field(default_factory=dict)  # former key -> id that the story has now
    second_sources: bool = False  # what a second source says was written

    def add(self, other: Written) -> None:
        """Take in another batch of the same sync."""
        self.created += other.created
        self.updated += other.updated
        self.moved += other.moved
        self.removed += other.removed
        self.stale += other.stale
        self.names |= other.names
        self.paths |= other.paths
        self.owners |= other.owners
        self.claims |= other.claims
        self.crossed |= other.crossed
        self.seeds |= other.seeds
        self.renamed.update(other.renamed)
        self.second_sources |= other.second_sources

    @property
    def changed(self) -> int:
        return self.created + self.updated + self.moved + self.removed + self.stale


class Writer:
    """Writes one batch of one project. `first_load` skips what only differences need."""

    def __init__(
        self, tx: Tx, project_id: str, backlogs: Backlogs, *, sync_id: int, now: str, first_load: bool
    ) -> None:
        self._tx = tx
        self._project_id = project_id
        self._backlogs = backlogs
        self._sync_id = sync_id
        self._now = now
        self._first_load = first_load
        self._changes: list[Row] = []
        self._history: list[Row] = []
        self.written = Written()

    def write(self, plan: Plan) -> Written:
        self._remove(plan.remove)
        self._flag_stale(plan.stale)
        self._carry(plan.carry)
        known = [put for put in plan.put if put.known is not None]
        self._make_room(known)
        self._update(known)
        self._create([put for put in plan.put if put.known is None])
        self._tx.insert_all(_INSERT_CHANGE, self._changes)
        self._tx.insert_all(_INSERT_HISTORY, self._history)
        return self.written

    # -- stories that are new, or back ---------------------------------------------------------------

    def _create(self, puts: list[Put]) -> None:
        if not puts:
            return
        uids = iter(self._tx.new_uids(sum(put.uid is None for put in puts)))
        identities: list[Row] = []
        revived: list[Row] = []
        stories: list[Row] = []
        parts: dict[str, list[Row]] = {table: [] for table in CHILDREN}
        first_seen = self._first_seen([put.uid for put in puts if put.uid is not None])
        for put in puts:
            story = put.story
            if put.uid is None:
                own = next(uids)
                identities.append(
                    (own, self._project_id, put.path, story.anchor, story.key, put.content_hash)
                )
            else:
                own = put.uid
                revived.append((put.path, story.anchor, story.key, put.content_hash, own))
            derived = layout.derived(story, self._backlogs.of(put.path), put.path, put.content_hash)
            seen_at = first_seen.get(own, self._now)
            stories.append((own, self._project_id, *derived, None, False, seen_at, self._now))
            for table, rows in layout.children(own, self._project_id, put.path, story).items():
                parts[table] += rows
            self._note_created(own, put)
        self._tx.insert_all(_INSERT_IDENTITY, identities)
        self._tx.executemany(_UPDATE_IDENTITY, revived)
        self._tx.insert_all(_INSERT_STORY, stories)
        parts["story_dependencies"] = [
            (*row, *layout.unresolved_ends(row)) for row in parts["story_dependencies"]
        ]
        for table, rows in parts.items():
            self._tx.insert_all(_INSERT_CHILD[table], rows)

    def _first_seen(self, uids: list[int]) -> dict[int, str]:
        """When stories that come back were first seen: the time of their first change."""
        return dict(
            self._tx.rows_in(
                "SELECT identity, MIN(at) FROM changes WHERE identity IN ({marks}) GROUP BY identity", uids
            )
        )

    def _note_created(self, uid: int, put: Put) -> None:
        story = put.story
        self.written.created += 1
        self._changes.append(
            (self._now, self._sync_id, uid, self._project_id, story.id, "create", None, None)
        )
        if self._first_load:
            return
        self._note_names(layout.names(story, put.path), put.path)
        self.written.owners.add(uid)
        if story.status is not None:
            self._history.append(
                (
                    uid, self._project_id, story.id, None, story.status, None, story.status_raw, self._now,
                    put.path, "first seen",
                )
            )  # fmt: skip

    # -- stories that were known ---------------------------------------------------------------------

    def _make_room(self, puts: list[Put]) -> None:
        """Take moving stories off their places first, so that two may change places."""
        uids = [
            put.known.uid
            for put in puts
            if put.known and (put.known.path, put.known.anchor) != (put.path, put.story.anchor)
        ]
        self._tx.executemany("UPDATE stories SET path = '//' || uid WHERE uid = ?", [(uid,) for uid in uids])
        self._tx.executemany(
            "UPDATE identities SET path = '//' || uid WHERE uid = ?", [(uid,) for uid in uids]
        )

    def _update(self, puts: list[Put]) -> None:
        uids = [put.known.uid for put in puts if put.known is not None]
        before = {
            row[0]: row[1:]
            for row in self._tx.rows_in(
                f"SELECT uid, {', '.join(DERIVED)} FROM stories WHERE uid IN ({{marks}})", uids
            )
        }
        parts = {table: self._children(table, uids) for table in CHILDREN}
        stories: list[Row] = []
        identities: list[Row] = []
        upserts: dict[str, list[Row]] = {table: [] for table in CHILDREN}
        deletes: dict[str, list[Row]] = {table: [] for table in CHILDREN}
        for put in puts:
            assert put.known is not None
            uid, old_path = put.known.uid, put.known.path
            old = (*before[uid][:_PATH], old_path, *before[uid][_PATH + 1 :])
            new = layout.derived(put.story, self._backlogs.of(put.path), put.path, put.content_hash)
            rows = layout.children(uid, self._project_id, put.path, put.story)
            differing = {
                table: (parts[table].get(uid, []), rows[table])
                for table in CHILDREN
                if not _same(parts[table].get(uid, []), rows[table])
            }
            if old == new and not differing:
                continue
            stories.append((*new, self._now, uid))
            identities.append((put.path, put.story.anchor, put.story.key, put.content_hash, uid))
            for table, (was, shall) in differing.items():
                drop, write = _difference(table, was, shall)
                deletes[table] += drop
                upserts[table] += write
            self._note_updated(uid, put, old, new, differing)
        self._tx.executemany(_UPDATE_IDENTITY, identities)
        self._tx.executemany(_UPDATE_STORY, stories)
        for table in CHILDREN:
            self._tx.executemany(_DELETE_CHILD[table], deletes[table])
            written = upserts[table]
            if table == "story_dependencies":
                written = self._moved_statements(parts[table], written)
            self._tx.insert_all(_UPSERT_CHILD[table], written)

    def _moved_statements(self, was: dict[int, list[Row]], written: list[Row]) -> list[Row]:
        """Write those that only stand on another line now; return the others, as unresolved rows."""
        old = {row[:2]: _unplaced(row) for row in itertools.chain.from_iterable(was.values())}
        moved = [row for row in written if old.get(row[:2]) == _unplaced(row)]
        self._tx.executemany(_MOVE_STATEMENT, [(row[_LINE], row[_LINE + 1], *row[:2]) for row in moved])
        return [(*row, *layout.unresolved_ends(row)) for row in written if old.get(row[:2]) != _unplaced(row)]

    def _children(self, table: str, uids: list[int]) -> dict[int, list[Row]]:
        grouped: dict[int, list[Row]] = defaultdict(list)
        for row in self._tx.rows_in(_SELECT_CHILD[table], uids):
            grouped[row[0]].append(row)
        return grouped

    def _note_updated(
        self, uid: int, put: Put, old: Row, new: Row, differing: dict[str, tuple[list[Row], list[Row]]]
    ) -> None:
        moved = old[_PATH] != new[_PATH]
        if any(old[index] != new[index] for index in _NAMING) or "story_names" in differing:
            self._renamed(uid, put, old, new)
        if put.story.key is not None and any(old[index] != new[index] for index in _CLAIM):
            self.written.claims.add(put.story.key)
        if "story_dependencies" in differing:
            self.written.owners.add(uid)
            was, shall = differing["story_dependencies"]
            self.written.crossed |= any(row[_TARGET_PROJECT] != self._project_id for row in was)
            if {_unplaced(row) for row in was} != {_unplaced(row) for row in shall} or self._in_cycle(
                old[_PATH]
            ):
                self.written.seeds |= self._edge_ends([uid])
        before, after = told(old, new, differing)
        if put.story.anchor and before == after:
            return  # another part of its file changed, or its lines moved
        self.written.moved += moved
        self.written.updated += not moved
        self._changes.append(
            (
                self._now, self._sync_id, uid, self._project_id, old[_ID], "move" if moved else "update",
                to_json(before), to_json(after),
            )
        )  # fmt: skip
        status_changed = old[_STATUS] != new[_STATUS] or (
            new[_STATUS] == "unknown" and old[_STATUS_RAW] != new[_STATUS_RAW]
        )
        if status_changed:
            self._history.append(
                (
                    uid, self._project_id, new[_ID], old[_STATUS], new[_STATUS], old[_STATUS_RAW],
                    new[_STATUS_RAW], self._now, put.path, None,
                )
            )  # fmt: skip

    def _renamed(self, uid: int, put: Put, old: Row, new: Row) -> None:
        """Its id, scope or place changed: whoever refers to it must be judged again."""
        present = self._tx.rows("SELECT source, name FROM story_names WHERE story_uid = ?", (uid,))
        self._note_names(present, old[_PATH])
        self._note_names(layout.names(put.story, put.path), put.path)
        self.written.owners.add(uid)
        if self._cycles_reported():
            self.written.seeds.add(uid)
        if old[_KEY] is not None and old[_KEY] != new[_KEY] and put.story.id is not None:
            self.written.renamed[old[_KEY]] = put.story.id

    def _note_names(self, names: Sequence[Row], path: str) -> None:
        self.written.names.update(name for _, name in names)
        self.written.paths.add(path)

    def _cycles_reported(self) -> bool:
        """Whether there is any cycle whose message may name a story that is called otherwise now."""
        return bool(self._cycles)

    def _in_cycle(self, path: str) -> bool:
        """Whether a cycle is reported at this file, so that its line must follow."""
        return (self._project_id, path) in self._cycles

    @cached_property
    def _cycles(self) -> frozenset[Row]:
        """Project and path of every file at which a cycle is reported, before this batch is judged."""
        sql = "SELECT DISTINCT project_id, path FROM problems WHERE code = 'dependency-cycle'"
        return frozenset(self._tx.rows(sql))

    def _edge_ends(self, uids: list[int]) -> set[int]:
        rows = self._tx.rows_in(
            "SELECT dependent_uid, prerequisite_uid FROM story_dependencies"
            " WHERE kind = 'depends_on' AND target_uid IS NOT NULL AND story_uid IN ({marks})",
            uids,
        )
        return {uid for row in rows for uid in row}

    # -- stories that are gone, or cannot be read -----------------------------------------------------

    def _remove(self, removed: tuple[KnownStory, ...]) -> None:
        if not removed:
            return
        uids = [one.uid for one in removed]
        for _, name in self._tx.rows_in(
            "SELECT source, name FROM story_names WHERE story_uid IN ({marks})", uids
        ):
            self.written.names.add(name)
        self.written.paths.update(one.path for one in removed)
        pointing = self._tx.rows_in(
            "SELECT story_uid, dependent_uid, prerequisite_uid FROM story_dependencies"
            " WHERE target_uid IN ({marks})",
            uids,
        )
        self.written.owners.update(row[0] for row in pointing)
        self.written.seeds.update(uid for row in pointing for uid in row if uid is not None)
        self.written.seeds |= self._edge_ends(uids)
        marks = [(uid,) for uid in uids]
        self._tx.executemany(
            "UPDATE story_dependencies SET target_uid = NULL, state = 'dangling', match = NULL,"
            " dependent_uid = CASE WHEN dependent_uid = story_uid THEN dependent_uid END,"
            " prerequisite_uid = CASE WHEN prerequisite_uid = story_uid THEN prerequisite_uid END"
            " WHERE target_uid = ?",
            marks,
        )
        self._tx.executemany("DELETE FROM stories WHERE uid = ?", marks)
        self._tx.executemany(
            "UPDATE identities SET gone_at = ? WHERE uid = ?", [(self._now, uid) for uid in uids]
        )
        gone = set(uids)
        self.written.owners -= gone
        self.written.seeds -= gone
        self.written.removed += len(uids)
        self._changes += [
            (
                self._now,
                self._sync_id,
                one.uid,
                self._project_id,
                one.id,
                "remove",
                to_json({"path": one.path}),
                None,
            )
            for one in removed
        ]

    def _flag_stale(self, stale: tuple[KnownStory, ...]) -> None:
        self._tx.executemany(
            "UPDATE stories SET parse_state = 'stale', stale_since = ?, synced_at = ? WHERE uid = ?",
            [(self._now, self._now, one.uid) for one in stale],
        )
        self.written.stale += len(stale)
        self._changes += [
            (self._now, self._sync_id, one.uid, self._project_id, one.id, "stale", None, None)
            for one in stale
        ]

    def _carry(self, carried: tuple[Carry, ...]) -> None:
        for one in carried:
            uid = one.known.uid
            names = self._tx.rows("SELECT source, name FROM story_names WHERE story_uid = ?", (uid,))
            self._note_names(names, one.known.path)
            self._tx.execute("DELETE FROM story_names WHERE story_uid = ? AND source = 'stem'", (uid,))
            if not one.known.anchor:
                stem = layout.stem_name(one.path, one.known.key)
                if stem is not None:
                    self._tx.execute(_INSERT_CHILD["story_names"].sql, (uid, "stem", stem, self._project_id))
                    self.written.names.add(stem)
            self.written.paths.add(one.path)
            self.written.owners.add(uid)
            if self._cycles_reported():
                self.written.seeds.add(uid)
            self._tx.execute(
                "UPDATE stories SET path = ?, backlog_id = ?, parse_state = 'stale',"
                " stale_since = COALESCE(stale_since, ?), synced_at = ? WHERE uid = ?",
                (one.path, self._backlogs.of(one.path), self._now, self._now, uid),
            )
            self._tx.execute("UPDATE identities SET path = ? WHERE uid = ?", (one.path, uid))
            self.written.moved += 1
            before, after = {"path": one.known.path}, {"path": one.path}
            self._changes.append(
                (
                    self._now, self._sync_id, uid, self._project_id, one.known.id, "move", to_json(before),
                    to_json(after),
                )
            )  # fmt: skip


def _unplaced(row: Row) -> Row:
    """A statement without its line and column."""
    return (*row[:_LINE], *row[_LINE + 2 :])


def _same(was: list[Row], shall: list[Row]) -> bool:
    return len(was) == len(shall) and set(was) == set(shall)


def _difference(table: str, was: list[Row], shall: list[Row]) -> tuple[list[Row], list[Row]]:
    """(keys to delete, rows to write). Raises RowRefused for rows that cannot be told apart."""
    width = len(CHILDREN[table][0])
    old = {row[:width]: row for row in was}
    new = {row[:width]: row for row in shall}
    if len(new) < len(shall):
        raise RowRefused(f"two rows of {table} have one key")
    return [key for key in old if key not in new], [row for key, row in new.items() if old.get(key) != row]
