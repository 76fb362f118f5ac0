from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from storysync.adapters.git_gate import MARKERS, GitGate


@pytest.fixture
def repository(stories: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(stories)], check=True)
    return stories


@pytest.mark.parametrize("marker", MARKERS)
def test_it_is_closed_while_git_is_at_work(repository: Path, marker: str) -> None:
    gate = GitGate(repository, wait_s=60)
    assert not gate.closed(0.0)
    (repository / ".git" / marker).touch()
    assert gate.closed(1.0)
    assert gate.closed(60.0)
    (repository / ".git" / marker).unlink()
    assert not gate.closed(61.0)


def test_a_marker_that_stays_is_waited_for_once(repository: Path) -> None:
    gate = GitGate(repository, wait_s=60)
    merge = repository / ".git" / "MERGE_HEAD"
    merge.touch()
    assert gate.closed(0.0)
    assert not gate.closed(60.0)
    assert not gate.closed(500.0)
    (repository / ".git" / "index.lock").touch()
    assert gate.closed(501.0)  # another command, while the merge is still unfinished
    merge.unlink()
    assert not gate.closed(561.0)
    merge.touch()
    assert gate.closed(562.0)


def test_without_git_it_is_open(stories: Path) -> None:
    (stories / "index.lock").touch()
    assert not GitGate(stories, wait_s=60).closed(0.0)


def test_a_root_below_the_top_and_a_linked_work_tree(repository: Path, tmp_path: Path) -> None:
    below = repository / "docs" / "stories"
    below.mkdir(parents=True)
    (repository / ".git" / "index.lock").touch()
    assert GitGate(below, wait_s=60).closed(0.0)
    (repository / ".git" / "index.lock").unlink()
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    for command in (
        ["commit", "-q", "--allow-empty", "-m", "x"],
        ["worktree", "add", "-q", str(tmp_path / "linked")],
    ):
        subprocess.run(["git", *identity, "-C", str(repository), *command], check=True, capture_output=True)
    gate = GitGate(tmp_path / "linked", wait_s=60)
    assert not gate.closed(0.0)
    (repository / ".git" / "worktrees" / "linked" / "index.lock").touch()
    assert gate.closed(0.0)
