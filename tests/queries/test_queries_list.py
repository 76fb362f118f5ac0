"""`list`, `ready` and `blocked`: filters, order, pages, reasons."""

from __future__ import annotations

from typing import Any

import pytest

from storysync.errors import NotFound
from storysync.queries.blocked import blocked
from storysync.queries.filters import Filter
from storysync.queries.list_stories import COLUMNS, SORTS, list_stories
from storysync.queries.natural import natural
from storysync.queries.ready import ready
from storysync.store.reader import Reader


def ids(reader: Reader, wanted: Filter | None = None, **more: Any) -> list[str]:
    return [story["id"] for story in list_stories(reader, wanted or Filter(), **more)[0]]


def test_ids_are_sorted_as_people_count(reader: Reader) -> None:
    shop = Filter(projects=("shop",))
    assert ids(reader, shop) == ["SH-1", "SH-2", "SH-3", "SH-7", "SH-7", "SH-8", "SH-10"]
    assert ids(reader, shop, descending=True)[0] == "SH-10"
    assert natural("inf-2") < natural("INF-10") < natural("inf-10a")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Filter(statuses=("done", "review")), ["BK-1", "BK-2", "SH-1"]),
        (Filter(labels=("api",)), ["SH-2"]),
        (Filter(labels=("WEB",)), ["SH-1", "SH-2"]),
        (Filter(assignees=("ada berg",)), ["SH-1"]),
        (Filter(assignees=("@bo",)), ["SH-2"]),
        (Filter(epics=("epic 2",)), ["SH-1", "SH-2"]),
        (Filter(epics=("Epic%",)), []),
        (Filter(priorities=(0, 1)), ["SH-1", "SH-2"]),
        (Filter(kinds=("bug",)), []),
        (Filter(stale=True), ["SH-1"]),
        (Filter(contested=True), ["SH-7", "SH-7"]),
        (Filter(projects=("shop",), labels=("web",), statuses=("todo",)), ["SH-2"]),
        (Filter(labels=("' OR 1=1 --",)), []),
    ],
)
def test_filters_narrow(reader: Reader, wanted: Filter, found: list[str]) -> None:
    assert ids(reader, wanted) == found


def test_a_sort_without_values_comes_last_in_both_directions(reader: Reader) -> None:
    shop = Filter(projects=("shop",))
    assert ids(reader, shop, sort="priority")[:3] == ["SH-2", "SH-1", "SH-10"]
    assert ids(reader, shop, sort="priority", descending=True)[:3] == ["SH-10", "SH-1", "SH-2"]
    assert ids(reader, shop, sort="created")[:2] == ["SH-2", "SH-1"]


@pytest.mark.parametrize("sort", SORTS)
def test_pages_are_complete_and_do_not_overlap(reader: Reader, sort: str) -> None:
    whole, following = list_stories(reader, Filter(), sort=sort)
    assert len(whole) == 9 and following is None
    pages: list[dict[str, Any]] = []
    offset: int | None = 0
    while offset is not None:
        page, offset = list_stories(reader, Filter(), sort=sort, limit=2, offset=offset)
        assert len(page) <= 2
        pages += page
    assert pages == whole


def test_a_listed_story_has_plain_values(reader: Reader) -> None:
    story = list_stories(reader, Filter(contested=True))[0][0]
    assert story.keys() == {*COLUMNS, "stale"} - {"parse_state"}
    assert story["contested"] is True and story["stale"] is False


def test_an_unknown_project_is_not_an_empty_list(reader: Reader) -> None:
    with pytest.raises(NotFound, match="'nope'") as caught:
        list_stories(reader, Filter(projects=("nope",)))
    assert "bank, shop" in caught.value.hint


def test_ready_is_what_nothing_holds_up(reader: Reader) -> None:
    stories, _ = ready(reader, Filter())
    assert [story["id"] for story in stories] == ["SH-2"], "the stale SH-1 still counts as done"


def test_a_blocked_story_is_told_as_a_listed_one(reader: Reader) -> None:
    (listed,) = [one for one in list_stories(reader, Filter())[0] if one["id"] == "SH-10"]
    (held_up,) = [one for one in blocked(reader, Filter()) if one["id"] == "SH-10"]
    assert held_up.pop("reasons")
    assert held_up == listed


def test_blocked_names_every_reason_of_a_story(reader: Reader) -> None:
    found = {(story["id"], story["path"]): story["reasons"] for story in blocked(reader, Filter())}
    assert [(one["reason"], one["blocker"]) for one in found["SH-10", "a/SH-10-tenth.md"]] == [
        ("dangling", "SH-99"),
        ("waits for", "SH-2"),
    ]
    draft = {(one["reason"], one["blocker"]) for one in found["SH-8", "b/SH-8-draft.md"]}
    assert draft == {("ambiguous", "SH-7"), ("status", None)}
    assert [one["reason"] for one in found["SH-7", "b/SH-7-one.md"]] == ["contested"]
    assert ("SH-3", "b/SH-3-third.md") not in found, "BK-1 is done"
    assert [story["id"] for story in blocked(reader, Filter(projects=("bank",)))] == ["BK-2"]
