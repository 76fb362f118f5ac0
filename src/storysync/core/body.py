"""The body of a story file: what its Markdown says about the story (DESIGN section 6).

Pure and total: any text gives a `Body`, in time linear in its length.
"""

from __future__ import annotations

import msgspec

from storysync.core import commonmark, scanner
from storysync.core.body_references import body_references
from storysync.core.criteria import criteria
from storysync.core.headings import read_heading
from storysync.core.labelled import Located, labelled, status_section
from storysync.core.outline import Heading
from storysync.core.references import parse_references
from storysync.core.sections import spans
from storysync.core.story import Criterion, Reference
from storysync.core.user_story import NO_USER_STORY, user_story

__all__ = ["Body", "Heading", "Located", "parse_body", "parse_references"]


class Body(msgspec.Struct, frozen=True, gc=False):
    """What a body says. Lines are those of the file, columns count from 1 in characters."""

    h1: Heading | None  # the first heading of level 1, or the second right below it if that one has the id
    subtitle: Heading | None  # the other one of two first-level headings without text between them
    h1_count: int
    headings: tuple[Heading, ...]
    user_role: str | None
    user_want: str | None
    user_benefit: str | None
    criteria: tuple[Criterion, ...]
    references: tuple[Reference, ...]
    lifecycle: dict[str, Located]  # created, updated, completed, as far as the body has them
    status: Located | None


def parse_body(text: str, first_line: int, path: str, *, lean: bool = False) -> Body:
    """Read the text behind the front matter (line ends are `\\n`); it begins at `first_line` of the file.

    `path` is the file's own, relative to the root, POSIX: links are relative to it. `lean` leaves out the
    criteria and the user story, from which no problem follows.
    """
    lines = text.split("\n")
    outline = scanner.scan(text, lines, first_line) or commonmark.read(text, lines, first_line)
    sections = spans(outline.headings, len(lines), first_line)
    labels = labelled(text, outline, sections)
    status = labels.pop("status", None) or status_section(lines, outline, sections)
    story = NO_USER_STORY if lean else user_story(text, outline, sections)
    titles = [heading for heading in outline.headings if heading.level == 1]
    h1, subtitle = _titles(titles, lines, first_line)
    return Body(
        h1=h1,
        subtitle=subtitle,
        h1_count=len(titles),
        headings=tuple(outline.headings),
        user_role=story.role,
        user_want=story.want,
        user_benefit=story.benefit,
        criteria=() if lean else criteria(text, lines, outline, sections, first_line),
        references=body_references(lines, outline, sections, first_line, path),
        lifecycle={field: _in_file(place, first_line) for field, place in labels.items()},
        status=_in_file(status, first_line) if status else None,
    )


def _titles(
    titles: list[Heading], lines: list[str], first_line: int
) -> tuple[Heading | None, Heading | None]:
    """The heading that names the story, and one right above or below it: `# Story 2`, `# Sprint 0`."""
    if len(titles) < 2:
        return (titles[0] if titles else None), None
    first, second = titles[:2]
    between = lines[first.line - first_line + 1 : second.line - first_line]
    if len(between) > 3 or any(line.strip() for line in between):
        return first, None
    if read_heading(first.text).id is None and read_heading(second.text).id is not None:
        return second, first
    return first, second


def _in_file(place: Located, first_line: int) -> Located:
    return Located(place.text, place.line + first_line, place.col + 1)
