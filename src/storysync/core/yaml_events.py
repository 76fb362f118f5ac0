"""YAML to raw text with positions: PyYAML's C event stream, never its constructor.

Nothing is typed: `no`, `010`, `1.10` and `2025-02-30` stay the text that was written. Each value knows
its line and column in the file. Depth is capped and aliases are refused before anything is built.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
import yaml

from storysync.core.problems import problem
from storysync.core.story import Problem
from storysync.core.text import CONTROL

MAX_DEPTH = 32
_MOST_PROBLEMS = 50  # of one front matter
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # pure Python where libyaml is missing


class Scalar(msgspec.Struct, frozen=True, gc=False):
    """One value as source text. `plain` means unquoted, so `null` and `~` mean nothing."""

    text: str
    line: int
    col: int
    plain: bool = True

    @property
    def null(self) -> bool:
        """Whether YAML sees no value here."""
        return self.plain and self.text in _NULLS


class Sequence(msgspec.Struct, frozen=True):
    """A list in either notation."""

    items: tuple[Node, ...]
    line: int
    col: int


class Mapping(msgspec.Struct, frozen=True):
    """Keys in the order of the text; of a duplicate key the last value."""

    entries: dict[str, Node]
    line: int
    col: int


Node = Scalar | Sequence | Mapping


class Fault(NamedTuple):
    """Why a text is no YAML, in the words of libyaml; rows and columns of the text count from 0."""

    reason: str
    row: int
    col: int
    context_row: int  # where what could not be read to its end begins


class Parsed(msgspec.Struct, frozen=True):
    """`root` is None for an empty text, and when `broken` is set: then nothing could be built.

    `fault` is what broke a text that is no YAML; it is the last of `problems` too.
    """

    root: Node | None
    problems: tuple[Problem, ...]
    broken: bool = False
    fault: Fault | None = None


class _TooDeepError(Exception):
    """Raised inside the event loop only."""


def parse_yaml(text: str, first_line: int = 1) -> Parsed:
    """The tree of one YAML document that begins at `first_line` of the file. Never raises."""
    if "\u2028" in text or "\u2029" in text:  # line ends for YAML 1.1, but not for editors
        text = text.replace("\u2028", " ").replace("\u2029", " ")
    builder = _Builder(first_line)
    try:
        for event in yaml.parse(text, Loader=_Loader):
            builder.take(event)
    except _TooDeepError:
        return Parsed(None, (*builder.problems, builder.too_deep()), broken=True)
    except yaml.YAMLError as error:
        fault = _fault(error, text)
        problems = (*builder.problems, syntax_problem(fault, first_line))
        return Parsed(None, problems, broken=True, fault=fault)
    return Parsed(builder.root(), tuple(builder.problems))


class _Frame:
    """A list or mapping that is being filled; `key` waits for its value."""

    __slots__ = ("col", "key", "line", "target")

    def __init__(self, target: list[Node] | dict[str, Node], line: int, col: int) -> None:
        self.target = target
        self.key: str | None = None
        self.line = line
        self.col = col


class _Builder:
    """Folds events into nodes."""

    def __init__(self, first_line: int) -> None:
        self.first_line = first_line
        self.problems: list[Problem] = []
        self.documents = 0
        self.line, self.col = first_line, 1
        self.ground: list[Node] = []
        self.frames = [_Frame(self.ground, first_line, 1)]

    def root(self) -> Node | None:
        return self.ground[0] if self.ground else None

    def take(self, event: yaml.Event) -> None:
        mark: Any = event.start_mark
        self.line, self.col = mark.line + self.first_line, mark.column + 1
        if isinstance(event, yaml.ScalarEvent):
            self.add(Scalar(self.printable(event.value), self.line, self.col, not event.style))
        elif isinstance(event, yaml.MappingStartEvent):
            self.descend({})
        elif isinstance(event, yaml.SequenceStartEvent):
            self.descend([])
        elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            self.ascend()
        elif isinstance(event, yaml.AliasEvent):
            if not any(found.code == "yaml-alias" for found in self.problems):  # a bomb has thousands
                self.note("yaml-alias", f"the alias *{event.anchor} is not expanded", self.line, self.col)
            self.add(Scalar("", self.line, self.col))
        elif isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                raise yaml.MarkedYAMLError(problem="a second YAML document begins here", problem_mark=mark)

    def printable(self, text: str) -> str:
        """A value without control characters, which only an escape such as `\\0` brings in here."""
        if CONTROL.search(text) is None:
            return text
        self.note("control-character", "an escaped control character was replaced", self.line, self.col)
        return CONTROL.sub("\ufffd", text)

    def descend(self, target: list[Node] | dict[str, Node]) -> None:
        if len(self.frames) > MAX_DEPTH:
            raise _TooDeepError
        self.frames.append(_Frame(target, self.line, self.col))

    def ascend(self) -> None:
        done = self.frames.pop()
        if isinstance(done.target, dict):
            self.add(Mapping(done.target, done.line, done.col))
        else:
            self.add(Sequence(tuple(done.target), done.line, done.col))

    def add(self, node: Node) -> None:
        frame = self.frames[-1]
        if isinstance(frame.target, list):
            frame.target.append(node)
        elif frame.key is None:
            frame.key = self.key_text(node, frame.target)
        else:
            frame.target[frame.key] = node
            frame.key = None

    def key_text(self, node: Node, entries: dict[str, Node]) -> str:
        text = node.text if isinstance(node, Scalar) else str(plain_value(node))
        if text in entries:
            message = f"the key `{text}` appears twice, the last one counts"
            self.note("duplicate-key", message, node.line, node.col)
        return text

    def note(self, code: str, message: str, line: int, col: int) -> None:
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(problem(code, message, line, col))

    def too_deep(self) -> Problem:
        message = f"the front matter is nested more than {MAX_DEPTH} levels deep"
        return problem("yaml-too-deep", message, self.line, self.col)


def plain_value(node: Node) -> object:
    """The node as plain str, None, list and dict: what goes into JSON."""
    if isinstance(node, Scalar):
        return None if node.plain and node.text in _NULLS else node.text
    if isinstance(node, Sequence):
        return [plain_value(item) for item in node.items]
    return {key: plain_value(value) for key, value in node.entries.items()}


def syntax_problem(fault: Fault, first_line: int, hint: str = "") -> Problem:
    """What libyaml says, in one line, at the place in the file."""
    message = f"not valid YAML: {fault.reason}"
    place = (fault.row + first_line, fault.col + 1)
    return problem("front-matter-invalid", message, *place, hint or _hint(fault.reason))


def _fault(error: yaml.YAMLError, text: str) -> Fault:
    mark, context = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    reason = getattr(error, "problem", None) or getattr(error, "reason", None) or "not valid YAML"
    mark = mark or context
    row, col = (mark.line, mark.column) if mark else _first_refused(text)
    return Fault(reason, row, col, context.line if context else row)


def _first_refused(text: str) -> tuple[int, int]:
    """Line and column (from 0) of the first character that YAML does not allow."""
    for offset, char in enumerate(text):
        if char in "\ufffe\uffff":
            return text.count("\n", 0, offset), offset - text.rfind("\n", 0, offset) - 1
    return 0, 0


def _hint(reason: str) -> str:
    if "cannot start any token" in reason:
        return "put the value in quotes, for example owner: '@name'; indent with blanks, not tabs"
    if "mapping values are not allowed" in reason:
        return "put the value in quotes, since it contains a colon"
    if "second YAML document" in reason:
        return "keep a single YAML document between the two `---` lines"
    return "put the value in quotes, or correct the indentation"
