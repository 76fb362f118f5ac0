"""The status of a story: its file, then its folder."""

from __future__ import annotations

import msgspec
import pytest

from storysync.core.reading import read
from storysync.core.story import Good, Problem, Story
from storysync.settings import ReadingSettings

DEFAULTS = ReadingSettings()


def judged(
    path: str, status: str | None, settings: ReadingSettings = DEFAULTS
) -> tuple[Story, list[Problem]]:
    line = "" if status is None else f"status: {status}\n"
    found = read(path, f"---\nid: A-1\ntitle: One\n{line}---\n# One\n".encode(), settings)
    assert isinstance(found, Good), found
    return found.stories[0], [one for one in found.problems if one.code != "id-differs-from-file-name"]


def codes(path: str, status: str | None, settings: ReadingSettings = DEFAULTS) -> list[str]:
    return [one.code for one in judged(path, status, settings)[1]]


@pytest.mark.parametrize(
    ("folder", "status"),
    [
        ("completed", "done"), ("Done", "done"), ("archive/tasks", "done"), (".todo/closed", "done"),
        ("backlog/drafts", "draft"), ("cancelled", "cancelled"), ("in-progress/web", "in_progress"),
        ("archive/drafts", "draft"),
    ],
)  # fmt: skip
def test_a_file_without_a_status_has_the_one_of_its_nearest_folder(folder: str, status: str) -> None:
    story, problems = judged(f"{folder}/A-1.md", None)
    assert (story.status, story.status_raw, story.status_line) == (status, None, 0)
    assert [one.code for one in problems] == ["status-from-folder"]


@pytest.mark.parametrize("folder", ["backlog", "todo", "tasks", "mydone", "done.old"])
def test_other_folders_tell_no_status(folder: str) -> None:
    story, problems = judged(f"{folder}/A-1.md", None)
    assert story.status is None
    assert [one.code for one in problems] == ["status-missing"]


def test_the_name_of_the_file_is_no_folder() -> None:
    assert codes("done.md", None) == ["status-missing"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("completed/A-1.md", "todo"), ("completed/A-1.md", "blocked"), ("drafts/A-1.md", "done"),
        ("drafts/A-1.md", "in progress"), ("archive/A-1.md", "open"), ("archive/A-1.md", "active"),
        ("cancelled/A-1.md", "done"), ("cancelled/A-1.md", "ready"), ("doing/A-1.md", "done"),
    ],
)  # fmt: skip
def test_a_folder_that_contradicts_the_file_is_a_warning_at_the_status(path: str, status: str) -> None:
    story, problems = judged(path, status)
    assert [(one.code, one.line, one.col) for one in problems] == [("folder-disagreement", 4, 9)]
    assert story.status_raw == status
    assert story.status_line == 4


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("completed/A-1.md", "done"), ("completed/A-1.md", "accepted"), ("archive/A-1.md", "scrapped"),
        ("archive/A-1.md", "deferred"), ("drafts/A-1.md", "To Do"), ("drafts/A-1.md", "backlog"),
        ("cancelled/A-1.md", "won't do"), ("tasks/A-1.md", "done"),
    ],
)  # fmt: skip
def test_a_folder_that_fits_says_nothing(path: str, status: str) -> None:
    assert codes(path, status) == []


def test_an_unknown_status_is_not_compared_with_the_folder() -> None:
    assert codes("completed/A-1.md", "cooking") == ["unknown-status"]


def test_a_project_names_its_own_folders_and_switches_others_off() -> None:
    settings = ReadingSettings(folders={"Shipped": "done", "archive": ""})
    assert judged("shipped/A-1.md", None, settings)[0].status == "done"
    assert codes("archive/A-1.md", "todo", settings) == []
    assert judged("completed/archive/A-1.md", None, settings)[0].status == "done"


def test_a_status_that_says_nothing_leaves_the_word_to_the_folder() -> None:
    assert judged("completed/A-1.md", "TBD")[0].status == "done"
    assert codes("tasks/A-1.md", "TBD") == []


def test_none_words_of_the_project_are_no_values() -> None:
    settings = ReadingSettings(none_words=("Nix", "entfällt noch"))
    text = (
        "---\nid: A-1\nstatus: nix\npriority: Nix\nestimate: nix\nowner: NIX\nlabels: [web, nix]\n"
        "dependencies: Nix\nblocks: [entfallt noch, B-2]\nepic: nix\ncreated: nix\n---\n# One\n"
    )
    found = read("A-1.md", text.encode(), settings)
    assert isinstance(found, Good)
    (story,) = found.stories
    assert [one.code for one in found.problems] == []
    assert (story.status, story.status_raw, story.priority, story.priority_raw) == (None, "nix", None, "Nix")
    assert (story.estimate_points, story.estimate_raw, story.owner, story.epic) == (None, "nix", None, None)
    assert story.labels == ("web",)
    assert [one.id for one in story.references] == ["B-2"]


def test_folders_are_checked_where_they_are_loaded() -> None:
    loaded = msgspec.convert({"folders": {"archive": "", "shipped": "done"}}, ReadingSettings)
    assert loaded.folders == {"archive": "", "shipped": "done"}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"folders": {"archive": "gone"}}, ReadingSettings)
