"""After a batch: which story each reference means, which ids are contested.

Only what the batch may have changed is judged again: references that stories of the batch state, and
those that name a key, stem or path which now leads elsewhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from storysync.core.resolution import Asked, Candidate, Verdict, resolve
from storysync.core.story import Problem
from storysync.store import problems
from storysync.store.store import Row, Tx

_PART = 1000  # stories judged at a time, so that a first load needs little memory

_ASKED = """
    SELECT r.story_uid, r.ordinal, r.relation, r.raw, r.line, r.col, r.target_project, r.target_id,
           r.target_key, r.target_path, r.confidence, s.project_id, s.path,
           r.target_uid, r.dependent_uid, r.prerequisite_uid, r.state, r.match
    FROM story_dependencies r JOIN stories s ON s.uid = r.story_uid
    WHERE r.story_uid IN ({marks})"""
_CANDIDATE = """
    SELECT n.name, s.uid, s.project_id, s.path, s.anchor, s.id, s.scope, n.source
    FROM story_names n JOIN stories s ON s.uid = n.story_uid
    WHERE n.project_id = ? AND n.name IN ({marks})"""
_AT_PATH = """
    SELECT s.path, s.uid, s.project_id, s.path, s.anchor, s.id, s.scope, 'path'
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
    # Problems are kept by path: all stories of a file are judged together.
    shared = tx.rows_in(
        "SELECT o.uid FROM stories s JOIN stories o ON o.project_id = s.project_id AND o.path = s.path"
        " WHERE s.anchor <> '' AND s.uid IN ({marks})",
        found,
    )
    return found | {row[0] for row in shared}


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
      AND r.target_path IS NULL AND r.story_uid <> h.uid AND r.state = 'dangling'"""

_SETTLE_DOCUMENTS = """
    UPDATE story_dependencies SET state = 'external'
    WHERE state = 'dangling' AND relation = 'related' AND target_path IS NOT NULL AND target_key IS NULL
      AND NOT EXISTS (
          SELECT 1 FROM stories s
          WHERE s.project_id = target_project AND s.path = target_path AND s.anchor = ''
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
    """Resolve every reference that these stories state, and write what differs."""
    judged = Judged()
    projects = {row[0] for row in tx.rows("SELECT id FROM projects")}
    for part in _parts(list(owners)):
        _judge_part(tx, part, projects, renamed, now, judged)
    return judged


def _judge_part(
    tx: Tx, owners: list[int], projects: set[str], renamed: dict[str, str], now: str, judged: Judged
) -> None:
    rows = tx.rows_in(_ASKED, owners)
    named = _candidates(tx, rows)
    updates: list[Row] = []
    findings: dict[str, dict[str, list[Problem]]] = defaultdict(lambda: defaultdict(list))
    for project_id, path in tx.rows_in("SELECT project_id, path FROM stories WHERE uid IN ({marks})", owners):
        findings[project_id][path] = []
    for row in rows:
        asked = Asked(*row[:13])
        verdict = resolve(asked, _of(named, asked), project_known=asked.target_project in projects)
        ends = verdict.ends(asked)
        if row[13:] != (verdict.target_uid, *ends, verdict.state, verdict.match):
            updates.append(
                (verdict.target_uid, *ends, verdict.state, verdict.match, asked.story_uid, asked.ordinal)
            )
            judged.crossed |= asked.target_project != asked.owner_project
            judged.seeds.update(uid for uid in (*row[14:16], *ends) if uid is not None)
        finding = _finding(asked, verdict, renamed)
        if finding is not None:
            findings[asked.owner_project][asked.owner_path].append(finding)
    tx.executemany(_UPDATE, updates)
    for project_id, wanted in findings.items():
        problems.replace(tx, project_id, wanted, problems.REFERENCE_CODES, now)


def _candidates(tx: Tx, rows: list[Row]) -> dict[tuple[str, str, str], list[Candidate]]:
    """(project, 'name' or 'path', text) -> the stories that it leads to."""
    keys: dict[str, set[str]] = defaultdict(set)
    paths: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row[8] is not None:
            keys[row[6]].add(row[8])
        if row[9] is not None:
            paths[row[6]].add(row[9])
    found: dict[tuple[str, str, str], list[Candidate]] = defaultdict(list)
    for kind, sql, asked in (("name", _CANDIDATE, keys), ("path", _AT_PATH, paths)):
        for project_id, texts in asked.items():
            for text, *candidate in tx.rows_in(sql, texts, (project_id,)):
                found[project_id, kind, text].append(Candidate(*candidate))
    return found


def _of(named: dict[tuple[str, str, str], list[Candidate]], asked: Asked) -> list[Candidate]:
    found: list[Candidate] = []
    if asked.target_path is not None:
        found += named.get((asked.target_project, "path", asked.target_path), ())
    if asked.target_key is not None:
        found += named.get((asked.target_project, "name", asked.target_key), ())
    return found


def _finding(asked: Asked, verdict: Verdict, renamed: dict[str, str]) -> Problem | None:
    """What to say of a reference that is not simply resolved."""
    written = asked.target_id or asked.target_path or asked.raw
    if verdict.state == "resolved":
        if verdict.match not in ("case", "key"):
            return None
        code, message = "relaxed-match", f"{written!r} is spelled otherwise where it is defined"
        return Problem(code, message, asked.line, asked.col, "spell it as its file does")
    if asked.confidence == "prose" or verdict.state == "external":
        return None
    if verdict.state == "ambiguous":
        labels = sorted(one.label() for one in verdict.candidates)
        message = f"{written!r} may mean {', '.join(labels[:5])}"
        more = f" and {len(labels) - 5} more" if len(labels) > 5 else ""
        hint = "give each story an id of its own, or link to the file"
        return Problem("ambiguous-reference", message + more, asked.line, asked.col, hint)
    if verdict.state == "self":
        message = f"the story refers to itself ({asked.relation.replace('_', ' ')} {written})"
        return Problem("self-reference", message, asked.line, asked.col, "remove the reference")
    new_id = renamed.get(asked.target_key or "")
    where = "" if asked.target_project == asked.owner_project else f" in project {asked.target_project}"
    hint = f"renamed to {new_id}?" if new_id else "check the id, or add the story"
    message = f"there is no story {written!r}{where} ({asked.relation.replace('_', ' ')})"
    return Problem("dangling-reference", message, asked.line, asked.col, hint)


def contest(tx: Tx, project_id: str, keys: Iterable[str] | None, paths: Iterable[str], now: str) -> None:
    """Flag the stories that claim one key in one scope. `keys` None: all of the project.

    `paths` are places whose story changed: a problem there that no longer holds is taken back.
    """
    holders = _holders(tx, project_id, keys)
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in holders:
        groups[row[1], row[2]].append(row)
    wanted: dict[str, list[Problem]] = {path: [] for path in paths}
    updates: list[Row] = []
    for group in groups.values():
        contested = len(group) > 1
        for uid, _scope, _key, story_id, path, line, col, was in group:
            if bool(was) != contested:
                updates.append((contested, uid))
            wanted.setdefault(path, [])
            if contested:
                others = sorted({other[4] for other in group if other[0] != uid})
                wanted[path].append(
                    Problem(
                        "contested-id",
                        f"the id {story_id!r} is also claimed by {', '.join(others)}",
                        line,
                        col,
                        "give one of them another id",
                    )
                )
    tx.executemany("UPDATE stories SET contested = ? WHERE uid = ?", updates)
    problems.replace(tx, project_id, wanted, problems.CONTESTED_CODES, now)


def _holders(tx: Tx, project_id: str, keys: Iterable[str] | None) -> list[Row]:
    columns = "s.uid, s.scope, s.key, s.id, s.path, s.id_line, s.id_col, s.contested"
    if keys is None:
        return tx.rows(
            f"SELECT {columns} FROM stories s WHERE s.project_id = ? AND (s.contested OR s.key IN"
            " (SELECT n.name FROM story_names n WHERE n.project_id = ? AND n.source = 'id'"
            " GROUP BY n.name HAVING COUNT(*) > 1))",
            (project_id, project_id),
        )
    return tx.rows_in(
        f"SELECT {columns} FROM story_names n JOIN stories s ON s.uid = n.story_uid"
        " WHERE n.project_id = ? AND n.source = 'id' AND n.name IN ({marks})",
        keys,
        (project_id,),
    )


def count_project_edges(tx: Tx) -> None:
    """Rebuild `project_dependencies` from the edges that cross projects."""
    wanted = set(
        tx.rows(
            "SELECT dependent_project, prerequisite_project, kind, COUNT(*),"
            " MAX(CASE WHEN confidence = 'declared' THEN 1 ELSE 0 END) FROM v_edges"
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


def _parts(owners: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(owners), _PART):
        yield owners[start : start + _PART]
