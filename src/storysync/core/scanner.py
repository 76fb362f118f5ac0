"""The fast reader of Markdown lines. It says None rather than guess.

It knows headings, list items (nested, with continuation lines), paragraphs, thematic breaks, tables,
fences and quotes of plain text at the left margin and one-line comments. Everything else, such as other
quotes, HTML, indented code, underlined headings, link definitions or tabs, is a case for `core.commonmark`.
"""

from __future__ import annotations

import re

from storysync.core.outline import Heading, Item, Outline, atx_heading

# A line that begins with another character is a paragraph (or goes on with one).
_MARKS = frozenset(" \t#-+*_=~`<>|[:0123456789")
_MARKS_OR_END = _MARKS | {""}
_BOXES = frozenset(("[ ] ", "[x] ", "[X] "))
_ORDERED = re.compile(r"([0-9]{1,9})[.)](?=[ \t]|$)")
_HTML = re.compile(r"<[A-Za-z/!?]")
_MAXIMUM_DEPTH = 100


def scan(text: str, lines: list[str], first_line: int) -> Outline | None:
    """The outline of `text`, whose lines are `lines`; None when some line is not understood."""
    if "\0" in text or "\f" in text or "\v" in text or "\r" in text:
        return None
    return _Scanner(lines, first_line).run()


class _Scanner:
    """The state between two lines, in the words of the CommonMark specification (appendix A)."""

    __slots__ = ("code", "first_line", "headings", "item", "items", "lines", "open", "stack", "table")

    def __init__(self, lines: list[str], first_line: int) -> None:
        self.lines = lines
        self.first_line = first_line
        self.headings: list[Heading] = []
        self.items: list[Item] = []
        self.code: set[int] = set()
        self.stack: list[int] = []  # the column at which the content of each open item begins
        self.open = False  # the last line belongs to a paragraph that may go on
        self.item: Item | None = None  # the item whose first paragraph is open
        self.table = False

    def run(self) -> Outline | None:
        rows = iter(range(len(self.lines)))
        lines = self.lines
        for row in rows:
            line = lines[row]
            if not line:
                self.open = self.table = False
            elif line[0] not in _MARKS or (
                line[:2] == "**" and line[2:3] not in _MARKS_OR_END and not self.table
            ):
                if self.open:
                    if self.item is not None:
                        self.item.last_row = row
                else:
                    self.stack.clear()
                    self.item = None
                    self.open = True
            elif line[:2] == "- " and _is_plain_content(line) and not self.table:  # the usual item, in short
                self.stack = [2]
                self.item = Item(row, 2, 0, False, row)
                self.items.append(self.item)
                self.open = True
            elif line[0] == "#" and not self.table:
                self._heading(row, line, 0, 0)
            else:
                last_row = self._marked(row, line)
                if last_row is None:
                    return None
                for _ in range(last_row - row):
                    next(rows)
        return Outline(self.headings, self.items, self.code)

    def _marked(self, row: int, line: str) -> int | None:
        """Read a line that may be more than text; give the last row that was used, None when unsure."""
        text = line.lstrip(" ")
        if not text or not text.strip(" \t"):
            self.open = self.table = False
            return row
        mark = text[0]
        if mark == "\t":
            return None
        indent = len(line) - len(text)
        depth = 0
        for content in self.stack:
            if content > indent:
                break
            depth += 1
        if indent - (self.stack[depth - 1] if depth else 0) >= 4:
            return self._text(row, depth) if self.open and not self.table else None
        if self.table and mark != "|":
            return None
        if mark in "-*+":
            return self._bullet(row, text, indent, depth)
        if mark in "0123456789":
            return self._number(row, text, indent, depth)
        if mark == "#":
            return self._heading(row, text, indent, depth)
        return self._rare(row, text, indent, depth)

    def _text(self, row: int, depth: int) -> int:
        if self.open:
            if self.item is not None:
                self.item.last_row = row
        else:
            self._close(depth)
            self.open = True
        return row

    def _close(self, depth: int) -> None:
        """What stands outside of every item deeper than `depth` ends their paragraphs."""
        del self.stack[depth:]
        self.item = None
        self.open = False

    def _heading(self, row: int, text: str, indent: int, depth: int) -> int:
        found = atx_heading(text)
        if found is None:
            return self._text(row, depth)
        level, content, offset = found
        self._close(depth)
        self.headings.append(Heading(level, content, row + self.first_line, indent + offset + 1))
        return row

    def _bullet(self, row: int, text: str, indent: int, depth: int) -> int | None:
        after = text[1:2]
        if after == " ":
            content = text[1:].lstrip(" ")
            if content[:1] not in "|:-*+":  # also: not empty
                return self._item(row, content, indent, len(text) - len(content), depth, ordered=False)
        elif after not in "|:-*+\t":
            return self._text(row, depth)
        if _is_delimiter_row(text):
            return None
        if not text.strip(text[0] + " \t"):  # nothing but the mark
            return self._rule(row, text, depth)
        if after == " " and content:
            return self._item(row, content, indent, len(text) - len(content), depth, ordered=False)
        return None if after in " \t" else self._text(row, depth)

    def _rule(self, row: int, text: str, depth: int) -> int | None:
        if text[0] == "+":
            return None if text[1:2] in " \t" else self._text(row, depth)
        if text[0] == "-" and self.open and depth == len(self.stack) and " " not in text.rstrip():
            return None  # an underline; where the paragraph is in a list and the line is not, it is a rule
        if text.count(text[0]) < 3:
            return None if text[1:2] in " \t" else self._text(row, depth)
        self._close(depth)
        return row

    def _number(self, row: int, text: str, indent: int, depth: int) -> int | None:
        found = _ORDERED.match(text)
        if found is None:
            return self._text(row, depth)
        content = text[found.end() :].lstrip(" ")
        if not content:
            return None
        if self.open and depth == len(self.stack) and int(found[1]) != 1:
            return self._text(row, depth)  # only a list that begins with 1 may interrupt a paragraph
        return self._item(
            row, content, indent, len(text) - len(content), depth, ordered=True, mark=found.end()
        )

    def _item(
        self, row: int, content: str, indent: int, width: int, depth: int, *, ordered: bool, mark: int = 1
    ) -> int | None:
        if width - mark > 4 or depth > _MAXIMUM_DEPTH or not _begins_a_paragraph(content):
            return None
        del self.stack[depth:]
        self.stack.append(indent + width)
        self.item = Item(row, indent + width, depth, ordered, row)
        self.items.append(self.item)
        self.open = True
        return row

    def _rare(self, row: int, text: str, indent: int, depth: int) -> int | None:
        mark = text[0]
        if mark in "|:" and self.open and _is_delimiter_row(text):
            if self.stack:
                return None
            self.table = True
        elif mark == ">":
            return None if indent or depth else self._quote(row)
        elif mark == "=" and self.open and not text.strip("= \t"):
            return None
        elif mark == "<" and _HTML.match(text):
            return self._comment(row, text, depth)
        elif mark == "[" and not self.open and _may_define_a_link(text):
            return None
        elif mark == "_" and text.count("_") >= 3 and not text.strip("_ \t"):
            self._close(depth)
            return row
        elif text.startswith(("```", "~~~")):
            return self._fence(row, text, indent, depth)
        return self._text(row, depth)

    def _quote(self, row: int) -> int | None:
        """A quote of nothing but plain text, with an empty line below it; give its last row."""
        while row < len(self.lines) and self.lines[row][:1] == ">":
            content = self.lines[row][1:].removeprefix(" ")
            if content[:1] in _MARKS and (content[:2] != "**" or content[2:3] in _MARKS_OR_END):
                return None
            row += 1
        if row < len(self.lines) and self.lines[row]:
            return None
        self._close(0)
        return row - 1

    def _comment(self, row: int, text: str, depth: int) -> int | None:
        if not text.startswith("<!--") or "-->" not in text[4:]:
            return None
        self._close(depth)
        self.code.add(row)
        return row

    def _fence(self, row: int, text: str, indent: int, depth: int) -> int | None:
        mark = text[0]
        information = text.lstrip(mark)
        if mark == "`" and "`" in information:
            return self._text(row, depth)
        if indent or depth:
            return None
        fence = mark * (len(text) - len(information))
        self._close(0)
        last_row = len(self.lines) - 1
        for end in range(row + 1, len(self.lines)):
            body = self.lines[end].lstrip(" ")
            if (
                body.startswith(fence)
                and len(self.lines[end]) - len(body) < 4
                and not body.rstrip(" \t").strip(mark)
            ):
                last_row = end
                break
        self.code.update(range(row, last_row + 1))
        return last_row


def _is_delimiter_row(text: str) -> bool:
    """`|---|:--|` makes a table of the line above it."""
    return ("|" in text or ":" in text) and not text.strip("|:- \t")


def _is_plain_content(line: str) -> bool:
    """Whether `- ` is followed by a box or a letter, and so by a paragraph in any case."""
    return line[2:6] in _BOXES or line[2:3] not in _MARKS_OR_END


def _may_define_a_link(text: str) -> bool:
    return "]" not in text or "]:" in text or "\\" in text


def _begins_a_paragraph(content: str) -> bool:
    """Whether the text behind a list mark is plain text, and no other block."""
    mark = content[0]
    if mark not in _MARKS:
        return True
    if mark == "[":
        return not _may_define_a_link(content)
    if mark in "-*+_":
        return content[1:2] not in ("", " ", "\t") and bool(content.strip(mark + " \t"))
    if mark == "#":
        return atx_heading(content) is None
    if mark == "<":
        return _HTML.match(content) is None
    if mark in "`~":
        return not content.startswith(("```", "~~~"))
    if mark in "0123456789":
        return _ORDERED.match(content) is None
    return mark not in "> \t"
