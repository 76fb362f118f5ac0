"""Improvement proposals."""

from __future__ import annotations

import pytest

from support.read_files import codes, edges, good, story

PROPOSAL = """---
eip: 9718
title: Sorted transactions
description: One line.
author: Ann Lee (@ann), Bo <bo@x.org>, et al.
discussions-to: https://x.org/t/1
status: Last Call
type: Standards Track
category: Core
created: 2026-01-05
requires: 9020, 9165
---

## Abstract

Text.
"""


def test_a_proposal_is_read_with_all_that_it_says():
    found = story("EIPS/eip-9718.md", PROPOSAL)
    assert (found.dialect, found.id, found.id_line, found.id_col, found.kind) == ("eip", "9718", 2, 6, "spec")
    assert (found.title, found.status) == ("Sorted transactions", "review")
    assert [(one.name, one.handle, one.email) for one in found.people][:2] == [
        ("Ann Lee", "ann", None),
        ("Bo", None, "bo@x.org"),
    ]
    assert edges(found) == [("depends_on", "9020", 11, 11), ("depends_on", "9165", 11, 17)]
    assert '"category":"Core"' in found.metadata
    assert good("EIPS/eip-9718.md", PROPOSAL).problems == ()


@pytest.mark.parametrize("lines", ["type: Meta", "type: Informational", "category: ERC"])
def test_every_proposal_is_a_spec(lines: str):
    found = good("EIPS/eip-9055.md", f"---\neip: 9055\n{lines}\nstatus: Moved\n---\n\nThis file moved.\n")
    assert (found.stories[0].kind, found.stories[0].status) == ("spec", "cancelled")
    assert (found.stories[0].title, [code for code, _, _ in codes(found)]) == ("eip-9055", ["title-missing"])


@pytest.mark.parametrize("series", ["bip", "cip", "SIP", "erc", "pep"])
def test_other_series_are_alike(series: str):
    found = story(
        f"{series}-12.md", f"---\n{series}: 12\ntitle: T\nstatus: Draft\nauthor: Bo\nrequires: 7\n---\n"
    )
    assert (found.dialect, found.id, found.references[0].id) == ("eip", "12", "7")


@pytest.mark.parametrize(
    "text",
    [
        "---\nstatus: Draft\nauthor: Bo\neip: 12\n---\n",
        "---\nzip: 12345\ntitle: T\nstatus: Draft\n---\n",
        "---\neip: draft\nstatus: Draft\nauthor: Bo\n---\n",
        "---\nship: 1\nstatus: Draft\nauthor: Bo\n---\n",
    ],
)
def test_a_number_that_is_not_first_or_stands_alone_is_no_proposal(text: str):
    assert story("a.md", text).dialect == "front_matter"
