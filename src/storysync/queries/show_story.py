"""What is known about one story?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from storysync.queries.find_story import find_story

if TYPE_CHECKING:
    from storysync.store.reader import Reader

_STORY = "SELECT * FROM v_stories WHERE uid = ?"
_LABELS = "SELECT label FROM story_labels WHERE story_uid = ? ORDER BY label"
_PEOPLE = "SELECT role, name, handle, email FROM story_people WHERE story_uid = ? ORDER BY role, position"
_CRITERIA = """
SELECT section, depth, text, done, line FROM criteria WHERE story_uid = ?
ORDER BY CASE section
  WHEN 'acceptance' THEN 0 WHEN 'tasks' THEN 1 WHEN 'definition_of_done' THEN 2 ELSE 3 END, position
"""
_PROGRESS = "SELECT section, total, done FROM v_criteria_progress WHERE uid = ?"
_REFERENCES = """
SELECT d.kind, d.relation, d.state, d.raw, d.line, d.col, d.confidence, d.target_project,
       d.story_uid = ? AS stated_here, d.dependent_uid, d.prerequisite_uid,
       source.path AS stated_in, other.uid AS other_uid,
       coalesce(other.project_id, f.project_id) AS other_project_id, coalesce(other.id, f.id) AS other_id,
       coalesce(other.title, f.title) AS other_title, coalesce(other.status, f.status) AS other_status,
       coalesce(other.path, f.path) AS other_path, other.anchor AS other_anchor
FROM story_dependencies d
JOIN stories source ON source.uid = d.story_uid
LEFT JOIN foreign_stories f ON d.target_uid IS NULL AND f.state = 'resolved'
  AND f.project_id = d.target_project AND f.key = d.target_key
LEFT JOIN stories other ON other.uid = CASE WHEN d.story_uid = ? THEN d.target_uid ELSE d.story_uid END
WHERE d.story_uid = ? OR d.target_uid = ?
ORDER BY d.kind, other.project_id NULLS FIRST, other.path, d.story_uid, d.ordinal
"""
_NAMES = "SELECT name FROM story_names WHERE story_uid = ?"
_FROM_ELSEWHERE = """
SELECT d.kind, d.relation, d.state, d.raw, d.line, d.col, d.confidence, s.path AS stated_in,
       s.uid AS other_uid, s.project_id AS other_project_id, s.id AS other_id, s.title AS other_title,
       s.status AS other_status, s.path AS other_path, s.anchor AS other_anchor
FROM story_dependencies d JOIN stories s ON s.uid = d.story_uid
WHERE d.target_project = ? AND d.target_key IN ({marks}) AND d.state = 'external' AND d.match IS NOT NULL
ORDER BY d.kind, s.project_id, s.path, d.story_uid, d.ordinal
"""
_PROBLEMS = """
SELECT path, line, col, severity, code, message, hint FROM v_problems
WHERE project_id = ? AND path = ? ORDER BY line, col, code
"""
_BEGINS = "SELECT id_line FROM stories WHERE project_id = ? AND path = ? AND anchor <> '' ORDER BY id_line"
_HISTORY = """
SELECT old_status, new_status, old_raw, new_raw, changed_by, changed_at, commit_sha, source
FROM status_history WHERE identity = ? ORDER BY changed_at, id
"""
_CLAIMS = """
SELECT path, line, col, name, raw, status, stale FROM status_claims WHERE story_uid = ? ORDER BY path, line
"""
_INTERNAL = ("uid", "key", "parse_state", "content_hash")
_INVERSE = {"parent": "child", "depends_on": "needed_by"}
"""The relation as seen from the prerequisite's end."""


def show_story(reader: Reader, text: str, projects: tuple[str, ...] = ()) -> dict[str, Any]:
    """Everything about the story that `text` means. Raises Ambiguous or NotFound.

    The columns of `v_stories`, and `labels`, `people`, `criteria`, `progress`, `edges` (both directions,
    with what the other end says about itself), `problems`, `history`,
    and `status_claims`: what other files say about its status.
    """
    found = find_story(reader, text, projects)
    uid = found["uid"]
    everywhere, reader = reader, reader.of(found["project_id"])
    row = reader.rows(_STORY, (uid,))[0]
    story = {name: value for name, value in row.items() if name not in _INTERNAL}
    story["contested"] = bool(story["contested"])
    story["stale"] = row["parse_state"] == "stale"
    story["metadata"] = msgspec.json.decode(row["metadata"] or "{}")
    story["labels"] = [label["label"] for label in reader.rows(_LABELS, (uid,))]
    story["people"] = reader.rows(_PEOPLE, (uid,))
    story["criteria"] = [_criterion(item) for item in reader.rows(_CRITERIA, (uid,))]
    story["progress"] = {
        item["section"]: {"done": item["done"], "total": item["total"]}
        for item in reader.rows(_PROGRESS, (uid,))
    }
    story["edges"] = _edges(reader, uid, row["project_id"])
    if everywhere is not reader:
        story["edges"] += _from_elsewhere(everywhere, reader, uid, row["project_id"])
    story["problems"] = _problems(reader, row)
    story["history"] = reader.rows(_HISTORY, (uid,))
    story["status_claims"] = [{**row, "stale": bool(row["stale"])} for row in reader.rows(_CLAIMS, (uid,))]
    return story


def _problems(reader: Reader, story: dict[str, Any]) -> list[dict[str, Any]]:
    """The problems of the story's file; of one of several in it, those from its first line to the next one's.

    All of them while the file is broken, since then the lines are not those of the stories.
    """
    place = (story["project_id"], story["path"])
    found = reader.rows(_PROBLEMS, place)
    if story["parse_state"] == "stale":
        return found
    begins = [row["id_line"] for row in reader.rows(_BEGINS, place)]
    if not begins:
        return found
    begin = story["id_line"] if story["anchor"] else 0
    end = next((line for line in begins if line > begin), None)
    return [one for one in found if begin <= one["line"] and (end is None or one["line"] < end)]


def _criterion(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "done": None if row["done"] is None else bool(row["done"])}


def _edges(reader: Reader, uid: int, project_id: str) -> list[dict[str, Any]]:
    """One dict for each other end and relation; statements of both ends are merged into one."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in reader.rows(_REFERENCES, (uid, uid, uid, uid)):
        relation = _seen_from(row, uid)
        other = row["other_uid"] if row["other_uid"] is not None else row["raw"]
        edge = found.setdefault((relation, other), _edge(row, relation, project_id))
        statement = {"path": row["stated_in"], "line": row["line"], "col": row["col"], "raw": row["raw"]}
        edge["stated"].append(statement)
    return list(found.values())


def _from_elsewhere(everywhere: Reader, reader: Reader, uid: int, project_id: str) -> list[dict[str, Any]]:
    """What stories of other databases state about this one."""
    names = [row["name"] for row in reader.rows(_NAMES, (uid,))]
    if not names:
        return []
    sql = _FROM_ELSEWHERE.format(marks=", ".join("?" * len(names)))
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in everywhere.rows(sql, (project_id, *names)):
        turned = _INVERSE.get(row["kind"], f"{row['relation']}_inverse")
        turned = row["kind"] if row["relation"] in ("blocks", "child", "related") else turned
        other = turned, row["other_project_id"], row["other_uid"]
        edge = found.setdefault(other, _edge(row, turned, project_id))
        edge["stated"].append(
            {"path": row["stated_in"], "line": row["line"], "col": row["col"], "raw": row["raw"]}
        )
    return list(found.values())


def _seen_from(row: dict[str, Any], uid: int) -> str:
    """The relation in the words of the story that is shown."""
    kind: str = row["kind"]
    if kind in _INVERSE:
        at_prerequisite = row["prerequisite_uid"] == uid and row["dependent_uid"] != uid
        return _INVERSE[kind] if at_prerequisite else kind
    relation: str = row["relation"]
    return relation if row["stated_here"] else f"{relation}_inverse" if relation != "related" else relation


def _edge(row: dict[str, Any], relation: str, project_id: str) -> dict[str, Any]:
    known = row["other_path"] is not None
    return {
        "relation": relation,
        "state": row["state"],
        "confidence": row["confidence"],
        "project_id": row["other_project_id"] if known else row["target_project"] or project_id,
        "id": row["other_id"] if known else row["raw"],
        "title": row["other_title"],
        "status": row["other_status"],
        "path": row["other_path"],
        "anchor": row["other_anchor"],
        "stated": [],
    }
