"""What every dialect reader takes and gives.

A dialect is a module with a `NAME` and one function `read_head(page) -> Head | None`. It says None when
the page is not written in it. What it does find are values with their places in the file; what they mean
is decided elsewhere.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from storysync.core.story import Problem
from storysync.core.yaml_events import Node


class Page(NamedTuple):
    """A file's text, and where the part begins that no other dialect has taken yet."""

    text: str  # lines end with "\n"
    start: int  # offset
    line: int  # of that offset, from 1
    max_front_matter: int  # bytes


class Head(NamedTuple):
    """The fields of one head: name as written -> value with line and column.

    `start` and `line` tell where the rest begins; a reader that takes nothing away, since its fields are
    part of the body, gives back those of the page. `end` is the offset at which the head ends.
    """

    dialect: str
    source: str  # the word of `id_source` for an id found here
    fields: dict[str, Node]
    start: int
    line: int
    end: int
    problems: tuple[Problem, ...] = ()
    broken: bool = False  # nothing in the file can be trusted


class Dialect(Protocol):
    """A module of `core.dialects`."""

    NAME: str

    def read_head(self, page: Page) -> Head | None: ...
