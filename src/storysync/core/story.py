"""The values that readers yield and everything else passes on.

They are `msgspec.Struct`s: frozen like dataclasses, but built by C code (a first sync makes a dozen
values for every file). Nothing here checks its input; readers and `core.validate` do.

Lines and columns count from 1 in characters of the decoded text; 0 means "the file as a whole".
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec


class Problem(msgspec.Struct, frozen=True, gc=False):
    """A finding in one file. `code` is a key of `core.problems.CODES`, which also gives its severity."""

    code: str
    message: str
    line: int = 0
    col: int = 0
    hint: str = ""


class Criterion(NamedTuple):
    """One check box or numbered point. `position` counts from 0 within its section."""

    section: str  # acceptance, definition_of_done, tasks, other
    position: int
    depth: int  # nesting, 0 at the top
    text: str
    done: bool | None  # None: a numbered point without a box
    line: int


class Person(NamedTuple):
    """Someone named by a story. `position` counts from 0 within the role."""

    role: str  # author, owner, assignee
    position: int
    name: str
    handle: str | None
    email: str | None


class Reference(NamedTuple):
    """One statement about another story, as the file makes it; nothing is resolved yet."""

    relation: str  # depends_on, blocks, parent, child, related, duplicates, supersedes, conflicts
    raw: str  # the text as written
    line: int
    col: int
    project: str | None  # the scope in `project:ID` or `project/ID`, as a slug; None: this project
    id: str | None  # the id as spelled, None when the reference is only a path
    key: str | None  # `core.ids.key(id)`
    path: str | None  # a link's target, relative to the root, POSIX, normalized; None: no path given
    confidence: str  # declared, prose
    in_range: bool = False  # one of `Stories 1-4`, which is `raw` of each; no id: the range is not understood


class Story(msgspec.Struct, frozen=True, gc=False):
    """One item of one file, in the columns of the table `stories`. Dates are ISO 8601 text.

    `…_on` is a date (`2026-03-01`); `…_at` beside it is the instant in UTC
    (`2026-03-01T12:00:00.000000Z`) when the file gives a time.
    """

    anchor: str  # '' when the file holds one story
    scope: str  # the folder within which the id is unique; '' for the whole project
    id: str | None
    key: str | None
    id_source: str  # front_matter, yaml_comment, header, h1, file_name, folder, list_item, none
    id_line: int
    id_col: int
    dialect: str
    kind: str  # story, epic, feature, task, bug, spike, requirement, spec
    title: str
    epic: str | None
    status: str | None
    status_raw: str | None
    status_note: str | None
    status_line: int  # where the status stands; 0 when there is none, or when it comes from the folder
    priority: int | None  # 0 highest … 4
    priority_raw: str | None
    estimate_points: float | None
    estimate_unit: str | None  # points, size, hours, tokens
    estimate_raw: str | None
    branch_name: str | None
    owner: str | None
    author: str | None
    sprint: str | None
    created_on: str | None
    created_at: str | None
    updated_on: str | None
    updated_at: str | None
    completed_on: str | None
    completed_at: str | None
    user_role: str | None
    user_want: str | None
    user_benefit: str | None
    body: str
    metadata: str  # every other key, as canonical JSON (sorted keys, no blanks)
    labels: tuple[str, ...]
    people: tuple[Person, ...]
    criteria: tuple[Criterion, ...]
    references: tuple[Reference, ...]
    aliases: tuple[str, ...] = ()  # other ids that the file says it is known by
    prefix_keys: tuple[str, ...] = ()  # its key with another word before the number, or without one
    heading_keys: tuple[str, ...] = ()  # keys of other ids that its heading or header gives


# What reading one file can come to. Each is a class of its own, so that nobody has to guess
# which of several optional fields are filled.


class Good(msgspec.Struct, frozen=True, gc=False):
    """At least one story; problems are warnings, or errors that left the story readable."""

    stories: tuple[Story, ...]
    problems: tuple[Problem, ...]


class Broken(msgspec.Struct, frozen=True, gc=False):
    """The file could not be read or parsed: the last good rows stay, flagged stale."""

    problems: tuple[Problem, ...]


class NotAStory(msgspec.Struct, frozen=True, gc=False):
    """Nothing in the file says that it is a story."""

    problems: tuple[Problem, ...]


class Excluded(msgspec.Struct, frozen=True, gc=False):
    """A template, README or index file, by the globs of the settings. It is not read."""


class StatusClaim(NamedTuple):
    """What a second source says about the status of one story."""

    name: str  # as written, `1-10-sign-in`
    key: str | None  # of the story or epic that the name begins with
    raw: str
    status: str | None
    line: int
    col: int


class SecondSource(msgspec.Struct, frozen=True, gc=False):
    """A file that states the status of stories written elsewhere; it holds none itself."""

    claims: tuple[StatusClaim, ...]
    problems: tuple[Problem, ...]


class Gone(msgspec.Struct, frozen=True, gc=False):
    """No such file any more."""


Found = Good | Broken | NotAStory | SecondSource | Excluded | Gone
Read = Good | Broken | NotAStory | SecondSource
"""What `core.reading.read` may return."""
