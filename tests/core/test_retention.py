"""Which backups are kept, as a property of any list of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from storysync.core.retention import FRESH_FOR, PROTECTED_FOR, Kept, Windows, superfluous

NOW = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)  # a Wednesday
NONE = Windows(0, 0, 0, 0)
DEFAULT = Windows(12, 7, 5, 12)


def at(hours: float, *, good: bool = True, size: int = 1, **others: bool) -> Kept:
    made_at = NOW - timedelta(hours=hours)
    return Kept(f"{made_at:%Y%m%dT%H%M%S}{'' if good else '-bad'}", made_at, size, good, **others)


def kept(backups: list[Kept], windows: Windows, now: datetime = NOW) -> list[float]:
    """Ages in hours of what stays, newest first."""
    gone = set(superfluous(backups, windows, now))
    return sorted((NOW - one.made_at) / timedelta(hours=1) for one in backups if one.name not in gone)


ages = st.floats(-3, 24 * 500, allow_nan=False).map(lambda hours: round(hours, 2))
backup_lists = st.lists(
    st.builds(
        at, ages, good=st.booleans(), size=st.integers(0, 50), protected=st.booleans(), pinned=st.booleans()
    ),
    max_size=40,
    unique_by=lambda one: one.name,
)
windows_of = st.builds(
    Windows, st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.integers(0, 400)
)


@given(backup_lists, windows_of)
def test_the_newest_good_one_stays_whatever_the_windows_and_the_space(
    backups: list[Kept], windows: Windows
) -> None:
    gone = superfluous(backups, windows, NOW)
    good = [one for one in backups if one.good]
    if good:
        assert max(good, key=lambda one: (one.made_at, one.name)).name not in gone
    past = [one for one in good if one.made_at <= NOW]
    if past:
        assert max(past, key=lambda one: (one.made_at, one.name)).name not in gone


@given(backup_lists, windows_of)
def test_nothing_goes_without_a_newer_good_one(backups: list[Kept], windows: Windows) -> None:
    gone = set(superfluous(backups, windows, NOW))
    for one in backups:
        if one.name in gone:
            assert any(other.good and other.made_at >= one.made_at and other != one for other in backups)
            assert any(other.good and other.name not in gone for other in backups)


@given(backup_lists, windows_of)
def test_what_is_pinned_stays_and_what_was_made_before_a_danger_stays_a_week(
    backups: list[Kept], windows: Windows
) -> None:
    gone = set(superfluous(backups, windows, NOW))
    for one in backups:
        if one.pinned or (one.protected and NOW - one.made_at < PROTECTED_FOR):
            assert one.name not in gone


@given(backup_lists, windows_of)
def test_each_window_has_its_number_of_good_ones(backups: list[Kept], windows: Windows) -> None:
    unlimited = Windows(windows.hourly, windows.daily, windows.weekly, windows.monthly)
    gone = set(superfluous(backups, unlimited, NOW))
    good = [one for one in backups if one.good]
    left = [one for one in good if one.name not in gone]
    for most, form in ((windows.hourly, "%Y%m%d%H"), (windows.daily, "%Y%m%d"), (windows.weekly, "%G%V")):
        periods = {f"{one.made_at:{form}}" for one in good}
        assert len({f"{one.made_at:{form}}" for one in left}) >= min(most, len(periods))


@given(backup_lists, windows_of)
def test_to_remove_them_leaves_nothing_more_to_remove(backups: list[Kept], windows: Windows) -> None:
    gone = set(superfluous(backups, windows, NOW))
    left = [one for one in backups if one.name not in gone]
    assert superfluous(left, windows, NOW) == ()


@given(backup_lists, windows_of)
@settings(max_examples=50)
def test_damaged_ones_take_no_place_of_good_ones(backups: list[Kept], windows: Windows) -> None:
    unlimited = Windows(windows.hourly, windows.daily, windows.weekly, windows.monthly)
    good = [one for one in backups if one.good]
    gone = set(superfluous(backups, unlimited, NOW))
    assert set(superfluous(good, unlimited, NOW)) == {one.name for one in good if one.name in gone}


@given(backup_lists, windows_of)
def test_more_space_is_freed_only_where_there_is_too_little(backups: list[Kept], windows: Windows) -> None:
    unlimited = Windows(windows.hourly, windows.daily, windows.weekly, windows.monthly)
    without, gone = set(superfluous(backups, unlimited, NOW)), set(superfluous(backups, windows, NOW))
    assert without <= gone
    size = sum(one.size for one in backups if one.name not in without)
    if not windows.max_bytes or size <= windows.max_bytes:
        assert without == gone


def test_the_newest_of_each_of_so_many_hours_that_have_one() -> None:
    backups = [at(hours) for hours in (2.0, 2.2, 2.9, 3.5, 9.5, 9.6)]
    assert kept(backups, Windows(2, 0, 0, 0)) == [2.0, 2.2]
    assert kept(backups, Windows(3, 0, 0, 0)) == [2.0, 2.2, 3.5]
    assert kept(backups, Windows(9, 0, 0, 0)) == [2.0, 2.2, 3.5, 9.5]


def test_days_weeks_and_months() -> None:
    daily = [at(24 * day + 2) for day in range(90)]
    assert kept(daily, Windows(0, 3, 0, 0)) == [2, 26, 50]
    sundays = [2, 24 * 3 + 2, 24 * 10 + 2]  # today, and the Sundays that ended the weeks before
    assert kept(daily, Windows(0, 0, 3, 0)) == sundays
    ends = [2, 24 * 18 + 2, 24 * 49 + 2]  # today, 31 October, 30 September
    assert kept(daily, Windows(0, 0, 0, 3)) == ends
    assert kept(daily, Windows(0, 3, 3, 3)) == sorted({2, 26, 50, *sundays, *ends})


def test_a_year_of_backups_every_six_hours_leaves_a_few_dozen() -> None:
    left: list[Kept] = []
    begin = NOW - timedelta(days=400)
    for number in range(400 * 4):
        made_at = begin + timedelta(hours=6 * number)
        left.append(Kept(f"{number:05}", made_at, 1, True))
        gone = set(superfluous(left, DEFAULT, made_at))
        left = [one for one in left if one.name not in gone]
    assert len(left) <= 12 + 7 + 5 + 12
    assert left[-1].made_at - left[0].made_at > timedelta(days=300)


def test_every_one_stays_for_an_hour() -> None:
    backups = [at(minutes / 60) for minutes in (1, 2, 3, 59)]
    assert len(kept(backups, NONE)) == 4
    later = NOW + FRESH_FOR
    assert kept(backups, NONE, later) == [1 / 60]


def test_without_a_good_one_nothing_goes() -> None:
    bad = [at(hours, good=False) for hours in range(0, 24 * 400, 24)]
    assert superfluous(bad, NONE, NOW) == ()


def test_a_damaged_one_goes_when_it_would_go_if_it_were_good() -> None:
    bad = at(30, good=False)
    assert kept([at(2), bad], Windows(0, 1, 0, 0)) == [2]
    assert kept([at(2), bad], Windows(0, 2, 0, 0)) == [2, 30]
    assert kept([at(2), bad, at(50)], Windows(0, 2, 0, 0)) == [2, 30, 50], "the good one keeps its place"
    assert kept([at(31), bad], NONE) == [30, 31], "it is newer than the newest good one"


def test_too_little_space_takes_damaged_ones_first_and_then_the_oldest() -> None:
    backups = [at(1, size=10), at(25, size=10), at(49, size=10), at(24.5, size=10, good=False)]
    assert kept(backups, Windows(0, 9, 0, 0, 40)) == [1, 24.5, 25, 49]
    assert kept(backups, Windows(0, 9, 0, 0, 30)) == [1, 25, 49]
    assert kept(backups, Windows(0, 9, 0, 0, 29)) == [1, 25]
    assert kept(backups, Windows(0, 9, 0, 0, 1)) == [1]


def test_one_of_the_future_takes_no_newer_one_with_it() -> None:
    """A clock that was a year ahead has dated a backup; it is right again."""
    future, first, second = at(-24 * 365), at(2), at(0)
    assert kept([future, first, second], NONE) == [-24 * 365, 0]
    assert kept([future, first, second], Windows(0, 0, 0, 0, 1)) == [-24 * 365, 0]


def test_what_was_made_before_a_migration_stays_a_week() -> None:
    before = at(24 * 6, protected=True)
    assert kept([at(0), before], NONE) == [0, 24 * 6]
    assert kept([at(0), before], NONE, NOW + timedelta(days=1)) == [0]


def test_dates_of_a_clock_that_was_wrong_take_no_place_of_right_ones() -> None:
    """A month of them, dated years ahead: as many stay as would if it were then."""
    future = [at(-24 * 365 * 3 - hours) for hours in range(24 * 30)]
    past = [at(hours + 0.5) for hours in range(24 * 30)]
    windows = Windows(12, 7, 0, 0)
    left = kept([*future, *past], windows)
    assert [age for age in left if age > 0] == kept(past, windows)
    assert 12 < len([age for age in left if age < 0]) <= 12 + 7
