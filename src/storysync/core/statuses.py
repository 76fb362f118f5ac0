"""The status of a story, and where the places that state it disagree (DIALECTS.md section 3).

What the file says counts: its heads, then its body. A folder such as `completed/` speaks only for a file that
says nothing; where both speak and cannot both be right, that is a finding.
"""

from __future__ import annotations

from typing import NamedTuple

from storysync.core.folding import fold, without_markup, without_symbols
from storysync.core.gather import Value, shown
from storysync.core.judged_file import JudgedFile
from storysync.core.problems import problem
from storysync.core.words import StatusWord, is_placeholder

_CATEGORIES = {
    "draft": "open", "backlog": "open", "todo": "open", "ready": "open",
    "in_progress": "active", "review": "active", "blocked": "active",
    "done": "closed", "accepted": "closed", "cancelled": "closed",
}  # fmt: skip
"""Of those that a folder can contradict; what is deferred may lie anywhere."""


class Stated(NamedTuple):
    """A status, its raw text, and the place that says so; 0 for none."""

    word: StatusWord
    raw: str | None
    line: int
    col: int


def status_of(file: JudgedFile) -> Stated:
    """The status that counts: of a head, else of the body, else of the folder."""
    stated = _stated(file)
    folder = file.rules.folders.of(file.path)
    if folder is None:
        if stated.word.status is None and not stated.line and not file.traits.stateless:
            file.report("status-missing", "the story has no status", file.fields.single.get("status"))
        return stated
    name, status = folder
    if stated.word.status is None:
        message = f"the status is taken from the folder {name}/: {status}"
        file.report("status-from-folder", message, file.fields.single.get("status"))
        return Stated(StatusWord(status, stated.word.note, ""), stated.raw, 0, 0)
    if _contradicts(status, stated.word.status):
        message = f"the file lies in {name}/, but its status is {shown(stated.raw or stated.word.status)}"
        file.problems.append(problem("folder-disagreement", message, stated.line, stated.col))
    return stated


def _stated(file: JudgedFile) -> Stated:
    """What the file itself says; the line is set for whatever stands where a status should."""
    value, found = file.fields.single.get("status"), file.body.status
    raw = file.text("status")
    if value is not None and raw is not None:
        word = _word(file, raw)
        if word.code:
            file.report(word.code, unknown("status", raw), value)
        for other in file.fields.others.get("status", ()):
            _compare_status(file, word, value, other.text, other.line, other.col)
        if found is not None and found.line != value.line and not file.fields.others.get("status"):
            _compare_status(file, word, value, found.text, found.line, found.col)
        return Stated(word, raw, value.line, value.col)
    if found is not None and not is_placeholder(found.text):
        word = _word(file, found.text)
        if word.code:
            message = unknown("status", found.text)
            file.problems.append(problem(word.code, message, found.line, found.col))
        return Stated(word, found.text, found.line, found.col)
    if value is not None and value.text:
        return Stated(StatusWord(None, None, ""), value.text, value.line, value.col)
    return Stated(StatusWord(None, None, ""), None, 0, 0)


def _word(file: JudgedFile, raw: str) -> StatusWord:
    """The status of a raw text: by the project's own words, the dialect's, then those of all."""
    special = file.traits.statuses
    if special and not file.rules.words.is_own_status(raw):
        status = special.get(fold(without_symbols(without_markup(raw))))
        if status is not None:
            return StatusWord(status, None, "")
    return file.rules.words.status(raw)


def _compare_status(file: JudgedFile, word: StatusWord, value: Value, text: str, line: int, col: int) -> None:
    other = _word(file, text)
    if other.status != word.status and other.status not in (None, "unknown"):
        message = f"the status here is {shown(text)}, but line {value.line} says {shown(value.text)}"
        file.problems.append(problem("status-disagreement", message, line, col))


def _contradicts(folder: str, status: str) -> bool:
    """Whether a folder's status and a file's cannot both be right: what is closed is not open, and so on.

    `cancelled` and `done` exclude each other only in a folder that says cancelled: what is completed is
    often filed with what was given up.
    """
    mine, theirs = _CATEGORIES.get(folder), _CATEGORIES.get(status)
    if mine is None or theirs is None:
        return False
    return mine != theirs or (folder == "cancelled" and status in ("done", "accepted"))


def unknown(what: str, raw: str | None) -> str:
    return f"{what} {shown(raw or '')}"
