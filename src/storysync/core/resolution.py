"""Which story a reference means. Pure: candidates come in, a verdict goes out (DESIGN section 4).

Order: the item of a file that a link names by its fragment or its text, the file that it names; else the
holders of the key, nearest enclosing scope first; else those that give it as an alias, whose key it is but
for the word before the number, whose heading gives it; else a file whose stem it is. Within a scope: the
exact spelling, the same but for case, the same key. Where several fit, a story with a file of its own counts
before an item of a file, and of copies below several folders the one below the asking file's own counts. A
guess between two candidates is never made: that is `ambiguous`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from storysync.core.ids import key

KIND_OF = {
    "depends_on": "depends_on",
    "blocks": "depends_on",
    "parent": "parent",
    "child": "parent",
    "related": "related",
    "duplicates": "duplicates",
    "supersedes": "supersedes",
    "conflicts": "conflicts",
}
INVERSE = frozenset({"blocks", "child"})
"""Relations whose statement names the dependent, not the prerequisite."""


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """A story that a name leads to. `source` is how: id, alias, stem, path, or anchor (an item of a file)."""

    uid: int
    project_id: str
    path: str
    anchor: str
    id: str | None
    scope: str
    source: str
    kind: str = "story"

    def label(self) -> str:
        return f"{self.id or self.path} ({place(self.path, self.anchor)})"


class Asked(msgspec.Struct, frozen=True, gc=False):
    """A stored reference, as far as resolving needs it."""

    story_uid: int
    ordinal: int
    relation: str
    raw: str
    line: int
    col: int
    target_project: str
    target_id: str | None
    target_key: str | None
    target_path: str | None
    confidence: str
    owner_project: str
    owner_path: str
    in_range: bool = False


class Verdict(msgspec.Struct, frozen=True, gc=False):
    state: str  # resolved, dangling, ambiguous, external, self
    target_uid: int | None
    match: str | None
    candidates: tuple[Candidate, ...] = ()

    def ends(self, asked: Asked) -> tuple[int | None, int | None]:
        """(dependent, prerequisite): the direction of the reference, normalized."""
        if asked.relation in INVERSE:
            return self.target_uid, asked.story_uid
        return asked.story_uid, self.target_uid


def place(path: str, anchor: str) -> str:
    """Where a story stands: its path, with the anchor when it is one of several there."""
    return f"{path}#{anchor}" if anchor else path


_NUMBER = re.compile(r"[0-9.]+[a-z]?")

DANGLING = Verdict("dangling", None, None)
EXTERNAL = Verdict("external", None, None)


def elsewhere(state: str | None) -> Verdict:
    """The verdict on a reference to a project of another database, by what that has said of its key.

    Without a uid, since those are of one database: what is found there is `external`, with a match.
    """
    if state == "resolved":
        return Verdict("external", None, "key")
    return EXTERNAL if state is None else Verdict(state, None, None)


def resolve(asked: Asked, named: Sequence[Candidate], *, project_known: bool) -> Verdict:
    """The verdict on one reference; `named` are all stories that its path, key or stem leads to."""
    if not project_known:
        return EXTERNAL
    items = [one for one in named if one.source == "anchor"]
    if len(items) == 1:
        return _found(asked, items[0], "path")
    if items:
        return Verdict("ambiguous", None, None, tuple(items))
    at_path = [one for one in named if one.source == "path" and one.anchor == ""]
    if len(at_path) == 1:
        return _found(asked, at_path[0], "path")
    holders = [one for one in named if one.source == "id"]
    if holders:
        return _among(asked, holders)
    for source in ("alias", "prefix", "heading"):
        others = [one for one in named if one.source == source]
        if source != "alias":
            others = [one for one in others if _counts_for(asked, one)]
        if source == "prefix":
            others = _of_word(asked, others)
        if others:
            return _known_as(asked, others, source)
    stems = [one for one in named if one.source == "stem"]
    if len(stems) == 1:
        return _found(asked, stems[0], "path")
    if stems:
        return Verdict("ambiguous", None, None, tuple(stems))
    if asked.target_path is not None and asked.relation == "related":
        return EXTERNAL  # a link to a document, not a claim that a story exists
    return DANGLING


def join_ranges(asked: Sequence[Asked], verdicts: list[Verdict]) -> dict[int, tuple[str, ...]]:
    """Let each range of one story stand or fall as a whole: all of its members are one story each, or none.

    `verdicts` are those of `asked`, and are changed. Returns the members that are missing by the index of
    each fallen range's first member; '' for a range whose members nobody can tell.
    """
    ranges: dict[tuple[object, ...], list[int]] = {}
    for index, one in enumerate(asked):
        if one.in_range:
            at = one.story_uid, one.relation, one.line, one.col, one.raw
            ranges.setdefault(at, []).append(index)
    fallen: dict[int, tuple[str, ...]] = {}
    for members in ranges.values():
        members.sort(key=lambda index: asked[index].ordinal)
        missing = [i for i in members if not _is_found(verdicts[i])]
        if missing:
            fallen[members[0]] = tuple(asked[i].target_id or "" for i in missing)
            for i in members:
                verdicts[i] = DANGLING
    return fallen


def _is_found(verdict: Verdict) -> bool:
    return verdict.state in ("resolved", "self") or (verdict.state == "external" and bool(verdict.match))


_GENERAL = frozenset(("issue", "ticket", "item"))
_SAME = {"us": "story", "userstory": "story", "stories": "story"} | dict.fromkeys(
    ("tsk", "subtask", "chore"), "task"
)
_TYPED_RAW = re.compile(r"\W*([A-Za-z]+)[ \t#_-]+[0-9]")


def _of_word(asked: Asked, others: list[Candidate]) -> list[Candidate]:
    """Those of the holders of a number that the word before it does not exclude: `Task 3` is no BUG-3.

    When several are left, the one that is called so word for word.
    """
    if not others or _NUMBER.fullmatch(asked.target_key or "") is None:
        return others
    said = _type_word(asked.raw)
    if said not in ("", *_GENERAL):
        others = [one for one in others if _type_word(one.id or "") in (said, "") or one.kind == said]
    if len(others) > 1:
        wanted = key(asked.raw)
        return [one for one in others if key(one.id or "") == wanted] or others
    return others


_TYPES = frozenset(("story", "task", "bug", "spike", "eip", *_GENERAL))


def _type_word(text: str) -> str:
    """The word that tells the type before a number; '' without one."""
    found = _TYPED_RAW.match(text)
    word = found[1].casefold() if found is not None else ""
    word = _SAME.get(word, word)
    word = word if word in _TYPES else _SAME.get(word.removesuffix("s"), word.removesuffix("s"))
    return word if word in _TYPES else ""


def _known_as(asked: Asked, others: list[Candidate], match: str) -> Verdict:
    """By a name that is not the id: of one story, or of the one in the same root."""
    one = others[0] if len(others) == 1 else _in_own_root(asked, others)
    if one is None:
        return Verdict("ambiguous", None, None, tuple(others))
    return Verdict("self" if one.uid == asked.story_uid else "resolved", one.uid, match, (one,))


def _in_own_root(asked: Asked, fitting: Sequence[Candidate]) -> Candidate | None:
    """Of files that lie alike below several folders, the one in the innermost of these around what asks.

    `.project/epics/EPIC-1.md` and `web/.project/epics/EPIC-1.md` are of two project roots, or of a folder and
    its copy. Files of one id that lie otherwise are a mistake that nobody can mend but their owner.
    """
    if any(one.project_id != asked.owner_project for one in fitting):
        return None
    parts = [one.path.split("/")[::-1] for one in fitting]
    alike = 0
    for names in zip(*parts, strict=False):
        if len(set(names)) > 1:
            break
        alike += 1
    if alike < 2:
        return None
    roots = ["".join(f"{name}/" for name in reversed(one[alike:])) for one in parts]
    around = [index for index, root in enumerate(roots) if asked.owner_path.startswith(root)]
    if not around:
        return None
    depth = max(len(roots[index]) for index in around)
    nearest = [fitting[index] for index in around if len(roots[index]) == depth]
    return nearest[0] if len(nearest) == 1 else None


def _counts_for(asked: Asked, one: Candidate) -> bool:
    """Whether the file that asks lies in the scope of a story; loose names count nowhere else."""
    return not one.scope or (
        one.project_id == asked.owner_project and asked.owner_path.startswith(one.scope + "/")
    )


def _among(asked: Asked, holders: list[Candidate]) -> Verdict:
    scoped = _nearest(asked, holders)
    if scoped:
        verdict = _by_spelling(asked, scoped)
        if verdict.state != "ambiguous" and len(scoped) < len(holders):
            return Verdict(verdict.state, verdict.target_uid, "ancestor")
        return verdict
    return _by_spelling(asked, holders)


def _nearest(asked: Asked, holders: list[Candidate]) -> list[Candidate]:
    """The holders in the nearest scope that encloses the file which asks; [] when none does."""
    enclosing = [one for one in holders if one.project_id == asked.owner_project and _counts_for(asked, one)]
    if not enclosing:
        return []
    depth = max(len(one.scope) for one in enclosing)
    return [one for one in enclosing if len(one.scope) == depth]


def _by_spelling(asked: Asked, holders: list[Candidate]) -> Verdict:
    wanted = asked.target_id or ""
    folded = wanted.casefold()
    for match, fitting in (
        ("exact", [one for one in holders if one.id == wanted]),
        ("case", [one for one in holders if (one.id or "").casefold() == folded]),
        ("key", holders),
    ):
        fitting = _counting(fitting)
        if len(fitting) == 1:
            return _found(asked, fitting[0], match)
        if fitting:
            near = _in_own_root(asked, fitting)
            if near is not None:
                return _found(asked, near, "ancestor")
            return Verdict("ambiguous", None, None, tuple(fitting))
    return DANGLING


def _counting(fitting: list[Candidate]) -> list[Candidate]:
    """Of several holders those that have a file of their own, if any has."""
    return [one for one in fitting if not one.anchor] or fitting


def _found(asked: Asked, one: Candidate, match: str) -> Verdict:
    state = "self" if one.uid == asked.story_uid else "resolved"
    return Verdict(state, one.uid, match)
