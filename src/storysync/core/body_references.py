"""References of a body: its sections such as Dependencies, Blocks, Related Stories and References.

Labels inside of a section ("Blocked Stories:", `- Depends on INF-012`) give the direction. A line that
begins with a name states it (`declared`); ids elsewhere in a sentence are `prose`.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from storysync.core.names import TEXT_REFERENCE, Named, begins_with_name, named_by, names_at, without_struck
from storysync.core.outline import Outline
from storysync.core.references import (
    MOST_IN_RANGES,
    Place,
    in_sentence,
    is_example,
    said_behind,
    says_none,
)
from storysync.core.sections import LABELS, Span, plain
from storysync.core.story import Reference

_PREFIX = re.compile(r"[ \t>]*(?P<mark>(?:[-*+]|[0-9]{1,9}[.)])[ \t]+)?(?:\[[^\[\]\n]\][ \t]+)?")
_FIRST_WORD = re.compile(r"[*_]{0,3}([^\s:：*_(（|\[]+)")
_LABEL_ENDS = frozenset(":：*_ \t")
_OTHER_LABEL = re.compile(
    r"(?:\*\*|__)?[^\n|]{1,80}[:：](?:\*\*|__)?[ \t]*|(?:\*\*|__)[^*\n|]{1,80}(?:\*\*|__)[ \t]*"
)


_LONG_SECTION = 200  # rows from which on the same lines are likely to come again and again


class _State(NamedTuple):
    """What a line stands under: a label (or the section itself)."""

    relation: str | None  # None: names no stories
    certain: bool  # False below a label of unknown meaning
    indent: int  # of the label's list mark; -1 for the section and for labels that are paragraphs


def body_references(
    lines: list[str], outline: Outline, sections: list[Span], first_line: int, path: str
) -> tuple[Reference, ...]:
    """The references of all sections that name stories, each said once."""
    found: dict[tuple[object, ...], Reference] = {}
    left = [MOST_IN_RANGES]
    for span in sections:
        if span.meaning.mode in ("dependencies", "related"):
            reader = _SectionReader(span, first_line, path, left)
            take = reader.take if span.end - span.begin < _LONG_SECTION else reader.take_once
            for row in range(span.begin + 1, span.end):
                if not lines[row]:
                    reader.after_text = False
                elif row not in outline.code:
                    take(row, lines[row])
            for reference in reader.found:
                found.setdefault(_statement(reference), reference)
    return tuple(found.values())


def _statement(one: Reference) -> tuple[object, ...]:
    """What makes two references the same statement; a range stands or falls as a whole."""
    if one.in_range:
        return one.relation, one.raw, one.key, True
    return one.relation, one.project, one.key, one.path


class _SectionReader:
    """Reads the lines of one section in their order."""

    def __init__(self, span: Span, first_line: int, path: str, left: list[int]) -> None:
        self.left = left
        self.section = _State(span.meaning.relation, True, -1)
        self.related = span.meaning.mode == "related"
        self.first_line = first_line
        self.path = path
        self.state = self.section
        self.outer = self.section  # the last label that is no list item
        self.after_text = False  # the line before belongs to the same paragraph
        self.found: list[Reference] = []
        self.idle: dict[tuple[str, _State, _State, bool], bool] = {}

    def take_once(self, row: int, line: str) -> None:
        """Like `take`, which is spared a line that said nothing and changed nothing in the same state."""
        place = (line, self.state, self.outer, self.after_text)
        known = self.idle.get(place)
        if known is not None:
            self.after_text = known
            return
        count = len(self.found)
        self.take(row, line)
        if len(self.found) == count and (self.state, self.outer) == place[1:3]:
            self.idle[place] = self.after_text

    def take(self, row: int, line: str) -> None:
        line = without_struck(line)
        prefix = _PREFIX.match(line)
        begin = prefix.end() if prefix else 0
        if begin == len(line):
            self.after_text = False
            return
        if line[begin] == "|":
            self._table_row(row, line, begin)
            return
        item = prefix is not None and prefix["mark"] is not None
        indent = len(line) - len(line.lstrip(" \t"))
        if item and indent <= self.state.indent:
            self.state = self.outer
        goes_on = self.after_text and not item
        self.after_text = True
        label = _label(line, begin)
        if label is not None and self._labelled(row, line, label, item, indent, goes_on):
            return
        if not goes_on and self._is_other_label(line, begin):
            self._enter(_State(self.state.relation, False, indent if item else -1), item)
            return
        self._text(row, line, begin, self.state, goes_on=goes_on)

    def _labelled(
        self, row: int, line: str, label: re.Match[str], item: bool, indent: int, goes_on: bool
    ) -> bool:
        """A line that begins with a label of known meaning; False when it is only a word of a sentence."""
        end, marked = label.end(), label["colon"] or label["late"] or (label["bold"] and label["closed"])
        if not marked and (goes_on or (end < len(line) and not line[end - 1].isspace())):
            return False
        relation = LABELS.get(label["label"].casefold())
        state = _State(relation, True, indent if item else -1)
        if not line[end:].strip(" \t*_"):
            if not marked and self.related:
                return False
            self._enter(state, item)
            return True
        if not marked and (relation is None or self.related) and not begins_with_name(line, end):
            return False
        self._text(row, line, end, state, labelled=True)
        if marked:
            self._enter(state, item)
        self.after_text = False
        return True

    def _enter(self, state: _State, item: bool) -> None:
        self.state = state
        self.after_text = False
        if not item:
            self.outer = state

    def _is_other_label(self, line: str, begin: int) -> bool:
        if line[-1] not in _LABEL_ENDS:
            return False
        found = _OTHER_LABEL.fullmatch(line, begin)
        return found is not None and not begins_with_name(line, begin)

    def _text(
        self,
        row: int,
        line: str,
        begin: int,
        state: _State,
        *,
        labelled: bool = False,
        goes_on: bool = False,
        end: int = -1,
    ) -> None:
        """References of line[begin:end] under a label."""
        if state.relation is None:
            return
        end = len(line) if end < 0 else end
        place = Place(line, row + self.first_line, 1, state.relation, self.left)
        found = () if goes_on else names_at(line, begin, end, self.path, bare=labelled)
        if found:
            elsewhere = self.related and "://" in line
            for start, stop, named in found:
                weak = not state.certain or (not named.path and (elsewhere or _is_local(named, line, stop)))
                told = said_behind(line, (start, stop), end, state.relation)
                weak = weak or told != state.relation
                self.found += place.references(start, stop, named, "prose" if weak else "declared", told)
            self.after_text = False
            return
        if says_none(line[begin:end]):
            return
        if not self.related or labelled:
            self.found += in_sentence(line, begin, end, place, self.path)
            return
        for name in TEXT_REFERENCE.finditer(line, begin, end):
            if name.lastgroup in ("wiki", "target", "angle") and not is_example(line, name):
                linked = named_by(name, self.path)
                if linked is not None:
                    self.found += place.references(name.start(), name.end(), linked, "declared")

    def _table_row(self, row: int, line: str, begin: int) -> None:
        """`| Blocked by | INF-012 (pool) | … |`: the first cell is the label, the second the value."""
        first = line.find("|", begin + 1)
        second = line.find("|", first + 1) if first > 0 else -1
        if second < 0:
            return
        label = plain(line[begin + 1 : min(first, begin + 100)])
        if label in LABELS:
            value = first + 1 + len(line[first + 1 : second]) - len(line[first + 1 : second].lstrip())
            self._text(row, line, value, _State(LABELS[label], True, -1), labelled=True, end=second)
        elif not self.related:
            place = Place(line, row + self.first_line, 1, self.section.relation or "depends_on", self.left)
            self.found += in_sentence(line, begin + 1, first, place, self.path)


_LOCAL = re.compile("(?:D|DEP|R|RISK|ASM|FR|NFR|SC)-[0-9]+")
_DEFINES = re.compile(r"[*_`]*[ \t]*[:：]")


def _is_local(named: Named, line: str, stop: int) -> bool:
    """Whether a line only numbers a point of its own list, as `- **D-001**: the queue` does."""
    return named.id is not None and bool(_LOCAL.fullmatch(named.id)) and bool(_DEFINES.match(line, stop))


def _label(line: str, begin: int) -> re.Match[str] | None:
    """The label of known meaning that line[begin:] begins with."""
    word = _FIRST_WORD.match(line, begin)
    if word is None or (first := word[1].lower()) not in _LABELS_BY_WORD:
        return None
    return _label_pattern(first).match(line, begin)


def _labels_by_word() -> dict[str, list[str]]:
    """The labels by their first word, the longest first."""
    words: dict[str, list[str]] = {}
    for label in sorted(LABELS, key=len, reverse=True):
        words.setdefault(label.split()[0], []).append(label)
    return words


_LABELS_BY_WORD = _labels_by_word()


@cache
def _label_pattern(word: str) -> re.Pattern[str]:
    """Labels that begin with `word`, emphasis and colon around them. (All in one pattern are slow.)"""
    labels = "|".join(map(re.escape, _LABELS_BY_WORD[word]))
    return re.compile(
        rf"(?P<bold>[*_]{{1,3}})?(?P<label>{labels})(?P<more>[ \t]*\([^()\n]{{0,80}}\))?"
        r"[ \t]*(?P<colon>[:：])?(?P<closed>[*_]{1,3})?[ \t]*(?P<late>[:：])?[ \t]*",
        re.IGNORECASE,
    )
