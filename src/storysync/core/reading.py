"""Bytes of one file to what they mean: a story, a broken file, or no story. Pure, and never raises.

    bytes -> text -> heads (by dialect) + body -> fields -> Story, with problems at line and column

`READER_VERSION` is raised whenever the same bytes may come to something else than before, so that a
database written by an older reader is read anew.
"""

from __future__ import annotations

import re

from storysync.core.body import parse_body
from storysync.core.dialects import read_heads, recognize, split
from storysync.core.dialects.base import Head, Page, Sheet, Split, Traits
from storysync.core.globs import any_of
from storysync.core.judged_file import Rules
from storysync.core.problems import problem
from storysync.core.story import Broken, Good, NotAStory, Problem, Read, Story
from storysync.core.text import conflict_marker, decode, position
from storysync.core.validate import judge, judge_item, no_evidence
from storysync.settings import ReadingSettings

READER_VERSION = 3

_HEADING = re.compile(r"^ {0,3}[#=]", re.MULTILINE)

_SUFFIXES = (".md", ".markdown")


def read(path: str, data: bytes, settings: ReadingSettings) -> Read:
    """What the file at `path` (relative to the root, POSIX) with these bytes is."""
    try:
        return _read(path, data, _rules(settings))
    except Exception as error:  # noqa: BLE001 - one file must never stop the others; it is reported
        message = f"the reader failed: {type(error).__name__}: {str(error)[:200]}"
        return Broken((problem("internal-error", message),))


def is_markdown(name: str) -> bool:
    """Whether a file of this name is looked at at all."""
    return name.lower().endswith(_SUFFIXES)


def is_excluded(path: str, settings: ReadingSettings) -> bool:
    """Whether a Markdown file is a template, README or index by the globs of the settings."""
    return any_of(settings.exclude).fullmatch(path) is not None


def _read(path: str, data: bytes, rules: Rules) -> Read:
    if len(data) > rules.max_file:
        message = f"{len(data) // 1024} KB are more than max_file_kb = {rules.max_file // 1024}"
        return Broken((problem("file-too-large", message),))
    decoded = decode(data)
    if isinstance(decoded, Broken):
        return decoded
    text = decoded.text
    problems = list(decoded.problems)
    sheet = read_heads(Page(text, 0, 1, rules.max_front_matter, path), rules.dialect)
    page, heads = sheet.page, sheet.heads
    marker = conflict_marker(text)
    if marker >= 0:
        problems.append(_conflict(text, marker, heads))
        if problems[-1].code == "merge-conflict":
            return Broken(tuple(problems))
    for head in heads:
        problems.extend(head.problems)
        if head.broken:
            return Broken(tuple(problems))
    traits = recognize(sheet, rules.dialect)
    if not heads and not traits.is_story and _HEADING.search(text) is None:
        return NotAStory((no_evidence(),))  # whatever the rest is, it needs no parsing
    many = split(sheet, rules.dialect)
    if many is not None:
        return _read_many(path, sheet, many, rules, traits, problems)
    rest = text[page.start :] if page.start else text
    return judge(path, rest, heads, parse_body(rest, page.line, path), rules, problems, traits)


def _read_many(
    path: str, sheet: Sheet, many: Split, rules: Rules, traits: Traits, problems: list[Problem]
) -> Read:
    """The items of a file, and before them the file's own story if it is one."""
    text, start = sheet.page.text, sheet.page.start
    stories: list[Story] = []
    own = text[start : many.items[0].begin]
    whole = judge(path, own, sheet.heads, parse_body(own, sheet.page.line, path), rules, problems, traits)
    if isinstance(whole, Good):
        stories += whole.stories
    for item in many.items:
        body = text[item.begin : item.end]
        parsed = parse_body(body, item.line, path)
        stories.append(judge_item(path, body, item, parsed, rules, problems, many.traits))
    problems.sort(key=lambda found: (found.line, found.col))
    return Good(tuple(stories), tuple(problems))


def _conflict(text: str, marker: int, heads: list[Head]) -> Problem:
    """A conflict in the head breaks the file; in the body it is only a warning."""
    section = text.find("\n## ")
    end = max([head.end for head in heads] + [len(text) if section < 0 else section])
    code = "merge-conflict" if marker < end else "conflict-marker"
    return problem(code, "a conflict marker of a merge", *position(text, marker))


_prepared: dict[int, tuple[ReadingSettings, Rules]] = {}


def _rules(settings: ReadingSettings) -> Rules:
    """The prepared settings; kept by identity, since settings hold dictionaries and have no hash."""
    known = _prepared.get(id(settings))
    if known is None:
        if len(_prepared) >= 64:
            _prepared.clear()
        known = _prepared[id(settings)] = (settings, Rules(settings))
    return known[1]
