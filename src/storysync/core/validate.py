"""Head and body of one file to a story, with everything judged that looks wrong.

Nothing here raises for any input, and no value is dropped in silence: what cannot be used becomes a
problem at its line, and the raw text stays in a `…_raw` column or in the metadata.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from storysync.core.body import Body
from storysync.core.dialects.base import Head
from storysync.core.fields import FieldNames
from storysync.core.folding import fold
from storysync.core.gather import Fields, Value, gather, metadata_of, shown, texts_of
from storysync.core.head_references import references_of
from storysync.core.headings import (
    Heading,
    fits_file_name,
    id_of_file_name,
    kind_of_id,
    read_heading,
    same_id,
    title_of_file_name,
)
from storysync.core.ids import key
from storysync.core.problems import CODES, problem
from storysync.core.story import Broken, Good, NotAStory, Person, Problem, Story
from storysync.core.values import Moment, parse_date, parse_labels, parse_people
from storysync.core.words import StatusWord, Words, has_no_value, is_placeholder
from storysync.core.yaml_events import Scalar
from storysync.settings import ReadingSettings

_LONGEST_ID = 200
_NO_ID = frozenset(("none", "null", "n/a", "tbd", "-", "--", "—", "–", "?"))
_LONGEST_TITLE = 500
_encode = msgspec.json.Encoder(order="sorted").encode
_NO_HEADING = Heading(None, 0, "", None)
_NO_MOMENT = Moment(None, None, "")


class Rules:
    """A project's settings, prepared for reading many files."""

    def __init__(self, settings: ReadingSettings) -> None:
        self.words = Words(settings)
        self.names = FieldNames(settings)
        self.timezone = settings.timezone
        self.scope_is_folder = settings.id_scope == "folder"
        self.max_file = settings.max_file_kb * 1024
        self.max_front_matter = settings.max_front_matter_kb * 1024


class Claim(NamedTuple):
    """The id of a story, where it was found, and which source it came from."""

    id: str | None
    source: str
    line: int
    col: int


class _Judge:
    """The file at hand, and the problems found so far. One instance a file."""

    def __init__(
        self, path: str, heads: list[Head], body: Body, rules: Rules, problems: list[Problem]
    ) -> None:
        self.path = path
        self.heads = heads
        self.body = body
        self.rules = rules
        self.problems = problems
        self.fields: Fields = gather(heads, rules.names)
        self.heading = read_heading(body.h1.text) if body.h1 is not None else _NO_HEADING

    def report(self, code: str, message: str, place: Value | Claim | None = None) -> None:
        line, col = (place.line, place.col) if place is not None else (0, 0)
        self.problems.append(problem(code, message, line, col))

    def text(self, field: str) -> str | None:
        """The text of a single field; None when it is missing, says nothing or is a placeholder."""
        value = self.fields.single.get(field)
        if value is None or not value.text:
            return None
        if is_placeholder(value.text):
            self.report("placeholder", f"`{value.name}` is still the placeholder {shown(value.text)}", value)
            return None
        return value.text

    def one_line(self, field: str) -> str | None:
        """Like `text`, without quotes of code, and None for `TBD` and the like."""
        text = self.text(field)
        if text is None:
            return None
        text = " ".join(text.split()).strip("`").strip()
        return None if has_no_value(text) else text


def judge(
    path: str, text: str, heads: list[Head], body: Body, rules: Rules, problems: list[Problem]
) -> Good | NotAStory | Broken:
    """What the file is. `text` is its body as stored; `problems` are those found while reading so far."""
    file = _Judge(path, heads, body, rules, problems)
    claim = _claim(file)
    status_field = file.fields.single.get("status")
    if claim.source in ("file_name", "none") and not (status_field and status_field.text):
        if any(CODES[found.code].severity == "error" for found in problems):
            return Broken(tuple(problems))  # its story may only be hidden by the error
        return NotAStory((no_evidence(),))
    story = _story(file, text, claim)
    problems.extend(file.fields.problems)
    if problems:
        problems.sort(key=_place)
    return Good((story,), tuple(problems))


def no_evidence() -> Problem:
    """Why a file is no story."""
    return problem("no-evidence", "no id, no status and no id in the first heading")


def _place(found: Problem) -> tuple[int, int]:
    return found.line, found.col


def _story(file: _Judge, text: str, claim: Claim) -> Story:
    words = file.rules.words
    body = file.body
    status, status_raw = _status(file)
    priority_raw = file.text("priority")
    estimate_points, estimate_unit, estimate_raw = _estimate(file)
    created = _moment(file, "created")
    updated = _moment(file, "updated")
    completed = _moment(file, "completed")
    people = _people(file)
    priority = words.priority(priority_raw) if priority_raw is not None else None
    if priority is not None and priority.code:
        file.report(priority.code, _unknown("priority", priority_raw), file.fields.single["priority"])
    if claim.id is not None and claim.source != "file_name":
        _judge_id(file, claim)
    if file.fields.others:
        _judge_others(file)
    if body.h1_count > 1:
        _judge_headings(file)
    kind = _kind(file, claim)
    title = _title(file)
    return Story(
        anchor="",
        scope=file.path.rpartition("/")[0] if file.rules.scope_is_folder else "",
        id=claim.id,
        key=key(claim.id) if claim.id is not None else None,
        id_source=claim.source,
        id_line=claim.line,
        id_col=claim.col,
        dialect=file.heads[0].dialect if file.heads else "bold_header",
        kind=kind,
        title=title,
        epic=file.one_line("epic"),
        status=status.status,
        status_raw=status_raw,
        status_note=status.note,
        priority=priority.rank if priority is not None else None,
        priority_raw=priority_raw,
        estimate_points=estimate_points,
        estimate_unit=estimate_unit,
        estimate_raw=estimate_raw,
        branch_name=file.one_line("branch"),
        owner=_names(file, "owner") or _names(file, "assignee"),
        author=_names(file, "author"),
        sprint=file.one_line("sprint"),
        created_on=created.on,
        created_at=created.at,
        updated_on=updated.on,
        updated_at=updated.at,
        completed_on=completed.on,
        completed_at=completed.at,
        user_role=body.user_role,
        user_want=body.user_want,
        user_benefit=body.user_benefit,
        body=text,
        metadata=_encode(metadata_of(file.fields)).decode() if file.fields.metadata else "{}",
        labels=_labels(file),
        people=people,
        criteria=body.criteria,
        references=(*references_of(file.fields.listed, file.path), *body.references),
    )


def _claim(file: _Judge) -> Claim:
    """The id that counts: front matter, then header, then first heading, then file name."""
    value = file.fields.single.get("id")
    if value is not None and (text := file.text("id")) is not None:
        story_id = " ".join(text.replace("`", "").split()).lstrip("#")
        if value.head or file.heads[0].source == "header":
            story_id = story_id.split(" (", 1)[0]
        if story_id and len(story_id) <= _LONGEST_ID and story_id.casefold() not in _NO_ID:
            return Claim(story_id, file.heads[value.head].source, value.line, value.col)
    h1 = file.body.h1
    if file.heading.id is not None and h1 is not None:
        return Claim(file.heading.id, "h1", h1.line, h1.col + file.heading.offset)
    named = id_of_file_name(file.path)
    return Claim(named, "file_name", 0, 0) if named is not None else Claim(None, "none", 0, 0)


def _judge_id(file: _Judge, claim: Claim) -> None:
    """Report other ids in the file that contradict the one that counts."""
    assert claim.id is not None
    for other in file.fields.others.get("id", ()):
        if not same_id(claim.id, other.text):
            file.report(
                "id-disagreement", f"`{other.name}` says {other.text}, but the id is {claim.id}", other
            )
    h1 = file.body.h1
    heading_id = file.heading.id if claim.source != "h1" else None
    if h1 is not None and heading_id is not None and not same_id(claim.id, heading_id):
        place = Claim(None, "h1", h1.line, h1.col + file.heading.offset)
        file.report("id-disagreement", f"the heading says {heading_id}, but the id is {claim.id}", place)
    if not fits_file_name(claim.id, file.path):
        name = file.path.rpartition("/")[2]
        file.report("id-differs-from-file-name", f"the id is {claim.id}, but the file is named {name}", claim)


def _judge_others(file: _Judge) -> None:
    """Report header fields that mean something else than the front matter above them."""
    for field, values in file.fields.others.items():
        if field in ("id", "status"):
            continue  # judged with their own codes
        known = file.fields.single[field]
        meant = _meaning(file, field, known.text)
        for value in values:
            if meant is not None and _meaning(file, field, value.text) not in (meant, None):
                message = (
                    f"`{value.name}` says {shown(value.text)}, line {known.line} says {shown(known.text)}"
                )
                file.report("field-disagreement", message, value)


def _meaning(file: _Judge, field: str, text: str) -> object:
    """What is compared: ranks, points, days and folded words, not spellings; None: nothing to compare."""
    if field == "priority":
        return file.rules.words.priority(text).rank
    if field == "estimate":
        estimate = file.rules.words.estimate(text)
        return estimate.points if estimate.unit == "points" else None
    if field in ("created", "updated", "completed"):
        return parse_date(text, file.rules.timezone).on
    return fold(text) or None


def _judge_headings(file: _Judge) -> None:
    first = [heading for heading in file.body.headings if heading.level == 1]
    if len(first) > 1:
        message = f"another first-level heading, {shown(first[1].text)}"
        file.problems.append(problem("several-headings", message, first[1].line, first[1].col))


def _status(file: _Judge) -> tuple[StatusWord, str | None]:
    """The status, and its raw text; from the body when no head has one."""
    value, found = file.fields.single.get("status"), file.body.status
    raw = file.text("status")
    if value is not None and raw is not None:
        word = file.rules.words.status(raw)
        if word.code:
            file.report(word.code, _unknown("status", raw), value)
        for other in file.fields.others.get("status", ()):
            _compare_status(file, word, value, other.text, other.line, other.col)
        if found is not None and found.line != value.line and not file.fields.others.get("status"):
            _compare_status(file, word, value, found.text, found.line, found.col)
        return word, raw
    if found is not None and not is_placeholder(found.text):
        word = file.rules.words.status(found.text)
        if word.code:
            message = _unknown("status", found.text)
            file.problems.append(problem(word.code, message, found.line, found.col))
        return word, found.text
    if value is None or not value.text:
        file.report("status-missing", "the story has no status", value)
    return StatusWord(None, None, ""), value.text or None if value is not None else None


def _compare_status(file: _Judge, word: StatusWord, value: Value, text: str, line: int, col: int) -> None:
    other = file.rules.words.status(text)
    if other.status != word.status and other.status not in (None, "unknown"):
        message = f"the status here is {shown(text)}, but line {value.line} says {shown(value.text)}"
        file.problems.append(problem("status-disagreement", message, line, col))


def _unknown(what: str, raw: str | None) -> str:
    return f"{what} {shown(raw or '')}"


def _estimate(file: _Judge) -> tuple[float | None, str | None, str | None]:
    """Points, unit and raw text of the first estimate that says something."""
    for field, unit in (("estimate", "points"), ("estimate_hours", "hours"), ("estimate_tokens", "tokens")):
        raw = file.text(field) if field in file.fields.single else None
        if raw is None:
            continue
        points, unit_found, code = file.rules.words.estimate(raw, unit)
        if code:
            file.report(code, _unknown("estimate", raw), file.fields.single[field])
        return points, unit_found, raw
    return None, None, None


def _moment(file: _Judge, field: str) -> Moment:
    """A date of the head, else of the body. One that is not understood stays in the metadata."""
    value = file.fields.single.get(field)
    if value is not None and value.text:
        moment = parse_date(value.text, file.rules.timezone)
        if moment.code:
            file.report(moment.code, f"`{value.name}` is {shown(value.text)}", value)
            file.fields.metadata[value.name] = value.node
        return moment
    found = file.body.lifecycle.get(field)
    if found is None:
        return _NO_MOMENT
    moment = parse_date(found.text, file.rules.timezone)
    if moment.code:
        message = f"the date {shown(found.text)}"
        file.problems.append(problem(moment.code, message, found.line, found.col))
    return moment


def _kind(file: _Judge, claim: Claim) -> str:
    """The kind by `type`, by the word in the heading, by the letters of the id; else a story."""
    text = file.text("kind")
    if text is not None:
        kind = file.rules.words.kind(text)
        value = file.fields.single["kind"]
        if kind is None or kind != fold(text):
            file.fields.metadata[value.name] = value.node
        if kind is not None:
            return kind
    by_id = kind_of_id(claim.id) if claim.id is not None else None
    return file.heading.kind or by_id or "story"


def _title(file: _Judge) -> str:
    """The title; a file always has one."""
    text = file.text("title")
    if text is not None:
        return " ".join(text.split())[:_LONGEST_TITLE]
    if file.heading.title:
        return file.heading.title[:_LONGEST_TITLE]
    file.report("title-missing", "no title and no first-level heading")
    return title_of_file_name(file.path)


def _names(file: _Judge, field: str) -> str | None:
    """Who is named, as written; None when nobody is ("unassigned", "TBD")."""
    value = file.fields.single.get(field)
    return value.text if value is not None and not has_no_value(value.text) else None


def _people(file: _Judge) -> tuple[Person, ...]:
    people: tuple[Person, ...] = ()
    for role in ("author", "owner", "assignee"):
        value = file.fields.single.get(role)
        if value is not None and value.text:
            texts = (value.text,) if isinstance(value.node, Scalar) else tuple(texts_of(value.node)[:200])
            people += parse_people(role, *texts)
    return people


def _labels(file: _Judge) -> tuple[str, ...]:
    nodes = file.fields.listed.get("labels")
    if nodes is None:
        return ()
    return parse_labels([text for node in nodes for text in texts_of(node)])
