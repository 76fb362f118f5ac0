"""The registry of dialects: every module of `core.dialects` that has a `NAME`, by its `RANK`.

Heads are read by all that find theirs, each in the part of the page that the ones before have left; where
two give the same field, the first one counts. Of those that recognize a file or its items the first wins.
A new dialect is a new module here; docs/dialects.md shows how.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from storysync.core import dialects
from storysync.core.dialects.base import PLAIN, Head, Page, Sheet, Split, Traits


def _modules() -> list[ModuleType]:
    names = [one.name for one in iter_modules(dialects.__path__) if one.name != "base"]
    found = [import_module(f"{dialects.__name__}.{name}") for name in names]
    return sorted((one for one in found if hasattr(one, "NAME")), key=lambda one: (one.RANK, one.NAME))


_MODULES = _modules()

NAMES = tuple(one.NAME for one in _MODULES)
"""All dialects, in the order in which they are asked; what the setting `dialect` may name."""


def _functions(name: str) -> list[tuple[str, Callable[[Any], Any]]]:
    return [(one.NAME, getattr(one, name)) for one in _MODULES if hasattr(one, name)]


_READERS: list[tuple[str, Callable[[Page], Head | None]]] = _functions("read_head")
_RECOGNIZERS: list[tuple[str, Callable[[Sheet], Traits | None]]] = _functions("recognize")
_SPLITTERS: list[tuple[str, Callable[[Sheet], Split | None]]] = _functions("split")


def read_heads(page: Page, pinned: str = "") -> Sheet:
    """All heads of a page, and what is left of it as body.

    `pinned` names the only dialect that is asked, if it is one that reads heads.
    """
    heads: list[Head] = []
    readers = [one for one in _READERS if one[0] == pinned] if pinned else _READERS
    for _, read_head in readers or _READERS:
        head = read_head(page)
        if head is None:
            continue
        heads.append(head)
        if head.broken:
            break
        if head.start != page.start:
            page = Page(page.text, head.start, head.line, page.max_front_matter, page.path)
    return Sheet(page, heads)


def recognize(sheet: Sheet, pinned: str = "") -> Traits:
    """What is special about a file. A pinned dialect makes every file a story."""
    for name, ask in _RECOGNIZERS:
        if pinned and name != pinned:
            continue
        traits = ask(sheet)
        if traits is not None:
            return traits._replace(is_story=True) if pinned else traits
    return Traits(pinned, is_story=True) if pinned else PLAIN


def split(sheet: Sheet, pinned: str = "") -> Split | None:
    """The items of a file that holds many, None for a file that is one story or none."""
    for name, ask in _SPLITTERS:
        if pinned and name != pinned:
            continue
        found = ask(sheet)
        if found is not None and found.items:
            return found
    return None
