"""The brake on mass deletion: what looks like an accident waits for a second look. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Set
from datetime import datetime, timedelta

from storysync.settings import DeletionSettings


def held_paths(
    vanished: Set[str],
    *,
    explained: Set[str],
    total: int,
    suspicious: bool,
    since: Mapping[str, datetime],
    now: datetime,
    settings: DeletionSettings,
) -> frozenset[str]:
    """Of the files that vanished, those whose stories are not removed yet.

    `explained` are deletions that git's own history knows, `total` the files with stories before,
    `suspicious` says that the whole root looks wrong (empty, or another folder than before), `since`
    gives the time at which a path was first held. Held are more than `max(least, share of total)` files
    at once, or any in a suspicious root, until a look at least `hold_s` later misses them still.
    """
    unexplained = frozenset(vanished) - explained
    few = len(unexplained) <= max(settings.least, settings.share * total)
    if few and not suspicious:
        return frozenset()
    wait = timedelta(seconds=settings.hold_s)
    return frozenset(path for path in unexplained if path not in since or now - since[path] < wait)
