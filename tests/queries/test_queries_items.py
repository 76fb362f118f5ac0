"""`show` and `list` of stories that share a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from storysync.app import App
from storysync.errors import Ambiguous, NotFound
from storysync.queries.filters import Filter
from storysync.queries.find_story import find_story
from storysync.queries.list_stories import list_stories
from storysync.queries.show_story import show_story
from storysync.store.reader import Reader
from support.forms import Form

TASKS = "# Tasks\n\n- [x] T001 First\n- [~] T002 Second (depends on T001, T009)\n- [ ] T003 Third\n"
FILES = {
    "specs/001-cart/tasks.md": TASKS,
    "specs/002-login/tasks.md": TASKS.replace("First", "Other"),
    "docs/epics.md": (
        "# Epic 7: All\n\n**Status:** strange\n\n### Story 7.1: One\n\n**Status:** done\n\n"
        "### Story 7.2: Two\n\n**Status:** odd\n"
    ),
    "docs/stories/7.2.md": "# Story 7.2: Two\n\n**Status:** todo\n",
}


@pytest.fixture(scope="module")
def reader(form: Form, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    folder = tmp_path_factory.mktemp("items")
    for path, text in FILES.items():
        file = folder / "shop" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    with form.lent(folder) as database:
        app = App.load(folder, {"STATE_DIRECTORY": str(folder)}, flags={"database.url": database.url})
        app.sync(app.projects(("shop",)))
        with app.reader() as reader:
            yield reader


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("docs/epics.md", ("docs/epics.md", "")),
        ("docs/epics.md#story-7.1", ("docs/epics.md", "story-7.1")),
        ("shop:docs/epics.md#story-7.1", ("docs/epics.md", "story-7.1")),
        ("specs/001-cart/tasks.md#t002", ("specs/001-cart/tasks.md", "t002")),
        ("001-CART/T001", ("specs/001-cart/tasks.md", "t001")),
        ("001-cart/T001", ("specs/001-cart/tasks.md", "t001")),
        ("specs/002-login/t001", ("specs/002-login/tasks.md", "t001")),
        ("7.1", ("docs/epics.md", "story-7.1")),
        ("7.2", ("docs/stories/7.2.md", "")),
    ],
)
def test_one_of_several_in_a_file_is_found(reader: Reader, text: str, place: tuple[str, str]) -> None:
    found = find_story(reader, text)
    assert (found["path"], found["anchor"]) == place


def test_an_id_of_several_folders_names_the_items(reader: Reader) -> None:
    with pytest.raises(Ambiguous, match=r"specs/001-cart/tasks\.md#t001, specs/002-login/tasks\.md#t001"):
        find_story(reader, "T001")
    with pytest.raises(Ambiguous, match="fits 3 stories: shop:T001, shop:T002, shop:T003"):
        find_story(reader, "specs/001-cart/tasks.md")


def test_an_item_is_shown_with_its_own_problems_and_edges(reader: Reader) -> None:
    story = show_story(reader, "001-cart/T002")
    assert [(one["line"], one["code"]) for one in story["problems"]] == [
        (4, "unknown-status"), (4, "dangling-reference"),
    ]  # fmt: skip
    assert [(one["relation"], one["id"], one["state"], one["anchor"]) for one in story["edges"]] == [
        ("depends_on", "T009", "dangling", None), ("depends_on", "T001", "resolved", "t001"),
    ]  # fmt: skip
    assert show_story(reader, "001-cart/T003")["problems"] == []
    assert [one["line"] for one in show_story(reader, "docs/epics.md")["problems"]] == [3]
    assert [one["code"] for one in show_story(reader, "docs/epics.md#story-7.2")["problems"]] == [
        "told-elsewhere", "unknown-status",
    ]  # fmt: skip


def test_the_list_tells_the_anchors(reader: Reader) -> None:
    stories, _ = list_stories(reader, Filter(), sort="path")
    assert [(one["path"].rpartition("/")[2], one["anchor"]) for one in stories[:4]] == [
        ("epics.md", ""), ("epics.md", "story-7.1"), ("epics.md", "story-7.2"), ("7.2.md", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["Story 7.1", "story-7.1", "docs/epics.md#Story 7.1", "docs/epics.md#story-71", "docs/epics.md#7.1"],
)
def test_an_item_is_found_by_every_name_that_references_may_use(reader: Reader, text: str) -> None:
    assert find_story(reader, text)["id"] == "7.1"


def test_bytes_that_are_no_text_name_no_story(reader: Reader) -> None:
    for text in ("\udcff", "T001\0", "a/\0"):
        with pytest.raises(NotFound):
            find_story(reader, text)
