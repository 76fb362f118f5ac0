from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storysync.core.ids import key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("INF-013", "inf_13"), ("1-10", "1.10"), ("0020", "20"), ("task 04", "TASK-4"),
        ("BACK-12.03", "back-12.3"), ("  A  1 ", "a-1"),
    ],
)  # fmt: skip
def test_spellings_of_one_id_share_a_key(one: str, other: str) -> None:
    assert key(one) == key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("1.10", "1.1"), ("1.100", "1.1"), ("A-10", "A-1"), ("20a", "20"), ("S07", "S7"), ("0", "")],
)
def test_different_ids_keep_different_keys(one: str, other: str) -> None:
    assert key(one) != key(other)


@given(st.text(max_size=30))
def test_a_key_is_its_own_key(text: str) -> None:
    assert key(key(text)) == key(text)
