"""Which story a reference means. Pure: candidates come in, a verdict goes out (DESIGN section 4).

Order: the file that a link names; else the holders of the key, nearest enclosing scope first; else a
file whose stem it is. Within a scope: the exact spelling, the same but for case, the same key. A guess
between two candidates is never made: that is `ambiguous`.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

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
    """A story that a name leads to. `source` is how: id, alias, stem, or path."""

    uid: int
    project_id: str
    path: str
    anchor: str
    id: str | None
    scope: str
    source: str

    def label(self) -> str:
        return f"{self.id or self.path} ({self.path})"


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


DANGLING = Verdict("dangling", None, None)
EXTERNAL = Verdict("external", None, None)


def resolve(asked: Asked, named: Sequence[Candidate], *, project_known: bool) -> Verdict:
    """The verdict on one reference; `named` are all stories that its path, key or stem leads to."""
    if not project_known:
        return EXTERNAL
    at_path = [one for one in named if one.source == "path" and one.anchor == ""]
    if len(at_path) == 1:
        return _found(asked, at_path[0], "path")
    holders = [one for one in named if one.source in ("id", "alias")]
    if holders:
        return _among(asked, holders)
    stems = [one for one in named if one.source == "stem"]
    if len(stems) == 1:
        return _found(asked, stems[0], "path")
    if stems:
        return Verdict("ambiguous", None, None, tuple(stems))
    if asked.target_path is not None and asked.relation == "related":
        return EXTERNAL  # a link to a document, not a claim that a story exists
    return DANGLING


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
    enclosing = [
        one
        for one in holders
        if one.project_id == asked.owner_project
        and (not one.scope or asked.owner_path.startswith(one.scope + "/"))
    ]
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
        if len(fitting) == 1:
            return _found(asked, fitting[0], match)
        if fitting:
            return Verdict("ambiguous", None, None, tuple(fitting))
    return DANGLING


def _found(asked: Asked, one: Candidate, match: str) -> Verdict:
    state = "self" if one.uid == asked.story_uid else "resolved"
    return Verdict(state, one.uid, match)
