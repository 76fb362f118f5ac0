"""Bytes of one file to what they mean: a story, a broken file, or no story. Pure, and never raises.

    bytes -> text -> heads (by dialect) + body -> fields -> Story, with problems at line and column

`READER_VERSION` is raised whenever the same bytes may come to something else than before, so that a
database written by an older reader is read anew.
"""

from __future__ import annotations

import re

from storysync.core.body import parse_body
from storysync.core.dialects.base import Head, Page
from storysync.core.dialects.issue_folder import is_issue_page
from storysync.core.file_names import is_second_source
from storysync.core.globs import any_of
from storysync.core.judged_file import Rules
from storysync.core.many import read_many
from storysync.core.problems import problem
from storysync.core.registry import read_heads, recognize, split
from storysync.core.sprint_status import read_claims
from storysync.core.story import Broken, NotAStory, Problem, Read, SecondSource
from storysync.core.text import conflict_marker, decode, position
from storysync.core.validate import judge, no_evidence
from storysync.settings import ReadingSettings

READER_VERSION = 4

_HEADING = re.compile(r"^ {0,3}[#=]", re.MULTILINE)

_FOLDER_PAGES = frozenset(("readme*", "readme.*", "readme.md", "index*", "index.*", "index.md"))


def read(path: str, data: bytes, settings: ReadingSettings, *, lean: bool = False) -> Read:
    """What the file at `path` (relative to the root, POSIX) with these bytes is.

    `lean` leaves criteria and user stories unread; every problem is found all the same.
    """
    try:
        return _read(path, data, _rules(settings, lean))
    except Exception as error:  # noqa: BLE001 - one file must never stop the others; it is reported
        message = f"the reader failed: {type(error).__name__}: {str(error)[:200]}"
        return Broken((problem("internal-error", message),))


def is_excluded(path: str, settings: ReadingSettings) -> bool:
    """Whether a Markdown file is a template, README or index by the globs of the settings.

    The README or index of an issue folder (`003-slug/README.md`) is not excluded by a glob for such names
    in any folder, only by one that says more: `docs/README.md`, `archive/**`.
    """
    globs = settings.exclude
    if is_issue_page(path):
        globs = tuple([glob for glob in globs if glob.removeprefix("**/").casefold() not in _FOLDER_PAGES])
    return any_of(globs).fullmatch(path) is not None


def _read(path: str, data: bytes, rules: Rules) -> Read:
    if len(data) > rules.max_file:
        message = f"{len(data) // 1024} KB are more than max_file_kb = {rules.max_file // 1024}"
        return Broken((problem("file-too-large", message),))
    decoded = decode(data)
    if isinstance(decoded, Broken):
        return decoded
    text = decoded.text
    problems = list(decoded.problems)
    if is_second_source(path):
        return _read_second_source(text, rules, problems)
    sheet = read_heads(Page(text, 0, 1, rules.max_front_matter, path), rules.dialect)
    many = split(sheet, rules.dialect)
    if many is not None:  # labels of the items are none of the file's own
        own = text[: many.items[0].begin]
        sheet = read_heads(Page(own, 0, 1, rules.max_front_matter, path), rules.dialect)
        sheet = sheet._replace(page=sheet.page._replace(text=text))
    page, heads = sheet.page, sheet.heads
    marker = conflict_marker(text)
    if marker >= 0:
        problems.append(_conflict(text, marker, heads, of_items=many is not None))
        if problems[-1].code == "merge-conflict":
            return Broken(tuple(problems))
    for head in heads:
        problems.extend(head.problems)
        if head.broken:
            return Broken(tuple(problems))
    traits = recognize(sheet, rules.dialect)
    if many is not None:
        if rules.dialect:  # what makes every file a story makes none of a list of stories
            traits = traits._replace(is_story=recognize(sheet).is_story)
        return read_many(path, text, sheet, many, rules, traits, problems)
    if not heads and not traits.is_story and _HEADING.search(text) is None:
        return NotAStory((no_evidence(),))  # whatever the rest is, it needs no parsing
    rest = text[page.start :] if page.start else text
    body = parse_body(rest, page.line, path, lean=rules.lean)
    return judge(path, rest, heads, body, rules, problems, traits)


def _read_second_source(text: str, rules: Rules, problems: list[Problem]) -> SecondSource | Broken:
    marker = conflict_marker(text)
    if marker >= 0:
        return Broken((problem("merge-conflict", "a conflict marker of a merge", *position(text, marker)),))
    return read_claims(text, rules.words, problems)


def _conflict(text: str, marker: int, heads: list[Head], *, of_items: bool) -> Problem:
    """A conflict in the head breaks the file, as one among items does; in the body it is only a warning."""
    section = text.find("\n## ")
    end = max([head.end for head in heads] + [len(text) if section < 0 else section])
    code = "merge-conflict" if of_items or marker < end else "conflict-marker"
    return problem(code, "a conflict marker of a merge", *position(text, marker))


_prepared: dict[tuple[int, bool], tuple[ReadingSettings, Rules]] = {}


def _rules(settings: ReadingSettings, lean: bool) -> Rules:
    """The prepared settings; kept by identity, since settings hold dictionaries and have no hash."""
    known = _prepared.get((id(settings), lean))
    if known is None:
        if len(_prepared) >= 64:
            _prepared.clear()
        known = _prepared[id(settings), lean] = (settings, Rules(settings, lean=lean))
    return known[1]
