"""Criteria that are no list items: rows of a table, paragraphs `**AC-1:** …`, scenarios in a code block."""

from __future__ import annotations

import re
from typing import NamedTuple

from storysync.core.outline import Outline, paragraph_text


class Unlisted(NamedTuple):
    """One criterion of a section; `certain` ones count beside list items, others only without any."""

    section: str
    text: str
    done: bool | None
    row: int
    certain: bool


_SCENARIO = re.compile(
    r"[ \t]*(?:Scenario(?: Outline)?|Cen[áa]rio|Sc[ée]nario|Escenario|Szenario|场景|시나리오)"
    r"\b[^:：\n]{0,40}[:：].*\S"
)
_LABELLED = re.compile(r"[*_]{2}(?:AC|CA|TC)[ -]?\d{1,3}[^*_\n]{0,60}[*_]{2}")
_RULE = re.compile(r"[ \t|:-]*-[ \t|:-]*")
_BAR = re.compile(r"(?<!\\)\|")
_ID = re.compile(r"[*_`]{0,3}(?:[A-Z]{1,4}[-.]?)?\d{1,4}(?:\.\d{1,3})?[*_`]{0,3}")
_MARK = re.compile(r"\[([ xX✅✓✔☑❌])\]|([✅☑✔✓❌⬜☐⏳])")
_DONE = frozenset("xX✅✓✔☑")
_TEXT_COLUMNS = frozenset(
    ("criterion", "criteria", "acceptance criterion", "acceptance criteria", "criterio", "critério",
     "critère", "description", "descrição", "requirement", "item", "标准", "验收标准", "기준")
)  # fmt: skip


def unlisted(lines: list[str], outline: Outline, borders: list[tuple[int, str]]) -> list[Unlisted]:
    """What sections of criteria say without a list; `borders` tell at which row which section begins."""
    found: list[Unlisted] = []
    code = outline.code
    for number, (begin, section) in enumerate(borders):
        if section not in ("acceptance", "definition_of_done"):
            continue
        end = borders[number + 1][0] if number + 1 < len(borders) else len(lines)
        row = begin
        while row < end:
            first = lines[row][:1]
            if first == "*" or first == "|" or (first == " " and "|" in lines[row]) or row in code:
                row = _take(found, lines, outline, section, row, end)
            else:
                row += 1
    return found


def _take(found: list[Unlisted], lines: list[str], outline: Outline, section: str, row: int, end: int) -> int:
    """Read one row, or the table or paragraph that begins there; the row behind it."""
    line = lines[row]
    if row in outline.code:
        if _SCENARIO.fullmatch(line):
            found.append(Unlisted(section, line.strip(), None, row, False))
        return row + 1
    if line.startswith("**") and _LABELLED.match(line):
        last = row
        while last + 1 < end and lines[last + 1].strip() and not lines[last + 1].lstrip().startswith(_STARTS):
            last += 1
        found.append(Unlisted(section, paragraph_text(lines, row, 0, last), None, row, False))
        return last + 1
    if line.lstrip(" ").startswith("|") and row + 1 < end and _RULE.fullmatch(lines[row + 1][:500]):
        return _table(found, lines, section, row, end)
    return row + 1


_STARTS = ("**", "- ", "* ", "+ ", "#", "|", "```", "~~~", ">")


def _table(found: list[Unlisted], lines: list[str], section: str, row: int, end: int) -> int:
    """The rows of a table with a column of criteria; of no other."""
    names = [cell.casefold().strip("*_` ") for cell in _cells(lines[row])]
    column = next((number for number, name in enumerate(names) if name in _TEXT_COLUMNS), -1)
    row += 2
    while row < end and lines[row].lstrip(" ").startswith("|"):
        cells = _cells(lines[row])
        numbered = len(cells) > 1 and _ID.fullmatch(cells[0]) is not None
        at = column if column >= 0 else 1 if numbered else -1
        if 0 <= at < len(cells) and cells[at]:
            label = f"{cells[0].strip('*_`')}: " if numbered and at and not cells[0].isdigit() else ""
            done = _done([cell for number, cell in enumerate(cells) if number != at])
            found.append(Unlisted(section, label + cells[at], done, row, True))
        row += 1
    return row


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in _BAR.split(line.strip().removeprefix("|").removesuffix("|"))]


def _done(cells: list[str]) -> bool | None:
    for cell in cells:
        mark = _MARK.match(cell)
        if mark is not None:
            return (mark[1] or mark[2]) in _DONE
    return None
