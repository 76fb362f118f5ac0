"""What every dialect gives: a dialect is one module of this package, found by its presence.

A module has a `NAME`, a `RANK` (the lower, the earlier it is asked) and any of three functions:

    read_head(page) -> Head | None      the fields of a head written in its syntax, with their places
    recognize(sheet) -> Traits | None   what is special about files that the heads show to be of its kind
    split(sheet) -> Split | None        the items of a file that holds many

Each says None when the page is not written in its dialect, and must say so within a microsecond: most
pages are not. What values mean is decided elsewhere (`core.gather`, `core.validate`).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from storysync.core.story import Problem, Reference
from storysync.core.yaml_events import Node, Scalar

NOTHING: Mapping[str, str] = MappingProxyType({})
_NO_FIELDS: Mapping[str, Node] = MappingProxyType({})


class Page(NamedTuple):
    """A file's text, and where the part begins that no other dialect has taken yet."""

    text: str  # lines end with "\n"
    start: int  # offset
    line: int  # of that offset, from 1
    max_front_matter: int  # bytes
    path: str = ""  # relative to the root, POSIX


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


class Sheet(NamedTuple):
    """A page whose heads have been read."""

    page: Page  # what is left of it as body
    heads: list[Head]

    @property
    def front_matter(self) -> Mapping[str, Node]:
        """The fields of the front matter by their names as written; empty when there is none."""
        heads = self.heads
        return heads[0].fields if heads and heads[0].source == "front_matter" else _NO_FIELDS


class Traits(NamedTuple):
    """What is special about the files of a dialect."""

    dialect: str
    names: Mapping[str, str] = NOTHING
    """Folded names of fields (`core.folding.fold_name`) -> canonical field; '' leaves it metadata."""
    statuses: Mapping[str, str] = NOTHING
    """Folded status words -> status, where the dialect means them otherwise than most."""
    kind: str | None = None
    """The kind of what says nothing else."""
    id: Scalar | None = None
    """An id that stands at an unusual place; it counts after one in a field."""
    id_source: str = "none"
    """The word of `id_source` for `id`."""
    stated: tuple[Scalar, ...] = ()
    """Other places that state the id; where they differ from the one that counts, that is a finding."""
    named: str | None = None
    """The id that the name of the file gives by the rules of the dialect; None: it has no rules for names."""
    epic: str = ""
    """The epic that the folder of the file names, for a file that says none."""
    title: str = ""
    """A title for a file that has neither a field nor a first heading for it."""
    is_story: bool = False
    """Whether the dialect alone is evidence that the file is a story."""
    scoped: bool = False
    """Whether ids are unique only within the file's folder."""
    stateless: bool = False
    """Whether its stories never state a status, so that none is missing."""


PLAIN = Traits("")
"""Of a file that no dialect recognizes: its first head names its dialect."""


class Item(NamedTuple):
    """One of many stories in a file; `text[begin:end]` is its body.

    Its first line, a heading or a list item, is what `head` was made of; the rest is read as the body of
    any story. The items of a file do not overlap: what belongs to a nested one is no part of the outer.
    """

    anchor: str  # unique in the file (`core.anchors`), made of the words that name it
    head: Head  # what the first line says: `id`, `title`, `kind` …
    begin: int
    end: int
    line: int  # of `begin`
    labels_end: int = 0  # where the labels below its first line end, which any reader of heads may read
    references: tuple[Reference, ...] = ()  # what its place or its first line says, such as its parent


class Split(NamedTuple):
    """The items of a file, in the order of the text; all that is in none of them is the file's own body."""

    items: tuple[Item, ...]
    traits: Traits
