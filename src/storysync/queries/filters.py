"""What `list`, `ready` and `blocked` can be narrowed to, as conditions over columns of `v_stories`."""

from __future__ import annotations

from dataclasses import dataclass, field
from string import ascii_lowercase, ascii_uppercase
from typing import TYPE_CHECKING, Any

from storysync.errors import NotFound

if TYPE_CHECKING:
    from storysync.store.reader import Reader

_LOWERED = str.maketrans(ascii_uppercase, ascii_lowercase)


@dataclass(frozen=True)
class Filter:
    """Empty fields do not narrow; several values of one field mean any of them."""

    projects: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    """Names, handles (with or without @) or addresses of owners and assignees."""
    epics: tuple[str, ...] = ()
    """An epic as written, or its beginning up to a blank or colon: `Epic 22`."""
    kinds: tuple[str, ...] = ()
    priorities: tuple[int, ...] = ()
    stale: bool = False
    contested: bool = False


@dataclass
class Conditions:
    """A WHERE clause in the making: SQL text and its parameters, in order."""

    parts: list[str] = field(default_factory=list)
    params: list[Any] = field(default_factory=list)

    def add(self, sql: str, *params: Any) -> None:
        self.parts.append(sql)
        self.params.extend(params)

    def any_of(self, sql: str, values: tuple[Any, ...], times: int = 1) -> None:
        """`sql` holds for at least one value; each value fills its `times` placeholders."""
        if values:
            self.parts.append("(" + " OR ".join([sql] * len(values)) + ")")
            self.params.extend(value for value in values for _ in range(times))

    def where(self) -> str:
        return "WHERE " + " AND ".join(self.parts) if self.parts else ""


_PERSON = """(lower(v.owner) = ? OR EXISTS (
  SELECT 1 FROM story_people p
  WHERE p.story_uid = v.uid AND p.role IN ('owner', 'assignee')
    AND (lower(p.name) = ? OR lower(p.handle) = ? OR lower(p.email) = ?)))"""
_EPIC = "(lower(v.epic) = ? OR substr(lower(v.epic), 1, length(?) + 1) IN (? || ' ', ? || ':'))"


def conditions(wanted: Filter) -> Conditions:
    """The filter over a table or view `v` that has the columns of `v_stories`."""
    found = Conditions()
    found.any_of("v.project_id = ?", wanted.projects)
    found.any_of("v.status = ?", wanted.statuses)
    found.any_of(
        "EXISTS (SELECT 1 FROM story_labels l WHERE l.story_uid = v.uid AND lower(l.label) = ?)",
        _lowered(wanted.labels),
    )
    found.any_of(_PERSON, tuple(name.removeprefix("@") for name in _lowered(wanted.assignees)), times=4)
    found.any_of(_EPIC, _lowered(wanted.epics), times=4)
    found.any_of("v.kind = ?", wanted.kinds)
    found.any_of("v.priority = ?", wanted.priorities)
    if wanted.stale:
        found.add("v.parse_state = 'stale'")
    if wanted.contested:
        found.add("v.contested")
    return found


def require_projects(reader: Reader, projects: tuple[str, ...]) -> None:
    """Raise NotFound unless the database holds all these projects."""
    if not projects:
        return
    known = [row["id"] for row in reader.rows("SELECT id FROM projects ORDER BY id")]
    for project in projects:
        if project not in known:
            listed = ", ".join(known) or "none"
            raise NotFound(
                f"there is no project {project!r} in the database",
                hint=f"use one of the known projects: {listed}",
            )


def _lowered(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(ascii_lowered, values))


def ascii_lowered(text: str) -> str:
    """As `lower()` in SQL does it in every database: A to Z alone, whatever the language."""
    return text.translate(_LOWERED)
