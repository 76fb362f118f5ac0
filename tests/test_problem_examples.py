"""Each example of `docs/problems.md` shows what it says, and every code has one."""

from __future__ import annotations

import pytest

from storysync.core.problem_examples import EXAMPLES
from storysync.core.problems import CODES
from support import pages


def test_every_code_has_an_example_and_none_is_left_over() -> None:
    missing = CODES.keys() - EXAMPLES.keys()
    assert not missing, f"src/storysync/core/problem_examples.py lacks {sorted(missing)}"
    assert not EXAMPLES.keys() - CODES.keys()


@pytest.mark.parametrize("code", [code for code, example in EXAMPLES.items() if example.files])
def test_the_example_shows_its_code_at_its_place_and_nothing_else(code: str) -> None:
    example = EXAMPLES[code]
    found = pages.findings_of(example)
    places = {f"{one.path}:{one.line}:{one.col}" for one in found if one.code == code}
    assert example.at in places
    assert {one.code for one in found} == {code, *example.also}


@pytest.mark.parametrize("code", EXAMPLES)
def test_an_example_is_shown_or_told(code: str) -> None:
    example = EXAMPLES[code]
    assert bool(example.files) == bool(example.at)
    assert example.files or example.words
    if example.words:
        assert example.words.endswith(".") and example.words[0].isupper()
    else:
        text = "".join(example.files.values())
        assert text.replace("\n", "").isprintable(), "say in words what cannot be seen"
    shown = "\n".join(pages.example_of(code))
    assert example.at in shown and example.words in shown
