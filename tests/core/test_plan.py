from __future__ import annotations

import msgspec

from storysync.core.ids import key as key_of
from storysync.core.plan import (
    Indexed,
    KnownFile,
    KnownStory,
    Plan,
    Seen,
    Signature,
    Tombstone,
    owed_paths,
    plan,
)
from storysync.core.story import Broken, Gone, Good, NotAStory, Problem, Story


def story(story_id: str | None, anchor: str = "", scope: str = "") -> Story:
    values: dict[str, object] = dict.fromkeys(Story.__struct_fields__)
    values |= {
        "anchor": anchor, "scope": scope, "id": story_id, "key": key_of(story_id) if story_id else None,
        "labels": (), "people": (), "criteria": (), "references": (),
    }  # fmt: skip
    return Story(**values)  # type: ignore[arg-type]


def found(path: str, *ids: str | None, content: str = "new") -> Seen:
    stories = tuple(story(one, anchor="" if len(ids) == 1 else str(one)) for one in ids)
    return Seen(path, None, content, Good(stories, ()))


def gone(path: str) -> Seen:
    return Seen(path, None, None, Gone())


def broken(path: str, content: str | None = "bad", inode: int = 0) -> Seen:
    sign = Signature(1, inode, 10, 5, 5) if inode else None
    return Seen(path, sign, content, Broken((Problem("empty-file", "empty"),)))


def known(
    uid: int, path: str, story_id: str | None, content: str = "old", *, stale: bool = False
) -> KnownStory:
    return KnownStory(uid, path, "", key_of(story_id) if story_id else None, story_id, content, "", stale)


def places(result: Plan) -> dict[str, int | None]:
    return {put.path: put.uid for put in result.put}


def test_an_edited_file_keeps_its_identity() -> None:
    result = plan(Indexed(stories=(known(1, "a.md", "A-1"),)), [found("a.md", "A-1")])
    assert places(result) == {"a.md": 1}
    assert not result.remove


def test_a_new_file_is_a_new_story() -> None:
    assert places(plan(Indexed(), [found("a.md", "A-1")])) == {"a.md": None}


def test_an_id_edited_in_place_keeps_the_identity() -> None:
    result = plan(Indexed(stories=(known(1, "a.md", "A-1"),)), [found("a.md", "A-2")])
    assert places(result) == {"a.md": 1}


def test_a_file_that_moved_is_found_by_its_key() -> None:
    result = plan(Indexed(stories=(known(1, "a.md", "A-1"),)), [gone("a.md"), found("b.md", "A-1")])
    assert places(result) == {"b.md": 1}
    assert not result.remove


def test_a_copied_file_is_not_a_move() -> None:
    indexed = Indexed(stories=(known(1, "a.md", "A-1"),))
    assert places(plan(indexed, [found("a.md", "A-1"), found("b.md", "A-1")])) == {"a.md": 1, "b.md": None}
    assert places(plan(indexed, [found("b.md", "A-1")])) == {"b.md": None}


def test_two_files_that_change_places_change_places() -> None:
    indexed = Indexed(stories=(known(1, "a.md", "A-1"), known(2, "b.md", "A-2")))
    result = plan(indexed, [found("a.md", "A-2"), found("b.md", "A-1")])
    assert places(result) == {"a.md": 2, "b.md": 1}
    assert not result.remove


def test_a_story_that_takes_the_place_of_another_removes_that_one() -> None:
    indexed = Indexed(stories=(known(1, "a.md", "A-1"), known(2, "b.md", "A-2")))
    result = plan(indexed, [found("a.md", "A-2"), gone("b.md")])
    assert places(result) == {"a.md": 2}
    assert [one.uid for one in result.remove] == [1]


def test_two_claims_of_one_moved_key_move_nothing() -> None:
    indexed = Indexed(stories=(known(1, "a.md", "A-1"),))
    result = plan(
        indexed, [gone("a.md"), found("b.md", "A-1", content="x"), found("c.md", "A-1", content="y")]
    )
    assert places(result) == {"b.md": None, "c.md": None}
    assert [one.uid for one in result.remove] == [1]


def test_a_story_without_an_id_is_found_by_its_bytes() -> None:
    indexed = Indexed(stories=(known(1, "a.md", None, "same"),))
    assert places(plan(indexed, [gone("a.md"), found("b.md", None, content="same")])) == {"b.md": 1}
    assert places(plan(indexed, [gone("a.md"), found("b.md", None, content="other")])) == {"b.md": None}


def test_a_broken_file_keeps_its_story_and_is_flagged_once() -> None:
    fresh = plan(Indexed(stories=(known(1, "a.md", "A-1"),)), [broken("a.md")])
    assert [one.uid for one in fresh.stale] == [1]
    assert not fresh.remove
    again = plan(Indexed(stories=(known(1, "a.md", "A-1", stale=True),)), [broken("a.md")])
    assert not again.stale
    assert not again.remove


def test_a_file_that_is_no_story_any_more_removes_its_story() -> None:
    indexed = Indexed(stories=(known(1, "a.md", "A-1"),))
    result = plan(indexed, [Seen("a.md", None, "x", NotAStory(()))])
    assert [one.uid for one in result.remove] == [1]


def test_a_file_that_moved_and_broke_carries_its_story_along() -> None:
    files = {"a.md": KnownFile(Signature(1, 7, 10, 5, 5), "good", "story")}
    indexed = Indexed(files, (known(1, "a.md", "A-1"),))
    by_inode = plan(indexed, [gone("a.md"), broken("b.md", "bad", inode=7)])
    assert [(one.known.uid, one.path) for one in by_inode.carry] == [(1, "b.md")]
    assert not by_inode.remove
    elsewhere = plan(indexed, [gone("a.md"), broken("b.md", "bad", inode=8)])
    assert not elsewhere.carry
    assert [one.uid for one in elsewhere.remove] == [1]


def test_a_broken_file_that_moved_carries_its_story_by_its_bytes() -> None:
    files = {"a.md": KnownFile(None, "bad", "broken")}
    indexed = Indexed(files, (known(1, "a.md", "A-1", stale=True),))
    result = plan(indexed, [gone("a.md"), broken("b.md", "bad")])
    assert [(one.known.uid, one.path) for one in result.carry] == [(1, "b.md")]


def test_a_story_that_comes_back_gets_its_identity_back() -> None:
    stones = (Tombstone(5, "a.md", "", "a-1", "old"), Tombstone(6, "b.md", "", "a-1", "old"))
    assert places(plan(Indexed(tombstones=stones), [found("a.md", "A-1")])) == {"a.md": 5}
    assert places(plan(Indexed(tombstones=stones), [found("z.md", "A-1")])) == {"z.md": 6}


def test_one_tombstone_serves_one_story() -> None:
    stones = (Tombstone(5, "a.md", "", "a-1", "old"),)
    uids = places(plan(Indexed(tombstones=stones), [found("a.md", "A-1"), found("b.md", "A-1")]))
    assert uids == {"a.md": 5, "b.md": None}


def test_items_of_one_file_keep_their_identity_by_anchor() -> None:
    stories = tuple(
        msgspec.structs.replace(known(uid, "list.md", name), anchor=name)
        for uid, name in ((1, "T-1"), (2, "T-2"))
    )
    result = plan(Indexed(stories=stories), [found("list.md", "T-1", "T-3")])
    assert [(put.story.anchor, put.uid) for put in result.put] == [("T-1", 1), ("T-3", None)]
    assert [one.uid for one in result.remove] == [2]


def test_the_other_homes_of_a_key_are_owed_a_look() -> None:
    indexed = Indexed(stories=(known(1, "a.md", "A-1"), known(2, "c.md", "C-1", "same")))
    assert owed_paths(indexed, [found("b.md", "A-1")]) == {"a.md"}
    assert owed_paths(indexed, [found("b.md", None, content="same")]) == {"c.md"}
    assert owed_paths(indexed, [found("a.md", "A-1")]) == frozenset()


# -- several stories in a file ---------------------------------------------------------------------------


def item(story_id: str, title: str, scope: str = "") -> Story:
    return msgspec.structs.replace(story(story_id, story_id.lower(), scope), title=title)


def listed(path: str, *items: Story, content: str = "new") -> Seen:
    return Seen(path, None, content, Good(items, ()))


def known_item(uid: int, path: str, story_id: str, title: str, scope: str = "") -> KnownStory:
    return KnownStory(
        uid, path, story_id.lower(), key_of(story_id), story_id, "old", scope, stale=False, title=title
    )


def uids(planned: Plan) -> dict[str | None, int | None]:
    return {put.story.id: put.uid for put in planned.put}


def test_items_keep_their_rows_wherever_they_move_in_the_file() -> None:
    known = (known_item(1, "t.md", "T1", "a"), known_item(2, "t.md", "T2", "b"))
    planned = plan(Indexed(stories=known), [listed("t.md", item("T2", "b"), item("T1", "a"))])
    assert uids(planned) == {"T1": 1, "T2": 2} and not planned.remove


def test_an_item_with_another_id_is_known_by_its_title() -> None:
    known = (known_item(1, "t.md", "T1", "a"), known_item(2, "t.md", "T2", "b"))
    planned = plan(Indexed(stories=known), [listed("t.md", item("T1", "a"), item("T9", "b"))])
    assert uids(planned) == {"T1": 1, "T9": 2} and not planned.remove


def test_a_title_that_two_items_have_tells_nothing() -> None:
    known = (known_item(1, "t.md", "T1", "same"), known_item(2, "t.md", "T2", "same"))
    planned = plan(Indexed(stories=known), [listed("t.md", item("T8", "same"), item("T9", "same"))])
    assert uids(planned) == {"T8": None, "T9": None}
    assert {one.uid for one in planned.remove} == {1, 2}


def test_an_item_moves_to_another_file_with_its_id() -> None:
    known = (known_item(1, "a.md", "T1", "a"), known_item(2, "a.md", "T2", "b"))
    planned = plan(
        Indexed(stories=known), [listed("a.md", item("T1", "a")), listed("b.md", item("T2", "other"))]
    )
    assert uids(planned) == {"T1": 1, "T2": 2} and not planned.remove


def test_an_id_of_one_folder_is_not_that_of_another_while_its_file_stands() -> None:
    known = (known_item(1, "one/t.md", "T1", "a", "one"),)
    planned = plan(Indexed(stories=known), [listed("one/t.md"), listed("two/t.md", item("T1", "b", "two"))])
    assert uids(planned) == {"T1": None} and [one.uid for one in planned.remove] == [1]
    renamed = plan(Indexed(stories=known), [gone("one/t.md"), listed("two/t.md", item("T1", "a", "two"))])
    assert uids(renamed) == {"T1": 1}


def test_a_scoped_id_comes_back_only_in_its_folder() -> None:
    stone = Tombstone(1, "one/t.md", "t1", "t1", "old")
    back = plan(Indexed(tombstones=(stone,)), [listed("one/more.md", item("T1", "a", "one"))])
    assert uids(back) == {"T1": 1}
    other = plan(Indexed(tombstones=(stone,)), [listed("two/t.md", item("T1", "a", "two"))])
    assert uids(other) == {"T1": None}


def test_a_broken_file_keeps_all_its_items_and_carries_them_along() -> None:
    known = (known_item(1, "a.md", "T1", "a"), known_item(2, "a.md", "T2", "b"))
    planned = plan(Indexed(stories=known), [broken("a.md")])
    assert {one.uid for one in planned.stale} == {1, 2} and not planned.remove
    files = {"a.md": KnownFile(Signature(1, 7, 10, 5, 5), "old", "story")}
    moved = plan(Indexed(files, known), [gone("a.md"), broken("b.md", inode=7)])
    assert {(one.known.uid, one.path) for one in moved.carry} == {(1, "b.md"), (2, "b.md")}
