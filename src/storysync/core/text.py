"""Bytes to text: encodings, line ends, control characters (DIALECTS.md sections 8 and 9)."""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

from storysync.core.problems import problem
from storysync.core.story import Broken, Problem

_C0 = bytes([*range(9), 11, 12, *range(14, 32), 127])
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Control characters but tab and line feed."""
_CONFLICT = re.compile(r"^(?:<<<<<<< |>>>>>>> )", re.MULTILINE)
_MOST_CONTROLS = 20
"""How many control characters of one file are reported one by one."""


class Text(NamedTuple):
    """Decoded text: lines end with `\\n`, no control characters but tab and line feed."""

    text: str
    problems: tuple[Problem, ...]


def decode(data: bytes) -> Text | Broken:
    """The text of a file; Broken when the bytes are blank, binary or in another encoding."""
    problems: list[Problem] = []
    text = _decoded(data, problems)
    if isinstance(text, Problem):
        return Broken((text,))
    if "\r" in text:
        text = _with_line_feeds(text, problems)
    if "\0" in text:
        wide = " as if it were UTF-16 without a byte order mark" if text.count("\0") * 3 > len(text) else ""
        return Broken(
            (problem("nul-byte", f"the file has NUL characters{wide}", *position(text, text.index("\0"))),)
        )
    if not text or text.isspace():
        return Broken((problem("empty-file", "the file is empty"),))
    if b"\xc2" in data or len(data.translate(None, _C0)) != len(data):
        text = _replaced(text, problems)
    if text[-1] != "\n":
        problems.append(problem("no-final-newline", "the last line has no line feed"))
    return Text(text, tuple(problems))


def position(text: str, offset: int) -> tuple[int, int]:
    """Line and column (from 1) of a character of the text."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def conflict_marker(text: str) -> int:
    """Offset of the first line that is a merge conflict marker, -1 when there is none."""
    if "<<<<<<< " not in text and ">>>>>>> " not in text:
        return -1
    found = _CONFLICT.search(text)
    return found.start() if found else -1


def _decoded(data: bytes, problems: list[Problem]) -> str | Problem:
    """The text without its byte order mark, or the problem that makes the file unreadable."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        problems.append(problem("utf-16", "the file is UTF-16"))
        try:
            return data.decode("utf-16").removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            message = f"byte {error.start} is not UTF-16, as the byte order mark says"
            return _undecodable(message, data[: error.start].decode("utf-16", "ignore"))
    if data.startswith(codecs.BOM_UTF8):
        problems.append(problem("byte-order-mark", "the file begins with a byte order mark"))
        data = data[3:].removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        message = f"byte 0x{data[error.start]:02X} is not UTF-8"
        return _undecodable(message, data[: error.start].decode())


def _undecodable(message: str, before: str) -> Problem:
    """A file that cannot be decoded behind the text `before`."""
    before = _normalized(before)
    return problem("not-utf8", message, *position(before, len(before)))


def _normalized(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _with_line_feeds(text: str, problems: list[Problem]) -> str:
    """The text with line feeds only, and where the first line ends otherwise."""
    feeds = text.count("\n")
    pairs = text.count("\r\n")
    mixed = feeds > pairs or text.count("\r") > pairs > 0
    message = (
        "some lines end with a carriage return, others do not"
        if mixed
        else "lines end with a carriage return"
    )
    problems.append(problem("crlf-line-ends", message, *position(text, text.index("\r"))))
    return _normalized(text)


def _replaced(text: str, problems: list[Problem]) -> str:
    """The text with U+FFFD for control characters, each reported at its place."""
    for count, found in enumerate(CONTROL.finditer(text)):
        line, col = position(text, found.start())
        if count == _MOST_CONTROLS:
            problems.append(problem("control-character", "more control characters from here on", line, col))
            break
        message = f"control character U+{ord(found[0]):04X} was replaced"
        problems.append(problem("control-character", message, line, col))
    return CONTROL.sub("\ufffd", text)
