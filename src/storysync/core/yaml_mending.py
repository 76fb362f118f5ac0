"""Front matter that is not valid YAML, read by correcting the lines that are at fault.

Each fault is reported at its place with the corrected line as hint, and the text goes on to be read as if
the line were written so: what is read is what the hint would make of the file. A line is corrected only
where it can mean one thing (DIALECTS.md section 8: `assignee: @name`, `title: Sign in: part 2`, text behind
a quoted value). What cannot be corrected is left to `core.rescue`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from storysync.core.fields import FieldNames
from storysync.core.story import Problem
from storysync.core.yaml_events import (
    Fault,
    Mapping,
    Node,
    Parsed,
    Scalar,
    Sequence,
    parse_yaml,
    syntax_problem,
)
from storysync.settings import ReadingSettings

MOST_MENDED = 20
"""Lines of one text that are corrected; after these it is no YAML."""

_LINE = re.compile(
    r"(?P<lead>[ ]*(?:-[ ]+)?)"
    r"(?:(?P<key>[^\s:#\[\]{},\"'@`%&*!|>?-][^:#\[\]{}\"']{0,80}?)[ ]*:[ ]+)?(?P<value>\S.*)"
)
_NO_VALUE = re.compile(r"[ ]*(?:-[ ]+)?[^:]{0,200}:[ ]*(?:#.*)?")
_NO_BLANK = re.compile(r"(?P<key>[A-Za-z_][\w-]{0,60}):(?!//)(?=[^\s:])")
_KEY = re.compile(r"[A-Za-z_][\w-]{0,60}:(?:[ ]|$)")
_ITEM = re.compile(r"[ ]*(?P<item>\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*'|[^,]*)(?:,|$)")
_WHOLE_DOUBLE = re.compile(r"\"(?:[^\"\\]|\\.)*\"")
_WHOLE_SINGLE = re.compile(r"'(?:[^']|'')*'")
_MOST_READ = 2_000_000  # characters, for all that a text is read again
_APOSTROPHE = re.compile(r"(?<=\w)['\"](?=\w)")
_BAD_START = frozenset("@`%&*!|>,]}[{?\"'")
_REFUSED = re.compile("[\ufffe\uffff]")
_LONGEST = 4000  # characters of a line that is corrected
_LONGEST_HINT = 100
_KNOWN = FieldNames(ReadingSettings())


class Shift(NamedTuple):
    """Characters put into a row of the text before a column (both from 0); negative: taken away."""

    col: int  # in the corrected row
    size: int


class _Mend(NamedTuple):
    """A corrected line."""

    row: int
    line: str
    col: int  # from 0 in the line as it was: where the mistake is
    hint: str
    shifts: tuple[Shift, ...] = ()


class Mended(NamedTuple):
    """What was read. `parsed` is broken when there were faults that cannot be corrected."""

    parsed: Parsed
    problems: tuple[Problem, ...]


def parse_mended(text: str, first_line: int) -> Mended:
    """The tree of a YAML text that may be faulty, with a problem for each line that was corrected."""
    parsed = parse_yaml(text, first_line)
    if parsed.fault is None:
        return Mended(parsed, parsed.problems)
    lines = text.split("\n")
    problems: list[Problem] = []
    shifts: dict[int, tuple[Shift, ...]] = {}
    mended: set[int] = set()
    most = min(MOST_MENDED, _MOST_READ // len(text))
    while parsed.fault is not None and len(mended) < most:
        fault = parsed.fault
        if "\t" in "".join(lines[fault.row : fault.row + 1])[fault.col : fault.col + 1]:
            problems.append(syntax_problem(fault, first_line, "indent with blanks, not tabs"))
            lines = [_untabbed(line) for line in lines]
        elif (mend := _mend(lines, fault, mended)) is not None:
            col = fault.col if fault.row == mend.row else mend.col
            problems.append(syntax_problem(fault._replace(row=mend.row, col=col), first_line, mend.hint))
            mended.add(mend.row)
            lines[mend.row] = mend.line
            shifts[mend.row] = mend.shifts
        else:
            break
        parsed = parse_yaml("\n".join(lines), first_line)
    if parsed.root is not None and shifts:
        by_line = {row + first_line: shift for row, shift in shifts.items()}
        parsed = Parsed(_shifted(parsed.root, by_line), parsed.problems)
    return Mended(parsed, (*problems, *parsed.problems))


def quoted(text: str) -> str:
    """A text as a quoted YAML value."""
    if '"' not in text and "\\" not in text:
        return f'"{text}"'
    return "'" + text.replace("'", "''") + "'"


def _mend(lines: list[str], fault: Fault, mended: set[int]) -> _Mend | None:
    """The correction of the line at fault, or of the line above at which the mistake was made."""
    for row in (fault.row, fault.context_row):
        if row < len(lines) and row not in mended and len(lines[row]) <= _LONGEST:
            found = _mend_line(lines, row, fault)
            if found is not None:
                return found
    for row in range(min(fault.row, len(lines)) - 1, -1, -1):
        if row not in mended and len(lines[row]) <= _LONGEST:
            found = _close_quote(lines, row)
            if found is not None:
                return found
    return None


def _mend_line(lines: list[str], row: int, fault: Fault) -> _Mend | None:
    line = lines[row]
    if _REFUSED.search(line):
        hint = "remove the character that YAML does not allow"
        return _Mend(row, _REFUSED.sub("\ufffd", line), fault.col, hint)
    if "expected ':'" in fault.reason:
        return _mend_key(line, row) if row == fault.context_row else None
    if "mapping values" in fault.reason and row and _NO_BLANK.match(lines[row - 1]):
        return _mend_key(lines[row - 1], row - 1)  # a key without a value for YAML, but a text
    found = _LINE.fullmatch(line)
    if found is None or not (found["key"] or "-" in found["lead"]) or _NO_VALUE.fullmatch(line):
        return None
    at, value = found.start("value"), found["value"]
    if "mapping values" in fault.reason and found["lead"][-1:] == " " and row == fault.row:
        if "-" in found["lead"] and found["key"] and not _goes_on(lines, row, found.start("key")):
            at, value = found.start("key"), line[found.start("key") :]
        elif found["key"] and (mend := _dedented(lines, row, found["key"], at)) is not None:
            return mend
    if value[0] in "\"'":
        return _close_quote(lines, row) or _quote_all(line, row, at, value)
    if value[0] == "[" and "]" not in value:
        return _close_list(lines, row)
    if value[0] == "{" and "}" not in value:
        return None
    value = value.split(" #", 1)[0].rstrip()
    if value[0] == "[" and value[-1] == "]" and "[" not in value[1:]:
        return _quote_items(line, row, at, value)
    if not _is_faulty(value):
        return None
    return _quoted_at(line, row, at, value)


def _goes_on(lines: list[str], row: int, indent: int) -> bool:
    """Whether the line below is another key of the mapping that a list item begins."""
    below = lines[row + 1] if row + 1 < len(lines) else ""
    return _KEY.match(below, indent) is not None and not below[:indent].strip()


def _is_faulty(value: str) -> bool:
    """Whether an unquoted text must be quoted."""
    return value[:1] in _BAD_START or ": " in value or value[-1:] == ":" or value[:2] in ("- ", "? ", ": ")


def _quoted_at(line: str, row: int, at: int, value: str) -> _Mend:
    text = quoted(value)
    new = line[:at] + text + line[at + len(value) :]
    return _Mend(row, new, at, _hint(new))


def _quote_all(line: str, row: int, at: int, value: str) -> _Mend | None:
    """`"Sign in" and more`: the quotes are part of the text; `'it's'`: all but the outer ones are."""
    value = value.rstrip()
    if _WHOLE_SINGLE.fullmatch(value):
        return None
    if _WHOLE_DOUBLE.fullmatch(value):  # an escape that is none, such as \d
        new = line[:at] + "'" + value[1:-1].replace("'", "''") + "'"
        return _Mend(row, new, at, _hint(new)) if "\\" in value else None
    inner = value[1:-1]
    if value[-1] == value[0] and len(_APOSTROPHE.findall(inner)) == inner.count(value[0]):
        new = line[:at] + quoted(inner) + line[at + len(value) :]
        return _Mend(row, new, at, _hint(new))
    return _quoted_at(line, row, at, value)


def _close_quote(lines: list[str], row: int) -> _Mend | None:
    """A quote that is opened and not closed before the next key."""
    line = lines[row]
    found = _LINE.fullmatch(line)
    if found is None or found["value"][0] not in "\"'":
        return None
    value = found["value"].rstrip()
    if value[0] in value[1:].replace("''", "") or not _is_key_or_end(lines, row + 1):
        return None
    at = found.start("value")
    new = line[: at + len(value)] + value[0]
    return _Mend(row, new, at, _hint(new))


def _close_list(lines: list[str], row: int) -> _Mend | None:
    """A list in brackets that is not closed before the next key."""
    end = row + 1
    while end < len(lines) and not _KEY.match(lines[end]):
        end += 1
    if any("]" in line for line in lines[row:end]):
        return None
    last = end - 1
    while last > row and not lines[last].strip():
        last -= 1
    new = lines[last].rstrip().removesuffix(",") + "]"
    return _Mend(last, new, len(new) - 1, _hint(new))


def _is_key_or_end(lines: list[str], row: int) -> bool:
    while row < len(lines) and not lines[row].strip():
        row += 1
    return row >= len(lines) or _KEY.match(lines[row]) is not None


def _untabbed(line: str) -> str:
    """The line indented with blanks: one for each tab, so that columns stay."""
    rest = line.lstrip(" \t")
    return " " * (len(line) - len(rest)) + rest if "\t" in line else line


def _mend_key(line: str, row: int) -> _Mend | None:
    """`status:done` lacks a blank; a line without any key is left out."""
    found = _NO_BLANK.match(line)
    if found is not None:
        at = found.end()
        new = f"{line[:at]} {line[at:]}"
        return _Mend(row, new, at - 1, _hint(new), (Shift(at, 1),))
    if line[:1].isspace() or not line.strip():
        return None
    hint = "write `key: value`, or put the line into quotes behind its key; it was not read"
    return _Mend(row, "#" + line, 0, hint)


def _dedented(lines: list[str], row: int, key: str, at: int) -> _Mend | None:
    """A known key that is indented below a key which has a value already; `at` is where its own begins."""
    above = row - 1
    while above >= 0 and not lines[above].strip():
        above -= 1
    parent = _LINE.fullmatch(lines[above]) if above >= 0 else None
    if parent is None or not parent["key"] or parent["lead"] or _KNOWN.find(key) is None:
        return None
    line = lines[row]
    value = line[at:].split(" #", 1)[0].rstrip()
    if value[0] not in "\"'[" and _is_faulty(value):
        line = line[:at] + quoted(value) + line[at + len(value) :]
    indent = len(line) - len(line.lstrip())
    hint = f"remove the blanks before `{key}`"
    return _Mend(row, line[indent:], 0, hint, (Shift(-1, -indent),))


def _quote_items(line: str, row: int, at: int, value: str) -> _Mend | None:
    """`[@ann, @bo]`: items in quotes where they need them."""
    end = at + value.rindex("]")
    new, shifts, begin = line[: at + 1], [], at + 1
    while begin < end:
        found = _ITEM.match(line, begin, end)
        if found is None or found.end() == begin:
            return None
        item = found["item"].rstrip()
        start = found.start("item")
        new += line[begin:start]
        if item and item[0] not in "\"'" and _is_faulty(item):
            text = quoted(item)
            shifts.append(Shift(len(new) + len(text) - 1, len(text) - len(item)))
        else:
            text = item
        new += text + line[start + len(item) : found.end()]
        begin = found.end()
    new += line[end:]
    return _Mend(row, new, at, _hint(new), tuple(shifts)) if shifts else None


def _hint(line: str) -> str:
    line = line.strip()
    if len(line) <= _LONGEST_HINT:
        return f"write `{line}`"
    return f"put the value of `{line.partition(':')[0]}` in quotes" if ":" in line else "put it in quotes"


def _before(col: int, shifts: tuple[Shift, ...]) -> int:
    """A column (from 0) of a row as it was before the row was corrected."""
    return col - sum(shift.size for shift in shifts if shift.col < col)


def _shifted(node: Node, shifts: dict[int, tuple[Shift, ...]]) -> Node:
    """The node with the columns that the file has."""
    col = _before(node.col - 1, shifts[node.line]) + 1 if node.line in shifts else node.col
    if isinstance(node, Scalar):
        return Scalar(node.text, node.line, col, node.plain)
    if isinstance(node, Sequence):
        return Sequence(tuple([_shifted(item, shifts) for item in node.items]), node.line, col)
    entries = {key: _shifted(value, shifts) for key, value in node.entries.items()}
    return Mapping(entries, node.line, col)
