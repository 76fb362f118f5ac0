"""`sprint-status.yaml` of BMAD v6: one file that gives the status of many stories (DIALECTS.md section 3).

    development_status:
      epic-1: in-progress
      1-10-sign-in: review
      epic-1-retrospective: optional

It is a second source: what it says is kept beside the stories and compared with them, and never put in the
place of what a story's own file says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from storysync.core import ids
from storysync.core.folding import fold
from storysync.core.gather import shown
from storysync.core.problems import problem
from storysync.core.story import Broken, Problem, SecondSource, StatusClaim
from storysync.core.words import Words
from storysync.core.yaml_events import Mapping as YamlMapping
from storysync.core.yaml_events import Node, Scalar, parse_yaml

_SECTION = "development_status"
_STORY_NUMBER = re.compile(r"(\d{1,6}-\d{1,6}[a-z]?)(?=-|$)")
_EPIC = re.compile(r"epic-\d{1,6}")
_NO_STATUS = frozenset(("optional",))  # what a retrospective is until it is held
_NOT_WRITTEN_YET = frozenset(("backlog", "draft"))


class Named(NamedTuple):
    """A story that a claim may mean, as the database holds it."""

    uid: int
    path: str
    anchor: str
    kind: str
    key: str | None
    status: str | None
    status_raw: str | None
    status_line: int


class Claimed(NamedTuple):
    """A claim as the database holds it, and the stories that its name leads to."""

    path: str
    name: str
    key: str | None
    raw: str
    status: str | None
    line: int
    col: int
    meant: tuple[Named, ...] = ()  # one: this story; several: nobody can tell


def read_claims(text: str, words: Words, problems: Iterable[Problem] = ()) -> SecondSource | Broken:
    """The claims of a file, in the order of its lines; of a name that stands twice the last one."""
    found = list(problems)
    parsed = parse_yaml(text)
    found += [_renamed(one) for one in parsed.problems]
    if parsed.broken:
        return Broken(tuple(found))
    root = parsed.root
    section = root.entries.get(_SECTION) if isinstance(root, YamlMapping) else None
    if isinstance(section, Scalar) and section.null:
        return SecondSource((), tuple(found))
    if not isinstance(section, YamlMapping):
        line, col = (section.line, section.col) if section is not None else (0, 0)
        found.append(problem("second-source-invalid", f"there is no mapping `{_SECTION}`", line, col))
        return Broken(tuple(found))
    claims = [claim for name, node in section.entries.items() if (claim := _claim(name, node, words, found))]
    found.sort(key=lambda one: (one.line, one.col))
    return SecondSource(tuple(claims), tuple(found))


def key_of(name: str) -> str | None:
    """The key of the story or epic that a name begins with: `1-10-sign-in` is 1.10, `epic-1` is epic-1."""
    number = _STORY_NUMBER.match(name)
    if number:
        return ids.key(number[1].replace("-", "."))
    return ids.key(name) if _EPIC.fullmatch(name) else None


def names_of(name: str, key: str | None) -> tuple[str, ...]:
    """The names, as `story_names` has them, under which the story of a claim may be known."""
    names = [ids.key(name)]
    if key is not None:
        names.append(key)
        if key.startswith("epic-"):
            names.append(key[5:])
    return tuple(names)


def meant_by(claim: Claimed, known: Mapping[str, Sequence[Named]]) -> tuple[Named, ...]:
    """The story whose file has the name of the claim, else the one with its number, nearest folder first.

    `known` gives the stories under each of `names_of`. Several at the same distance: all of them.
    """
    stories = {one.uid: one for name in names_of(claim.name, claim.key) for one in known.get(name, ())}
    found = [one for one in stories.values() if not one.anchor and _stem(one.path) == claim.name]
    if not found and claim.key is not None:
        found = [one for one in stories.values() if _has_number(one, claim.key)]
    if not found:
        return ()
    least = min(_distance(claim.path, one.path) for one in found)
    nearest = [one for one in found if _distance(claim.path, one.path) == least]
    return tuple(sorted(nearest, key=lambda one: (one.path, one.anchor)))


def findings(claims: Iterable[Claimed]) -> list[Problem]:
    """What is wrong with the claims of one file, each with the stories that it means."""
    found: list[Problem] = []
    homeless: list[Claimed] = []
    for claim in claims:
        if len(claim.meant) > 1:
            places = ", ".join(one.path for one in claim.meant[:5])
            message = f"`{claim.name}` may be the status of {places}"
            found.append(problem("second-source-ambiguous", message, claim.line, claim.col))
        elif claim.meant:
            finding = _compared(claim, claim.meant[0])
            found += [finding] if finding is not None else []
        elif _expects_a_story(claim):
            homeless.append(claim)
    if homeless:
        first = homeless[0]
        more = f" and {len(homeless) - 1} more" if len(homeless) > 1 else ""
        message = f"there is no story for `{first.name}`{more}"
        found.append(problem("second-source-without-story", message, first.line, first.col))
    return found


_LONGEST_NAME = 200  # characters of the name of a claim


def _claim(name: str, node: Node, words: Words, problems: list[Problem]) -> StatusClaim | None:
    if not isinstance(node, Scalar):
        message = f"`{name}` has a list or mapping where a status was expected"
        problems.append(problem("not-a-text", message, node.line, node.col))
        return None
    if len(name) > _LONGEST_NAME:
        problems.append(problem("not-a-text", f"the name {shown(name)} is too long", node.line, node.col))
        return None
    raw = node.text.strip()
    if node.null or fold(raw) in _NO_STATUS:
        return StatusClaim(name, key_of(name), "" if node.null else raw, None, node.line, node.col)
    word = words.status(raw)
    if word.code:
        problems.append(problem(word.code, f"status {shown(raw)} of `{name}`", node.line, node.col))
    return StatusClaim(name, key_of(name), raw, word.status, node.line, node.col)


def _renamed(found: Problem) -> Problem:
    """The finding of the YAML reader, under the code of this kind of file."""
    if found.code != "front-matter-invalid":
        return found
    return problem("second-source-invalid", found.message, found.line, found.col)


def _stem(path: str) -> str:
    name = path.rpartition("/")[2]
    return name.rpartition(".")[0] or name


def _has_number(story: Named, key: str) -> bool:
    if key.startswith("epic-"):
        retrospective = "retro" in _stem(story.path).casefold()  # `epic-1-retro-2026-02-08` is not epic 1
        return not retrospective and (story.key == key or (story.kind == "epic" and story.key == key[5:]))
    return story.key == key and story.kind != "epic"


def _distance(one: str, other: str) -> int:
    """Steps from the folder of one path to that of the other, up and down."""
    left, right = one.split("/")[:-1], other.split("/")[:-1]
    shared = 0
    for mine, theirs in zip(left, right, strict=False):
        if mine != theirs:
            break
        shared += 1
    return len(left) + len(right) - 2 * shared


def _compared(claim: Claimed, story: Named) -> Problem | None:
    """A finding when the two sources differ; the story keeps what its own file says.

    A word that is not understood, which is reported where it stands, is compared with nothing.
    """
    if claim.status in (None, "unknown", story.status) or story.status == "unknown":
        return None
    place = f"{story.path}:{story.status_line}" if story.status_line else story.path
    if story.status is None:
        message = f"{story.path} has no status; here it is {shown(claim.raw)}"
        return problem("status-only-in-second-source", message, claim.line, claim.col)
    says = shown(story.status_raw) if story.status_raw else story.status
    message = f"the status of `{claim.name}` is {shown(claim.raw)} here, but {place} says {says}"
    return problem("second-source-disagreement", message, claim.line, claim.col)


def _expects_a_story(claim: Claimed) -> bool:
    """Whether a claim without a story is worth a word: epics and work not begun have no file of their own."""
    return (
        claim.key is not None
        and not claim.key.startswith("epic-")
        and claim.status is not None
        and claim.status not in _NOT_WRITTEN_YET
    )
