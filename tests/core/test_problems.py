"""The table of problem codes."""

from __future__ import annotations

import re

import pytest

from storysync.core.problems import CODES, problem, severity
from storysync.core.vocabulary import SEVERITIES


def test_every_code_is_kebab_case_and_fully_described():
    for code, about in CODES.items():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code)
        assert about.severity in SEVERITIES
        assert about.summary.endswith(".")
        assert about.remedy[0].islower()
        assert not about.remedy.endswith(".")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("dangling-reference", "warning"),
        ("ambiguous-reference", "warning"),
        ("relaxed-match", "info"),
        ("self-reference", "warning"),
        ("dependency-cycle", "error"),
        ("contested-id", "error"),
        ("deletion-held", "warning"),
        ("unreadable-file", "error"),
        ("unreadable-folder", "error"),
        ("not-a-regular-file", "warning"),
        ("file-too-large", "error"),
        ("byte-order-mark", "info"),
        ("path-clash", "warning"),
    ],
)
def test_codes_of_other_floors_have_their_severity(code: str, expected: str):
    assert severity(code) == expected


def test_a_problem_is_given_the_remedy_of_its_code_as_hint():
    assert problem("empty-file", "empty").hint == CODES["empty-file"].remedy
    assert problem("empty-file", "empty", hint="other").hint == "other"
