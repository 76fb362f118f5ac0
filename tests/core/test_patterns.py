"""Patterns that wait for their first use are patterns like any other."""

from __future__ import annotations

import re
from importlib import import_module
from pkgutil import walk_packages

import pytest

from storysync import core
from storysync.core.patterns import _Waiting, at_first_use

WAITING = {
    f"{module.name}.{name}": pattern
    for module in walk_packages(core.__path__, "storysync.core.")
    for name, pattern in vars(import_module(module.name)).items()
    if isinstance(pattern, _Waiting)
}


def test_there_are_some() -> None:
    assert len(WAITING) > 20


@pytest.mark.parametrize("name", WAITING)
def test_each_pattern_of_the_program_can_be_compiled(name: str) -> None:
    pattern = WAITING[name]
    assert re.compile(pattern.pattern, pattern.flags).groups == pattern.groups


def test_methods_and_flags_are_those_of_the_pattern() -> None:
    waiting = at_first_use("a(b)?", re.IGNORECASE)
    found = waiting.fullmatch("AB")
    assert found is not None and found[1] == "B"
    assert waiting.pattern == "a(b)?"


def test_a_faulty_pattern_raises_when_it_is_first_used() -> None:
    waiting = at_first_use("(")
    with pytest.raises(re.error):
        waiting.match("")
