"""`storysync show`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from storysync.cli import output
from storysync.cli.live import ask_daemon, with_wait
from storysync.cli.options import asking, current_folder, load, with_app, with_json, with_projects
from storysync.queries.freshness import freshness
from storysync.queries.known_roots import known_roots
from storysync.queries.show_story import show_story

if TYPE_CHECKING:
    from storysync.store.reader import Reader

_MARKDOWN = (".md", ".markdown")
_ANCHORED = re.compile(r"\.(?:md|markdown)#[^#/]*$", re.IGNORECASE)
_FIELDS = (
    "kind", "status", "priority", "estimate", "epic", "owner", "author", "sprint", "branch_name",
    "backlog_name", "created_on", "updated_on", "completed_on",
)  # fmt: skip
_RELATIONS = {
    "depends_on": "depends on", "needed_by": "needed by", "parent": "parent", "child": "children",
    "related": "related to", "duplicates": "duplicates", "duplicates_inverse": "duplicated by",
    "supersedes": "supersedes", "supersedes_inverse": "superseded by", "conflicts": "conflicts with",
    "conflicts_inverse": "conflicts with",
}  # fmt: skip
_SECTIONS = {
    "acceptance": "acceptance criteria", "tasks": "tasks", "definition_of_done": "definition of done",
    "other": "other points",
}  # fmt: skip


@click.command()
@click.argument("story", metavar="ID")
@with_projects
@with_wait
@with_app
@with_json
def command(
    story: str,
    projects: tuple[str, ...],
    database: str | None,
    config: str | None,
    as_json: bool,
    wait_s: float | None,
) -> int:
    """Show one story with its edges, criteria and problems.

    ID may be the beginning or the end of an id when only one story fits, `project:ID`, `folder/ID`, or a
    path; `epics.md#story-3` is one of several stories in a file.

    Exit codes: 3 no story fits, or several; or the wait was in vain.
    """
    app = load(database, config)
    daemon = ask_daemon(app, projects, wait_s, wanted=as_json)
    with asking(app, projects) as reader:
        found = show_story(reader, _in_its_project(reader, story), projects)
        if as_json:
            output.show_document("story", found, freshness(reader, daemon))
            return 0
    output.say("\n".join(_lines(found)))
    return 0


def _in_its_project(reader: Reader, text: str) -> str:
    """A path that leads to a file from the current folder, as `project:path`; any other text as it is.

    The anchor of one of several stories in the file (`tasks.md#t001`) goes along.
    """
    path, mark, anchor = text.rpartition("#") if _ANCHORED.search(text) else (text, "", "")
    if not path.lower().endswith(_MARKDOWN):
        return text
    place = (current_folder() / path).resolve()
    for root, project_id in known_roots(reader).items():
        if place.is_relative_to(root) and place.is_file():
            return f"{project_id}:{place.relative_to(root).as_posix()}{mark}{anchor}"
    return text


def _lines(story: dict[str, Any]) -> list[str]:
    clean = output.clean
    name = clean(story["id"] or story["path"])
    lines = [output.heading(f"{name}  {clean(story['title'])}"), f"  {_place(story)}"]
    lines += [f"  {label.replace('_', ' ')}: {value}" for label, value in _fields(story)]
    leads = {"As": "user_role", "I want": "user_want", "so that": "user_benefit"}
    wish = [f"{lead} {clean(story[part])}" for lead, part in leads.items() if story[part]]
    if wish:
        lines += ["", f"  {', '.join(wish)}"]
    lines += _claim_lines(story)
    lines += _edge_lines(story["edges"])
    lines += _criteria_lines(story)
    if story["problems"]:
        lines += ["", output.heading("problems")]
    for one in story["problems"]:
        place = f"{clean(one['path'])}:{one['line']}:{one['col']}"
        lines.append(f"  {place}: {one['severity']} {one['code']} {clean(one['message'])}")
        if one["hint"]:
            lines.append(f"    hint: {clean(one['hint'])}")
    if story["history"]:
        lines += ["", output.heading("status history")]
    for one in story["history"]:
        who = f" by {clean(one['changed_by'])}" if one["changed_by"] else ""
        change = f"{clean(one['old_status'])} -> {clean(one['new_status'])}"
        lines.append(f"  {output.moment(one['changed_at'])}  {change}{who}")
    return lines


def _place(story: dict[str, Any]) -> str:
    flags = [name for name in ("contested", "stale") if story[name]]
    anchor = f" #{output.clean(story['anchor'])}" if story["anchor"] else ""
    place = f"{story['project_id']}: {output.clean(story['path'])}:{story['id_line'] or 1}{anchor}"
    return f"{place} ({', '.join(flags)})" if flags else place


def _fields(story: dict[str, Any]) -> list[tuple[str, str]]:
    shown = {**story, "estimate": _with_raw(story["estimate_points"], story["estimate_raw"])}
    shown["status"] = _with_raw(story["status"], story["status_raw"])
    shown["priority"] = _with_raw(story["priority"], story["priority_raw"])
    found = [(name, output.clean(shown[name])) for name in _FIELDS if shown[name] is not None]
    if story["labels"]:
        found.append(("labels", output.clean(", ".join(story["labels"]))))
    people = [one for one in story["people"] if one["role"] == "assignee"]
    if people:
        found.append(("assignees", output.clean(", ".join(one["name"] for one in people))))
    if story["metadata"]:
        found.append(("other keys", output.clean(", ".join(story["metadata"]))))
    return found


def _claim_lines(story: dict[str, Any]) -> list[str]:
    """What other files say about the status."""
    if not story["status_claims"]:
        return []
    lines = ["", output.heading("status in other files")]
    for one in story["status_claims"]:
        place = f"{output.clean(one['path'])}:{one['line']}"
        said = _with_raw(one["status"], one["raw"]) or "-"
        differs = ", differs" if one["status"] not in (None, story["status"]) else ""
        lines.append(f"  {place}: {said}{differs}{', stale' if one['stale'] else ''}")
    return lines


def _with_raw(value: Any, raw: str | None) -> str | None:
    """`in_progress (WIP)`: the word as written is shown when it says something else."""
    if value is None:
        return raw and f"- ({raw})"
    text = output.clean(value)
    same = raw is None or raw.strip().lower().replace("-", "_").replace(" ", "_") == text
    return text if same else f"{text} ({raw})"


def _edge_lines(edges: list[dict[str, Any]]) -> list[str]:
    lines: list[str] = []
    for relation, words in _RELATIONS.items():
        ends = [edge for edge in edges if edge["relation"] == relation]
        if ends:
            lines += ["", output.heading(words)]
        for edge in ends:
            stated = edge["stated"][0]
            known = edge["path"] is not None
            state = edge["status"] or "no status" if known else edge["state"]
            prose = ", in prose" if edge["confidence"] == "prose" else ""
            title = f"  {output.clean(edge['title'])}" if edge["title"] else ""
            name = output.clean(edge["id"] or edge["path"])
            place = f"{output.clean(stated['path'])}:{stated['line']}"
            lines.append(f"  {edge['project_id']}:{name} ({state}{prose}){title}  [{place}]")
    return lines


def _criteria_lines(story: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    for section, words in _SECTIONS.items():
        points = [one for one in story["criteria"] if one["section"] == section]
        if not points:
            continue
        progress = story["progress"].get(section, {"done": 0, "total": len(points)})
        lines += ["", output.heading(f"{words} ({progress['done']} of {progress['total']})")]
        for one in points:
            box = {True: "[x]", False: "[ ]", None: " - "}[one["done"]]
            lines.append(f"  {'  ' * one['depth']}{box} {output.clean(one['text'])}")
    return lines
