"""A table of metadata below the first heading: rows `| **Status** | Ready |`, or names above one row.

One of the names must be a usual name of a field. A first row such as `| Field | Value |` or
`| Campo | Valor |` is a header, unless its name is bold or usual (DIALECTS.md sections 1 and 3).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from storysync.core.dialects.base import Head, Page, Sheet, Traits
from storysync.core.header_region import SOURCE, Fields, Region, is_known, regions, traits_of

NAME = "table"
RANK = 53

_ROW = re.compile(r"^ {0,3}\|[^\n]*$", re.MULTILINE)
_CELL = re.compile(r"(?:[^|\\\n]|\\.?)*")
_RULE = re.compile(r"[ \t]*:?-+:?[ \t]*")
_LONGEST_NAME = 60


class _Cell(NamedTuple):
    text: str
    at: int  # offset within the region


class _Row(NamedTuple):
    cells: list[_Cell]
    end: int

    def is_rule(self) -> bool:
        return all(_RULE.fullmatch(cell.text) for cell in self.cells)


def read_head(page: Page) -> Head | None:
    """The first table of metadata in a header region, or None when none of its names is a usual one."""
    for region in regions(page, "|"):
        for table in _tables(region):
            fields = Fields()
            _read(fields, region, table)
            if fields.known:
                end = region.offset + table[-1].end
                return Head(NAME, SOURCE, fields.nodes, page.start, page.line, end, tuple(fields.problems))
    return None


def recognize(sheet: Sheet) -> Traits | None:
    """Relatives that the table names."""
    return traits_of(sheet, NAME)


def _tables(region: Region) -> list[list[_Row]]:
    """Rows without a gap between them, of all tables that have a rule below their first row."""
    tables: list[list[_Row]] = []
    for line in _ROW.finditer(region.text):
        row = _Row(_cells(line[0], line.start()), line.end() + 1)
        if tables and tables[-1][-1].end == line.start():
            tables[-1].append(row)
        else:
            tables.append([row])
    return [table for table in tables if len(table) > 1 and table[1].is_rule()]


def _cells(line: str, begin: int) -> list[_Cell]:
    cells: list[_Cell] = []
    line = line.rstrip(" \t")
    at = line.index("|") + 1
    while at < len(line):
        found = _CELL.match(line, at)
        assert found is not None  # it may be empty
        text = found[0].strip(" \t")
        cells.append(_Cell(text, begin + at + len(found[0]) - len(found[0].lstrip(" \t"))))
        at = found.end() + 1
    return cells


def _read(fields: Fields, region: Region, table: list[_Row]) -> None:
    head, rows = table[0], table[2:]
    if len(head.cells) == 2:
        name = head.cells[0].text
        if name.startswith("**") or is_known(_name(name)):
            rows = [head, *rows]
        for row in rows:
            if len(row.cells) >= 2:
                _add(fields, region, row.cells[0], row.cells[1])
    elif len(rows) == 1 and sum(is_known(_name(cell.text)) for cell in head.cells) >= 2:
        for name_cell, value in zip(head.cells, rows[0].cells, strict=False):
            _add(fields, region, name_cell, value)


def _add(fields: Fields, region: Region, name: _Cell, value: _Cell) -> None:
    label = _name(name.text)
    if label and len(label) <= _LONGEST_NAME:
        fields.add(region, label, region.scalar(value.text.replace("\\|", "|"), value.at))


def _name(text: str) -> str:
    return text.strip("*_` \t").rstrip(":：").strip()
