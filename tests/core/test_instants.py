from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from storysync.core import instants

INSTANTS = st.datetimes(
    min_value=datetime(1000, 1, 2), max_value=datetime(9998, 1, 1), timezones=st.just(UTC)
)


def test_an_instant_is_written_in_utc() -> None:
    summer = timezone(timedelta(hours=2))
    assert instants.to_text(datetime(2026, 3, 1, 12, 0, tzinfo=summer)) == "2026-03-01T10:00:00.000000Z"


@given(INSTANTS, INSTANTS)
def test_text_comes_back_as_it_was_and_sorts_like_time(one: datetime, other: datetime) -> None:
    assert instants.from_text(instants.to_text(one)) == one
    assert (instants.to_text(one) < instants.to_text(other)) == (one < other)
