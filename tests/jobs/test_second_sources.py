"""`sprint-status.yaml` beside the stories: stored, matched, compared; a file's own word stays."""

from __future__ import annotations

import pytest

from jobs.conftest import World
from storysync.settings import DeletionSettings, ReadingSettings

YAML = "plan/sprint-status.yaml"


def state(world: World, *lines: str, path: str = YAML, project: str = "demo") -> None:
    text = "development_status:\n" + "".join(f"  {line}\n" for line in lines)
    world.write(path, text=text, project=project)


def story(world: World, name: str, status: str | None, number: str = "1.2") -> None:
    line = "" if status is None else f"Status: {status}\n"
    world.write(name, text=f"# Story {number}: Sign in\n\n{line}\n## Tasks\n\n- [ ] one\n")


def claims(world: World) -> dict[str, tuple[str | None, int | None]]:
    rows = world.rows("SELECT name, status, story_uid FROM status_claims ORDER BY path, line")
    return {row["name"]: (row["status"], row["story_uid"]) for row in rows}


def test_the_file_is_kept_with_its_claims_and_the_story_keeps_its_own_status(world: World) -> None:
    story(world, "plan/1-2-sign-in.md", "review")
    state(world, "epic-1: in-progress", "1-2-sign-in: done")
    world.sync()
    assert world.column("SELECT state FROM files WHERE path = ?", YAML) == ["second_source"]
    assert claims(world) == {
        "epic-1": ("in_progress", None),
        "1-2-sign-in": ("done", world.uid("plan/1-2-sign-in.md")),
    }
    assert world.column("SELECT status FROM stories") == ["review"]
    (found,) = world.rows("SELECT * FROM problems")
    assert (found["code"], found["path"], found["line"], found["col"]) == (
        "second-source-disagreement",
        YAML,
        3,
        16,
    )
    assert "plan/1-2-sign-in.md:3 says “review”" in found["message"]
    world.must_equal()


def test_the_finding_goes_when_either_side_is_mended(world: World) -> None:
    story(world, "plan/1-2-sign-in.md", "review")
    state(world, "1-2-sign-in: done")
    world.sync()
    uid = world.uid("plan/1-2-sign-in.md")
    story(world, "plan/1-2-sign-in.md", "done")
    world.sync("plan/1-2-sign-in.md")
    assert world.codes() == []
    state(world, "1-2-sign-in: in-progress")
    world.sync(YAML)
    assert world.codes() == ["second-source-disagreement"]
    state(world, "1-2-sign-in: done")
    world.sync(YAML)
    assert world.codes() == []
    assert world.uid("plan/1-2-sign-in.md") == uid
    world.must_equal()


def test_the_finding_follows_the_line_of_the_story(world: World) -> None:
    story(world, "plan/1-2-sign-in.md", "review")
    state(world, "1-2-sign-in: done")
    world.sync()
    text = (world.root() / "plan/1-2-sign-in.md").read_text()
    world.write("plan/1-2-sign-in.md", text="\n\n" + text)
    world.sync("plan/1-2-sign-in.md")
    assert "plan/1-2-sign-in.md:5 says" in world.column("SELECT message FROM problems")[0]
    world.must_equal()


def test_a_change_of_the_file_alone_changes_no_story(world: World) -> None:
    story(world, "plan/1-2-sign-in.md", "done")
    state(world, "1-2-sign-in: done")
    world.sync()
    before = world.rows("SELECT * FROM changes"), world.rows("SELECT uid, synced_at FROM stories")
    state(world, "1-2-sign-in: review", "1-3-more: backlog")
    report = world.sync(YAML)
    assert not report.changed
    assert (world.rows("SELECT * FROM changes"), world.rows("SELECT uid, synced_at FROM stories")) == before


def test_a_scan_that_changes_nothing_writes_no_claim(world: World) -> None:
    story(world, "plan/1-2-sign-in.md", "review")
    state(world, "1-2-sign-in: done")
    world.sync()
    before = world.rows("SELECT * FROM problems"), world.rows("SELECT * FROM status_claims")
    world.sync()
    assert (world.rows("SELECT * FROM problems"), world.rows("SELECT * FROM status_claims")) == before


def test_a_story_that_comes_later_takes_its_claim_and_gives_it_back_when_it_goes(world: World) -> None:
    state(world, "1-2-sign-in: done")
    world.write("notes.md", id="N-1", status="todo")
    world.sync()
    assert world.codes() == ["second-source-without-story"]
    story(world, "plan/1-2-sign-in.md", "done")
    world.sync("plan/1-2-sign-in.md")
    assert claims(world)["1-2-sign-in"][1] == world.uid("plan/1-2-sign-in.md")
    assert world.codes() == []
    (world.root() / "plan/1-2-sign-in.md").unlink()
    world.sync("plan/1-2-sign-in.md")
    assert claims(world)["1-2-sign-in"] == ("done", None)
    assert world.codes() == ["second-source-without-story"]
    world.must_equal()


def test_a_renamed_story_is_found_by_its_number(world: World) -> None:
    story(world, "plan/1-2-sign-in.md", "done")
    state(world, "1-2-sign-in: done")
    world.sync()
    uid = world.uid("plan/1-2-sign-in.md")
    (world.root() / "plan/1-2-sign-in.md").rename(world.root() / "plan/1-2-log-in.md")
    world.sync("plan/1-2-sign-in.md", "plan/1-2-log-in.md")
    assert claims(world)["1-2-sign-in"][1] == uid == world.uid("plan/1-2-log-in.md")
    world.must_equal()


def test_the_nearest_of_two_stories_is_meant_and_of_equals_none(world: World) -> None:
    story(world, "app/plan/1-2-a.md", "done")
    story(world, "web/plan/1-2-a.md", "todo")
    state(world, "1-2-a: done", path="app/sprint-status.yaml")
    state(world, "1-2-a: done", path="sprint-status.yml")
    world.sync()
    rows = world.rows("SELECT path, story_uid FROM status_claims ORDER BY path")
    assert [row["story_uid"] for row in rows] == [world.uid("app/plan/1-2-a.md"), None]
    assert world.codes("app/sprint%") == []
    assert world.codes("sprint%") == ["second-source-ambiguous"]
    world.must_equal()


def test_a_story_without_a_status_gets_none_from_here(world: World) -> None:
    story(world, "plan/1-2-a.md", None)
    state(world, "1-2-a: done")
    world.sync()
    assert world.column("SELECT status FROM stories") == [None]
    assert world.codes(YAML) == ["status-only-in-second-source"]


def test_a_broken_file_keeps_its_last_claims_flagged(world: World) -> None:
    story(world, "plan/1-2-a.md", "review")
    state(world, "1-2-a: done")
    world.sync()
    world.write(YAML, text="development_status:\n  1-2-a: [\n")
    world.sync(YAML)
    assert world.rows("SELECT name, status, stale FROM status_claims") == [
        {"name": "1-2-a", "status": "done", "stale": 1}
    ]
    assert world.codes(YAML) == ["second-source-disagreement", "second-source-invalid"]
    world.must_equal()
    story(world, "plan/1-2-a.md", "done")
    world.sync("plan/1-2-a.md")
    assert world.codes(YAML) == ["second-source-invalid"]
    state(world, "1-2-a: done")
    world.sync(YAML)
    assert world.codes() == []
    assert world.column("SELECT stale FROM status_claims") == [0]
    world.must_equal()


@pytest.mark.parametrize("how", ["deleted", "emptied", "excluded"])
def test_claims_go_with_what_made_them(world: World, how: str) -> None:
    story(world, "plan/1-2-a.md", "review")
    state(world, "1-2-a: done")
    world.sync()
    if how == "deleted":
        (world.root() / YAML).unlink()
    elif how == "emptied":
        state(world)
    else:
        world.reading = ReadingSettings(exclude=("**/sprint-status.*",))
    world.sync()
    assert claims(world) == {}
    assert world.codes() == []
    world.must_equal()


def test_a_file_that_vanishes_in_an_accident_is_held_with_the_stories(world: World) -> None:
    world.deletions = DeletionSettings(least=2, share=0)
    for number in range(4):
        story(world, f"plan/1-{number}-a.md", "review", f"1.{number}")
    state(world, *(f"1-{number}-a: done" for number in range(4)))
    world.write("other.md", id="O-1", status="todo")
    world.sync()
    for file in (world.root() / "plan").iterdir():
        file.unlink()
    report = world.sync()
    assert YAML in report.held
    assert len(claims(world)) == 4
    world.must_equal()
    world.sync(confirm_deletions=True)
    assert claims(world) == {}
    assert world.codes() == []
    world.must_equal()


def test_a_project_s_own_words_count_there_too(world: World) -> None:
    story(world, "plan/1-2-a.md", "done")
    state(world, "1-2-a: sailing")
    world.sync()
    assert world.codes(YAML) == ["unknown-status"]
    world.reading = ReadingSettings(statuses={"sailing": "review"})
    world.sync()
    assert world.codes(YAML) == ["second-source-disagreement"]
    world.must_equal()


def test_stories_of_another_project_are_not_meant(world: World) -> None:
    world.write("1-2-a.md", project="other", text="# Story 1.2: A\n\nStatus: todo\n")
    world.sync(project="other")
    world.write("notes.md", id="N-1", status="todo")
    state(world, "1-2-a: done")
    world.sync()
    assert claims(world) == {"1-2-a": ("done", None)}


def test_nothing_of_a_story_is_left_where_a_second_source_took_its_place(world: World) -> None:
    world.write("m/sprint-status.md", text="---\nid: X-1\nstatus: todo\ndepends_on: [Z-9]\n---\n# x\n")
    world.sync()
    (world.root("demo") / "m/sprint-status.md").rename(world.root("demo") / "m/sprint-status.yaml")
    world.sync()
    state(world, "1-1-a: todo", path="m/sprint-status.yaml")
    world.sync()
    assert "dangling-reference" not in world.column("SELECT code FROM problems")
    world.must_equal()
