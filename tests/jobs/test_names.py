"""Under which names a story is found, how ranges resolve, and that all of it converges."""

from __future__ import annotations

import pytest

from jobs.conftest import World
from storysync.settings import ReadingSettings

EDGES = (
    "SELECT r.raw, r.state, r.match, t.id FROM story_dependencies r JOIN stories s ON s.uid = r.story_uid"
    " LEFT JOIN stories t ON t.uid = r.target_uid WHERE s.path = ? ORDER BY r.ordinal"
)


def found(world: World, path: str = "asks.md") -> list[tuple[str, str, str | None, str | None]]:
    return [tuple(row.values()) for row in world.rows(EDGES, path)]  # type: ignore[misc]


def asks(world: World, *needs: str, path: str = "asks.md") -> None:
    listed = ", ".join(f'"{one}"' for one in needs)
    world.write(path, id="ASKS-1", status="todo", dependencies=f"[{listed}]")


def names(world: World) -> list[tuple[str, str]]:
    rows = world.rows("SELECT source, name FROM story_names WHERE source <> 'stem' ORDER BY 1, 2")
    return [(row["source"], row["name"]) for row in rows]


# -- aliases ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("aliases", ["[OLD-7, Old Pool]", "OLD-7, Old Pool", "\n  - OLD-7\n  - Old Pool"])
def test_an_alias_leads_to_its_story(world: World, aliases: str) -> None:
    world.write("a.md", id="OPS-1", status="todo", aliases=aliases)
    asks(world, "OLD-007", "[[Old Pool]]")
    world.sync()
    assert found(world) == [
        ("OLD-007", "resolved", "alias", "OPS-1"),
        ("[[Old Pool]]", "resolved", "alias", "OPS-1"),
    ]
    assert "old-7" in world.column("SELECT metadata FROM stories WHERE id = 'OPS-1'")[0].casefold()
    assert world.codes("asks.md") == []


def test_an_id_counts_before_an_alias_and_two_equal_aliases_for_nothing(world: World) -> None:
    world.write("a.md", id="OPS-1", status="todo", aliases="[X-1, X-2]")
    world.write("b.md", id="OPS-2", status="todo", aliases="[X-1]")
    world.write("c.md", id="x-2", status="todo")
    asks(world, "X-1", "X-2")
    world.sync()
    assert found(world) == [("X-1", "ambiguous", None, None), ("X-2", "resolved", "case", "x-2")]
    assert world.column("SELECT COUNT(*) FROM stories WHERE contested") == [0]


def test_an_alias_that_comes_and_goes_is_followed(world: World) -> None:
    world.write("a.md", id="OPS-1", status="todo")
    asks(world, "OLD-7")
    world.sync()
    world.write("a.md", id="OPS-1", status="todo", aliases="OLD-7")
    world.sync("a.md")
    assert found(world) == [("OLD-7", "resolved", "alias", "OPS-1")]
    world.write("a.md", id="OPS-1", status="todo", aliases="none")
    world.sync("a.md")
    assert found(world) == [("OLD-7", "dangling", None, None)]
    world.must_equal()


# -- words before numbers --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "wanted", "match"),
    [
        ({"id": "story-22.1"}, "22.1", "prefix"),
        ({"id": '"22.1"'}, "story-22.1", "prefix"),
        ({"eip": "20"}, "EIP-0020", "prefix"),
        ({"task_id": "7"}, "task-07", "prefix"),
        ({"id": "3", "type": "epic"}, "Epic 3", "prefix"),
        ({"id": "EPIC-003"}, "Epic 3", "key"),
        ({"id": "FEAT-2"}, "Feature 2", "prefix"),
        ({"id": "US-004"}, "Story 4", "prefix"),
        ({"id": "task-4"}, "task-04", "key"),
        ({"id": "20"}, "0020", "key"),
        ({"id": '"1.10"'}, "1-10", "key"),
        ({"id": "UI-2-sales-page"}, "UI-002", "prefix"),
    ],
)
def test_the_word_before_a_number_counts_little(
    world: World, fields: dict[str, str], wanted: str, match: str
) -> None:
    world.write("a.md", status="todo", **fields)
    asks(world, wanted)
    world.sync()
    ((_, state, matched, _),) = found(world)
    assert (state, matched) == ("resolved", match)


@pytest.mark.parametrize(
    ("story_id", "wanted"),
    [
        ("EPIC-3", "3"),
        ("3", "Epic 3"),
        ("BUG-3", "Task 3"),
        ("INF-3", "3"),
        ("TASK-IM-3", "3"),
        ("22.1", "1"),
    ],
)
def test_a_word_that_says_something_is_not_left_out(world: World, story_id: str, wanted: str) -> None:
    world.write("a.md", id=f'"{story_id}"', status="todo")
    asks(world, wanted)
    world.sync()
    assert [state for _, state, _, _ in found(world)] == ["dangling"]


def test_two_that_fit_are_ambiguous_unless_one_is_called_so_word_for_word(world: World) -> None:
    world.write("a.md", id="STORY-3", status="todo")
    world.write("b.md", id="TASK-3", status="todo")
    asks(world, "3", "Task 3", "Issue 3", "story-3")
    world.sync()
    assert found(world) == [
        ("3", "ambiguous", None, None),
        ("Task 3", "resolved", "prefix", "TASK-3"),
        ("Issue 3", "ambiguous", None, None),
        ("story-3", "resolved", "case", "STORY-3"),
    ]


def test_a_story_that_is_called_so_takes_the_reference_and_gives_it_back(world: World) -> None:
    world.write("a.md", id="STORY-3", status="todo")
    asks(world, "3")
    world.sync()
    assert world.codes("asks.md") == ["relaxed-match"]
    world.write("b.md", id="3", status="todo")
    world.sync("b.md")
    assert found(world) == [("3", "resolved", "exact", "3")]
    (world.root() / "b.md").unlink()
    world.sync()
    assert found(world) == [("3", "resolved", "prefix", "STORY-3")]
    world.must_equal()


def test_a_project_may_name_another_prefix(world: World) -> None:
    world.write("a.md", id="BACK-12", status="todo")
    world.write("b.md", id="BACKUP-13", status="todo")
    asks(world, "task-12", "Task 12", "task-13")
    world.sync()
    assert [state for _, state, _, _ in found(world)] == ["dangling"] * 3
    world.reading = ReadingSettings(id_prefixes={"task": "BACK-"})
    world.sync()
    assert found(world) == [
        ("task-12", "resolved", "prefix", "BACK-12"),
        ("Task 12", "resolved", "prefix", "BACK-12"),
        ("task-13", "dangling", None, None),
    ]
    world.must_equal()


def test_tasks_of_the_backlog_tool_keep_their_first_prefix(world: World) -> None:
    world.write("backlog/completed/back-3.1 - Pool.md", id="BACK-3.1", status="Done")
    world.write("backlog/drafts/draft-4 - Idea.md", id="DRAFT-4", status="Draft")
    asks(world, "task-3.1", "task-4")
    world.sync()
    assert [(state, target) for _, state, _, target in found(world)] == [
        ("resolved", "BACK-3.1"),
        ("dangling", None),
    ]


def test_plain_ids_have_no_other_names(world: World) -> None:
    world.write("a.md", id="INF-013", status="todo")
    world.sync()
    assert names(world) == [("id", "inf-13")]


# -- epics and features ----------------------------------------------------------------------------------


def test_epics_and_features_are_counted_apart_from_stories(world: World) -> None:
    for word in ("Epic", "Feature", "Story"):
        world.write(f"{word}.md", text=f"# {word} 3: Pool\n\n**Status:** todo\n")
    asks(world, "Epic 3", "Feature 3", "Story 3", "3", "epic-3")
    world.sync()
    assert [(state, target) for _, state, _, target in found(world)] == [
        ("resolved", "Epic 3"),
        ("resolved", "Feature 3"),
        ("resolved", "3"),
        ("resolved", "3"),
        ("resolved", "Epic 3"),
    ]
    assert world.column("SELECT COUNT(*) FROM stories WHERE contested") == [0]


@pytest.mark.parametrize("name", ["epic-50-loop.md", "epic-51-loop.md"])
def test_an_epic_is_compared_with_its_file_name(world: World, name: str) -> None:
    world.write(name, text="# Epic 51: Loop\n\n**Status:** todo\n")
    world.sync()
    wanted = [] if "51" in name else ["id-differs-from-file-name"]
    assert world.codes(name) == wanted


# -- ids that did not count ------------------------------------------------------------------------------


@pytest.mark.parametrize("heading", ["EVAL-002: Studies", "SALES_PITCH - a story"])
def test_the_id_of_a_heading_that_lost_is_found_when_no_story_is_called_so(
    world: World, heading: str
) -> None:
    wanted = heading.split(":")[0].split(" ")[0]
    world.write("a.md", id="LLM-9", status="todo", body=f"# {heading}\n")
    asks(world, wanted)
    world.sync()
    assert found(world) == [(wanted, "resolved", "heading", "LLM-9")]
    assert world.codes("asks.md") == ["relaxed-match"]
    world.write("b.md", id=wanted, status="todo")
    world.sync("b.md")
    assert found(world) == [(wanted, "resolved", "exact", wanted)]
    world.must_equal()


def test_a_table_that_explains_what_an_id_is_contradicts_nothing(world: World) -> None:
    table = '# Records\n\n| key | value |\n|---|---|\n| `id` | name of the scheme, as "v4" |\n'
    world.write("a.md", eip="778", status="Final", body=table)
    world.sync()
    assert "id-disagreement" not in world.codes()


# -- ranges ----------------------------------------------------------------------------------------------


def test_a_range_resolves_when_all_of_its_members_are_there(world: World) -> None:
    asks(world, "Stories 1-3")
    for number in (1, 3):
        world.write(f"{number}.md", id=str(number), status="done")
    world.sync()
    assert {(state, target) for _, state, _, target in found(world)} == {("dangling", None)}
    (finding,) = world.rows("SELECT code, message, line, col FROM problems WHERE path = 'asks.md'")
    assert (finding["code"], finding["line"], finding["col"]) == ("dangling-reference", 4, 16)
    assert finding["message"].endswith("not one story each for 2")
    blocked = "SELECT reason, blocker FROM v_blocked WHERE id = 'ASKS-1'"
    assert world.rows(blocked) == [{"reason": "dangling", "blocker": "Stories 1-3"}]
    world.write("2.md", id="2", status="todo")
    world.sync("2.md")
    assert [(state, target) for _, state, _, target in found(world)] == [
        ("resolved", "1"),
        ("resolved", "2"),
        ("resolved", "3"),
    ]
    assert world.codes("asks.md") == []
    assert world.rows(blocked) == [{"reason": "waits for", "blocker": "2"}]
    world.must_equal()


def test_a_range_falls_when_a_member_goes_or_is_claimed_twice(world: World) -> None:
    for number in (1, 2):
        world.write(f"{number}.md", id=f"STORY-{number}", status="todo")
    asks(world, "STORY-1 to STORY-2")
    world.sync()
    assert [state for _, state, _, _ in found(world)] == ["resolved", "resolved"]
    world.write("again.md", id="STORY-2", status="todo")
    world.sync("again.md")
    assert [state for _, state, _, _ in found(world)] == ["dangling", "dangling"]
    assert world.codes("asks.md") == ["dangling-reference"]
    (world.root() / "again.md").unlink()
    world.sync()
    assert [state for _, state, _, _ in found(world)] == ["resolved", "resolved"]
    (world.root() / "1.md").unlink()
    world.sync()
    assert [state for _, state, _, _ in found(world)] == ["dangling", "dangling"]
    world.must_equal()


def test_a_range_beside_a_single_reference_does_not_take_it_along(world: World) -> None:
    world.write("2.md", id="2", status="todo")
    text = "# ASKS-1: A\n\n**Status:** todo\n\n## Dependencies\n\n- Stories 1-3\n- Story 2\n"
    world.write("asks.md", text=text)
    world.sync()
    assert [(raw, state) for raw, state, _, _ in found(world)][-1] == ("Story 2", "resolved")
    assert world.codes("asks.md").count("dangling-reference") == 1


def test_a_range_that_cannot_be_counted_dangles_once(world: World) -> None:
    asks(world, "Stories 1-400")
    world.sync()
    assert found(world) == [("Stories 1-400", "dangling", None, None)]
    assert world.codes("asks.md") == ["dangling-reference"]


# -- roots and copies ------------------------------------------------------------------------------------


def test_each_of_two_project_roots_in_one_repository_means_its_own(world: World) -> None:
    for root in ("", "src/web/"):
        world.write(f"{root}.project/epics/EPIC-1.md", id="EPIC-1", status="todo")
        world.write(f"{root}.project/stories/S.md", id=f"S-{len(root)}", status="todo", parent="EPIC-1")
    world.sync()
    rows = world.rows(
        "SELECT s.path AS own, t.path AS target, r.match FROM story_dependencies r"
        " JOIN stories s ON s.uid = r.story_uid JOIN stories t ON t.uid = r.target_uid ORDER BY 1"
    )
    assert [(row["own"].split(".project")[0], row["target"].split(".project")[0]) for row in rows] == [
        ("", ""),
        ("src/web/", "src/web/"),
    ]
    assert {row["match"] for row in rows} == {"ancestor"}
    world.must_equal()


def test_two_files_of_one_id_that_lie_otherwise_stay_ambiguous(world: World) -> None:
    world.write("fleet/one.md", id="A-1", status="todo")
    world.write("stations/two.md", id="A-1", status="todo")
    asks(world, "A-1", path="fleet/asks.md")
    world.sync()
    assert found(world, "fleet/asks.md") == [("A-1", "ambiguous", None, None)]


# -- sentences -------------------------------------------------------------------------------------------


def test_sentences_block_only_when_the_project_says_so(world: World) -> None:
    world.write("a.md", id="A-1", status="todo")
    world.write("asks.md", id="ASKS-1", status="todo", dependencies='"waits for A-1 to be live"')
    ready = "SELECT COUNT(*) FROM v_ready WHERE id = 'ASKS-1'"
    blocked = "SELECT blocker FROM v_blocked WHERE id = 'ASKS-1'"
    world.sync()
    assert (world.column(ready), world.column(blocked)) == ([1], [])
    world.reading = ReadingSettings(prose_blocks=True)
    world.sync()
    assert (world.column(ready), world.column(blocked)) == ([0], ["A-1"])


def test_an_edge_stated_from_both_ends_is_one(world: World) -> None:
    world.write("a.md", id="A-1", status="todo", blocks="[B-1]")
    world.write("b.md", id="B-1", status="todo", dependencies="[A-1]")
    world.write("c.md", id="C-1", status="todo", body="## Dependencies\n\n- it must be done before B-1\n")
    world.sync()
    rows = world.rows("SELECT dependent_id, prerequisite_id, stated_by, confidence FROM v_edges ORDER BY 2")
    assert [tuple(row.values()) for row in rows] == [
        ("B-1", "A-1", "both", "declared"),
        ("B-1", "C-1", "inverse", "prose"),
    ]
    assert "dependency-cycle" not in world.codes()
