"""Check boxes and numbered points of a body, by the section that they stand in (DIALECTS.md section 7)."""

from __future__ import annotations

import re
from operator import itemgetter

from storysync.core.outline import Outline, paragraph_text
from storysync.core.sections import Span, meaning
from storysync.core.story import Criterion
from storysync.core.unlisted import unlisted

_BOX = re.compile(
    r"\[([ xX✅✓✔☑~/>❌-])\]\ufe0f?(?:[ \t]+(?=\S)|(?=[0-9]))|\[([ xX✅✓✔☑~/>❌-])\ufe0f\][ \t]+(?=\S)"
)
_USUAL_BOXES = {"[ ] ": False, "[x] ": True, "[X] ": True}
_SYMBOL = re.compile(r"([✅☑✔❌⬜☐])\ufe0f?[ \t]*(?=\S)")
_SYMBOLS = frozenset("✅☑✔❌⬜☐")
_DONE = frozenset("xX✅✓✔☑")
_BOLD_HEADING = re.compile(r"[ \t]*(?:\*\*|__)([^*\n]{1,120}?)(?:\*\*|__)[ \t]*:?[ \t]*")


_Point = tuple[str, int, str, bool | None, int]
"""Section, depth, text, done and row. A plain tuple: a story has twenty of them."""


def criteria(
    text: str, lines: list[str], outline: Outline, sections: list[Span], first_line: int
) -> tuple[Criterion, ...]:
    """The criteria in the order of the text; positions count within each kind of section.

    Bullets without a box, and what is no list item at all, count as acceptance criteria when that is all
    there is; rows of a table of criteria always do.
    """
    borders = _borders(text, lines, outline, sections)
    found, bullets = _listed(lines, outline, borders)
    others = unlisted(lines, outline, borders) if any(section != "other" for _, section in borders) else []
    found += [(one.section, 0, one.text, one.done, one.row) for one in others if one.certain]
    if not any(point[0] == "acceptance" for point in found):
        found += bullets or [
            (one.section, 0, one.text, one.done, one.row) for one in others if not one.certain
        ]
    if others or bullets:
        found.sort(key=itemgetter(4))
    counts: dict[str, int] = {}
    numbered: list[Criterion] = []
    for section, depth, text, done, row in found:
        position = counts.get(section, 0)
        counts[section] = position + 1
        numbered.append(Criterion(section, position, depth, text, done, row + first_line))
    return tuple(numbered)


def _listed(
    lines: list[str], outline: Outline, borders: list[tuple[int, str]]
) -> tuple[list[_Point], list[_Point]]:
    """List items that are criteria by their form, and plain bullets of acceptance criteria."""
    found: list[_Point] = []
    bullets: list[_Point] = []
    following, around = 0, "other"
    label_depth, label_section = -1, ""
    for item in outline.items:
        while following < len(borders) and borders[following][0] <= item.row:
            around = borders[following][1]
            following += 1
            label_depth = -1
        if item.last_row == item.row:
            text = lines[item.row][item.col :]
        else:
            text = paragraph_text(lines, item.row, item.col, item.last_row)
        if label_depth >= 0:
            if item.depth <= label_depth:
                label_depth = -1
            section = label_section if label_depth >= 0 else around
        else:
            section = around
        done = _USUAL_BOXES.get(text[:4])
        if done is not None:  # by far the most
            if text := text[4:].strip():
                found.append((section, item.depth, text, done, item.row))
            continue
        if (
            text[:1] != "["
            and text[-1:] in (":", "：", "*")
            and (announced := meaning(text).criteria) is not None
        ):
            label_depth, label_section = item.depth, announced
            continue
        if text[:1] == "[" and (box := _BOX.match(text)) is not None:
            text, done = text[box.end() :].strip(), (box[1] or box[2]) in _DONE
        elif section == "other":
            continue
        elif text[:1] in _SYMBOLS and (symbol := _SYMBOL.match(text)) is not None:
            text, done = text[symbol.end() :].strip(), symbol[1] in _DONE
        elif not item.ordered:
            if section == "acceptance":
                bullets.append((section, item.depth, text.strip(), None, item.row))
            continue
        if text := text.strip():
            found.append((section, item.depth, text, done, item.row))
    return found, bullets


def _borders(text: str, lines: list[str], outline: Outline, sections: list[Span]) -> list[tuple[int, str]]:
    """At which row which section of `criteria` begins. A line in bold may serve as a heading."""
    borders = [(span.begin, span.meaning.criteria or "other") for span in sections]
    bold = [row for row in _bold_rows(text) if lines[row][-1] in " *:"]
    if not bold:
        return borders
    headings = [
        (row, meaning(found[1]).criteria)
        for row in bold
        if row not in outline.code and (found := _BOLD_HEADING.fullmatch(lines[row])) is not None
    ]
    return _with_bold(borders, headings) if headings else borders


def _bold_rows(text: str) -> list[int]:
    """The rows that begin with `**`."""
    rows: list[int] = []
    at = 0 if text.startswith("**") else text.find("\n**") + 1
    row = counted = 0
    while at or (not rows and text.startswith("**")):
        row += text.count("\n", counted, at)
        counted = at
        rows.append(row)
        at = text.find("\n**", at) + 1
    return rows


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
