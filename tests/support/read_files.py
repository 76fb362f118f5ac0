"""Files as `core.reading` reads them, for the tests of dialects."""

from __future__ import annotations

from storysync.core.reading import read
from storysync.core.story import Good, Story
from storysync.settings import ReadingSettings


def good(path: str, text: str) -> Good:
    found = read(path, text.encode(), ReadingSettings())
    assert isinstance(found, Good)
    return found


def story(path: str, text: str) -> Story:
    return good(path, text).stories[0]


def edges(found: Story) -> list[tuple[str, str, int, int]]:
    return [(one.relation, one.raw, one.line, one.col) for one in found.references]


def codes(found: Good) -> list[tuple[str, int, int]]:
    return [(one.code, one.line, one.col) for one in found.problems]
