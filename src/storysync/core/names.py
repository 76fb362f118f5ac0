"""How a text names a story: ids, links, wikilinks, and words with a number.

The grammar of DIALECTS section 6. Every pattern is bounded, so that no text takes long.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from storysync.core.ids import key
from storysync.core.links import is_document, normal_path, stem, stem_id
from storysync.core.patterns import at_first_use
from storysync.core.ranges import range_at, word_before_number


class Named(NamedTuple):
    """What one spot of a text names."""

    project: str | None
    id: str | None
    path: str | None
    members: tuple[str, ...] | None = None
    """The ids of a range such as `Stories 1-4`; empty when its ends do not tell them."""


# Words with a number that are standards, models or versions, not stories, when they stand in a text.
_NO_PREFIXES = frozenset(
    ("AC", "ADR", "AES", "ANSI", "ARM", "ASCII", "BASE", "BIP", "CRC", "CSS", "CVE", "CWE", "CP", "ECMA",
     "ED", "ERC", "ES", "FIPS", "GDPR", "GMT", "GPT", "H", "HMAC", "HTML", "HTTP", "IEC", "IEEE", "IPV",
     "ISO", "JSR", "LATIN", "MD", "MP", "NIST", "OAUTH", "PBKDF", "PCI", "PEP", "PKCS", "RFC", "RSA", "SECP",
     "SHA", "SLIP", "SOC", "SSL", "TLS", "UCS", "UTC", "UTF", "WCAG", "WIN", "X")
)  # fmt: skip

# Parts of patterns. The last group of every alternative says what was found (see `named_by`).
NUMBER = r"(?:[A-Z]{0,4}[0-9]+(?:[.-][0-9]+)*[A-Za-z]?)"
STRONG = (
    r"(?:[A-Z][A-Z0-9]{0,30}(?:[-_][A-Z][A-Z0-9]{0,30}){0,6}[-_][0-9]{1,12}(?:[.-][0-9]{1,12}){0,6}[A-Za-z]?"
    r"(?:-[A-Za-z0-9]{1,40}){0,20}|[A-Z]{2,4}[0-9]{1,6}\.[0-9]{1,6})"
)
BOUNDARY = r"(?![\w/]|[.-]\w|[:#][A-Z0-9]+[-_#]?[0-9])"
_WORD = (
    r"(?:[Ss]tor(?:y|ies)|[Tt]asks?|[Ii]ssues?|[Ee]pics?|[Ff]eatures?|[Bb]ugs?|[Ss]pikes?|[Tt]ickets?"
    r"|STORY|TASK|ISSUE|EPIC|FEATURE|[Hh]ist[óo]rias?|[Tt]arefas?|[Tt]âches?)"
)
SCOPE = r"(?P<scope>[A-Za-z0-9][\w.-]{0,63}(?:/[A-Za-z0-9][\w.-]{0,63})?)"
_TARGET = r"(?P<target>[^()\s<>]{0,500}(?:\([^()\s]{0,200}\)[^()\s]{0,200})?)"
HASH = r"#(?P<hash>[0-9]{1,9})\b"
LINK = (
    r"\[\[(?P<wiki>[^\[\]|\n]{1,300})(?:\|[^\[\]\n]{0,300})?\]\]"
    rf"|\[(?P<text>[^\[\]\n]{{0,500}})\]\((?:<(?P<angle>[^<>\n]{{0,500}})>|{_TARGET})"
    r"(?:[ \t]+\"[^\"\n]{0,300}\")?\)"
)
WITH_WORD = rf"(?P<word>{_WORD})[ \t]+#?(?:(?P<wordstrong>{STRONG})|(?P<number>{NUMBER})){BOUNDARY}"
SHAPED = (
    rf"(?P<strong>{STRONG}){BOUNDARY}|{HASH}"
    rf"|{SCOPE}(?:[:/#](?P<scoped>{STRONG})|#(?P<scopednumber>[0-9]+)){BOUNDARY}"
)
URL = r"(?:https?|ftp|mailto|file):[^\s)>\]]*|www\.[^\s)>\]]*"

TEXT_REFERENCE = at_first_use(rf"(?P<url>{URL})|{LINK}|(?<![\w/#@.`-])(?:{WITH_WORD}|{SHAPED})")
"""Anything inside of a sentence that names a story."""

_BEGINS = re.compile(
    rf"[*_`~]*(?:{LINK}|{WITH_WORD}|{SHAPED}"
    r"|(?P<lower>[a-z]{2,10}-[0-9]+(?:\.[0-9]+)*)(?=[*_`]*[ \t]*(?:$|[,;(:]))"
    r"|(?P<bare>[0-9]+\.[0-9]+[a-z]?|0[0-9]+)(?=[*_`]*[ \t]*(?:$|[,;(:|—✓✅]|[-–][ \t])))[*_`~]*"
)
_MORE = re.compile(
    r"[ \t]*(?:\([^()\n]{0,200}\)|（[^（）\n]{0,200}）)?[ \t]*"
    r"(?:[,;&/+，、；]|<[Bb][Rr][ \t]?/?>|and\b|or\b|e\b|et\b|und\b|和|与)[ \t]*(?:and[ \t]+)?"
)
_NUMBER_ONLY = re.compile(rf"(?P<number>{NUMBER}){BOUNDARY}")
_REMARK = re.compile(
    r"[ \t]*(?:\([^()\n]{0,200}\)|（[^（）\n]{0,200}）)?[ \t]*(?:$|[:：,;—|✓✅✔]|[-–]{1,2}[ \t])"
)
_DIGIT = re.compile("[0-9]")
_BLANK = re.compile(r"\s")
_MARKS = re.compile(r"[*_`~]*")
_FIRST_WORD = re.compile(r"([^\W\d_]+)[ \t]")
_PLURAL = re.compile(r"[*_`~]*[^\W\d_]+s[ \t]")  # "Stories 1-400" is a range, "Story 1-4" an id
_LETTER = re.compile(r"[^\W\d_]")
_LETTERS = re.compile("[A-Za-z]*")
EDGE = " \t\"'`*_"
"""Characters around a name that do not belong to it."""
_SLUG = re.compile(r"[^a-z0-9]+")
_IDLIKE = re.compile(r"[A-Za-z]*\d[\w.-]*|[A-Za-z][A-Za-z0-9]*(?:[-_.][A-Za-z0-9]+)+")


_STRUCK = re.compile(r"~~[^~\n]{1,500}~~")


def without_struck(text: str) -> str:
    """The text with blanks where words are struck out: `~~A-1~~` is said no more. Offsets stay."""
    return _STRUCK.sub(lambda found: " " * len(found[0]), text) if "~~" in text else text


def begins_with_name(text: str, begin: int) -> bool:
    """Whether text[begin:] begins with something that has the form of a name."""
    return _BEGINS.match(text, begin) is not None


def names_at(text: str, begin: int, end: int, path: str, *, bare: bool) -> list[tuple[int, int, Named]]:
    """The names that text[begin:end] begins with, up to a remark: begin, end and what each names.

    `bare`: numbers such as 22.1 count too (behind a label), but never 0.14.0 or 2026. A word with a number
    ("Story 22.1") counts when a remark or nothing follows it; a sentence is for `in_sentence`.
    """
    found: list[tuple[int, int, Named]] = []
    said = ""  # the word before the numbers: `Stories 1.1, 1.2`
    while begin < end:
        one = _range_at(text, begin, end, bare, said) or _name_at(text, begin, end, path, bare, said)
        if one is None:
            break
        start, behind, named, word = one
        said = word or said
        stop = behind
        while text[start] in "*_`~":
            start += 1
        while text[stop - 1] in "*_`~":
            stop -= 1
        found.append((start, stop, named))
        more = _MORE.match(text, behind, end)
        if more is None:
            break
        begin = more.end()
    return found


_Found = tuple[int, int, Named, str]
"""Begin and end with the emphasis around it, what is named, and the word before a number."""


def _name_at(text: str, begin: int, end: int, path: str, bare: bool, said: str) -> _Found | None:
    name = _BEGINS.match(text, begin, end) or (_NUMBER_ONLY.match(text, begin, end) if said else None)
    named = named_by(name, path, said) if name is not None else None
    if name is None or named is None or (name.lastgroup == "bare" and not (bare or said)):
        return None
    word = (name["word"] or "") if name.re is _BEGINS and name.lastgroup == "number" else ""
    numbered = name.lastgroup == "number" or (said and name.lastgroup == "bare")
    if numbered and not _is_over(text, name.end(), end):
        return None
    return name.start(), name.end(), named, word


def _range_at(text: str, begin: int, end: int, bare: bool, said: str) -> _Found | None:
    start = begin
    while start < end and text[start] in "*_`~":
        start += 1
    if start == end or not text[start].isalnum():
        return None
    span = range_at(text, start, end, said)
    if span is None or (span.bare and not bare) or not is_story_like(text[start : span.end]):
        return None
    behind = _MARKS.match(text, span.end, end).end()  # type: ignore[union-attr]
    if not _is_over(text, behind, end):
        return None
    word = _FIRST_WORD.match(text, start)
    return begin, behind, Named(None, None, None, span.members), word[1] if word else said


def _is_over(text: str, at: int, end: int) -> bool:
    """Whether a remark, another name or nothing follows, so that no sentence goes on."""
    return _REMARK.match(text, at, end) is not None or _MORE.match(text, at, end) is not None


def named_by(found: re.Match[str], path: str, said: str = "") -> Named | None:
    """What a match names; None for a URL, a standard such as UTF-8, or a file that is no Markdown.

    The last group of every alternative says what was found; names mean the same in all patterns. `said` is
    the word before the numbers before it.
    """
    kind = found.lastgroup or ""
    name = found[kind]
    if kind in ("strong", "lower"):
        return Named(None, name, None) if is_story_like(name) else None
    if kind in ("target", "angle"):
        return _link(found["text"], name, path)
    if kind == "wiki":
        return _wiki(name, path)
    if kind == "path":
        return _file(name, path)
    if kind in ("scoped", "scopednumber"):
        return _scoped(found["scope"], name)
    if kind == "url" or (kind == "number" and "-" in name and _PLURAL.match(found[0])):
        return None
    if kind in ("number", "bare"):
        name = _numbered(found, name, said)
    return Named(None, name, None)


def _numbered(found: re.Match[str], number: str, said: str = "") -> str:
    """The id of a word and a number: `Story 3` names 3, `Epic 3` Epic 3, but `Epic 3.1` a story of it."""
    word = found["word"] if "word" in found.re.groupindex else None
    counted = word_before_number(word or said)
    if not counted or not number[0].isdigit() or (counted == "Epic" and "." in number):
        return number
    return f"{counted} {number}"


def is_story_like(story_id: str) -> bool:
    """Whether PREFIX-123 is not one of the well-known standards, such as UTF-8."""
    letters = _LETTERS.match(story_id)
    return letters is None or letters[0].upper() not in _NO_PREFIXES


def _scoped(scope: str, story_id: str) -> Named | None:
    if not _LETTER.search(scope):
        return None
    return Named(project_slug(scope.rpartition("/")[2]), story_id, None)


@lru_cache(maxsize=1024)
def project_slug(scope: str) -> str:
    """A project's name as its id: lower case, `-` for all but letters and digits."""
    return _SLUG.sub("-", scope.lower()).strip("-")[:48]


def _wiki(target: str, path: str) -> Named | None:
    target = target.partition("#")[0].strip()
    if not target:
        return None
    if is_document(target):
        return _file(target, path)
    scope, mark, story_id = target.partition(":")
    if not mark:
        scope, mark, story_id = target.rpartition("/")
    if mark and scope and story_id and not story_id.startswith(" "):
        return _scoped(scope, story_id)
    return Named(None, target, None)


def _file(target: str, path: str) -> Named | None:
    where = normal_path(target, path)
    story_id = stem_id(target)
    return Named(None, story_id, where) if where or story_id else None


def _link(text: str, target: str, path: str) -> Named | None:
    if not is_document(target):
        return None
    where = normal_path(target, path)
    own = stem(target)
    text_id = own if "-" in own and not _BLANK.search(own) and key(text.strip(EDGE)) == key(own) else None
    story_id = _id_in(text) or stem_id(target) or text_id
    return Named(None, story_id, where) if where or story_id else None


def _id_in(text: str) -> str | None:
    """The id that the text of a link holds."""
    text = text.strip(EDGE)
    if not _DIGIT.search(text):
        return None
    for found in TEXT_REFERENCE.finditer(text):
        kind = found.lastgroup or ""
        if kind == "number":
            return _numbered(found, found[kind])
        if kind in ("wordstrong", "hash") or (kind == "strong" and is_story_like(found[kind])):
            return found[kind]
    token = text.split(":")[0].strip()
    if _IDLIKE.fullmatch(token) and _DIGIT.search(token) and not is_document(token):
        return token
    return None
