"""One value that names other stories, split into references (the grammar of DIALECTS section 6).

Nothing is resolved here. `declared` is said of an id where an id is expected; `prose` of an id found
inside a sentence: such a reference never blocks a story.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from storysync.core.ids import key
from storysync.core.links import is_document, normal_path, stem_id
from storysync.core.story import Reference

NONE_WORDS = frozenset(
    ("", "-", "--", "---", "–", "—", "/", "[]", "{}", "~", "null", "nil", "none", "no", "n/a", "na", "n.a", "tbd",
     "nothing", "no dependencies", "no dependency", "not applicable", "none yet", "aucun", "aucune", "geen", "keine",
     "keiner", "nenhum", "nenhuma", "ninguno", "ninguna", "nessuno", "nessuna", "无", "無", "没有", "없음", "なし")
)  # fmt: skip
"""Values that say that there is no reference, in lower case and without a final full stop."""

# Words with a number that are standards, models or versions, not stories, when they stand in a text.
_NO_PREFIXES = frozenset(
    ("AC", "ADR", "AES", "ANSI", "ARM", "ASCII", "BASE", "BIP", "CRC", "CSS", "CVE", "CWE", "CP", "ECMA", "ED", "ERC", "ES",
     "FIPS", "GDPR", "GMT", "GPT", "H", "HMAC", "HTML", "HTTP", "IEC", "IEEE", "IPV", "ISO", "JSR", "LATIN", "MD", "MP",
     "NIST", "OAUTH", "PBKDF", "PCI", "PEP", "PKCS", "RFC", "RSA", "SECP", "SHA", "SLIP", "SOC", "SSL", "TLS", "UCS",
     "UTC", "UTF", "WCAG", "WIN", "X")
)  # fmt: skip

# Parts of patterns. The last group of every alternative says what was found (see `named_by`).
NUMBER = r"(?:[A-Z]{0,4}[0-9]+(?:[.-][0-9]+)*[A-Za-z]?)"
STRONG = (
    r"(?:[A-Z][A-Z0-9]*(?:[-_][A-Z][A-Z0-9]*)*[-_][0-9]+(?:[.-][0-9]+)*[A-Za-z]?(?:-[A-Za-z0-9]+)*"
    r"|[A-Z]{2,4}[0-9]+\.[0-9]+)"
)
BOUNDARY = r"(?![\w/]|[.-]\w|[:#][A-Z0-9]+[-_#]?[0-9])"
_WORD = (
    r"(?:[Ss]tor(?:y|ies)|[Tt]asks?|[Ii]ssues?|[Ee]pics?|[Ff]eatures?|[Bb]ugs?|[Ss]pikes?|[Tt]ickets?"
    r"|STORY|TASK|ISSUE|EPIC|[Hh]ist[óo]rias?|[Tt]arefas?|[Tt]âches?)"
)
_SCOPE = r"(?P<scope>[A-Za-z0-9][\w.-]{0,63}(?:/[A-Za-z0-9][\w.-]{0,63})?)"
_TARGET = r"(?P<target>[^()\s<>]{0,500}(?:\([^()\s]{0,200}\)[^()\s]{0,200})?)"
_HASH = r"#(?P<hash>[0-9]{1,9})\b"
LINK = (
    r"\[\[(?P<wiki>[^\[\]|\n]{1,300})(?:\|[^\[\]\n]{0,300})?\]\]"
    rf"|\[(?P<text>[^\[\]\n]{{0,500}})\]\((?:<(?P<angle>[^<>\n]{{0,500}})>|{_TARGET})"
    r"(?:[ \t]+\"[^\"\n]{0,300}\")?\)"
)
WITH_WORD = rf"{_WORD}[ \t]+#?(?:(?P<wordstrong>{STRONG})|(?P<number>{NUMBER})){BOUNDARY}"
SHAPED = (
    rf"(?P<strong>{STRONG}){BOUNDARY}|{_HASH}"
    rf"|{_SCOPE}(?:[:/#](?P<scoped>{STRONG})|#(?P<scopednumber>[0-9]+)){BOUNDARY}"
)
_URL = r"(?:https?|ftp|mailto|file):[^\s)>\]]*|www\.[^\s)>\]]*"

TEXT_REFERENCE = re.compile(rf"(?P<url>{_URL})|{LINK}|(?<![\w/#@.`-])(?:{WITH_WORD}|{SHAPED})")
"""Anything inside of a sentence that names a story."""

RANGE = re.compile(r"[ \t]*(?:[-–~～]|to|through|bis|à)[ \t]*(?:[A-Z][A-Z0-9-]*-)?[0-9]")
_PLURAL_RANGE = re.compile(rf"(?:[A-Za-z]+s|[Ss]tories)[ \t]+{NUMBER}[ \t]*[-–~][ \t]*{NUMBER}")

_SEPARATOR = re.compile(
    r"\[\[[^\[\]\n]{0,300}\]\]|\[[^\[\]\n]{0,500}\]\([^()\n]{0,500}\)|\([^()\n]{0,500}\)|（[^（）\n]{0,500}）"
    r"|(?P<separator>[,;&\n，；、]|(?<=\s)and(?=\s)|(?<=\s)e(?=\s)|(?<=\s)et(?=\s)|(?<=\s)und(?=\s)|(?<=\s)en(?=\s)|(?<=\s)y(?=\s))"
)
_REMARK = re.compile(
    r"[ \t]*$|[ \t]*(?:\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\)|（[^\n]*）)[ \t]*$"
    r"|[ \t]*[:：](?=[ \t]|$|[^\x00-\x7f])|[ \t]+[-–—]{1,2}[ \t]|[ \t]*—|[ \t]*[✓✅✔]"
)
_PARENTHESES = re.compile(
    r"[ \t]*(?:\([^()\n]{0,500}\)|（[^（）\n]{0,500}）)(?=[ \t]*(?:$|[:：]|[-–—]{1,2}[ \t]))"
)
_WHOLE = re.compile(
    rf"{LINK}|{WITH_WORD}"
    r"|(?P<path>[^\s,;()\[\]{}:\"'`]{0,300}\.(?:md|markdown))(?:#[^\s,;()]{0,200})?(?=[\s(:]|$)"
    rf"|{_HASH}"
    rf"|{_SCOPE}[:/#](?P<scoped>[^\s,;:/()\[\]{{}}\"'`]{{1,200}})(?=[\s(（:]|$)"
    r"|(?P<token>[^\s,;:/()（）\[\]{}\"'`]{1,200})(?=[\s(（:：]|$)"
)
_NONE_AND_REMARK = re.compile(r"(\w+(?:[ /]\w+)?)[ \t]*(?:[(（–—]| - |: |\.\s)")
_RANGE_TOKEN = re.compile("[0-9][~～–][0-9]")
_STRONG = re.compile(STRONG + BOUNDARY)
_DIGIT = re.compile("[0-9]")
_LETTER = re.compile(r"[^\W\d_]")
_EDGE = " \t\"'`*_"
_SLUG = re.compile(r"[^a-z0-9]+")
_IDLIKE = re.compile(r"[A-Za-z]*\d[\w.-]*|[A-Za-z][A-Za-z0-9]*(?:[-_.][A-Za-z0-9]+)+")


class Named(NamedTuple):
    """What one spot of a text names."""

    project: str | None
    id: str | None
    path: str | None


def parse_references(
    text: str, line: int, col: int, relation: str, path: str, *, confidence: str = "declared"
) -> tuple[Reference, ...]:
    """The references of one scalar value that begins at line and col of the file `path`.

    `confidence` is said of ids that stand alone or with a remark; ids within a sentence are `prose`.
    """
    if says_none(text):
        return ()
    offset, end = _inside(text)
    pieces = [piece for piece in _pieces(text, offset, end) if not says_none(text[piece[0] : piece[1]])]
    wholes = [_whole(text, begin, stop, path) for begin, stop in pieces]
    only_names = all(whole is not None for whole in wholes)
    found: list[Reference] = []
    place = Place(text, line, col, relation)
    for (begin, stop), whole in zip(pieces, wholes, strict=True):
        if whole is None:
            found += in_sentence(text, begin, stop, place, path)
        elif whole.named is not None and (only_names or whole.certain):
            found.append(place.reference(begin, whole.end, whole.named, confidence))
            if whole.rest is not None:
                found += in_sentence(text, whole.rest, stop, place, path)
    return tuple(found)


class Place:
    """Where a text stands in its file. References are asked for in the order of the text."""

    __slots__ = ("col", "counted", "line", "relation", "text")

    def __init__(self, text: str, line: int, col: int, relation: str) -> None:
        self.text = text
        self.line = line
        self.col = col
        self.relation = relation
        self.counted = 0  # line breaks before this offset are counted in `line`

    def reference(self, begin: int, end: int, named: Named, confidence: str) -> Reference:
        """A reference that is written at text[begin:end]."""
        if breaks := self.text.count("\n", self.counted, begin):
            self.line += breaks
            self.col = -self.text.rfind("\n", 0, begin)
        self.counted = begin
        project, story_id, path = named
        return Reference(
            self.relation,
            self.text[begin:end],
            self.line,
            self.col + begin,
            project,
            story_id,
            key(story_id) if story_id else None,
            path,
            confidence,
        )


class _Whole(NamedTuple):
    """A piece that begins with a name. `named` is None for a name that is none (a URL)."""

    end: int
    named: Named | None
    certain: bool  # an id by its shape, whatever its neighbours are
    rest: int | None  # where a sentence goes on behind it


def says_none(text: str) -> bool:
    """Whether a value states that there is no reference: `None`, `N/A - first story`, `—`."""
    bare = text.strip(" \t\n\"'`*_.").casefold()
    if bare in NONE_WORDS:
        return True
    head = _NONE_AND_REMARK.match(bare)
    return head is not None and (head[1] in NONE_WORDS or head[1].split(" ")[0] in ("none", "n/a"))


def _inside(text: str) -> tuple[int, int]:
    """Without the brackets of `[A, B]` and `{A: x}`, but not those of `[[A]]` and `[text](path)`."""
    end = len(text.rstrip())
    begin = len(text) - len(text.lstrip())
    pair = text[begin : begin + 1] + text[max(begin, end - 1) : end]
    if pair == "{}":
        return begin + 1, end - 1
    if pair == "[]" and _closing(text, begin, end) == end - 1:
        wiki = text[begin + 1] == "[" and _closing(text, begin + 1, end) == end - 2
        return (begin, end) if wiki else (begin + 1, end - 1)
    return begin, end


def _closing(text: str, begin: int, end: int) -> int:
    """The offset of the bracket that closes the one at `begin`, -1 without one."""
    depth = 0
    for found in re.compile(r"[\[\]]").finditer(text, begin, end):
        depth += 1 if found[0] == "[" else -1
        if depth == 0:
            return found.start()
    return -1


def _pieces(text: str, begin: int, end: int) -> list[tuple[int, int]]:
    """The parts between separators, trimmed of blanks, quotes, emphasis and list marks."""
    pieces: list[tuple[int, int]] = []
    start = begin
    for found in _SEPARATOR.finditer(text, begin, end):
        if found["separator"] is not None:
            pieces.append(_trim(text, start, found.start()))
            start = found.end()
    pieces.append(_trim(text, start, end))
    return [piece for piece in pieces if piece[0] < piece[1]]


def _trim(text: str, begin: int, end: int) -> tuple[int, int]:
    while begin < end and (
        text[begin] in _EDGE or (text[begin] in "-+>" and text[begin + 1 : begin + 2] in " \t")
    ):
        begin += 1
    while begin < end and text[end - 1] in _EDGE:
        end -= 1
    if (
        text[begin : begin + 1] == "["
        and text[begin + 1 : begin + 2] != "["
        and _closing(text, begin, end) == end - 1
    ):
        return _trim(text, begin + 1, end - 1)
    return begin, end


def _whole(text: str, begin: int, end: int, path: str) -> _Whole | None:
    """The name that a piece consists of, up to a remark; None when the piece is a sentence."""
    if _PLURAL_RANGE.match(text, begin, end):
        return _Whole(end, None, True, None)
    if re.match(_URL, text[begin : begin + 8]):
        return _Whole(end, None, True, None)
    found = _WHOLE.match(text, begin, end)
    if found is None:
        return None
    behind = found.end()
    while behind < end and text[behind] in _EDGE and text[behind] not in " \t":
        behind += 1
    stop = found.end()
    if found.lastgroup == "token" and text[stop - 1] == "." and stop == end:
        stop -= 1
    if _ends_name(text, behind, end):
        named = named_by(found, path)
        if named is not None and found.lastgroup == "token":
            named = Named(None, text[begin:stop], None)
            if not re.search(r"\w", text[begin:stop]):
                return None
        token = found["token"] or "-"
        shape = "-" in token or _DIGIT.search(token) is not None
        if _RANGE_TOKEN.search(token):
            named = None
        elif _STRONG.match(token) and not is_story_like(token):
            shape = False
        return _Whole(stop, named, shape, None)
    strong = _STRONG.match(text, begin, end)
    if strong is not None and is_story_like(strong[0]):
        return _Whole(strong.end(), Named(None, strong[0], None), True, strong.end())
    if found.lastgroup in ("wiki", "target", "angle"):
        return _Whole(found.end(), named_by(found, path), True, found.end())
    return None


def _ends_name(text: str, begin: int, end: int) -> bool:
    """Whether nothing but a remark follows: `(…)`, `: title` or ` - title`."""
    if _REMARK.match(text[begin:end]):
        return True
    return _PARENTHESES.match(text[begin:end]) is not None


def in_sentence(text: str, begin: int, end: int, place: Place, path: str) -> list[Reference]:
    """References with confidence `prose` from text[begin:end]."""
    found: list[Reference] = []
    for name in TEXT_REFERENCE.finditer(text, begin, end):
        if name.lastgroup in ("number", "strong") and RANGE.match(text, name.end(), end):
            continue
        named = named_by(name, path)
        if named is not None:
            found.append(place.reference(name.start(), name.end(), named, "prose"))
    return found


def named_by(found: re.Match[str], path: str) -> Named | None:
    """What a match names; None for a URL, a standard such as UTF-8, or a file that is no Markdown.

    The last group of every alternative says what was found; names mean the same in all patterns.
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
    return None if kind == "url" else Named(None, name, None)


@lru_cache(maxsize=4096)
def is_story_like(story_id: str) -> bool:
    """Whether PREFIX-123 is not one of the well-known standards, such as UTF-8."""
    return re.split(r"[-_\d]", story_id, maxsplit=1)[0].upper() not in _NO_PREFIXES


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
    story_id = _id_in(text) or stem_id(target)
    return Named(None, story_id, where) if where or story_id else None


def _id_in(text: str) -> str | None:
    """The id that the text of a link holds."""
    text = text.strip(_EDGE)
    if not _DIGIT.search(text):
        return None
    for found in TEXT_REFERENCE.finditer(text):
        kind = found.lastgroup or ""
        if kind in ("wordstrong", "number", "hash") or (kind == "strong" and is_story_like(found[kind])):
            return found[kind]
    token = text.split(":")[0].strip()
    if _IDLIKE.fullmatch(token) and _DIGIT.search(token) and not is_document(token):
        return token
    return None
