from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from storysync.adapters import git


def run(folder: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.invalid", "-C", str(folder), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    top = tmp_path / "top"
    (top / "docs/stories").mkdir(parents=True)
    run(top, "init", "-q", "-b", "main")
    (top / "docs/stories/a.md").write_text("a")
    (top / "docs/stories/b é.md").write_text("b")
    run(top, "add", ".")
    run(top, "commit", "-qm", "one")
    return top


def test_head_is_read_without_starting_git(repository: Path) -> None:
    assert git.head_commit(repository / "docs") == run(repository, "rev-parse", "HEAD")
    run(repository, "pack-refs", "--all")
    assert git.head_commit(repository) == run(repository, "rev-parse", "HEAD")
    run(repository, "checkout", "-q", "--detach")
    assert git.head_commit(repository) == run(repository, "rev-parse", "HEAD")


def test_head_of_a_linked_worktree_is_its_own(repository: Path, tmp_path: Path) -> None:
    run(repository, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    (tmp_path / "side/new.md").write_text("x")
    run(tmp_path / "side", "add", ".")
    run(tmp_path / "side", "commit", "-qm", "two")
    assert git.head_commit(tmp_path / "side") == run(tmp_path / "side", "rev-parse", "HEAD")
    assert git.head_commit(tmp_path / "side") != git.head_commit(repository)


def test_without_git_or_commits_there_is_no_head(tmp_path: Path) -> None:
    assert git.head_commit(tmp_path) is None
    run(tmp_path, "init", "-q")
    assert git.head_commit(tmp_path) is None


def test_the_top_level_is_found_from_below(repository: Path) -> None:
    assert git.top_level(repository / "docs/stories") == repository


def test_deletions_between_commits_are_relative_to_the_root(repository: Path) -> None:
    old = run(repository, "rev-parse", "HEAD")
    run(repository, "rm", "-q", "docs/stories/b é.md")
    run(repository, "commit", "-qm", "two")
    new = run(repository, "rev-parse", "HEAD")
    assert git.deleted_between(repository / "docs", old, new) == {"stories/b é.md"}
    assert git.deleted_between(repository / "docs", new, old) == frozenset()
    assert git.deleted_between(repository, old, "0" * 40) == frozenset()
