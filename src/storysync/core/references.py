"""One value that names other stories, split into references (the grammar of DIALECTS section 6).

Nothing is resolved here. `declared` is said of an id where an id is expected; `prose` of an id found
inside a sentence: such a reference never blocks a story.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from storysync.core.direction import goes_on, turn_at
from storysync.core.ids import key
from storysync.core.names import (
    BOUNDARY,
    EDGE,
    HASH,
    LINK,
    SCOPE,
    STRONG,
    TEXT_REFERENCE,
    URL,
    WITH_WORD,
    Named,
    is_story_like,
    named_by,
    without_struck,
)
from storysync.core.patterns import at_first_use
from storysync.core.ranges import range_at, word_before_number
from storysync.core.story import Reference

NONE_WORDS = frozenset(
    ("", "-", "--", "---", "–", "—", "/", "[]", "{}", "~", "null", "nil", "none", "no", "n/a", "na", "n.a",
     "tbd", "nothing", "no dependencies", "no dependency", "not applicable", "none yet", "aucun", "aucune",
     "geen", "keine", "keiner", "nenhum", "nenhuma", "ninguno", "ninguna", "nessuno", "nessuna", "无",
     "無", "没有", "없음", "なし")
)  # fmt: skip
"""Values that say that there is no reference, in lower case and without a final full stop."""

_SEPARATOR = at_first_use(
    r"\[\[[^\[\]\n]{0,300}\]\]|\[[^\[\]\n]{0,500}\]\([^()\n]{0,500}\)|\([^()\n]{0,500}\)|（[^（）\n]{0,500}）"
    r"|(?P<separator>[,;&\n，；、]|<[Bb][Rr][ \t]?/?>|(?<=\s)or(?=\s[^\s,;]{0,60}[0-9])"
    r"|(?<=\s)(?:and|e|et|und|en|y)(?=\s))"
)
_REMARK = at_first_use(
    r"[ \t]*$|[ \t]*(?:\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\)|（[^\n]*）)[ \t]*$"
    r"|[ \t]*[:：](?=[ \t]|$|[^\x00-\x7f])|[ \t]+[-–—]{1,2}[ \t]|[ \t]*—|[ \t]*[✓✅✔]"
)
_PARENTHESES = at_first_use(
    r"[ \t]*(?:\([^()\n]{0,500}\)|（[^（）\n]{0,500}）)(?=[ \t]*(?:$|[:：]|[-–—]{1,2}[ \t]))"
)
_WHOLE = at_first_use(
    rf"{LINK}|{WITH_WORD}"
    r"|(?P<path>[^\s,;()\[\]{}:\"'`]{0,300}\.(?:md|markdown))(?:#[^\s,;()]{0,200})?(?=[\s(:]|$)"
    rf"|{HASH}"
    rf"|{SCOPE}(?:[:#]|/(?=[^\s,;:/()\[\]{{}}\"'`]{{0,199}}[0-9-]))"
    r"(?P<scoped>[^\s,;:/()\[\]{}\"'`]{1,200})(?=[\s(（:]|$)"
    r"|(?P<token>[^\s,;:/()（）\[\]{}\"'`]{1,200})(?=[*_~`]{0,4}(?:[\s(（:：]|$))"
)
_NONE_AND_REMARK = at_first_use(r"(\w+(?:[ /]\w+)?)[ \t]*(?:[(（–—]| - |: |\.\s)")
_STRONG = at_first_use(STRONG + BOUNDARY)
_DIGIT = at_first_use("[0-9]")
_WORD_CHARACTER = at_first_use(r"\w")
_AT_URL = at_first_use(URL)
_CLAUSE_END = at_first_use(r"[;；\n]")
_WORD_OF_NUMBER = at_first_use(r"([^\W\d_]{3,12})[ \t]+#?[0-9]")
_NUMBER_ALONE = at_first_use(r"[0-9]+")
_MARKS_BEHIND = at_first_use(r"(?<=[\w.])[*~`]{1,200}$")
_BRACKET = at_first_use(r"[\[\]]")


def parse_references(
    text: str, line: int, col: int, relation: str, path: str, *, confidence: str = "declared"
) -> tuple[Reference, ...]:
    """The references of one scalar value that begins at line and col of the file `path`.

    `confidence` is said of ids that stand alone or with a remark; ids within a sentence are `prose`.
    """
    text = without_struck(text)
    if says_none(text):
        return ()
    offset, end = _inside(text)
    pieces = [piece for piece in _pieces(text, offset, end) if not says_none(text[piece[0] : piece[1]])]
    wholes = _wholes(text, pieces, path)
    only_names = all(whole is not None for whole in wholes)
    found: list[Reference] = []
    place = Place(text, line, col, relation)
    turned, behind = "", 0  # what the sentence before said, where it ended
    for (begin, stop), whole in zip(pieces, wholes, strict=True):
        if turned and _CLAUSE_END.search(text, behind, begin):
            turned = ""
        sentence = begin if whole is None else whole.rest
        if whole is not None and whole.named is not None and (only_names or whole.certain):
            told = turned or said_behind(text, (begin, whole.end), stop, relation)
            sure = "prose" if told != relation else confidence
            found += place.references(begin, whole.end, whole.named, sure, told)
        if sentence is not None:
            prose = in_sentence(text, sentence, stop, place, path)
            turned = prose[-1].relation if prose and prose[-1].relation != relation else ""
            found += prose
        behind = stop
    return tuple(found)


MOST_IN_RANGES = 2000
"""Members of all ranges in one text or body, so that a short text never becomes millions of references."""


class Place:
    """Where a text stands in its file. References are asked for in the order of the text.

    `left` counts down the members of ranges, for all places that share it; when it is used up, a range is
    one reference that cannot be counted.
    """

    __slots__ = ("col", "counted", "left", "line", "relation", "text")

    def __init__(self, text: str, line: int, col: int, relation: str, left: list[int] | None = None) -> None:
        self.left = [MOST_IN_RANGES] if left is None else left
        self.text = text
        self.line = line
        self.col = col
        self.relation = relation
        self.counted = 0  # line breaks before this offset are counted in `line`

    def references(
        self, begin: int, end: int, named: Named, confidence: str, relation: str = ""
    ) -> list[Reference]:
        """What is written at text[begin:end]: one reference, or one for each member of a range."""
        if breaks := self.text.count("\n", self.counted, begin):
            self.line += breaks
            self.col = -self.text.rfind("\n", 0, begin)
        self.counted = begin
        project, story_id, path, members = named
        raw, col = self.text[begin:end], self.col + begin
        relation = relation or self.relation
        if members is None:
            own = key(story_id) if story_id else None
            return [Reference(relation, raw, self.line, col, project, story_id, own, path, confidence)]
        self.left[0] -= len(members)
        return [
            Reference(
                relation, raw, self.line, col, None, one, key(one) if one else None, None, confidence, True
            )
            for one in (members if members and self.left[0] >= 0 else (None,))
        ]


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
    for found in _BRACKET.finditer(text, begin, end):
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


def _trim(text: str, begin: int, end: int, *, brackets: bool = True) -> tuple[int, int]:
    while begin < end and (
        text[begin] in EDGE or (text[begin] in "-+>" and text[begin + 1 : begin + 2] in " \t")
    ):
        begin += 1
    while begin < end and text[end - 1] in EDGE:
        end -= 1
    bracket = brackets and text.startswith("[", begin, end) and not text.startswith("[[", begin, end)
    if bracket and _closing(text, begin, end) == end - 1:
        return _trim(text, begin + 1, end - 1, brackets=False)
    return begin, end


def _wholes(text: str, pieces: list[tuple[int, int]], path: str) -> list[_Whole | None]:
    """The name of each piece; the word of `Epics 1, 2 and 4-6` holds for the numbers that follow."""
    found: list[_Whole | None] = []
    said = ""
    for begin, end in pieces:
        word = _WORD_OF_NUMBER.match(text, begin, end)
        said = word[1] if word is not None else said if text[begin].isdigit() else ""
        found.append(_whole(text, begin, end, path, said))
    return found


def _whole(text: str, begin: int, end: int, path: str, said: str) -> _Whole | None:
    """The name that a piece consists of, up to a remark; None when the piece is a sentence."""
    if _AT_URL.match(text, begin, end):
        return _Whole(end, None, True, None)
    span = range_at(text, begin, end, said)
    if span is not None and is_story_like(text[begin : span.end]) and _ends_name(text, span.end, end):
        return _Whole(span.end, Named(None, None, None, span.members), True, None)
    found = _WHOLE.match(text, begin, end)
    if found is None:
        return None
    behind = found.end()
    while behind < end and text[behind] in "\"'`*_~":
        behind += 1
    if _ends_name(text, behind, end):
        return (
            _token(found, said)
            if found.lastgroup == "token"
            else _Whole(found.end(), named_by(found, path), True, None)
        )
    strong = _STRONG.match(text, begin, end)
    if strong is not None and is_story_like(strong[0]):
        return _Whole(strong.end(), Named(None, strong[0], None), True, strong.end())
    if found.lastgroup in ("wiki", "target", "angle"):
        return _Whole(found.end(), named_by(found, path), True, found.end())
    return None


def _token(found: re.Match[str], said: str) -> _Whole | None:
    """One word as a name: an id of any shape."""
    token = _MARKS_BEHIND.sub("", found["token"].removesuffix("."))
    if token.endswith("_") and found.string[max(found.start() - 1, 0)] == "_":
        token = token.rstrip("_")
    if not _WORD_CHARACTER.search(token):
        return None
    certain = "-" in token or _DIGIT.search(token) is not None
    if _STRONG.match(token) and not is_story_like(token):
        certain = False
    counted = word_before_number(said) if _NUMBER_ALONE.fullmatch(token) else ""
    name = f"{counted} {token}" if counted else token
    return _Whole(found.start() + len(token), Named(None, name, None), certain, None)


def _ends_name(text: str, begin: int, end: int) -> bool:
    """Whether nothing but a remark follows: `(…)`, `: title` or ` - title`."""
    if _REMARK.match(text[begin:end]):
        return True
    return _PARENTHESES.match(text[begin:end]) is not None


_TURNED = {"inverse": "blocks", "unrelated": "related", "parent": "parent"}
_MAY_BEGIN_RANGE = frozenset(("number", "strong", "wordstrong"))


def said_behind(text: str, name: tuple[int, int], end: int, relation: str) -> str:
    """The relation to a name that a line begins with: `OPS-2 depends on this story` says it is blocked."""
    if relation != "depends_on":
        return relation
    return _TURNED.get(turn_at(text, name[0], name, end), relation)


def in_sentence(text: str, begin: int, end: int, place: Place, path: str) -> list[Reference]:
    """References with confidence `prose` from text[begin:end].

    Where the place says what the story needs, a sentence may say the opposite: `must be done before
    INF-3`. What it says of one name holds for those that follow it in a list.
    """
    found: list[Reference] = []
    behind = begin
    relation = place.relation
    for name in TEXT_REFERENCE.finditer(text, begin, end):
        if name.start() < behind or is_example(text, name):
            continue  # within a range, or no name
        span = range_at(text, name.start(), end) if name.lastgroup in _MAY_BEGIN_RANGE else None
        named = named_by(name, path) if span is None else Named(None, None, None, span.members)
        if named is None or (span is not None and not is_story_like(text[name.start() : span.end])):
            continue
        stop = name.end() if span is None else span.end
        if place.relation == "depends_on" and not (found and goes_on(text, behind, name.start())):
            relation = _TURNED.get(turn_at(text, behind, (name.start(), stop), end), place.relation)
        found += place.references(name.start(), stop, named, "prose", relation)
        behind = stop
    return found


def is_example(text: str, name: re.Match[str]) -> bool:
    """Whether a wikilink stands as code, so that it shows what links look like: `` `[[ID]]` ``."""
    return name.lastgroup == "wiki" and text[max(name.start() - 1, 0) : name.start()] == "`"
