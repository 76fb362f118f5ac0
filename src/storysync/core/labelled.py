"""Labelled lines of a body: lifecycle dates and a status, such as `**Completed:** 2025-01-14`."""

from __future__ import annotations

import re
from bisect import bisect_right
from operator import attrgetter
from typing import NamedTuple

from storysync.core.outline import Outline
from storysync.core.sections import Span, plain


class Located(NamedTuple):
    """A value as written and where it begins (in a `Body`: line and column of the file, from 1)."""

    text: str
    line: int
    col: int


_FIELDS = {
    **dict.fromkeys(
        ("created", "created at", "created on", "created date", "date created", "creation date",
         "criado em", "créé le", "생성일"),
        "created",
    ),
    **dict.fromkeys(
        ("updated", "updated at", "updated on", "updated date", "last updated", "last modified",
         "last update", "atualizado em", "mis à jour"),
        "updated",
    ),
    **dict.fromkeys(
        ("completed", "completed at", "completed on", "completed date", "completion date", "date completed",
         "closed", "closed at", "closed on", "concluído em", "concluido em", "terminé le", "완료일"),
        "completed",
    ),
    **dict.fromkeys(("status", "current status", "story status"), "status"),
}  # fmt: skip
_LINE = re.compile(
    r"\n(?P<marks>[ \t>*_+-]*+)(?=[CcDdLlUuSsAaMmTt완생])(?P<label>(?ai:"
    + "|".join(sorted((word.replace(" ", "[ _]") for word in _FIELDS), key=len, reverse=True))
    + r"))[ \t]*(?:\*\*|__)?[ \t]*[:：][ \t]*(?:\*\*|__)?[ \t]*(?P<value>[^\n]*)"
)
_DATE = re.compile(r"\d{4}|\d{1,2}[-/.]\d{1,2}")
_NEXT_PAIR = re.compile(r"[ \t]+[|·•][ \t]+(?:\*\*|__)")
_STATUS_HEADING = re.compile(
    r"(?:[\W_]*)(?:current |story )?status\b[*_ \t]*(?:[:：][*_ \t]*(?P<value>.*))?", re.IGNORECASE
)
_MARKS = re.compile(r"[ \t>]*(?:[-*+][ \t]+)?(?:\*\*|__)?[ \t]*")
_STATUS_SECTIONS = frozenset(
    ("status", "current status", "story status", "lifecycle", "metadata", "story metadata",
     "story information", "story info", "story details", "task information", "overview", "tracking",
     "header", "story")
)  # fmt: skip
_NOT_THE_STORY = frozenset(
    ("comments", "change log", "changelog", "activity", "history", "file list", "notes")
)
_begin = attrgetter("begin")


def labelled(text: str, outline: Outline, sections: list[Span]) -> dict[str, Located]:
    """created, updated, completed and status, the first of each; rows and columns count from 0.

    A date counts when its value looks like one, a status when it stands before the first section, in one
    that is about the state of the story, or is a section itself: reviews and risks have a status too.
    """
    found: dict[str, Located] = {}
    counted = row = 0
    for line in _LINE.finditer("\n" + text):
        field = _FIELDS[line["label"].casefold().replace("_", " ")]
        begin = line.start("value") - 1
        row += text.count("\n", counted, begin)
        counted = begin
        if field in found or row in outline.code or not _counts(field, line, row, sections):
            continue
        value = _value(line["value"])
        if value and (field == "status" or _DATE.search(value)):
            found[field] = Located(value, row, begin - (text.rfind("\n", 0, begin) + 1))
    return found


def status_section(lines: list[str], outline: Outline, sections: list[Span]) -> Located | None:
    """`## Status` with the value on the next line, or `## Status: Done`; rows and columns from 0."""
    for span in sections:
        if len(span.heading.text) > 120 or "tatus" not in span.heading.text.lower():
            continue
        found = _STATUS_HEADING.fullmatch(span.heading.text)
        if found is None or not lines[span.begin].startswith(span.heading.text, span.heading.col - 1):
            continue  # some other heading, or one of several lines
        if found["value"]:
            return Located(_value(found["value"]), span.begin, span.heading.col - 1 + found.start("value"))
        for row in range(span.begin + 1, span.end):
            line = lines[row]
            marks = _MARKS.match(line)
            begin = marks.end() if marks else 0
            value = _value(line[begin:])
            if value and row not in outline.code and not value.startswith(("===", "---")):
                return Located(value, row, begin)
    return None


def _value(text: str) -> str:
    """A value without the marks of emphasis around it, up to the next pair of a packed line."""
    found = _NEXT_PAIR.search(text)
    text = (text[: found.start()] if found else text).strip(" \t")
    return text[:-2].rstrip(" \t") if text.endswith("**") and text.count("**") % 2 else text


def _counts(field: str, line: re.Match[str], row: int, sections: list[Span]) -> bool:
    number = bisect_right(sections, row, key=_begin) - 1
    if number < 0 or sections[number].heading.level == 1:
        return True
    section = plain(sections[number].heading.text[:100])
    no_plain_bullet = "**" in line["marks"] or not line["marks"].strip(" \t>")
    if field == "status":
        return section in _STATUS_SECTIONS and no_plain_bullet
    if section in _NOT_THE_STORY or "review" in section:
        return False
    return no_plain_bullet or section in _STATUS_SECTIONS or section == "references"
