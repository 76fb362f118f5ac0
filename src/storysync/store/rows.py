"""Stories as rows: the columns of each table, in the order in which they are written.

A test compares these lists with `store.tables`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from storysync.core import ids
from storysync.core.resolution import INVERSE, KIND_OF
from storysync.core.story import Story

Row = tuple[Any, ...]

FROM_FILE = (
    "anchor", "scope", "id", "key", "id_source", "id_line", "id_col", "dialect", "kind", "title", "epic",
    "status", "status_raw", "status_note", "status_line", "priority", "priority_raw", "estimate_points",
    "estimate_unit", "estimate_raw", "branch_name", "owner", "author", "sprint", "created_on", "created_at",
    "updated_on", "updated_at", "completed_on", "completed_at", "user_role", "user_want", "user_benefit",
    "body", "metadata",
)  # fmt: skip
"""The columns of `stories` that one `Story` fills, in the order of its fields."""

DERIVED = ("backlog_id", "path", *FROM_FILE, "content_hash", "parse_state")
"""What a put compares and writes, after `uid` and `project_id`."""

STORY = ("uid", "project_id", *DERIVED, "stale_since", "contested", "first_seen_at", "synced_at")

CHILDREN: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "story_names": (("story_uid", "source", "name"), ("project_id",)),
    "story_labels": (("story_uid", "label"), ()),
    "story_people": (("story_uid", "role", "position"), ("name", "handle", "email")),
    "criteria": (("story_uid", "section", "position"), ("depth", "text", "done", "line")),
    "story_dependencies": (
        ("story_uid", "ordinal"),
        (
            "relation", "raw", "line", "col", "target_project", "target_id", "target_key", "target_path",
            "kind", "confidence", "in_range",
        ),
    ),
}  # fmt: skip
"""Table -> (primary key, other columns that come from the file)."""


def derived(story: Story, backlog_id: str, path: str, content_hash: str) -> Row:
    """The values of `DERIVED`."""
    return (backlog_id, path, *msgspec.structs.astuple(story)[: len(FROM_FILE)], content_hash, "good")


def stem(path: str) -> str:
    """The file's name without its last extension."""
    name = path.rpartition("/")[2]
    return name.rpartition(".")[0] or name


def stem_name(path: str, own_key: str | None) -> str | None:
    """The stem's key form, None when it is the story's own key."""
    stem_key = ids.key(stem(path))
    return None if stem_key == own_key else stem_key


def names(story: Story, path: str) -> list[tuple[str, str]]:
    """(source, name): how references find the story."""
    found = [("id", story.key)] if story.key is not None else []
    stem_key = None if story.anchor else stem_name(path, story.key)
    if stem_key is not None:
        found.append(("stem", stem_key))
    known = {story.key}
    for alias in story.aliases:
        name = ids.key(alias)
        if name and name not in known:
            known.add(name)
            found.append(("alias", name))
    found += [("prefix", name) for name in story.prefix_keys if name not in known]
    found += [("heading", name) for name in story.heading_keys if name not in known]
    return found


def children(uid: int, project_id: str, path: str, story: Story) -> dict[str, list[Row]]:
    """The rows of every table in `CHILDREN`."""
    return {
        "story_names": [(uid, source, name, project_id) for source, name in names(story, path)],
        "story_labels": [(uid, label) for label in dict.fromkeys(story.labels)],
        "story_people": [(uid, *person) for person in story.people],
        "criteria": [
            (uid, section, position, depth, text, done, line)
            for section, position, depth, text, done, line in story.criteria
        ],
        "story_dependencies": [
            (
                uid, ordinal, one.relation, one.raw, one.line, one.col, one.project or project_id, one.id,
                one.key, one.path, KIND_OF[one.relation], one.confidence, one.in_range,
            )
            for ordinal, one in enumerate(story.references)
        ],
    }  # fmt: skip


def unresolved_ends(row: Row) -> tuple[int | None, int | None]:
    """(dependent_uid, prerequisite_uid) of a row of `story_dependencies` before it is resolved."""
    return (None, row[0]) if row[2] in INVERSE else (row[0], None)
