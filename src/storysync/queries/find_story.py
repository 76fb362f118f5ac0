"""Which story does this text mean?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from storysync.core.anchors import slug
from storysync.core.ids import key
from storysync.core.resolution import place
from storysync.errors import Ambiguous, NotFound
from storysync.queries.filters import ascii_lowered
from storysync.queries.natural import natural

if TYPE_CHECKING:
    from storysync.store.reader import Reader

_SELECT = "SELECT uid, project_id, id, key, title, path, anchor, scope FROM v_stories v"
_CANDIDATES = 10


def find_story(reader: Reader, text: str, projects: tuple[str, ...] = ()) -> dict[str, Any]:
    """The one story that `text` means: `uid, project_id, id, key, title, path, anchor, scope`.

    Tried in this order, the first that finds anything decides: the id as spelled, its key, the path (of the
    file's own story, `PATH#anchor` for one of several in it), `folder/ID`, another name that references may
    use (an alias, `story-22.1` for `22.1`), the beginning of a key, the end of a key after a `-`, `.` or `_`.
    `project:ID` and `project/ID` narrow to one project. A story with a file of its own counts before items of
    that id. Raises Ambiguous naming the candidates, or NotFound.
    """
    # An argument may hold bytes that are no text, and no database holds a NUL in one.
    text = text.encode("utf-8", "replace").decode().replace("\0", "?")
    for wanted, scope in _readings(reader, text, projects):
        for condition, params in _steps(wanted):
            where, scoped = _within(condition, scope)
            rows = reader.rows(
                f"{_SELECT} WHERE {where} ORDER BY project_id, path, anchor", [*params, *scoped]
            )
            rows = _counting(rows)
            if len(rows) == 1:
                return rows[0]
            if rows:
                raise _ambiguous(text, rows)
    broken = _broken_files(reader, text, projects)
    if broken:
        raise NotFound(
            f"there is no story {text!r}, but a file that cannot be read: {', '.join(broken)}",
            hint="see `storysync check` for what is wrong with it",
        )
    raise NotFound(
        f"there is no story {text!r}", hint="see `storysync list` for all ids, or name one as `project:ID`"
    )


def _broken_files(reader: Reader, text: str, projects: tuple[str, ...]) -> list[str]:
    """Files without a last good state that are named as if they held the story."""
    found = []
    for wanted, scope in _readings(reader, text, projects):
        where, scoped = _within("state = 'broken'", scope)
        for row in reader.rows(f"SELECT project_id, path FROM files WHERE {where} ORDER BY 1, 2", scoped):
            name = row["path"].rpartition("/")[2]
            if row["path"] == wanted or (key(wanted) and _begins(key(name.rpartition(".")[0]), key(wanted))):
                found.append(f"{row['project_id']}:{row['path']}")
    return list(dict.fromkeys(found))[:_CANDIDATES]


def _begins(stem: str, wanted: str) -> bool:
    """Whether a file's stem is the key, or goes on behind it with something else than a digit."""
    return stem.startswith(wanted) and not stem[len(wanted) : len(wanted) + 1].isdigit()


def _readings(reader: Reader, text: str, projects: tuple[str, ...]) -> list[tuple[str, tuple[str, ...]]]:
    """The text as a whole, and split at `project:` when that names a project of the database."""
    readings = [(text, projects)]
    known = {row["id"] for row in reader.rows("SELECT id FROM projects")}
    for mark in (":", "/"):
        project, found, rest = text.partition(mark)
        if found and rest and project.lower() in known and (not projects or project.lower() in projects):
            readings.insert(0, (rest, (project.lower(),)))
    return readings


def _steps(text: str) -> list[tuple[str, tuple[str, ...]]]:
    wanted = key(text)
    like = _escaped(wanted)
    steps: list[tuple[str, tuple[str, ...]]] = [
        ("id = ?", (text,)),
        ("key = ?", (wanted,)),
        ("path = ? AND anchor = ''", (text,)),
        ("path || '#' || anchor = ?", (text,)),
        ("path = ?", (text,)),
        *([_in_folder(text)] if "/" in text else []),
        *([_of_item(text)] if "#" in text else []),
        ("uid IN (SELECT story_uid FROM story_names WHERE name = ?)", (wanted,)),
        ("key LIKE ? ESCAPE '\\'", (like + "%",)),
        ("(key LIKE ? ESCAPE '\\' OR key LIKE ? ESCAPE '\\')", ("%-" + like, "%." + like)),
    ]
    return steps if wanted else steps[:1]


def _in_folder(text: str) -> tuple[str, tuple[str, ...]]:
    """`003-cart/T001`: the stories of an id below a folder, named by the end of its path."""
    folder, _, name = text.rpartition("/")
    below = f"%/{_escaped(ascii_lowered(folder))}/%"
    return "key = ? AND lower('/' || path) LIKE ? ESCAPE '\\'", (key(name), below)


def _of_item(text: str) -> tuple[str, tuple[str, ...]]:
    """`epics.md#Story 3.1`: an item of a file by its id, or by its anchor however it is spelled."""
    path, _, name = text.rpartition("#")
    return "path = ? AND (key = ? OR replace(anchor, '.', '') = ?)", (path, key(name), slug(name))


def _counting(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of the holders of one id the one with a file of its own, where the others are items of files."""
    files = [row for row in rows if not row["anchor"]]
    same = {(row["project_id"], row["scope"], row["key"]) for row in rows}
    return files if len(files) == 1 and len(same) == 1 and rows[0]["key"] is not None else rows


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _within(condition: str, projects: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    if not projects:
        return condition, ()
    return f"{condition} AND project_id IN ({', '.join('?' * len(projects))})", projects


def _ambiguous(text: str, rows: list[dict[str, Any]]) -> Ambiguous:
    rows = sorted(rows, key=lambda row: (row["project_id"], natural(row["id"] or ""), row["path"]))
    named = ", ".join(f"{row['project_id']}:{row['id'] or _place(row)}" for row in rows[:_CANDIDATES])
    more = f" and {len(rows) - _CANDIDATES} more" if len(rows) > _CANDIDATES else ""
    if len({(row["project_id"], row["id"]) for row in rows}) == 1:
        named = ", ".join(_place(row) for row in rows[:_CANDIDATES])
        return Ambiguous(
            f"{text!r} is claimed by {len(rows)} stories: {named}{more}", hint="name one by its path"
        )
    return Ambiguous(
        f"{text!r} fits {len(rows)} stories: {named}{more}", hint="spell out the id, or use project:ID"
    )


def _place(row: dict[str, Any]) -> str:
    return place(row["path"], row["anchor"])
