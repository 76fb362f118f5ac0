"""Which backups are kept: the newest of so many hours, days, weeks and months each, within a limit of space.

Hours, days, weeks (from Monday on) and months are those of UTC, and only such count that have a backup.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

FRESH_FOR = timedelta(hours=1)
"""So long every backup is kept, but for want of space: two that are made by hand are not one too many."""

PROTECTED_FOR = timedelta(days=7)
"""So long a backup is kept that was made before something dangerous."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One backup that there is."""

    name: str
    made_at: datetime
    size: int
    """Bytes that its removal frees."""
    good: bool
    """Whether it was proven that it restores, and nothing has spoken against it since."""
    protected: bool = False
    """Whether it was made before a migration or a restore, to which it is the way back."""
    pinned: bool = False
    """Kept until a person removes it."""


@dataclass(frozen=True, slots=True)
class Windows:
    """How many of each are kept; `max_bytes` is the limit of all backups together, 0 for none."""

    hourly: int
    daily: int
    weekly: int
    monthly: int
    max_bytes: int = 0


def superfluous(backups: Iterable[Kept], windows: Windows, now: datetime) -> tuple[str, ...]:
    """The names of those to be removed, oldest first.

    Never the newest good one, nor the newest good one before `now`: a clock that was wrong may have dated
    another into the future. Nothing is removed without a newer good one, nor for its age within an hour. A
    damaged one takes no place of a good one, and goes when it would go if it were good, or first when there
    is too little space.
    """
    found = sorted(backups, key=_age)
    good = [one for one in found if one.good]
    if not good:
        return ()
    held = {one.name for one in found if one.pinned or (one.protected and now - one.made_at < PROTECTED_FOR)}
    held |= {one.name for one in [one for one in good if one.made_at <= now][-1:]}
    removable = [one for one in found if one.name not in held and _age(one) < _age(good[-1])]
    wanted = {one.name for one in found if abs(now - one.made_at) < FRESH_FOR}
    for future in (False, True):  # dates of a clock that was wrong take no place of those that are right
        of = [one for one in found if (one.made_at > now) == future]
        proven = [one for one in of if one.good]
        wanted |= _wanted(proven, windows)
        wanted |= {one.name for one in of if not one.good and one.name in _wanted_too(one, proven, windows)}
    gone = [one for one in removable if one.name not in wanted]
    if windows.max_bytes:
        gone += _too_much(found, gone, removable, windows.max_bytes)
    return tuple(one.name for one in sorted(gone, key=_age))


def _age(one: Kept) -> tuple[datetime, str]:
    return one.made_at, one.name


def _wanted(good: Sequence[Kept], windows: Windows) -> set[str]:
    """The newest of each period; `good` is sorted by age, oldest first."""
    kept: set[str] = set()
    for period, most in _periods(windows):
        newest: dict[object, str] = {}
        for one in reversed(good):
            newest.setdefault(period(one.made_at.astimezone(UTC)), one.name)
        kept.update(list(newest.values())[:most])
    return kept


def _wanted_too(damaged: Kept, good: Sequence[Kept], windows: Windows) -> set[str]:
    """What would be kept if it were good."""
    return _wanted(sorted([*good, replace(damaged, good=True)], key=_age), windows)


def _periods(windows: Windows) -> Iterator[tuple[Callable[[datetime], object], int]]:
    yield lambda at: (at.date(), at.hour), windows.hourly
    yield lambda at: at.date(), windows.daily
    yield lambda at: at.isocalendar()[:2], windows.weekly
    yield lambda at: (at.year, at.month), windows.monthly


def _too_much(
    found: Sequence[Kept], gone: Sequence[Kept], removable: Sequence[Kept], max_bytes: int
) -> list[Kept]:
    """What must go beyond that for all to take no more than that: damaged ones first, then the oldest."""
    names = {one.name for one in gone}
    taken = sum(one.size for one in found if one.name not in names)
    more: list[Kept] = []
    for one in sorted(
        (one for one in removable if one.name not in names), key=lambda one: (one.good, _age(one))
    ):
        if taken <= max_bytes:
            break
        more.append(one)
        taken -= one.size
    return more
