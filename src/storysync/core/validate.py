"""Head and body of one file to a story, with everything judged that looks wrong.

Nothing here raises for any input, and no value is dropped in silence: what cannot be used becomes a
problem at its line, and the raw text stays in a `…_raw` column or in the metadata.
"""

from __future__ import annotations

import msgspec

from storysync.core.body import Body
from storysync.core.claims import claim_of, judge_id, names_of
from storysync.core.dialects.base import PLAIN, Head, Item, Traits
from storysync.core.folding import fold, without_markup
from storysync.core.gather import metadata_of, shown, texts_of
from storysync.core.head_references import each_once, references_of
from storysync.core.headings import kind_of_id, title_of_file_name
from storysync.core.ids import key
from storysync.core.judged_file import Claim, JudgedFile, Rules
from storysync.core.problems import CODES, problem
from storysync.core.references import parse_references
from storysync.core.statuses import status_of, unknown
from storysync.core.story import Broken, Good, NotAStory, Person, Problem, Reference, Story
from storysync.core.values import Moment, parse_date, parse_labels, parse_people
from storysync.core.words import has_no_value
from storysync.core.yaml_events import Scalar

_LONGEST_TITLE = 500
_BARE = ("bmad_v4", "bmad_v6")
_encode = msgspec.json.Encoder(order="sorted").encode
_NO_MOMENT = Moment(None, None, "")


def judge(
    path: str,
    text: str,
    heads: list[Head],
    body: Body,
    rules: Rules,
    problems: list[Problem],
    traits: Traits = PLAIN,
) -> Good | NotAStory | Broken:
    """What the file is. `text` is its body as stored; `problems` are those found while reading so far."""
    file = JudgedFile(path, heads, body, rules, problems, traits)
    claim = claim_of(file)
    if not _has_evidence(file, claim):
        if any(CODES[found.code].severity == "error" for found in problems):
            return Broken(tuple(problems))  # its story may only be hidden by the error
        return NotAStory((no_evidence(),))
    story = _story(file, text, claim)
    problems.extend(file.fields.problems)
    if problems:
        problems.sort(key=_place)
    return Good((story,), tuple(problems))


def judge_item(
    path: str,
    text: str,
    item: Item,
    body: Body,
    rules: Rules,
    problems: list[Problem],
    traits: Traits,
) -> Story:
    """One of many stories in a file; what is wrong with it is added to `problems`, at its line or below."""
    first = len(problems)
    problems.extend(item.head.problems)
    file = JudgedFile(path, [item.head], body, rules, problems, traits)
    story = _story(file, text, claim_of(file), item)
    problems.extend(file.fields.problems)
    for index in range(first, len(problems)):
        if not problems[index].line:
            problems[index] = msgspec.structs.replace(problems[index], line=item.line, col=1)
    return story


def _has_evidence(file: JudgedFile, claim: Claim) -> bool:
    """Whether something in the file says that it is a story; the name of the file alone does not.

    A bare `Status: …` or `## Status`, which reports have too, counts only in a file with an id in its name.
    """
    if file.traits.is_story or claim.source not in ("file_name", "folder", "none"):
        return True
    status = file.fields.single.get("status")
    if status is None or not status.text:
        return False
    return claim.id is not None or file.heads[status.head].dialect not in _BARE


def no_evidence() -> Problem:
    """Why a file is no story."""
    return problem("no-evidence", "no id, no status and no id in the first heading")


def _place(found: Problem) -> tuple[int, int]:
    return found.line, found.col


def _story(file: JudgedFile, text: str, claim: Claim, item: Item | None = None) -> Story:
    words = file.rules.words
    body = file.body
    status, status_raw, status_line, _ = status_of(file)
    priority_raw = file.text("priority")
    estimate_points, estimate_unit, estimate_raw = _estimate(file)
    created = _moment(file, "created")
    updated = _moment(file, "updated")
    completed = _moment(file, "completed")
    people = _people(file)
    priority = words.priority(priority_raw) if priority_raw is not None else None
    if priority is not None and priority.code:
        file.report(priority.code, unknown("priority", priority_raw), file.fields.single["priority"])
    if claim.id is not None and (claim.source != "file_name" or file.traits.named) and item is None:
        judge_id(file, claim)
    if file.fields.others:
        _judge_others(file)
    if body.h1_count > 1:
        _judge_headings(file)
    kind = _kind(file, claim)
    title = _title(file)
    names = names_of(file, claim, kind)
    return Story(
        anchor=item.anchor if item is not None else "",
        scope=_scope(file, claim),
        id=claim.id,
        key=key(claim.id) if claim.id is not None else None,
        id_source=claim.source,
        id_line=claim.line,
        id_col=claim.col,
        dialect=file.traits.dialect or (file.heads[0].dialect if file.heads else "heading"),
        kind=kind,
        title=title,
        epic=_epic(file),
        status=status.status,
        status_raw=status_raw,
        status_note=status.note,
        status_line=status_line,
        priority=priority.rank if priority is not None else None,
        priority_raw=priority_raw,
        estimate_points=estimate_points,
        estimate_unit=estimate_unit,
        estimate_raw=estimate_raw,
        branch_name=file.one_line("branch"),
        owner=_names(file, "owner") or _names(file, "assignee"),
        author=_names(file, "author"),
        sprint=file.one_line("sprint") or _sprint(file),
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
        references=(
            *(item.references if item is not None else ()),
            *each_once((*references_of(file.fields.listed, file.path), *_epic_links(file)), body.references),
        ),
        aliases=names.aliases,
        prefix_keys=names.prefix_keys,
        heading_keys=names.heading_keys,
    )


def _scope(file: JudgedFile, claim: Claim) -> str:
    """The folder within which the id counts, '' for the project.

    The hidden folder of a tool (`.project`, `web/.project`) is a world of its own: two of them in one
    repository may well use the same ids (DIALECTS.md section 2).

    A dialect's own folder for each item (`FEAT-001-x/STORY-002-y/STORY-002.md`) tells no more than the
    file: there the id counts among the folders beside it.
    """
    folder = file.path.rpartition("/")[0]
    if file.rules.scope_is_folder:
        return folder
    if not file.traits.scoped:
        return _hidden(folder) if "." in folder else ""
    above, _, name = folder.rpartition("/")
    own = (claim.id or "").casefold()
    return above if own and (name.casefold() + "-").startswith((own + "-", own + "_")) else folder


def _hidden(folder: str) -> str:
    """The innermost hidden folder on the way, '' when there is none."""
    parts = folder.split("/")
    for end in range(len(parts), 0, -1):
        if parts[end - 1].startswith("."):
            return "/".join(parts[:end])
    return ""


def _epic(file: JudgedFile) -> str | None:
    """The epic as written; of a link, its text."""
    text = file.one_line("epic")
    if text is None:
        return file.traits.epic or None
    return without_markup(text) or text if "](" in text else text


def _epic_links(file: JudgedFile) -> tuple[Reference, ...]:
    """A link in the field `epic` names the parent's file."""
    value = file.fields.single.get("epic")
    if value is None or "](" not in value.text:
        return ()
    return parse_references(value.text, value.line, value.col, "parent", file.path)


def _sprint(file: JudgedFile) -> str | None:
    """The sprint that a second first-level heading right below the first one names."""
    other = file.body.subtitle
    return other.text if other is not None and other.text[:7].casefold() in ("sprint", "sprint ") else None


def _judge_others(file: JudgedFile) -> None:
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


def _meaning(file: JudgedFile, field: str, text: str) -> object:
    """What is compared: ranks, points, days and folded words, not spellings; None: nothing to compare."""
    if field == "priority":
        return file.rules.words.priority(text).rank
    if field == "estimate":
        estimate = file.rules.words.estimate(text)
        return estimate.points if estimate.unit == "points" else None
    if field in ("created", "updated", "completed"):
        return parse_date(text, file.rules.timezone, file.rules.date_order).on
    return fold(text) or None


def _judge_headings(file: JudgedFile) -> None:
    known = (file.body.h1, file.body.subtitle if _sprint(file) else None)
    other = [heading for heading in file.body.headings if heading.level == 1 and heading not in known]
    if other:
        message = f"another first-level heading, {shown(other[0].text)}"
        file.problems.append(problem("several-headings", message, other[0].line, other[0].col))


def _estimate(file: JudgedFile) -> tuple[float | None, str | None, str | None]:
    """Points, unit and raw text of the first estimate that says something."""
    for field, unit in (("estimate", "points"), ("estimate_hours", "hours"), ("estimate_tokens", "tokens")):
        raw = file.text(field) if field in file.fields.single else None
        if raw is None:
            continue
        points, unit_found, code = file.rules.words.estimate(raw, unit)
        if code:
            file.report(code, unknown("estimate", raw), file.fields.single[field])
        return points, unit_found, raw
    return None, None, None


def _moment(file: JudgedFile, field: str) -> Moment:
    """A date of the head, else of the body. One that is not understood stays in the metadata."""
    value = file.fields.single.get(field)
    if value is not None and value.text:
        moment = parse_date(value.text, file.rules.timezone, file.rules.date_order)
        if moment.code:
            file.report(moment.code, f"`{value.name}` is {shown(value.text)}", value)
            file.fields.metadata[value.name] = value.node
        return moment
    found = file.body.lifecycle.get(field)
    if found is None:
        return _NO_MOMENT
    moment = parse_date(found.text, file.rules.timezone, file.rules.date_order)
    if moment.code:
        message = f"the date {shown(found.text)}"
        file.problems.append(problem(moment.code, message, found.line, found.col))
    return moment


def _kind(file: JudgedFile, claim: Claim) -> str:
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
    return file.heading.kind or by_id or file.traits.kind or "story"


def _title(file: JudgedFile) -> str:
    """The title; a file always has one."""
    text = file.text("title")
    if text is not None:
        return " ".join(text.split())[:_LONGEST_TITLE]
    if file.heading.title:
        return file.heading.title[:_LONGEST_TITLE]
    if file.traits.title:
        return file.traits.title[:_LONGEST_TITLE]
    file.report("title-missing", "no title and no first-level heading")
    return title_of_file_name(file.path)


def _names(file: JudgedFile, field: str) -> str | None:
    """Who is named, as written; None when nobody is ("unassigned", "TBD")."""
    value = file.fields.single.get(field)
    return value.text if value is not None and not has_no_value(value.text) else None


def _people(file: JudgedFile) -> tuple[Person, ...]:
    people: tuple[Person, ...] = ()
    for role in ("author", "owner", "assignee"):
        value = file.fields.single.get(role)
        if value is not None and value.text:
            texts = (value.text,) if isinstance(value.node, Scalar) else tuple(texts_of(value.node)[:200])
            people += parse_people(role, *texts)
    return people


def _labels(file: JudgedFile) -> tuple[str, ...]:
    nodes = file.fields.listed.get("labels")
    if nodes is None:
        return ()
    return parse_labels([text for node in nodes for text in texts_of(node)])
