"""Check boxes and numbered points of a body, by the section that they stand in."""

from __future__ import annotations

import re

from storysync.core.outline import Item, Outline, paragraph_text
from storysync.core.sections import Span, meaning
from storysync.core.story import Criterion

_BOX = re.compile(r"\[([ xX✅✓✔☑~/>❌-])\ufe0f?\][ \t]+(?=\S)")
_USUAL_BOXES = {"[ ] ": False, "[x] ": True, "[X] ": True}
_DONE = frozenset("xX✅✓✔☑")
_BOLD_HEADING = re.compile(r"[ \t]*(?:\*\*|__)([^*\n]{1,120}?)(?:\*\*|__)[ \t]*:?[ \t]*")


def criteria(
    lines: list[str], outline: Outline, sections: list[Span], first_line: int
) -> tuple[Criterion, ...]:
    """The criteria in the order of the text; positions count within each kind of section.

    Bullets without a box count as acceptance criteria when that is all there is.
    """
    if not outline.items:
        return ()
    found: list[Criterion] = []
    bullets: list[tuple[Item, str]] = []
    counts: dict[str, int] = {}
    borders = _borders(lines, outline, sections)
    following, section = 0, "other"
    for item in outline.items:
        while following < len(borders) and borders[following][0] <= item.row:
            section = borders[following][1]
            following += 1
        row = item.row
        text = lines[row][item.col :]
        if item.last_row != row:
            text = paragraph_text(lines, row, item.col, item.last_row)
        done = _USUAL_BOXES.get(text[:4])
        if done is not None:
            text = text[4:].strip()
        elif text[:1] == "[" and (box := _BOX.match(text)) is not None:
            text, done = text[box.end() :].strip(), box[1] in _DONE
        elif item.ordered and section != "other":
            text = text.strip()
        else:
            if section == "acceptance":
                bullets.append((item, text.strip()))
            continue
        if not text:
            continue
        position = counts.get(section, 0)
        counts[section] = position + 1
        found.append(Criterion(section, position, item.depth, text, done, row + first_line))
    if bullets and "acceptance" not in counts:
        found += [
            Criterion("acceptance", position, item.depth, text, None, item.row + first_line)
            for position, (item, text) in enumerate(bullets)
        ]
        found.sort(key=lambda criterion: criterion.line)
    return tuple(found)


def _borders(lines: list[str], outline: Outline, sections: list[Span]) -> list[tuple[int, str]]:
    """At which row which section of `criteria` begins. A line in bold may serve as a heading."""
    borders = [(span.begin, span.meaning.criteria or "other") for span in sections]
    bold = [row for row, line in enumerate(lines) if line.startswith("**") and line.rstrip(" *:") != line]
    if not bold:
        return borders
    headings = [
        (row, meaning(found[1]).criteria)
        for row in bold
        if row not in outline.code and (found := _BOLD_HEADING.fullmatch(lines[row])) is not None
    ]
    return _with_bold(borders, headings) if headings else borders


def _with_bold(
    borders: list[tuple[int, str]], headings: list[tuple[int, str | None]]
) -> list[tuple[int, str]]:
    """Both kinds of borders. A line in bold that says nothing ends only what another one began."""
    merged: list[tuple[int, str]] = []
    around, by_bold = "other", False
    for row, section, bold in sorted(
        [(row, section, False) for row, section in borders]
        + [(row, word or "", True) for row, word in headings]
    ):
        if not bold:
            around, by_bold = section, False
            merged.append((row, section))
        elif section:
            by_bold = True
            merged.append((row, section))
        elif by_bold:
            by_bold = False
            merged.append((row, around))
    return merged
