"""What to write, given what the disk holds and what the database believes. Pure.

The question that is answered here is identity: which of the stories found is which of those known
(DESIGN section 4). Everything else about a plan follows from that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from storysync.core.story import Broken, Found, Gone, Good, Story


class Signature(msgspec.Struct, frozen=True, gc=False):
    """The change key of a file: while it is the same, the bytes are taken to be the same."""

    dev: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


class Seen(msgspec.Struct, frozen=True, gc=False):
    """What one path holds now. `content_hash` is the git blob id, None when the bytes were not read."""

    path: str
    signature: Signature | None
    content_hash: str | None
    found: Found
    path_raw: bytes | None = None


class KnownStory(msgspec.Struct, frozen=True, gc=False):
    """A live story of the database, as far as identity needs it."""

    uid: int
    path: str
    anchor: str
    key: str | None
    id: str | None
    content_hash: str
    scope: str
    stale: bool
    title: str = ""


class KnownFile(msgspec.Struct, frozen=True, gc=False):
    signature: Signature | None
    content_hash: str | None
    state: str
    path_raw: bytes | None = None


class Tombstone(msgspec.Struct, frozen=True, gc=False):
    """An identity whose story is gone; it may come back."""

    uid: int
    path: str
    anchor: str
    key: str | None
    content_hash: str | None


@dataclass(frozen=True)
class Indexed:
    """What the database believes about the paths of a batch and about every key found in it."""

    files: dict[str, KnownFile] = field(default_factory=dict)
    stories: tuple[KnownStory, ...] = ()
    tombstones: tuple[Tombstone, ...] = ()


class Put(msgspec.Struct, frozen=True, gc=False):
    """Write this story. `uid` None: it was never seen before; `known` None: it has no live row."""

    uid: int | None
    known: KnownStory | None
    path: str
    content_hash: str
    story: Story


class Carry(msgspec.Struct, frozen=True, gc=False):
    """The file of a story moved and is broken there: its last good row goes along."""

    known: KnownStory
    path: str


@dataclass(frozen=True)
class Plan:
    put: tuple[Put, ...]
    remove: tuple[KnownStory, ...]
    stale: tuple[KnownStory, ...]
    carry: tuple[Carry, ...]

    @property
    def left(self) -> frozenset[str]:
        """Paths that a story leaves for another one."""
        put = (one.known.path for one in self.put if one.known is not None and one.known.path != one.path)
        return frozenset(put) | {one.known.path for one in self.carry}


def plan(indexed: Indexed, seen: Iterable[Seen]) -> Plan:
    """Match what was found with what is known; the rest is new, or to be removed.

    In this order: the original of a copy, when it is gone and the copy stands; same place and key (without a
    key, the same bytes); same key at another place whose old place is in the batch and no longer holds it (a
    move); without a key, the same bytes elsewhere; same place (an id edited in place); among the items of one
    file the same title (an id edited there); the same bytes elsewhere; without a key, the title of a file
    that is gone; a tombstone. A key that two files claim moves nowhere; one that counts only in its folder
    moves with it.
    """
    batch = {one.path: one for one in seen}
    found = [
        (one, story) for one in batch.values() if isinstance(one.found, Good) for story in one.found.stories
    ]
    broken = {path for path, one in batch.items() if isinstance(one.found, Broken)}
    free = {
        (known.path, known.anchor): known
        for known in indexed.stories
        if known.path in batch and known.path not in broken
    }
    gone = {path for path, one in batch.items() if isinstance(one.found, Gone)}
    matched = _match(found, free, gone, indexed.tombstones)
    stale, carry = _keep_broken(batch, broken, indexed, free)
    put = tuple(
        Put(uid, known, one.path, one.content_hash or "", story)
        for (one, story), (uid, known) in zip(found, matched, strict=True)
    )
    return Plan(put=put, remove=tuple(free.values()), stale=stale, carry=carry)


def owed_paths(indexed: Indexed, seen: Iterable[Seen]) -> frozenset[str]:
    """Paths to look at as well, so that every key found is seen at all its homes.

    Without this a story that moved would look like a copy, when the event for its old path is late, and
    a copy like a move.
    """
    batch = {one.path: one for one in seen}
    keys = {story.key for one in batch.values() if isinstance(one.found, Good) for story in one.found.stories}
    hashes = {one.content_hash for one in batch.values() if isinstance(one.found, Good | Broken)}
    return frozenset(
        known.path
        for known in indexed.stories
        if known.path not in batch
        and ((known.key is not None and known.key in keys) or known.content_hash in hashes)
    )


def copies_of_gone(indexed: Indexed, seen: Iterable[Seen]) -> frozenset[str]:
    """Paths to read as well, though they did not change: copies whose original is gone, so that they may be
    what it was. A copy has the key, scope and title of the original, and came after it.
    """
    batch = {one.path: one for one in seen}
    gone = {path for path, one in batch.items() if isinstance(one.found, Gone)}
    return frozenset(copy.path for _, copy in _copies(indexed.stories, gone) if copy.path not in batch)


Place = tuple[str, str]
Claim = tuple[Seen, Story]
Identity = tuple[int | None, KnownStory | None]
_Take = Callable[[int, KnownStory], None]
_By = Callable[[Seen, Story], object]
_ByKnown = Callable[[KnownStory], object]


def _match(
    found: list[Claim], free: dict[Place, KnownStory], gone: set[str], tombstones: tuple[Tombstone, ...]
) -> list[Identity]:
    """An identity for each story found; those used are taken out of `free`. `gone` are paths of the batch."""
    identities: dict[int, KnownStory] = {}

    def open_claims() -> list[tuple[int, Claim]]:
        return [(index, claim) for index, claim in enumerate(found) if index not in identities]

    def take(index: int, known: KnownStory) -> None:
        identities[index] = free.pop((known.path, known.anchor))

    by_place = {(one.path, story.anchor): index for index, (one, story) in enumerate(found)}
    for original, copy in _copies(free.values(), gone) if gone else ():
        at = by_place.get((copy.path, copy.anchor))
        if at is not None and found[at][1].key == copy.key:
            take(at, original)
    for index, (one, story) in open_claims():
        known = free.get((one.path, story.anchor))
        same_text = known is not None and known.content_hash == one.content_hash
        if known is not None and known.key == story.key and (story.key is not None or same_text):
            take(index, known)
    if free:
        for index, known in _pairs(
            {(story.key, story.scope): index for index, story in _unique(open_claims(), _by_key)},
            {(known.key, known.scope): known for known in _unique_known(free, lambda k: (k.key, k.scope))},
        ):
            take(index, known)
        _match_any_scope(open_claims(), free, gone, take)
        keyless = {place: known for place, known in free.items() if known.key is None}
        _match_bytes([claim for claim in open_claims() if claim[1][1].key is None], keyless, take)
    for index, (one, story) in open_claims():
        known = free.get((one.path, story.anchor))
        if known is not None:
            take(index, known)
    if free:
        _match_titles(open_claims(), free, take)
        _match_bytes(open_claims(), free, take)
        _match_renamed(open_claims(), free, gone, take)
    revived = _revive(open_claims(), tombstones)
    return [
        (identities[index].uid, identities[index]) if index in identities else (revived.get(index), None)
        for index in range(len(found))
    ]


def _copies(stories: Iterable[KnownStory], gone: set[str]) -> list[tuple[KnownStory, KnownStory]]:
    """(original, copy) for each story of a file that is gone and has exactly one later copy elsewhere."""
    alike: dict[object, list[KnownStory]] = defaultdict(list)
    for known in stories:
        if known.key is not None:
            alike[known.key, known.scope, known.title, known.anchor].append(known)
    found: list[tuple[KnownStory, KnownStory]] = []
    for group in alike.values():
        original, *copies = sorted(group, key=lambda known: known.uid)
        if len(copies) == 1 and original.path in gone and copies[0].path not in gone:
            found.append((original, copies[0]))
    return found


def _match_bytes(claims: list[tuple[int, Claim]], free: dict[Place, KnownStory], take: _Take) -> None:
    """A file with the very bytes that another path held, and holds no longer."""
    seen = dict(claims)
    for index, known in _pairs(
        {(seen[i][0].content_hash, s.anchor): i for i, s in _unique(claims, _by_hash)},
        {(k.content_hash, k.anchor): k for k in _unique_known(free, lambda k: (k.content_hash, k.anchor))},
    ):
        take(index, known)


def _match_renamed(
    claims: list[tuple[int, Claim]], free: dict[Place, KnownStory], gone: set[str], take: _Take
) -> None:
    """A story without a key whose file was renamed and edited at once: its title tells."""
    left = {
        place: k
        for place, k in free.items()
        if place[0] in gone and k.key is None and not k.anchor and k.title
    }
    keyless = [claim for claim in claims if claim[1][1].key is None and not claim[1][1].anchor]
    for index, known in _pairs(
        {story.title: index for index, story in _unique(keyless, lambda one, story: story.title or None)},
        {known.title: known for known in _unique_known(left, lambda known: known.title)},
    ):
        take(index, known)


def _match_any_scope(
    claims: list[tuple[int, Claim]], free: dict[Place, KnownStory], gone: set[str], take: _Take
) -> None:
    """A folder-scoped id keeps its story when the folder is renamed, so that its old file is gone."""
    left = {place: known for place, known in free.items() if not known.scope or place[0] in gone}
    for index, known in _pairs(
        {story.key: index for index, story in _unique(claims, lambda one, story: story.key)},
        {known.key: known for known in _unique_known(left, lambda known: known.key)},
    ):
        take(index, known)


def _match_titles(claims: list[tuple[int, Claim]], free: dict[Place, KnownStory], take: _Take) -> None:
    """An item of a file that has another id now, and so another anchor, but the title of before."""
    items = {place: known for place, known in free.items() if known.anchor}
    for index, known in _pairs(
        {(one.path, story.title): index for index, story, one in _unique_items(claims)},
        {(known.path, known.title): known for known in _unique_known(items, lambda k: (k.path, k.title))},
    ):
        take(index, known)


def _unique_items(claims: list[tuple[int, Claim]]) -> list[tuple[int, Story, Seen]]:
    seen = {index: one for index, (one, _) in claims}
    found = _unique(claims, lambda one, story: (one.path, story.title) if story.anchor else None)
    return [(index, story, seen[index]) for index, story in found]


def _by_key(one: Seen, story: Story) -> object:
    return (story.key, story.scope) if story.key is not None else None


def _by_hash(one: Seen, story: Story) -> object:
    return (one.content_hash, story.anchor) if one.content_hash else None


def _unique(claims: list[tuple[int, Claim]], by: _By) -> list[tuple[int, Story]]:
    """Those claims whose value of `by` no other claim has; None never counts."""
    groups: dict[object, list[tuple[int, Story]]] = defaultdict(list)
    for index, (one, story) in claims:
        value = by(one, story)
        if value is not None:
            groups[value].append((index, story))
    return [group[0] for group in groups.values() if len(group) == 1]


def _unique_known(free: dict[Place, KnownStory], by: _ByKnown) -> list[KnownStory]:
    groups: dict[object, list[KnownStory]] = defaultdict(list)
    for known in free.values():
        groups[by(known)].append(known)
    return [group[0] for group in groups.values() if len(group) == 1]


def _pairs(claims: dict[Any, int], known: dict[Any, KnownStory]) -> list[tuple[int, KnownStory]]:
    return [(index, known[value]) for value, index in claims.items() if value in known]


def _revive(claims: list[tuple[int, Claim]], tombstones: tuple[Tombstone, ...]) -> dict[int, int]:
    """Stories that come back: at their old place with their old key, else by key, else by their bytes."""
    if not tombstones:
        return {}
    revived: dict[int, int] = {}
    used: set[int] = set()
    # The newest tombstone of a place or key wins; uids are given out in order.
    ordered = sorted(tombstones, key=lambda stone: stone.uid)
    by_place = {(stone.path, stone.anchor, stone.key): stone.uid for stone in ordered}
    by_key = {stone.key: stone.uid for stone in ordered if stone.key is not None}
    in_folder = {(stone.path.rpartition("/")[0], stone.key): stone.uid for stone in ordered if stone.key}
    by_hash = {(stone.content_hash, stone.anchor): stone.uid for stone in ordered if stone.content_hash}
    lookups: tuple[Callable[[Seen, Story], int | None], ...] = (
        lambda one, story: by_place.get((one.path, story.anchor, story.key)),
        lambda one, story: (
            in_folder.get((one.path.rpartition("/")[0], story.key or ""))
            if story.scope
            else by_key.get(story.key or "")
        ),
        lambda one, story: by_hash.get((one.content_hash or "", story.anchor)) if story.key is None else None,
    )
    for lookup in lookups:
        for index, (one, story) in claims:
            uid = lookup(one, story)
            if index not in revived and uid is not None and uid not in used:
                revived[index] = uid
                used.add(uid)
    return revived


def _keep_broken(
    batch: dict[str, Seen], broken: set[str], indexed: Indexed, free: dict[Place, KnownStory]
) -> tuple[tuple[KnownStory, ...], tuple[Carry, ...]]:
    """Stories of broken files: flagged at their place, or carried along when the file moved."""
    by_path: dict[str, list[KnownStory]] = defaultdict(list)
    for known in indexed.stories:
        by_path[known.path].append(known)
    stale = tuple(known for path in sorted(broken) for known in by_path[path] if not known.stale)
    carry: list[Carry] = []
    homeless = sorted(path for path in broken if not by_path[path])
    if homeless and free:
        left = {path for path, _ in free if isinstance(batch[path].found, Gone)}
        for path in homeless:
            origin = _origin(batch[path], left, indexed.files)
            if origin is not None:
                left.discard(origin)
                moved = [free.pop(place) for place in list(free) if place[0] == origin]
                carry.extend(Carry(known, path) for known in moved)
    return stale, tuple(carry)


def _origin(one: Seen, left: set[str], files: dict[str, KnownFile]) -> str | None:
    """The path that a broken file had before: the one with its inode, or with its bytes, if only one."""
    same = [
        path
        for path in sorted(left)
        if path in files
        and (
            (one.content_hash is not None and files[path].content_hash == one.content_hash)
            or _same_inode(one.signature, files[path].signature)
        )
    ]
    return same[0] if len(same) == 1 else None


def _same_inode(one: Signature | None, other: Signature | None) -> bool:
    return one is not None and other is not None and (one.dev, one.inode) == (other.dev, other.inode)
