"""Dates, people and labels out of raw text (DIALECTS.md section 7)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from storysync.core.folding import fold, without_markup
from storysync.core.story import Person
from storysync.core.words import has_no_value, is_placeholder

_REMEMBERED = 8192  # different dates
_LONGEST = 200  # characters of a value that are looked at

_ISO = re.compile(
    r"(\d{4}-\d{2}-\d{2})"
    r"(?:[T ]+(\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?) ?(Z|UTC|GMT|[+-]\d{2}:?(?:\d{2})?)?)?(?![\d:])",
    re.IGNORECASE,
)
_FOREIGN_ZONE = re.compile(r" ?[A-Z]{2,5}\b")  # `PST` and the like do not say which zone they mean
_YEAR_FIRST = re.compile(
    r"(\d{4}) ?[-./年년] ?(\d{1,2}) ?[-./月월] ?(\d{1,2})(?!\d)|((?:19|20)\d{2})(\d{2})(\d{2})(?!\d)"
)
_YEAR_LAST = re.compile(r"(\d{1,2})[-./](\d{1,2})[-./](\d{4})(?!\d)")
_NAMED = re.compile(
    r"(?:[^\W\d]{2,12}(?:-[^\W\d]{2,6})?\.?,? )?"
    r"(?:(?P<month>[^\W\d]{3,10})\.? (?P<day>\d{1,2})(?:st|nd|rd|th)?"
    r"|(?P<day2>\d{1,2})(?:st|nd|rd|th|er|º|°|\.)? ?(?:of |de )?(?P<month2>[^\W\d]{3,10})\.?),?"
    r" (?:de |del )?(?P<year>\d{4})(?!\d)"
)
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january janv janvier janeiro ene enero januari januar gen gennaio",
            "feb february fev fevr fevrier fevereiro febrero februari februar febbraio",
            "mar march mars marco marzo maart mrt marz mrz maerz",
            "apr april avr avril abr abril aprile",
            "may mai maio mayo mei mag maggio",
            "jun june juin junho junio juni giu giugno",
            "jul july juil juillet julho julio juli lug luglio",
            "aug august aout ago agosto augustus",
            "sep sept september septembre set setembro septiembre setiembre settembre",
            "oct october octobre out outubro octubre okt oktober ott ottobre",
            "nov november novembre novembro noviembre",
            "dec december decembre dez dezembro dic diciembre dezember dicembre",
        ),
        1,
    )
    for name in names.split()
}
"""Folded names and short forms in English, French, Portuguese, Spanish, Dutch, German and Italian."""
_NOT_YET = frozenset(
    ("true", "false", "yes", "not started", "not yet", "in progress", "ongoing", "now", "today", "date",
     "en cours", "em andamento", "in uitvoering", "aujourd'hui", "hoje", "hoy", "vandaag", "heute", "oggi",
     "进行中", "今天", "오늘", "今日")
)  # fmt: skip
_FORM = re.compile(r"[YMDAJT]{2,4}([-/.])[YMD]{2}\1[YMDAJT]{2,4}\b.*", re.IGNORECASE)

_BETWEEN_PEOPLE = re.compile(r"[,;\n](?![^()<>]*[)>])|\s+(?:&|and|und|et|en|y)\s+(?![^()<>]*[)>])")
_PERSON = re.compile(
    r"([^<>()@]*)(?:\(\s*@([\w.-]+)\s*\)|<\s*([^<>\s]+@[^<>\s]+)\s*>|\(\s*([^()\s]+@[^()\s]+)\s*\))"
)
_HANDLE = re.compile(r"@([\w.-]+)(?:\s*\(([^()@]+)\))?")
_MAIL = re.compile(r"[^@\s<>()]+@[^@\s<>()]+\.[^@\s<>()]+")
_BETWEEN_LABELS = re.compile(r"[,;\n]")


class Moment(NamedTuple):
    """`on` is the date as written, `at` the instant in UTC when there was a time; `code` a problem or ''."""

    on: str | None
    at: str | None
    code: str


_NOTHING = Moment(None, None, "")


@lru_cache(maxsize=64)
def zone(name: str) -> tzinfo:
    """The time zone of a name; UTC when there is none (settings are checked where they are loaded)."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        return UTC


def parse_date(raw: str, zone_name: str = "UTC", order: str = "") -> Moment:
    """The date or instant that a text begins with; a remark behind it is ignored. Never raises.

    `order` says what `03-04-2025` is: `dmy`, `mdy`, or '' when nobody can tell.
    """
    return _parse_date(raw[:_LONGEST], zone_name, order)


@lru_cache(maxsize=_REMEMBERED)
def _parse_date(raw: str, zone_name: str, order: str) -> Moment:
    text = without_markup(raw).strip("\"'")
    found = _ISO.match(text)
    try:
        if found:
            return _iso(found, zone_name)
        return _other_form(text, order)
    except (ValueError, OverflowError):
        return Moment(None, None, "invalid-date")


def _iso(found: re.Match[str], zone_name: str) -> Moment:
    """Raises ValueError for a date or time that does not exist."""
    day, clock, offset = found.groups()
    on = date.fromisoformat(day).isoformat()
    if clock is None:
        return Moment(on, None, "")
    clock = clock.replace(",", ".").zfill(5 if clock.count(":") == 1 else 8) if clock[1] == ":" else clock
    if offset is None and _FOREIGN_ZONE.match(found.string, found.end()):
        return Moment(on, None, "")
    if offset is not None:
        offset = "+00:00" if offset[0].isalpha() else offset
    moment = datetime.fromisoformat(f"{on}T{clock}{offset or ''}".replace(",", "."))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone(zone_name))
    at = moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    return Moment(on, at, "")


def _other_form(text: str, order: str) -> Moment:
    """Dates that are not ISO. Raises ValueError for one that does not exist."""
    found = _YEAR_FIRST.match(text)
    if found:
        year, month, day = (part for part in found.groups() if part is not None)
        return _day(int(year), int(month), int(day))
    found = _YEAR_LAST.match(text)
    if found:
        return _year_last(int(found[1]), int(found[2]), int(found[3]), order)
    found = _NAMED.match(text)
    if found:
        named = _MONTHS.get(fold(found["month"] or found["month2"]))
        if named:
            return _day(int(found["year"]), named, int(found["day"] or found["day2"]))
    nothing = has_no_value(text) or is_placeholder(text) or text.casefold() in _NOT_YET
    return _NOTHING if nothing or _FORM.fullmatch(text) else Moment(None, None, "invalid-date")


def _year_last(first: int, second: int, year: int, order: str) -> Moment:
    """`12-01-2025`: a number above 12 is the day, else the order of the settings says which is."""
    if first <= 12 and second <= 12 and first != second and not order:
        return Moment(None, None, "ambiguous-date")
    day_first = first > 12 or (second <= 12 and order == "dmy")
    return _day(year, second, first) if day_first else _day(year, first, second)


def _day(year: int, month: int, day: int) -> Moment:
    return Moment(date(year, month, day).isoformat(), None, "")


def parse_people(role: str, *texts: str) -> tuple[Person, ...]:
    """`Name (@handle), Name <mail>`, `@handle` or plain names, in the order given, without doubles."""
    if len(texts) == 1:
        return _people(role, texts[0][: 10 * _LONGEST])
    return _parse_people(role, texts)


@lru_cache(maxsize=1024)
def _people(role: str, text: str) -> tuple[Person, ...]:
    return _parse_people(role, (text,))


def _parse_people(role: str, texts: tuple[str, ...]) -> tuple[Person, ...]:
    people: dict[tuple[str, str | None, str | None], None] = {}
    for text in texts:
        for part in _BETWEEN_PEOPLE.split(text[: 10 * _LONGEST]):
            found = _person(part)
            if found is not None:
                people[found] = None
    return tuple([Person(role, position, *found) for position, found in enumerate(people)])


def _person(text: str) -> tuple[str, str | None, str | None] | None:
    """Name, handle and mail address of one person."""
    text = text.strip().strip("`*\"'").strip()
    if has_no_value(text) or is_placeholder(text):
        return None
    found = _PERSON.match(text)
    if found:
        mail = found[3] or found[4]
        return found[1].strip() or found[2] or mail, found[2], mail
    found = _HANDLE.fullmatch(text)
    if found:
        return found[2] or found[1], found[1], None
    return text, None, text if _MAIL.fullmatch(text) else None


def parse_labels(texts: Iterable[str]) -> tuple[str, ...]:
    """Labels of a list, or of comma texts like `a, b` or `[a, b]`, each once, in their order."""
    labels: dict[str, None] = {}
    for text in texts:
        if "," in text or ";" in text or "\n" in text:
            parts = _BETWEEN_LABELS.split(text.strip().strip("[]"))
            labels.update(dict.fromkeys([_label(part[:_LONGEST]) for part in parts]))
        else:
            labels[_label(text[:_LONGEST])] = None
    labels.pop("", None)
    return tuple(labels)


@lru_cache(maxsize=4096)
def _label(text: str) -> str:
    """One label without quotes, brackets and hash, '' when it says nothing."""
    label = text.strip().strip("[]`\"'").lstrip("#").strip()
    return "" if has_no_value(label) else label
