"""The status of a story, and where the places that state it disagree (DIALECTS.md section 3)."""

from __future__ import annotations

from storysync.core.gather import Value, shown
from storysync.core.judged_file import JudgedFile
from storysync.core.problems import problem
from storysync.core.words import StatusWord, is_placeholder


def status_of(file: JudgedFile) -> tuple[StatusWord, str | None]:
    """The status, and its raw text; from the body when no head has one."""
    value, found = file.fields.single.get("status"), file.body.status
    raw = file.text("status")
    if value is not None and raw is not None:
        word = file.rules.words.status(raw)
        if word.code:
            file.report(word.code, unknown("status", raw), value)
        for other in file.fields.others.get("status", ()):
            _compare_status(file, word, value, other.text, other.line, other.col)
        if found is not None and found.line != value.line and not file.fields.others.get("status"):
            _compare_status(file, word, value, found.text, found.line, found.col)
        return word, raw
    if found is not None and not is_placeholder(found.text):
        word = file.rules.words.status(found.text)
        if word.code:
            message = unknown("status", found.text)
            file.problems.append(problem(word.code, message, found.line, found.col))
        return word, found.text
    if value is None or not value.text:
        file.report("status-missing", "the story has no status", value)
    return StatusWord(None, None, ""), value.text or None if value is not None else None


def _compare_status(file: JudgedFile, word: StatusWord, value: Value, text: str, line: int, col: int) -> None:
    other = file.rules.words.status(text)
    if other.status != word.status and other.status not in (None, "unknown"):
        message = f"the status here is {shown(text)}, but line {value.line} says {shown(value.text)}"
        file.problems.append(problem("status-disagreement", message, line, col))


def unknown(what: str, raw: str | None) -> str:
    return f"{what} {shown(raw or '')}"
