"""Whatever is done to the files: the story that a person would call the same keeps its uid."""

from __future__ import annotations

import shutil
import unicodedata

import pytest

from support.forms import one_for_all

FOLDER = 1000


def keyless(world, path: str, title: str, body: str = "Text."):
    """A story without an id."""
    return world.write(path, text=f"---\ntitle: {title}\nstatus: todo\n---\n{body}\n")


def uids(world) -> dict[str, int]:
    return {row["path"]: row["uid"] for row in world.rows("SELECT path, uid FROM stories")}


def operations(world) -> list[str]:
    """What the last sync that changed anything noted, one word a story."""
    return sorted(
        world.column("SELECT operation FROM changes WHERE sync_id = (SELECT MAX(sync_id) FROM changes)")
    )


# -- the same path -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("story", ["with an id", "without an id"])
@pytest.mark.parametrize("seen", ["together", "one by one"])
def test_a_file_that_is_deleted_and_written_anew_is_the_same_story(world, story: str, seen: str) -> None:
    def write(status: str):
        head = "id: A-1\n" if story == "with an id" else ""
        return world.write("a.md", text=f"---\n{head}title: One\nstatus: {status}\n---\nText.\n")

    path = write("todo")
    world.write("b.md", id="B-1", status="todo", dependencies="[A-1]")
    world.sync()
    before = uids(world)
    path.unlink()
    if seen == "one by one":
        world.sync("a.md")
        assert world.uid("a.md") is None
    write("done")
    world.sync("a.md")
    assert uids(world) == before
    history = world.column("SELECT new_status FROM status_history WHERE path = 'a.md' ORDER BY id")
    assert history[-1] == "done"
    world.must_equal()


def test_an_id_edited_in_place_keeps_the_uid_there_and_back(world) -> None:
    world.write("a.md", id="A-1", status="todo")
    world.sync()
    uid = world.uid("a.md")
    for story_id in ("A-2", "B-7", "A-1"):
        world.write("a.md", id=story_id, status="todo")
        world.sync("a.md")
        assert world.uid("a.md") == uid
    assert world.column("SELECT COUNT(*) FROM identities") == [1]
    world.must_equal()


def test_an_id_that_another_file_gives_up_and_takes_is_an_edit_of_both(world) -> None:
    world.write("a.md", id="A-1", status="todo", title="One", body="The text of one.")
    world.sync()
    uid = world.uid("a.md")
    world.write("a.md", id="A-9", status="todo", title="One", body="The text of one.")
    world.write("b.md", id="A-1", status="todo", title="Another", body="Another text.")
    world.sync("a.md")
    assert world.uid("a.md") == uid
    world.sync("b.md")
    assert world.uid("a.md") == uid != world.uid("b.md")
    world.must_equal()


# -- renames -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seen", [(), ("old", "new"), ("new",), ("old",)], ids=["all", "both", "new", "old"])
def test_a_moved_folder_of_a_thousand_stories_keeps_every_uid(world, seen: tuple[str, ...]) -> None:
    for number in range(FOLDER):
        named = {"id": f"A-{number}"} if number % 4 else {}
        title = f"Story number {number}"
        world.write(f"old/{number % 7}/{number}.md", status="todo", title=title, body=title, **named)
    world.write("stays.md", id="S-1", status="todo")
    world.sync()
    before = uids(world)
    (world.root() / "old").rename(world.root() / "new")
    report = world.sync(*seen)
    assert (report.moved, report.created, report.removed, report.held) == (FOLDER, 0, 0, ())
    assert uids(world) == {path.replace("old/", "new/"): uid for path, uid in before.items()}
    world.must_equal()


def test_a_folder_that_is_moved_file_by_file_keeps_every_uid(world) -> None:
    """As `mv` does it between two file systems: for a while everything is there twice."""
    for number in range(30):
        world.write(f"old/{number}.md", id=f"A-{number}", status="todo")
    world.sync()
    before = uids(world)
    shutil.copytree(world.root() / "old", world.root() / "new")
    world.sync("new")
    shutil.rmtree(world.root() / "old")
    report = world.sync("old")
    assert not report.held
    assert uids(world) == {path.replace("old/", "new/"): uid for path, uid in before.items()}
    world.must_equal()


@pytest.mark.parametrize("seen", [(), ("story.md", "Story.md"), ("Story.md",)], ids=["all", "both", "new"])
@pytest.mark.parametrize("story", ["with an id", "without an id"])
def test_a_rename_in_case_alone_is_a_rename(world, seen: tuple[str, ...], story: str) -> None:
    named = {"id": "A-1"} if story == "with an id" else {}
    path = world.write("story.md", status="todo", title="One", **named)
    world.sync()
    uid = world.uid("story.md")
    path.rename(path.with_name("Story.md"))
    report = world.sync(*seen)
    assert (report.moved, report.created, report.removed) == (1, 0, 0)
    assert uids(world) == {"Story.md": uid}
    world.must_equal()


def test_a_folder_renamed_in_case_alone_is_a_rename(world) -> None:
    world.write("docs/a.md", id="A-1", status="todo")
    keyless(world, "docs/b.md", "Two")
    world.sync()
    before = uids(world)
    (world.root() / "docs").rename(world.root() / "Docs")
    world.sync("Docs")
    assert uids(world) == {path.replace("docs", "Docs"): uid for path, uid in before.items()}
    world.must_equal()


@pytest.mark.parametrize("story", ["with an id", "without an id"])
def test_another_unicode_form_of_a_name_is_the_same_path(world, story: str) -> None:
    named = {"id": "A-1"} if story == "with an id" else {}
    composed = unicodedata.normalize("NFC", "caf\u00e9/r\u00e9sum\u00e9.md")
    path = world.write(composed, status="todo", title="One", **named)
    world.sync()
    before = uids(world)
    for form in ("NFD", "NFC"):
        target = world.root() / unicodedata.normalize(form, composed)
        target.parent.mkdir(exist_ok=True)
        path.rename(target)
        path.parent.rmdir()
        path = target
        report = world.sync()
        assert (report.created, report.moved, report.removed) == (0, 0, 0)
        assert uids(world) == before
        world.must_equal()


def test_a_story_without_an_id_is_known_at_its_new_path_alone(world) -> None:
    path = keyless(world, "a.md", "One")
    keyless(world, "b.md", "Two")
    world.sync()
    uid = world.uid("a.md")
    path.rename(world.root() / "z.md")
    report = world.sync("z.md")
    assert (report.moved, report.created, report.removed, report.full) == (1, 0, 0, False)
    assert world.uid("z.md") == uid and world.uid("a.md") is None
    world.must_equal()


def test_a_copy_of_a_story_without_an_id_is_a_new_story(world) -> None:
    path = keyless(world, "a.md", "One")
    world.sync()
    uid = world.uid("a.md")
    shutil.copy(path, world.root() / "b.md")
    world.sync("b.md")
    assert world.uid("a.md") == uid
    assert world.uid("b.md") not in (None, uid)
    world.must_equal()


def test_a_story_without_an_id_that_is_renamed_and_edited_is_known_by_its_title(world) -> None:
    path = keyless(world, "a.md", "A very own title")
    keyless(world, "other.md", "Another title")
    world.sync()
    uid = world.uid("a.md")
    path.unlink()
    keyless(world, "b.md", "A very own title", body="Another text.")
    world.sync("a.md", "b.md")
    assert world.uid("b.md") == uid
    assert operations(world) == ["move"]
    world.must_equal()


def test_a_title_of_two_files_that_are_gone_tells_nothing(world) -> None:
    paths = [keyless(world, f"{name}.md", "Notes", body=name) for name in "ab"]
    world.sync()
    before = set(uids(world).values())
    for path in paths:
        path.unlink()
    keyless(world, "c.md", "Notes", body="c")
    world.sync("a.md", "b.md", "c.md", confirm_deletions=True)
    assert world.uid("c.md") not in before
    world.must_equal()


def test_a_broken_file_that_was_renamed_is_known_at_its_new_path_alone(world) -> None:
    path = world.write("a.md", id="A-1", status="todo")
    world.sync()
    uid = world.uid("a.md")
    path.write_bytes(b"---\nid: [\n---\n# A-1\n")
    world.sync("a.md")
    path.rename(world.root() / "z.md")
    world.sync("z.md")
    assert uids(world) == {"z.md": uid}
    world.must_equal()


# -- copies, and files that change places --------------------------------------------------------------------


@pytest.mark.parametrize("seen", ["together", "one by one", "by a full scan each"])
def test_a_copy_whose_original_is_deleted_then_is_the_story(world, seen: str) -> None:
    path = world.write("a.md", id="A-1", status="todo", body="See [it](b.md).\n")
    world.write("x.md", id="X-1", status="todo", dependencies="[A-1]")
    world.sync()
    uid = world.uid("a.md")
    shutil.copy(path, world.root() / "b.md")
    if seen != "together":
        world.sync(*(["b.md"] if seen == "one by one" else []))
        assert world.uid("a.md") == uid
        world.must_equal()
    path.unlink()
    world.sync(*(["a.md", "b.md"] if seen == "together" else ["a.md"] if seen == "one by one" else []))
    assert world.uid("b.md") == uid and world.uid("a.md") is None
    assert world.column("SELECT state FROM story_dependencies") == ["resolved"]
    assert world.codes() == []
    world.must_equal()


def test_a_copy_that_was_edited_since_is_the_story_when_the_original_is_deleted(world) -> None:
    path = world.write("a.md", id="A-1", status="todo", title="One")
    world.sync()
    uid = world.uid("a.md")
    world.write("b.md", id="A-1", status="todo", title="One")
    world.sync("b.md")
    world.write("b.md", id="A-1", status="done", title="One")
    path.unlink()
    world.sync("a.md", "b.md")
    assert uids(world) == {"b.md": uid}
    assert world.column("SELECT status FROM stories") == ["done"]
    world.must_equal()


def test_two_stories_that_claimed_one_id_by_mistake_stay_two(world) -> None:
    path = world.write("a.md", id="A-1", status="todo", title="One")
    world.write("b.md", id="A-1", status="todo", title="Quite another")
    world.sync()
    before = uids(world)
    path.unlink()
    world.sync("a.md")
    assert uids(world) == {"b.md": before["b.md"]}
    world.must_equal()


def test_of_several_copies_none_is_taken_for_the_original(world) -> None:
    path = world.write("a.md", id="A-1", status="todo", title="One")
    world.sync()
    for name in ("b.md", "c.md"):
        shutil.copy(path, world.root() / name)
    world.sync()
    before = uids(world)
    path.unlink()
    world.sync("a.md")
    assert uids(world) == {name: before[name] for name in ("b.md", "c.md")}
    world.must_equal()


@pytest.mark.parametrize("seen", [(), ("a.md", "b.md")], ids=["all", "both"])
@pytest.mark.parametrize("story", ["with an id", "without an id"])
def test_two_files_that_swap_names_are_followed(world, seen: tuple[str, ...], story: str) -> None:
    named = story == "with an id"
    for name in "ab":
        world.write(f"{name}.md", status="todo", title=name, **({"id": f"{name}-1"} if named else {}))
    world.sync()
    before = uids(world)
    root = world.root()
    (root / "a.md").rename(root / "spare")
    (root / "b.md").rename(root / "a.md")
    (root / "spare").rename(root / "b.md")
    world.sync(*seen)
    assert uids(world) == {"a.md": before["b.md"], "b.md": before["a.md"]}
    assert operations(world) == ["move", "move"]
    world.must_equal()


def test_three_files_that_change_names_in_a_ring_are_followed(world) -> None:
    for name in "abc":
        world.write(f"{name}.md", id=f"{name}-1", status="todo")
    world.sync()
    before = uids(world)
    root = world.root()
    for old, new in (("a", "spare"), ("c", "a"), ("b", "c"), ("spare", "b")):
        (root / f"{old}.md").rename(root / f"{new}.md")
    world.sync("a.md", "b.md", "c.md")
    assert uids(world) == {"b.md": before["a.md"], "c.md": before["b.md"], "a.md": before["c.md"]}
    world.must_equal()


# -- from one project to another -----------------------------------------------------------------------------


@one_for_all
def test_a_file_that_moves_to_another_project_is_new_there_and_may_come_back(world) -> None:
    """An identity belongs to its project; nobody hears of the move while no daemon runs."""
    path = world.write("a.md", project="one", id="A-1", status="todo")
    world.write("b.md", project="one", id="B-1", status="todo", dependencies="[A-1, two:A-1]")
    world.write("c.md", project="two", id="C-1", status="todo", dependencies="[one:A-1]")
    for name in ("one", "two"):
        world.sync(project=name)
    uid = world.uid("a.md")
    path.rename(world.root("two") / "a.md")
    for name in ("two", "one"):  # here the copy is seen before the original is missed
        world.sync(project=name)
    world.must_equal()
    there = world.uid("a.md")
    assert there not in (None, uid)
    assert world.column("SELECT project_id FROM stories WHERE id = 'A-1'") == ["two"]
    states = "SELECT state FROM story_dependencies WHERE raw LIKE '%A-1' ORDER BY target_project"
    assert world.column(states) == ["dangling", "dangling", "resolved"]
    (world.root("two") / "a.md").rename(path)
    for name in ("one", "two"):
        world.sync(project=name)
    world.must_equal()
    assert world.uid("a.md") == uid
