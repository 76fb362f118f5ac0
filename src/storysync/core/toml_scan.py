"""TOML to raw text with positions: a scan of its statements, one by one.

Strings are given without quotes and escapes, everything else (numbers, dates, booleans) as it is written,
so that `010` or `2025-04-28` stay text. A statement that cannot be read is a problem at its place, with the
corrected line as hint where it can mean one thing, and the scan goes on behind it: it reads more than TOML.
Whether a text is TOML at all is for `tomllib` to say. Depth is capped, and each character is looked at a
bounded number of times.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from storysync.core.problems import problem
from storysync.core.story import Problem
from storysync.core.text import CONTROL, position
from storysync.core.yaml_events import MAX_DEPTH, Mapping, Node, Scalar, Sequence

CODE = "front-matter-invalid"
TOO_DEEP = "yaml-too-deep"
_MOST_PROBLEMS = 50
_LONGEST_HINT = 80

_SPACE = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_BLANKS = re.compile(r"[ \t]*")
_REST = re.compile(r"[ \t]*(?:#[^\n]*)?(?=\n|\Z)")
_LINE = re.compile(r"[^\n]*\n?")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\[^\n])*"|'[^'\n]*'""")
_BARE = re.compile(r"[^\s,\[\]{}#=\"']+(?:[ ]\d\d:\d\d[^\s,\]}#]*)?")
_DOUBLE = re.compile(r'"((?:[^"\\\n]|\\[^\n])*)"')
_SINGLE = re.compile(r"'([^'\n]*)'")
_LONG_DOUBLE = re.compile(r'"""\n?((?:[^"\\]|\\[\s\S]|"(?!""))*"{0,2}?)"""(?!")')
_LONG_SINGLE = re.compile(r"'''\n?((?:[^']|'(?!''))*'{0,2}?)'''(?!')")
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([ \t]*\n\s*)|([\s\S]))")
_ESCAPED = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b", '"': '"', "\\": "\\"}
_PLAIN = re.compile(
    r"true|false|[+-]?(?:inf|nan)|[+-]?(?:0x[\dA-Fa-f_]+|0o[0-7_]+|0b[01_]+|\d[\d_]*(?:\.[\d_]+)?(?:[eE][+-]?[\d_]+)?)"
    r"|\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d\S*)?|\d\d:\d\d\S*"
)
_LOOSE = re.compile(r"[ \t]*([A-Za-z0-9_-]+)[ \t]*(=|:)[ \t]*(?=[^\s\[{#])([^\n]*)")
_PLACE = re.compile(r" \(at line (\d{1,9}), column (\d{1,9})\)$")
_LOOSE_ITEM = re.compile(r"[^\s,\]\[{}#\"'][^,\]\n#]*")
_STATEMENT = re.compile(r"[A-Za-z0-9_.-]{1,100}[ \t]*=")
_COMMENT = re.compile(r"[ \t]+#.*$")


class Scan(NamedTuple):
    """All that could be read, and what could not; `doubled` are the keys that appear twice."""

    entries: dict[str, Node]
    problems: tuple[Problem, ...]
    doubled: tuple[Problem, ...]


class _FaultError(Exception):
    """Raised inside a statement: it cannot be read."""

    def __init__(self, reason: str, at: int, code: str = CODE) -> None:
        super().__init__(reason)
        self.at = at
        self.code = code


def scan_toml(text: str, first_line: int = 1) -> Scan:
    """Keys and values of a text that begins at `first_line` of the file. Never raises."""
    scanner = _Scanner(text, first_line)
    scanner.run()
    return Scan(scanner.root, tuple(scanner.problems), tuple(scanner.doubled))


class _Scanner:
    """One walk over a text."""

    def __init__(self, text: str, first_line: int) -> None:
        self.text = text
        self.first_line = first_line
        self.root: dict[str, Node] = {}
        self.table = self.root
        self.arrays: dict[tuple[int, str], tuple[dict[str, Node], list[Node], tuple[int, int]]] = {}
        """Arrays of tables, by their key and the identity of the table that holds it."""
        self.problems: list[Problem] = []
        self.doubled: list[Problem] = []
        self.counted, self.line = 0, first_line  # the line of an offset; statements come in order

    def run(self) -> None:
        at = self.skip(_SPACE, 0)
        while at < len(self.text):
            begin = at
            try:
                at = self.header(at) if self.text[at] == "[" else self.statement(at, self.table)
                at = self.end_of_line(at)
            except _FaultError as fault:
                at = self.recover(at if "\n" in self.text[begin:at] else begin, fault)
            at = self.skip(_SPACE, at)
        for (_, key), (table, items, place) in self.arrays.items():
            if isinstance(table.get(key), Sequence):
                table[key] = Sequence(tuple(items), *place)

    def skip(self, pattern: re.Pattern[str], at: int) -> int:
        found = pattern.match(self.text, at)
        return found.end() if found else at

    def place(self, at: int) -> tuple[int, int]:
        """Line and column in the file of an offset."""
        if at >= self.counted:
            self.line += self.text.count("\n", self.counted, at)
        else:
            self.line -= self.text.count("\n", at, self.counted)
        self.counted = at
        return self.line, at - self.text.rfind("\n", 0, at)

    def end_of_line(self, at: int) -> int:
        found = _REST.match(self.text, at)
        if found is not None:
            return found.end()
        if self.begins_key(at):  # behind a list that is never closed
            return at
        raise _FaultError("text behind the value", self.skip(_BLANKS, at))

    def recover(self, at: int, fault: _FaultError) -> int:
        """Read a statement's line loosely, as `key = text`, and give the offset behind it."""
        line = _LINE.match(self.text, at)
        assert line is not None
        if self.text[at] == "[":  # nobody knows where the lines below belong
            self.table = {}
            self.root[line[0].strip()] = Mapping(self.table, *self.place(at))
        loose = _LOOSE.fullmatch(line[0].rstrip("\n"))
        if loose is not None and (value := _loose_value(loose[3])):
            self.table[loose[1]] = Scalar(value, *self.place(at + loose.start(3)), False)
        self.note(str(fault), fault.at, _hint(line[0]), fault.code)
        return line.end()

    def note(self, reason: str, at: int, hint: str = "", code: str = CODE) -> None:
        if len(self.problems) < _MOST_PROBLEMS:
            message = f"not valid TOML: {reason}" if code == CODE else reason
            self.problems.append(problem(code, message, *self.place(at), hint))

    def header(self, at: int) -> int:
        """`[a.b]` or `[[a.b]]`: where the statements below it belong."""
        marks = 2 if self.text.startswith("[[", at) else 1
        keys, end = self.keys(at + marks)
        if not self.text.startswith("]" * marks, end):
            raise _FaultError("the name of a table is not closed", end)
        place = self.place(at)
        table = self.root
        for key in keys[:-1]:
            table = self.inner(table, key, at)
        if marks == 1:
            self.table = self.inner(table, keys[-1], at)
            return end + 1
        self.table = {}
        _, items, first = self.arrays.setdefault((id(table), keys[-1]), (table, [], place))
        items.append(Mapping(self.table, *place))
        table[keys[-1]] = Sequence((items[-1],), *first)
        return end + 2

    def inner(self, table: dict[str, Node], key: str, at: int) -> dict[str, Node]:
        """The table below a key, made when there is none; of an array of tables the last."""
        node = table.get(key)
        if isinstance(node, Sequence) and node.items and isinstance(node.items[-1], Mapping):
            return node.items[-1].entries
        if isinstance(node, Mapping):
            return node.entries
        if node is not None:
            raise _FaultError(f"`{key}` has a value already", at)
        made: dict[str, Node] = {}
        table[key] = Mapping(made, *self.place(at))
        return made

    def keys(self, at: int) -> tuple[list[str], int]:
        """The parts of a key, and the offset behind it and its blanks."""
        keys: list[str] = []
        while True:
            at = self.skip(_BLANKS, at)
            found = _KEY.match(self.text, at)
            if found is None:
                raise _FaultError("no key", at)
            part = found[0]
            if part[0] in "\"'":
                part = part[1:-1] if part[0] == "'" else self.unescaped(part[1:-1], at)
            keys.append(part)
            at = self.skip(_BLANKS, found.end())
            if not self.text.startswith(".", at):
                return keys, at
            if len(keys) > MAX_DEPTH:
                raise _too_deep(at)
            at += 1

    def statement(self, at: int, table: dict[str, Node], depth: int = 0) -> int:
        keys, end = self.keys(at)
        if not self.text.startswith("=", end):
            raise _FaultError("no `=` behind the key", end)
        node, end = self.value(self.skip(_BLANKS, end + 1), depth)
        for key in keys[:-1]:
            table = self.inner(table, key, at)
        self.put(table, keys[-1], node, at)
        return end

    def put(self, table: dict[str, Node], key: str, node: Node, at: int) -> None:
        if key in table and len(self.doubled) < _MOST_PROBLEMS:
            message = f"the key `{key}` appears twice, the last one counts"
            self.doubled.append(problem("duplicate-key", message, *self.place(at)))
        table[key] = node

    def value(self, at: int, depth: int) -> tuple[Node, int]:
        """The value that begins at an offset, and the offset behind it."""
        if depth > MAX_DEPTH:
            raise _too_deep(at)
        first = self.text[at : at + 1]
        if first == "[":
            return self.array(at, depth)
        if first == "{":
            return self.inline_table(at, depth)
        if first and first in "\"'":
            return self.string(at)
        found = _BARE.match(self.text, at)
        if found is None:
            raise _FaultError("no value", at)
        if _PLAIN.fullmatch(found[0]) is None:
            raise _FaultError("text without quotes", at)
        return Scalar(found[0], *self.place(at), False), found.end()

    def string(self, at: int) -> tuple[Node, int]:
        quote = self.text[at]
        long = self.text.startswith(quote * 3, at)
        pattern = (_LONG_DOUBLE if long else _DOUBLE) if quote == '"' else _LONG_SINGLE if long else _SINGLE
        found = pattern.match(self.text, at)
        if found is None:
            raise _FaultError("the quote is never closed", at)
        text = self.unescaped(found[1], at) if quote == '"' else found[1]
        return Scalar(text, *self.place(at), False), found.end()

    def unescaped(self, text: str, at: int) -> str:
        """A text without escapes, and without control characters, which only these bring in."""
        if "\\" not in text:
            return text
        text = _ESCAPE.sub(lambda found: _unescape(found, at), text)
        if CONTROL.search(text) is None:
            return text
        self.note("an escaped control character was replaced", at, code="control-character")
        return CONTROL.sub("\ufffd", text)

    def array(self, at: int, depth: int) -> tuple[Node, int]:
        """A list; of one that is not TOML the items up to the next key."""
        place = self.place(at)
        items: list[Node] = []
        at = self.skip(_SPACE, at + 1)
        while not self.text.startswith("]", at):
            if at >= len(self.text) or self.begins_key(at):
                self.note("the list is never closed", at, "add a `]` behind the last item")
                return Sequence(tuple(items), *place), at
            node, at = self.item(at, depth)
            items.append(node)
            at = self.skip(_SPACE, at)
            if self.text.startswith(",", at):
                at = self.skip(_SPACE, at + 1)
            elif not self.text.startswith("]", at) and not self.begins_key(at):
                self.note("no `,` or `]` behind the item", at, "write a `,` between two items")
        return Sequence(tuple(items), *place), at + 1

    def item(self, at: int, depth: int) -> tuple[Node, int]:
        try:
            return self.value(at, depth + 1)
        except _FaultError as fault:
            found = _LOOSE_ITEM.match(self.text, at)
            if found is None:
                raise
            text = found[0].strip()
            self.note(str(fault), fault.at, f"write `{_quoted(text)}`" if len(text) < _LONGEST_HINT else "")
            return Scalar(text, *self.place(at), False), found.end()

    def begins_key(self, at: int) -> bool:
        """Whether a statement begins here, at the start of a line."""
        begin = self.text.rfind("\n", 0, at) + 1
        return not self.text[begin:at].strip() and _STATEMENT.match(self.text, at) is not None

    def inline_table(self, at: int, depth: int) -> tuple[Node, int]:
        place = self.place(at)
        entries: dict[str, Node] = {}
        at = self.skip(_SPACE, at + 1)
        while not self.text.startswith("}", at):
            at = self.skip(_SPACE, self.statement(at, entries, depth + 1))
            if self.text.startswith(",", at):
                at = self.skip(_SPACE, at + 1)
            elif not self.text.startswith("}", at):
                raise _FaultError("no `,` or `}` behind the value", at)
        return Mapping(entries, *place), at + 1


def _too_deep(at: int) -> _FaultError:
    return _FaultError(f"the front matter is nested more than {MAX_DEPTH} levels deep", at, TOO_DEEP)


def _unescape(found: re.Match[str], at: int) -> str:
    number = found[1] or found[2]
    if number:
        code = int(number, 16)
        if code > 0x10FFFF or 0xD800 <= code < 0xE000:
            raise _FaultError("an escape that is no character", at)
        return chr(code)
    if found[3]:
        return ""  # a line that goes on behind its end
    if found[4] not in _ESCAPED:
        raise _FaultError("an escape that is none", at)
    return _ESCAPED[found[4]]


def _hint(line: str) -> str:
    """How to write a line whose value has no quotes, or one of them; '' when that does not help."""
    loose = _LOOSE.fullmatch(line.rstrip("\n"))
    value = _loose_value(loose[3]) if loose is not None else ""
    if loose is None or not value or '"""' in line:
        return ""
    key = loose[1]
    return (
        f"write `{key} = {_quoted(value)}`"
        if len(value) < _LONGEST_HINT
        else f"put the value of `{key}` in quotes"
    )


def _loose_value(text: str) -> str:
    """The text of a value that is no TOML: without a comment, and without a quote that is open."""
    text = _COMMENT.sub("", text).strip()
    if text[:3] in ('"""', "'''"):
        return text[3:]
    if text[:1] in ("'", '"'):
        end = text.find(text[0], 1)
        if end < 0:
            return text[1:]
        return text[1:end] if end == len(text) - 1 else text
    return text


def _quoted(text: str) -> str:
    if '"' not in text and "\\" not in text:
        return f'"{text}"'
    return f"'{text}'" if "'" not in text else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def invalid_toml(message: str, text: str, first_line: int) -> Problem:
    """What `tomllib` says, at its place in the file."""
    found = _PLACE.search(message)
    if found is None:
        row, col = position(text, len(text.rstrip()))
        reason = message.removesuffix(" (at end of document)")
    else:
        row, col, reason = int(found[1]), int(found[2]), message[: found.start()]
    hint = _hint(text.split("\n")[row - 1]) if found is not None else ""
    message = f"not valid TOML: {reason[:1].lower()}{reason[1:]}"
    return problem(CODE, message, row + first_line - 1, col, hint)
