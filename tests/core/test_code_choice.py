from __future__ import annotations

import pytest

from storysync.core.code_choice import chosen, codes_of
from storysync.core.problems import CODES
from storysync.errors import UsageError


def test_nothing_selected_is_everything() -> None:
    assert chosen([], []) == set(CODES)
    assert chosen(["", " , "], []) == set(CODES)


def test_codes_globs_and_commas_are_taken() -> None:
    assert codes_of(["empty-file, not-utf8", "self-reference"]) == {
        "empty-file",
        "not-utf8",
        "self-reference",
    }
    assert codes_of(["*-reference"]) == {"dangling-reference", "ambiguous-reference", "self-reference"}


def test_ignored_wins_over_selected() -> None:
    assert chosen(["*-reference"], ["self-*"]) == {"dangling-reference", "ambiguous-reference"}
    assert chosen(["empty-file"], ["empty-file"]) == set()


def test_an_unknown_code_is_refused_with_near_ones() -> None:
    with pytest.raises(UsageError, match="there is no code 'unknow-status'") as caught:
        codes_of(["unknow-status"])
    assert "unknown-status" in caught.value.hint
    with pytest.raises(UsageError, match="no code fits 'x-\\*'"):
        codes_of(["x-*"])
    with pytest.raises(UsageError, match="EMPTY-FILE"):  # codes are lower case, and so must globs be
        codes_of(["EMPTY-FILE"])
