"""Words of files to the closed lists of the database: status, priority, estimate, kind.

The raw text is always kept beside the result; an unknown word is a problem, never a guess
(DIALECTS.md sections 3, 4 and 5). Each project has its own `Words`, since settings add to the defaults.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from storysync.core import word_lists
from storysync.core.folding import fold, without_markup, without_symbols, words_of
from storysync.settings import ReadingSettings

_LONGEST = 400  # characters of a value that are looked at
_REMEMBERED = 4096  # different raw values per kind of word

_CUT = re.compile(r"\(|\[|\s(?:[-–—]+|/)\s|[|,;→]|[:.!。]\s|->|:$")
_FRACTION = re.compile(r"(?<![\d/.])(\d{1,4})\s*(?:/|\bof\b)\s*(\d{1,4})(?![\d/])")
_PARTLY_WORDS = (
    "partial|partially|partly|mostly|almost|nearly|incomplete|unfinished|except|parcial|parcialmente|"
    "partiel|partielle|partiellement|parziale|parzialmente|gedeeltelijk|grotendeels|teilweise|größtenteils"
)
_PARTLY = re.compile(
    rf"(?:phase|part|stage|step) ?\d|phase\b|(?:.*\b)?(?:{fold(_PARTLY_WORDS)})\b|部分|一部|{fold('부분')}"
)
_PARTLY_BEHIND = re.compile(rf"\W*(?:{fold(_PARTLY_WORDS)})\b")
_PERCENT = re.compile(
    r"(?<![\d.])(\d{1,3})(?:\.\d+)? ?%(?: (?:complete|completed|done|finished|implemented))?\W*(?=$|[);,])"
)
_P_NUMBER = re.compile(r"p ?(\d)\b")
_WORD = re.compile(r"[^\s_‐-―-]+[\s_‐-―-]*")
_NUMBER = re.compile(r"[+-]?\d{1,9}(?:[.,]\d{1,6})?")
_POINTS = re.compile(
    r"[~≈]? ?(\d{1,6}(?:[.,]\d{1,3})?)(?: ?(?:-|–|—|to|a|à|tot) ?(\d{1,6}(?:[.,]\d{1,3})?))? ?"
    r"(sps?|pts?|points?|story points?|story pts?|punten|puntos|pontos|punti|点|ポイント|포인트)?\b ?"
)
_BEHIND_POINTS = "([,;|–—-:"
_BRACKETED_POINTS = re.compile(
    r"[(\[]\D{0,3}(\d{1,6}(?:[.,]\d{1,3})?) ?(?:sps?|pts?|points?|story points?|punten|puntos|pontos)?[)\]]"
)
_TIME = re.compile(
    r"[~≈<>]? ?(\d{1,6}(?:[.,]\d{1,3})?)(?: ?(?:-|–|—|to|a|à|tot) ?\d{1,6}(?:[.,]\d{1,3})?)?\+? ?"
    r"(?:(?:m|min|mins|minutes?|minuten|minutos|h|hr|hrs|hours?|heures?|horas?|uur|uren|std|stunden?|ore|d|days?|jours?|dias?|días?|"
    r"dag|dagen|tage?|giorn[oi]|w|wk|wks|weeks?|semaines?|semanas?|week|weken|wochen?|settiman[ae]|months?|"
    r"mois|meses)\b|个?天|小时|周|时|時間|日|人[天日时時]|週間|시간|일|주)"
    r"|(?:half (?:an? )?|an? |one )(?:hour|day|week)\b"
)
_TOKENS = re.compile(
    r"[~≈]? ?\d{1,9}(?:[.,]\d{1,3})? ?(?:k|m)?(?: ?(?:-|–|to) ?\d{1,9} ?(?:k|m)?)? ?tokens?\b"
)
_SHORT_TOKENS = re.compile(r"[~≈] ?\d{1,9}(?:[.,]\d{1,3})? ?[km]\b")


class StatusWord(NamedTuple):
    """`code` is a problem code, or '' when all is well."""

    status: str | None
    note: str | None
    code: str


class PriorityWord(NamedTuple):
    rank: int | None  # 0 highest … 4
    code: str


class EstimateWord(NamedTuple):
    points: float | None
    unit: str | None  # points, size, hours, tokens
    code: str


NO_VALUE = frozenset(words_of(word_lists.NO_VALUE))
_TEMPLATE = re.compile(
    r"\{\{.*\}\}|<[^<>]+>|\[[A-Za-z][^\[\]]+\]|\$\{.*\}|(?:[A-Z]+-)+(?:ID|X{2,}|N{2,}|#+)|X{2,}(?:[-.]X+)*|"
    r"YYYY[-/.]MM[-/.]DD\S*|DD[-/.]MM[-/.]YYYY|MM[-/.]DD[-/.]YYYY|AAAA[-/.]MM[-/.]DD|"
    r"(?:DD|JJ|TT)[-/.]MM[-/.](?:AAAA|JJJJ)"
)


def has_no_value(text: str) -> bool:
    """Whether the text says that there is nothing: blank, `none`, `TBD`, `—`."""
    if not text or text.isspace():
        return True
    return len(text) < 22 and (_fold(text) in NO_VALUE or _fold(text).rstrip(".!") in NO_VALUE)


def is_placeholder(text: str) -> bool:
    """Whether the text was left over from a template: `{{title}}`, `[Story Title]`, `STORY-XXX`."""
    if not text or len(text) > _LONGEST:
        return False
    if text[0].isalnum() and text[-1] not in "DXNYAJ#" and not text.startswith("YYYY"):
        return False
    return _TEMPLATE.fullmatch(text) is not None


_fold = lru_cache(maxsize=_REMEMBERED)(fold)


class Words:
    """The vocabulary of one project. Methods take raw text and never raise."""

    def __init__(self, settings: ReadingSettings) -> None:
        self._nothing = NO_VALUE | {fold(word) for word in settings.none_words}
        self._statuses = _inverted(word_lists.STATUSES)
        self._own_statuses = {fold(word): status for word, status in settings.statuses.items()}
        self._statuses.update(self._own_statuses)
        self._symbols = _inverted_symbols(word_lists.STATUS_SYMBOLS)
        self._symbols.update(
            {word: status for word, status in settings.statuses.items() if not fold(word).isalnum()}
        )
        self._priorities = {w: rank for rank, table in word_lists.PRIORITIES.items() for w in words_of(table)}
        self._priorities.update({fold(word): rank for word, rank in settings.priorities.items()})
        self._own_priorities = {fold(word): rank for word, rank in settings.priorities.items()}
        self._sizes = {
            word: float(word_lists.SIZE_POINTS[size])
            for size, table in word_lists.SIZES.items()
            for word in words_of(table)
        }
        self._apply_estimates(settings.estimates)
        self._kinds = _inverted(word_lists.KINDS)
        self._kinds.update({fold(word): kind for word, kind in settings.kinds.items()})
        self._known_status = lru_cache(_REMEMBERED)(self._status)
        self._known_priority = lru_cache(_REMEMBERED)(self._priority)
        self._known_estimate = lru_cache(_REMEMBERED)(self._estimate)
        self._known_kind = lru_cache(_REMEMBERED)(self._kind)

    def is_own_status(self, raw: str) -> bool:
        """Whether the project's settings say what this text means."""
        return fold(without_symbols(without_markup(raw[:_LONGEST]))) in self._own_statuses

    def status(self, raw: str) -> StatusWord:
        """The status that a raw text begins with, and what it says besides."""
        return self._known_status(raw[:_LONGEST])

    def priority(self, raw: str) -> PriorityWord:
        """The rank of a raw priority; `Pn-word` goes by its number."""
        return self._known_priority(raw[:_LONGEST])

    def estimate(self, raw: str, unit: str = "points") -> EstimateWord:
        """Points and unit of a raw estimate; `unit` is what the field's name says of bare numbers.

        Hours and tokens never become points: their raw text is kept with the unit.
        """
        return self._known_estimate(raw[:_LONGEST], unit)

    def kind(self, raw: str) -> str | None:
        """The kind that a `type` names, None when it is not one of ours."""
        return self._known_kind(raw[:_LONGEST])

    def _apply_estimates(self, estimates: dict[str, float]) -> None:
        """`XL = 8` counts for all spellings of XL."""
        for name, points in estimates.items():
            same = words_of(word_lists.SIZES.get(name.upper(), name))
            self._sizes.update(dict.fromkeys(same, float(points)))

    def _status(self, raw: str) -> StatusWord:
        text = without_markup(raw)
        whole = fold(text.rstrip(".!"))
        if whole in self._statuses:
            return StatusWord(self._statuses[whole], None, _partly(whole))
        words = without_symbols(text)
        if not words:
            status = next((self._symbols[char] for char in text if char in self._symbols), None)
            if status is None and has_no_value(text):
                return StatusWord(None, None, "")
            return StatusWord(status or "unknown", None, "" if status else "unknown-status")
        cut = _CUT.search(words, 1)
        head, rest = (words[: cut.start()], words[cut.start() :]) if cut else (words, "")
        head = head.rstrip(" .!")
        return self._status_of(fold(head), head, rest)

    def _status_of(self, folded: str, head: str, rest: str) -> StatusWord:
        """Look up the head, dropping trailing words one by one; they and `rest` become the note."""
        parts = folded.split(" ")
        for count in range(len(parts), 0, -1):
            status = self._statuses.get(" ".join(parts[:count]))
            if status is None:
                continue
            dropped = head[_end_of_words(head, count) :]
            note = _note(dropped, rest)
            if status in ("done", "accepted") and (_partly(folded) or _is_part(dropped) or _is_part(rest)):
                return StatusWord("in_progress", note, "partial-status")
            return StatusWord(status, note, _partly(folded) if status == "in_progress" else "")
        if _partly(folded) or _is_part(folded):
            return StatusWord("in_progress", _note("", rest), "partial-status")
        if folded in self._nothing:
            return StatusWord(None, None, "")
        return StatusWord("unknown", None, "unknown-status")

    def _priority(self, raw: str) -> PriorityWord:
        text = without_symbols(without_markup(raw)).rstrip(" .!")
        folded = fold(text)
        if folded in self._own_priorities:
            return PriorityWord(self._own_priorities[folded], "")
        if not folded and raw.strip() and not has_no_value(raw):
            return PriorityWord(None, "unknown-priority")  # 🔴 alone is the highest, or the second
        number = _P_NUMBER.match(folded)
        if number:
            return PriorityWord(min(int(number[1]), 4), "")
        if folded in self._nothing:
            return PriorityWord(None, "")
        if _NUMBER.fullmatch(folded):
            return _numeric_priority(folded)
        cut = _CUT.search(text)
        head, rest = (text[: cut.start()], text[cut.end() :]) if cut and cut.start() else (text, "")
        if _NUMBER.fullmatch(fold(head)):  # `1 - High` and `1 (highest)`: the word tells more
            rank = self._rank(rest.rstrip(")]"))
            return PriorityWord(rank, "") if rank is not None else _numeric_priority(fold(head))
        rank = self._rank(head)
        return PriorityWord(rank, "" if rank is not None else "unknown-priority")

    def _rank(self, text: str) -> int | None:
        """The rank of the words that a text begins with."""
        parts = fold(text).split(" ")
        for count in range(len(parts), 0, -1):
            rank = self._priorities.get(" ".join(parts[:count]))
            if rank is not None:
                return rank
        return None

    def _estimate(self, raw: str, unit: str) -> EstimateWord:
        text = without_symbols(without_markup(raw)).strip("\"'")
        folded = text.casefold()
        if fold(text) in self._nothing:
            return EstimateWord(None, None, "")
        if unit != "points" and _NUMBER.match(folded):
            return EstimateWord(None, unit, "")
        if _TOKENS.match(folded) or _SHORT_TOKENS.match(folded):
            return EstimateWord(None, "tokens", "")
        if _TIME.match(folded):
            return EstimateWord(None, "hours", "")
        points = _POINTS.match(folded)
        if points and (points[3] or points.end() == len(folded) or folded[points.end()] in _BEHIND_POINTS):
            return _points(points[1], points[2])
        return self._size(text)

    def _size(self, text: str) -> EstimateWord:
        """A size word, with points in brackets behind it that win over the table."""
        explicit = _BRACKETED_POINTS.search(text.casefold())
        cut = _CUT.search(text, 1)
        parts = fold(text[: cut.start()] if cut else text).split(" ")
        for count in range(len(parts), 0, -1):
            points = self._sizes.get(" ".join(parts[:count]))
            if points is not None:
                return _points(explicit[1], None) if explicit else EstimateWord(points, "size", "")
        return _points(explicit[1], None) if explicit else EstimateWord(None, None, "unknown-estimate")

    def _kind(self, raw: str) -> str | None:
        return self._kinds.get(fold(without_symbols(without_markup(raw))))


def _inverted(table: dict[str, str]) -> dict[str, str]:
    return {word: name for name, words in table.items() for word in words_of(words)}


def _inverted_symbols(table: dict[str, str]) -> dict[str, str]:
    return {symbol: name for name, symbols in table.items() for symbol in symbols.split("|")}


def _partly(folded: str) -> str:
    """The problem code of a text that says it is only partly done, else ''."""
    return "partial-status" if _PARTLY.match(folded) else ""


def _is_part(text: str) -> bool:
    """Whether what stands behind `done` takes it back: `3/5`, `3 of 5`, `80 %`, `(partially)`."""
    if any(int(found[1]) < int(found[2]) for found in _FRACTION.finditer(text)):
        return True
    if any(0 < int(found[1]) < 100 for found in _PERCENT.finditer(text)):
        return True
    return _PARTLY_BEHIND.match(fold(text)) is not None


def _end_of_words(text: str, count: int) -> int:
    """Offset behind the first words, as `fold` divides them."""
    ends = [found.end() for found in _WORD.finditer(text)]
    return ends[count - 1] if count <= len(ends) else len(text)


def _note(dropped: str, rest: str) -> str | None:
    """The words behind a status, without the punctuation that sets them off."""
    rest = rest.strip().lstrip("-–—|,;:→> ").rstrip("-–—|,;:→ ")
    if rest.startswith("(") and rest.endswith(")") and rest.count(")") == 1:
        rest = rest[1:-1].strip()
    return f"{dropped} {rest}".strip() or None


def _numeric_priority(text: str) -> PriorityWord:
    """0 to 5 are ranks (5 the same as 4); other numbers are only a sort key."""
    number = float(text.replace(",", "."))
    if number == int(number) and 0 <= number <= 5:
        return PriorityWord(min(int(number), 4), "")
    return PriorityWord(None, "priority-number")


def _points(low: str, high: str | None) -> EstimateWord:
    """Points of a number, or the mean of a range; 0 means no estimate."""
    value = float(low.replace(",", "."))
    if high is not None:
        value = (value + float(high.replace(",", "."))) / 2
    return EstimateWord(value, "points", "") if value else EstimateWord(None, None, "")
