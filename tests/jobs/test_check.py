"""Findings of whole projects and of single files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from storysync.jobs.check import check
from storysync.jobs.check_files import check_files
from storysync.jobs.findings import CheckReport
from storysync.jobs.project import resolve_project
from storysync.settings import ProjectSettings, SqliteSettings
from storysync.settings_load import load_settings

STORY = "---\nid: A-1\ntitle: Rent\nstatus: {}\n---\n\n# Rent\n"


def write(root: Path, path: str, text: str = STORY.format("todo")) -> Path:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")
    return place


def whole(root: Path) -> CheckReport:
    return check([resolve_project(ProjectSettings(path=str(root)))], SqliteSettings())


def alone(*files: Path, cwd: Path) -> CheckReport:
    return check_files(files, load_settings(cwd, {}))


def told(report: CheckReport) -> list[tuple[str, int, int, str]]:
    return [(one.path, one.line, one.col, one.code) for one in report.findings]


def test_a_whole_project_is_judged_with_its_graph(tmp_path: Path) -> None:
    write(tmp_path, "A-1.md", STORY.format("todo\ndependencies: [A-2, A-9]"))
    write(tmp_path, "A-2.md", STORY.format("todo\ndependencies: [A-1]").replace("id: A-1", "id: A-2"))
    report = whole(tmp_path)
    assert told(report) == [("A-1.md", 5, 16, "dependency-cycle"), ("A-1.md", 5, 21, "dangling-reference")]
    assert (report.files, report.stories, report.skipped) == (2, 2, 0)


def test_a_check_writes_nothing(tmp_path: Path) -> None:
    write(tmp_path / "p", "A-1.md")
    before = sorted(tmp_path.rglob("*"))
    whole(tmp_path / "p")
    alone(tmp_path / "p" / "A-1.md", cwd=tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_two_checks_at_once_know_nothing_of_each_other(tmp_path: Path) -> None:
    write(tmp_path / "a", "A-1.md")
    write(tmp_path / "b", "A-1.md", STORY.format("simmering"))
    assert told(whole(tmp_path / "a")) == []
    assert told(whole(tmp_path / "b")) == [("A-1.md", 4, 9, "unknown-status")]


def test_a_file_is_judged_without_the_others(tmp_path: Path) -> None:
    file = write(tmp_path, "A-1.md", STORY.format("simmering\ndependencies: [A-2]"))
    write(tmp_path, "A-3.md", "\n")
    report = alone(file, cwd=tmp_path)
    assert told(report) == [("A-1.md", 4, 9, "unknown-status")]
    assert (report.files, report.stories) == (1, 1)


def test_what_a_file_alone_is_found_of_is_what_the_whole_finds_of_it(tmp_path: Path) -> None:
    texts = [STORY.format("simmering"), "\n", "# Notes\n", "---\nid: A-9\nowner: @x\n---\n", "---\nid: A\n"]
    (tmp_path / ".git").mkdir()
    files = [write(tmp_path, f"a/A-{number}.md", text) for number, text in enumerate(texts)]
    together = {one for one in told(whole(tmp_path)) if one[3] != "contested-id"}
    assert set(told(alone(*files, cwd=tmp_path))) == together
    assert len(together) >= 5


def test_the_root_of_a_file_is_the_nearest_settings_file_or_gits_top_or_its_folder(
    tmp_path: Path,
) -> None:
    file = write(tmp_path, "repo/backlog/a/A-1.md", STORY.format("simmering"))
    assert told(alone(file, cwd=tmp_path))[0][0] == "A-1.md"
    (tmp_path / "repo" / ".git").mkdir()
    assert told(alone(file, cwd=tmp_path))[0][0] == "backlog/a/A-1.md"
    write(tmp_path, "repo/backlog/storysync.toml", '[reading.statuses]\nbubbling = "todo"\n')
    assert told(alone(file, cwd=tmp_path))[0][0] == "a/A-1.md"


def test_the_settings_around_a_file_count_wherever_one_stands(tmp_path: Path) -> None:
    file = write(tmp_path, "repo/A-1.md", STORY.format("simmering"))
    write(tmp_path, "repo/storysync.toml", '[reading.statuses]\nsimmering = "todo"\n')
    assert told(alone(file, cwd=tmp_path)) == []


def test_a_project_that_lists_its_roots_is_found_by_the_deepest(tmp_path: Path) -> None:
    listed = '[[projects]]\npath = "all"\n[[projects]]\npath = "all/deep"\n'
    write(tmp_path, "storysync.toml", listed + '[projects.reading.statuses]\nsimmering = "todo"\n')
    plain = write(tmp_path, "all/A-1.md", STORY.format("simmering"))
    deep = write(tmp_path, "all/deep/x/A-1.md", STORY.format("simmering"))
    outside = write(tmp_path, "docs/A-1.md", STORY.format("simmering"))
    report = alone(plain, deep, outside, cwd=tmp_path)
    assert told(report) == [("A-1.md", 4, 9, "unknown-status")]
    assert (report.files, report.skipped) == (2, 1)


@pytest.mark.parametrize("path", ["README.md", "a/_template.md", "node_modules/x/A-1.md", "notes.txt"])
def test_what_the_project_leaves_out_is_skipped_although_it_is_named(tmp_path: Path, path: str) -> None:
    (tmp_path / ".git").mkdir()
    report = alone(write(tmp_path, path, "---\nid: A-1\n"), cwd=tmp_path)
    assert (report.findings, report.files, report.skipped) == ((), 0, 1)


def test_a_link_and_a_pipe_are_told_and_never_opened(tmp_path: Path) -> None:
    write(tmp_path, "A-1.md")
    (tmp_path / "A-2.md").symlink_to("A-1.md")
    os.mkfifo(tmp_path / "A-3.md")
    report = alone(tmp_path / "A-2.md", tmp_path / "A-3.md", cwd=tmp_path)
    assert [(path, code) for path, _, _, code in told(report)] == [
        ("A-2.md", "not-a-regular-file"), ("A-3.md", "not-a-regular-file"),
    ]  # fmt: skip
    assert report.files == 2


def test_a_file_named_twice_or_through_a_linked_folder_is_told_once(tmp_path: Path) -> None:
    file = write(tmp_path, "a/A-1.md", STORY.format("simmering"))
    (tmp_path / "b").symlink_to("a")
    report = alone(file, file, tmp_path / "b" / "A-1.md", cwd=tmp_path)
    assert len(report.findings) == 1 and report.files == 1


def test_a_name_in_another_unicode_form_is_found(tmp_path: Path) -> None:
    file = write(tmp_path, "Cafe\u0301.md", STORY.format("simmering"))
    assert told(alone(file, cwd=tmp_path)) == [("Caf\u00e9.md", 4, 9, "unknown-status")]
