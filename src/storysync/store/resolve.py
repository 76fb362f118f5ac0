"""After a batch: which story each reference means.

Only what the batch may have changed is judged again: references that stories of the batch state, and
those that name a key, stem or path which now leads elsewhere.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from storysync.core.anchors import fragment_of, slug, slugs_of
from storysync.core.ids import key
from storysync.core.ranges import MOST_MEMBERS
from storysync.core.resolution import Asked, Candidate, Verdict, elsewhere, join_ranges, resolve
from storysync.core.story import Problem
from storysync.store import problems
from storysync.store.tx import Row, Tx

_PART = 1000  # stories judged at a time, so that a first load needs little memory
_MOST_NAMED = 5  # of those that a message names

_ASKED = """
    SELECT r.story_uid, r.ordinal, r.relation, r.raw, r.line, r.col, r.target_project, r.target_id,
           r.target_key, r.target_path, r.confidence, s.project_id, s.path, r.in_range,
           r.target_uid, r.dependent_uid, r.prerequisite_uid, r.state, r.match
    FROM story_dependencies r JOIN stories s ON s.uid = r.story_uid
    WHERE r.story_uid IN ({marks})"""
_CANDIDATE = """
    SELECT n.name, s.uid, s.project_id, s.path, s.anchor, s.id, s.scope, n.source, s.kind
    FROM story_names n JOIN stories s ON s.uid = n.story_uid
    WHERE n.project_id = ? AND n.name IN ({marks})"""
_AT_PATH = """
    SELECT s.path, s.uid, s.project_id, s.path, s.anchor, s.id, s.scope, 'path', s.kind, s.key
    FROM stories s WHERE s.project_id = ? AND s.path IN ({marks})"""
_UPDATE = """
    UPDATE story_dependencies
    SET target_uid = ?, dependent_uid = ?, prerequisite_uid = ?, state = ?, match = ?
    WHERE story_uid = ? AND ordinal = ?"""


@dataclass
class Judged:
    """`seeds`: stories at the ends of `depends_on` edges that came or went; `crossed`: projects too."""

    seeds: set[int] = field(default_factory=set)
    crossed: bool = False


def affected_owners(
    tx: Tx, project_id: str, names: Iterable[str], paths: Iterable[str], owners: Iterable[int]
) -> set[int]:
    """The stories whose references must be judged again."""
    found = set(owners)
    base = "SELECT DISTINCT story_uid FROM story_dependencies WHERE target_project = ? AND "
    found.update(row[0] for row in tx.rows_in(base + "target_key IN ({marks})", names, (project_id,)))
    found.update(row[0] for row in tx.rows_in(base + "target_path IN ({marks})", paths, (project_id,)))
    # Where a story went, the others of its file are left with the problems of its references.
    base = "SELECT uid FROM stories WHERE project_id = ? AND path IN ({marks})"
    found.update(row[0] for row in tx.rows_in(base, paths, (project_id,)))
    return found


def owners_of(tx: Tx, project_id: str) -> list[int]:
    """Every story that states a reference, in the project or about it, in the order of paths."""
    return [
        row[0]
        for row in tx.rows(
            "SELECT s.uid FROM stories s WHERE s.uid IN (SELECT story_uid FROM story_dependencies"
            " WHERE target_project = ?) OR s.project_id = ? ORDER BY s.project_id, s.path, s.anchor",
            (project_id, project_id),
        )
    ]


_SETTLE = """
    UPDATE story_dependencies AS r
    SET target_uid = h.uid, state = 'resolved', match = 'exact',
        dependent_uid = CASE WHEN r.dependent_uid IS NULL THEN h.uid ELSE r.dependent_uid END,
        prerequisite_uid = CASE WHEN r.prerequisite_uid IS NULL THEN h.uid ELSE r.prerequisite_uid END
    FROM (
        SELECT n.project_id, n.name, MIN(n.story_uid) AS uid, MIN(s.id) AS id
        FROM story_names n JOIN stories s ON s.uid = n.story_uid
        WHERE n.source = 'id' GROUP BY n.project_id, n.name HAVING COUNT(*) = 1
    ) h
    WHERE r.target_project = h.project_id AND r.target_key = h.name AND r.target_id = h.id
      AND r.target_path IS NULL AND r.story_uid <> h.uid AND r.state = 'dangling' AND NOT r.in_range"""

_SETTLE_DOCUMENTS = """
    UPDATE story_dependencies SET state = 'external'
    WHERE state = 'dangling' AND relation = 'related' AND target_path IS NOT NULL AND target_key IS NULL
      AND NOT EXISTS (
          SELECT 1 FROM stories s
          WHERE s.project_id = target_project AND s.path = target_path
      )"""


def settle_plain(tx: Tx, project_id: str) -> list[int]:
    """Resolve at once what needs no judgement: the exact id of the only holder, links to documents.

    For a first load, where it saves two thirds of the time that `judge` takes; a test holds it to the
    verdicts of `core.resolution`. Returns the stories that state what is left, and those of other
    projects that refer to this one.
    """
    tx.execute(_SETTLE)
    tx.execute(_SETTLE_DOCUMENTS)
    return [
        row[0]
        for row in tx.rows(
            "SELECT s.uid FROM stories s WHERE s.uid IN ("
            "   SELECT r.story_uid FROM story_dependencies r JOIN stories o ON o.uid = r.story_uid"
            "   WHERE (o.project_id = ? AND r.state = 'dangling')"
            "      OR (r.target_project = ? AND o.project_id <> r.target_project))"
            " ORDER BY s.project_id, s.path, s.anchor",
            (project_id, project_id),
        )
    ]


def judge(tx: Tx, owners: Iterable[int], renamed: dict[str, str], now: str) -> Judged:
    """Resolve every reference that these stories state, and those that share a file with them, and
    write what differs: problems are kept by path, so all of a file is judged together.
    """
    judged = Judged()
    projects = {row[0] for row in tx.rows("SELECT id FROM projects")}
    for part in _parts(_with_neighbours(tx, owners)):
        _judge_part(tx, part, projects, renamed, now, judged)
    return judged


class _Story(NamedTuple):
    uid: int
    project_id: str
    path: str


def _with_neighbours(tx: Tx, owners: Iterable[int]) -> list[_Story]:
    """These stories and the others of their files, by place."""
    paths: dict[str, set[str]] = defaultdict(set)
    for project_id, path in tx.rows_in(
        "SELECT DISTINCT project_id, path FROM stories WHERE uid IN ({marks})", owners
    ):
        paths[project_id].add(path)
    sql = "SELECT uid, project_id, path FROM stories WHERE project_id = ? AND path IN ({marks})"
    found = [
        _Story(*row)
        for project_id in sorted(paths)
        for row in tx.rows_in(sql, sorted(paths[project_id]), (project_id,))
    ]
    return sorted(found, key=lambda story: (story.project_id, story.path))


def _judge_part(
    tx: Tx, owners: list[_Story], projects: set[str], renamed: dict[str, str], now: str, judged: Judged
) -> None:
    rows = tx.rows_in(_ASKED, [story.uid for story in owners])
    named = _Named(tx, rows)
    updates: list[Row] = []
    findings: dict[str, dict[str, list[Problem]]] = defaultdict(lambda: defaultdict(list))
    for story in owners:
        findings[story.project_id][story.path] = []
    questions = [Asked(*row[:14]) for row in rows]
    foreign = _foreign(tx, questions, projects)
    verdicts = [
        named.verdict(one, project_known=True)
        if one.target_project in projects
        else elsewhere(foreign.get((one.target_project, one.target_key), (None, ""))[0])
        for one in questions
    ]
    fallen = join_ranges(questions, verdicts)
    for index, (row, asked, verdict) in enumerate(zip(rows, questions, verdicts, strict=True)):
        ends = verdict.ends(asked)
        if row[14:] != (verdict.target_uid, *ends, verdict.state, verdict.match):
            updates.append(
                (verdict.target_uid, *ends, verdict.state, verdict.match, asked.story_uid, asked.ordinal)
            )
            judged.crossed |= asked.target_project != asked.owner_project
            judged.seeds.update(uid for uid in (*row[15:17], *ends) if uid is not None)
        if asked.in_range and verdict.state != "self":
            finding = _range_finding(asked, fallen.get(index))
        else:
            told = named.told(verdict) or foreign.get((asked.target_project, asked.target_key), (None, ""))[1]
            finding = _finding(asked, verdict, told, renamed)
        if finding is not None:
            findings[asked.owner_project][asked.owner_path].append(finding)
    tx.executemany(_UPDATE, updates)
    for project_id, wanted in findings.items():
        problems.replace(tx, project_id, wanted, problems.REFERENCE_CODES, now)


def _foreign(
    tx: Tx, asked: Iterable[Asked], projects: set[str]
) -> dict[tuple[str, str | None], tuple[str | None, str]]:
    """What other databases have said: (project, key) -> (state, path)."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for one in asked:
        if one.target_project not in projects and one.target_key is not None:
            wanted[one.target_project].add(one.target_key)
    sql = "SELECT key, state, path FROM foreign_stories WHERE project_id = ? AND key IN ({marks})"
    return {
        (project_id, key): (state, path)
        for project_id, keys in wanted.items()
        for key, state, path in tx.rows_in(sql, keys, (project_id,))
    }


class _Named:
    """The stories that names, paths and fragments lead to, for the references of one part.

    References that ask the same from the same file get one verdict, so that a thousand of them to a
    contested id of a thousand holders take no million steps.
    """

    def __init__(self, tx: Tx, rows: list[Row]) -> None:
        keys: dict[str, set[str]] = defaultdict(set)
        paths: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            if row[8] is not None:
                keys[row[6]].add(row[8])
            if row[9] is not None:
                paths[row[6]].add(row[9])
        self._by_name: dict[tuple[str, str], list[Candidate]] = defaultdict(list)
        self._files: dict[tuple[str, str], Candidate] = {}
        self._items: dict[tuple[str, str, str, str], list[Candidate]] = defaultdict(list)
        self._verdicts: dict[tuple[object, ...], Verdict] = {}
        self._told: dict[int, str] = {}
        for project_id, texts in keys.items():
            for text, *candidate in tx.rows_in(_CANDIDATE, texts, (project_id,)):
                self._by_name[project_id, text].append(Candidate(*candidate))
        for project_id, texts in paths.items():
            for path, *fields, own_key in tx.rows_in(_AT_PATH, texts, (project_id,)):
                self._add_at(project_id, path, Candidate(*fields), own_key)

    def _add_at(self, project_id: str, path: str, one: Candidate, own_key: str | None) -> None:
        if not one.anchor:
            self._files[project_id, path] = one
            return
        item = msgspec.structs.replace(one, source="anchor")
        self._items[project_id, path, "anchor", one.anchor].append(item)
        self._items[project_id, path, "slug", slug(one.anchor)].append(item)
        if own_key is not None:
            self._items[project_id, path, "key", own_key].append(item)

    def verdict(self, asked: Asked, *, project_known: bool) -> Verdict:
        """What a reference means."""
        fragment = fragment_of(asked.raw) if asked.target_path is not None else None
        question = (
            asked.target_project, asked.target_id, asked.target_key, asked.target_path, fragment, asked.raw,
            asked.relation == "related", asked.owner_project, asked.owner_path,
        )  # fmt: skip
        known = self._verdicts.get(question)
        if known is None:
            known = resolve(asked, self._leading(asked, fragment), project_known=project_known)
            self._verdicts[question] = known
        if known.target_uid is None:
            return known
        state = "self" if known.target_uid == asked.story_uid else "resolved"
        return known if known.state == state else msgspec.structs.replace(known, state=state)

    def told(self, verdict: Verdict) -> str:
        """The candidates of a verdict, as a message names them."""
        if not verdict.candidates:
            return ""
        known = self._told.get(id(verdict))  # all verdicts with candidates are kept in `_verdicts`
        if known is None:
            labels = heapq.nsmallest(_MOST_NAMED, (one.label() for one in verdict.candidates))
            count = len(verdict.candidates) - len(labels)
            known = ", ".join(labels) + (f" and {count} more" if count else "")
            self._told[id(verdict)] = known
        return known

    def _leading(self, asked: Asked, fragment: str | None) -> list[Candidate]:
        """The stories that a reference may mean, by its path and by its key."""
        found: list[Candidate] = []
        if asked.target_path is not None:
            found += self._items_at(asked, fragment)
            file = self._files.get((asked.target_project, asked.target_path))
            if file is not None:
                found.append(file)
        if asked.target_key is not None:
            found += self._by_name.get((asked.target_project, asked.target_key), ())
        return found

    def _items_at(self, asked: Asked, fragment: str | None) -> list[Candidate]:
        """The items of the file that the fragment of a link names, else its text: `[US2](spec.md)`."""
        at = asked.target_project, asked.target_path or ""
        if fragment is not None:
            exact = self._items.get((*at, "anchor", fragment))
            if exact:
                return exact
            for text in slugs_of(fragment):
                fitting = self._items.get((*at, "slug", text))
                if fitting:
                    return fitting
        file = self._files.get(at)
        if asked.target_key is None or (file is not None and key(file.id or "") == asked.target_key):
            return []
        return self._items.get((*at, "key", asked.target_key), [])


def _finding(asked: Asked, verdict: Verdict, candidates: str, renamed: dict[str, str]) -> Problem | None:
    """What to say of a reference that is not simply resolved; `candidates` are named for the message."""
    written = asked.target_id or asked.target_path or asked.raw
    if verdict.state == "resolved":
        return _relaxed(asked, verdict, written)
    if asked.confidence == "prose" or verdict.state == "external":
        return None
    if verdict.state == "ambiguous":
        message = f"{written!r} may mean {candidates}"
        hint = "give each story an id of its own, or link to the file"
        return Problem("ambiguous-reference", message, asked.line, asked.col, hint)
    if verdict.state == "self":
        message = f"the story refers to itself ({asked.relation.replace('_', ' ')} {written})"
        return Problem("self-reference", message, asked.line, asked.col, "remove the reference")
    new_id = renamed.get(asked.target_key or "")
    where = "" if asked.target_project == asked.owner_project else f" in project {asked.target_project}"
    hint = f"renamed to {new_id}?" if new_id else "check the id, or add the story"
    message = f"there is no story {written!r}{where} ({asked.relation.replace('_', ' ')})"
    return Problem("dangling-reference", message, asked.line, asked.col, hint)


def _relaxed(asked: Asked, verdict: Verdict, written: str) -> Problem | None:
    """What to say of a reference that is spelled otherwise than the id; `Story 3` may well be STORY-003."""
    if verdict.match in ("prefix", "heading"):
        one = verdict.candidates[0]
        if key(asked.raw) == key(one.id or "") or (verdict.match == "prefix" and one.id and one.id.isdigit()):
            return None  # a word before the number, as people write
        told = f"{written!r} is taken for {one.label()}"
        message = told if verdict.match == "prefix" else f"{told}, whose heading or header says so"
    elif verdict.match in ("case", "key") and " " not in written:
        message = f"{written!r} is spelled otherwise where it is defined"
    else:
        return None
    return Problem("relaxed-match", message, asked.line, asked.col, "spell it as its file does")


def _range_finding(asked: Asked, missing: tuple[str, ...] | None) -> Problem | None:
    """What to say once of a range that names no stories, at its first member."""
    if missing is None or asked.confidence == "prose":
        return None
    if missing == ("",):
        message = f"{asked.raw!r} is a range that cannot be counted, or of more than {MOST_MEMBERS} stories"
    else:
        more = f" and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
        named = ", ".join(missing[:_MOST_NAMED]) + more
        message = f"{asked.raw!r} names no stories, since there is not one story each for {named}"
    return Problem("dangling-reference", message, asked.line, asked.col, "name the stories one by one")


def count_project_edges(tx: Tx) -> None:
    """Rebuild `project_dependencies` from the edges that cross projects."""
    wanted = set(
        tx.rows(
            "SELECT dependent_project, prerequisite_project, kind, COUNT(*),"
            " MIN(confidence) = 'declared' FROM v_edges"
            " WHERE dependent_project <> prerequisite_project"
            " GROUP BY dependent_project, prerequisite_project, kind"
        )
    )
    columns = "from_project_id, to_project_id, kind, edge_count, declared"
    present = set(tx.rows(f"SELECT {columns} FROM project_dependencies"))
    if wanted == present:
        return
    tx.execute("DELETE FROM project_dependencies")
    tx.executemany(f"INSERT INTO project_dependencies ({columns}) VALUES (?, ?, ?, ?, ?)", sorted(wanted))


def _parts(owners: list[_Story]) -> Iterator[list[_Story]]:
    """Parts of about a thousand stories; those of one file are in one part."""
    part: list[_Story] = []
    for story in owners:
        if len(part) >= _PART and part[-1].path != story.path:
            yield part
            part = []
        part.append(story)
    if part:
        yield part
