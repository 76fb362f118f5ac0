from __future__ import annotations

import pytest

from storysync.core.anchors import Anchors, anchor_of, fragment_of, slug, slugs_of


def test_an_anchor_is_made_of_words():
    assert anchor_of("Story 3.1") == "story-3.1"
    assert anchor_of("  EPIC_7 (old)/x ") == "epic-7-oldx"
    assert anchor_of("故事 3") == "故事-3"
    assert anchor_of("***") == ""
    assert len(anchor_of("x" * 500)) == 80


def test_every_anchor_is_given_out_once():
    anchors = Anchors()
    assert [anchors.give(name) for name in ("A 1", "a-1", "a-1-2", "A_1", "!", "?")] == [
        "a-1", "a-1-2", "a-1-2-2", "a-1-3", "item", "item-2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "fragment"),
    [
        ("[x](tasks.md#t001)", "t001"),
        ("[x](<../a b.md#story-3>)", "story-3"),
        ("[[epics.md#story-3|it]]", "story-3"),
        ("docs/E.MARKDOWN#caf%C3%A9", "café"),
        ("[x](tasks.md)", None),
        ("#12", None),
        ("[x](page.html#t001)", None),
    ],
)
def test_the_fragment_of_a_link(raw: str, fragment: str | None):
    assert fragment_of(raw) == fragment


def test_a_fragment_as_renderers_make_it_begins_with_the_slug_of_an_anchor():
    assert slug("story-3.1") in slugs_of("story-31-sign-in")
    assert slugs_of("story-31-sign-in")[0] == "story-31-sign-in"
    assert slug("us1") in slugs_of("user-story-1---keep-a-cart-priority-p1")
    assert slug("user-story-3") in slugs_of("user-story-3-pay")
    assert slug("bug-012") in slugs_of("-bug-012-it-falls")
    assert slug("story-3") not in slugs_of("story-31-sign-in")
