"""`show`: which story is meant, and what is told about it."""

from __future__ import annotations

import pytest

from storysync.errors import Ambiguous, NotFound
from storysync.queries.find_story import find_story
from storysync.queries.show_story import show_story
from storysync.store.reader import Reader


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("SH-2", "a/SH-2-second.md"),
        ("sh_02", "a/SH-2-second.md"),
        ("shop:SH-2", "a/SH-2-second.md"),
        ("Shop/sh-2", "a/SH-2-second.md"),
        ("10", "a/SH-10-tenth.md"),
        ("bank:2", "SH-2.md"),
        ("BK-1", "BK-1.md"),
        ("b/SH-7-two.md", "b/SH-7-two.md"),
        ("shop/b/SH-7-two.md", "b/SH-7-two.md"),
    ],
)
def test_a_story_is_found_by_id_key_part_or_path(reader: Reader, text: str, path: str) -> None:
    assert find_story(reader, text)["path"] == path


def test_a_part_that_fits_several_names_them(reader: Reader) -> None:
    with pytest.raises(Ambiguous) as caught:
        find_story(reader, "sh-", ("shop",))
    assert str(caught.value).startswith("'sh-' fits 7 stories: shop:SH-1, shop:SH-2, shop:SH-3,")
    assert caught.value.exit_code == 3


def test_a_contested_id_names_the_files(reader: Reader) -> None:
    with pytest.raises(Ambiguous, match=r"claimed by 2 stories: b/SH-7-one.md, b/SH-7-two.md"):
        find_story(reader, "SH-7")


@pytest.mark.parametrize("text", ["", "nope", "SH-%", "shop:nope", "nope:SH-2", "':--"])
def test_what_fits_nothing_is_not_found(reader: Reader, text: str) -> None:
    with pytest.raises(NotFound, match="there is no story") as caught:
        find_story(reader, text)
    assert not isinstance(caught.value, Ambiguous)


def test_a_project_narrows(reader: Reader) -> None:
    assert find_story(reader, "2", ("bank",))["id"] == "BK-2"
    with pytest.raises(NotFound):
        find_story(reader, "SH-10", ("bank",))


def test_edges_are_shown_from_both_ends_and_merged(reader: Reader) -> None:
    story = show_story(reader, "SH-10")
    edges = {(edge["relation"], edge["project_id"], edge["id"]): edge for edge in story["edges"]}
    assert edges.keys() == {
        ("depends_on", "shop", "SH-2"),
        ("depends_on", "shop", "SH-99"),
        ("depends_on", "bank", "BK-1"),
    }
    assert edges["depends_on", "shop", "SH-99"]["state"] == "dangling"
    inverse = edges["depends_on", "bank", "BK-1"]
    assert (inverse["status"], inverse["title"], inverse["stated"][0]["path"]) == ("done", "Pay", "BK-1.md")
    needed = [edge for edge in show_story(reader, "SH-2")["edges"] if edge["relation"] == "needed_by"]
    assert [(edge["id"], edge["status"]) for edge in needed] == [("SH-10", "ready")]


def test_everything_known_is_told(reader: Reader) -> None:
    story = show_story(reader, "SH-10")
    assert (story["id_line"], story["path"]) == (2, "a/SH-10-tenth.md")
    assert story["progress"] == {"acceptance": {"done": 1, "total": 3}}
    assert [(one["done"], one["depth"]) for one in story["criteria"]] == [(True, 0), (False, 0), (False, 1)]
    assert story["metadata"] == {"market": "north"}
    assert [one["code"] for one in story["problems"]] == ["dangling-reference"]
    assert story["user_role"] == "clerk"
    assert "uid" not in story


def test_a_stale_story_shows_its_last_good_state(reader: Reader) -> None:
    story = show_story(reader, "SH-1")
    assert story["stale"] is True
    assert story["title"] == "First"
    assert "merge-conflict" in {one["code"] for one in story["problems"]}
    assert story["people"][0]["name"] == "Ada Berg"
    assert story["labels"] == ["web"]
