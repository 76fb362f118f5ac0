from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from storysync.errors import UsageError
from storysync.jobs.project import resolve_project, slug
from storysync.settings import ProjectSettings, ReadingSettings


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Velo App", "velo-app"), (".beans", "beans"), ("__x__", "x"), ("日本", "stories"),
        ("A" * 60, "a" * 48), ("dot-do__todo.mdx", "dot-do-todo-mdx"),
    ],
)  # fmt: skip
def test_a_slug_is_short_and_plain(name: str, expected: str) -> None:
    assert slug(name) == expected


def test_a_folder_without_git_is_named_after_itself(tmp_path: Path) -> None:
    (tmp_path / "My Stories").mkdir()
    assert resolve_project(ProjectSettings(path=str(tmp_path / "My Stories"))).id == "my-stories"


def test_a_folder_in_a_repository_is_named_after_both(tmp_path: Path) -> None:
    top = tmp_path / "shop"
    (top / "docs/stories").mkdir(parents=True)
    subprocess.run(["git", "init", "-q", str(top)], check=True)
    assert resolve_project(ProjectSettings(path=str(top))).id == "shop"
    assert resolve_project(ProjectSettings(path=str(top / "docs/stories"))).id == "shop-docs-stories"


def test_an_id_of_the_settings_wins(tmp_path: Path) -> None:
    assert resolve_project(ProjectSettings(path=str(tmp_path), id="mine")).id == "mine"


def test_links_in_the_path_are_resolved(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert resolve_project(ProjectSettings(path=str(tmp_path / "link"))).root == tmp_path / "real"


def test_a_missing_folder_and_a_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("x")
    with pytest.raises(UsageError, match="there is no folder"):
        resolve_project(ProjectSettings(path=str(tmp_path / "none")))
    with pytest.raises(UsageError, match="is a file, not a folder"):
        resolve_project(ProjectSettings(path=str(tmp_path / "a.md")))


def test_a_folder_whose_path_is_not_utf8_is_refused(tmp_path: Path) -> None:
    root = Path(os.fsdecode(os.fsencode(tmp_path) + b"/odd-\xff"))
    root.mkdir()
    with pytest.raises(UsageError, match="not UTF-8"):
        resolve_project(ProjectSettings(path=str(root)))


@pytest.mark.parametrize(
    ("reading", "said"),
    [
        (ReadingSettings(dialect="front-matter"), "did you mean 'front_matter'?"),
        (ReadingSettings(fields={"Sizing": "estimation points"}), "`reading.fields.Sizing`"),
        (ReadingSettings(fields={"Sizing": "stat"}), "did you mean 'status'?"),
    ],
)
def test_reading_settings_that_name_nothing_known_are_refused(
    tmp_path: Path, reading: ReadingSettings, said: str
) -> None:
    with pytest.raises(UsageError) as caught:
        resolve_project(ProjectSettings(path=str(tmp_path), reading=reading))
    assert said in str(caught.value)


def test_a_field_may_be_named_by_one_of_its_usual_names(tmp_path: Path) -> None:
    reading = ReadingSettings(dialect="bold_header", fields={"Sizing": "Story Points", "Owner": "owner"})
    assert resolve_project(ProjectSettings(path=str(tmp_path), reading=reading)).settings.reading is reading
