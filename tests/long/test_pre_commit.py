"""The hooks of `.pre-commit-hooks.yaml` as the real pre-commit installs and runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IDENTITY = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
GOOD = "---\nid: A-1\ntitle: Rent\nstatus: todo\n---\n\n# Rent\n"
BROKEN = "---\nid: A-2\nowner: @ana\nstatus: todo\n---\n\n# Lock\n"
CIRCLE = GOOD.replace("status: todo", "status: todo\ndependencies: [A-3]")
"""Nothing is wrong with this file alone."""

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of what would be committed here now; pre-commit takes hooks from repositories only."""
    source = tmp_path_factory.mktemp("source")
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    commit(source)
    return source


@pytest.fixture(scope="module")
def pre_commit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, in an environment of its own."""
    place = tmp_path_factory.mktemp("tool")
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    subprocess.run([str(place / "bin" / "pip"), "install", "--quiet", "pre-commit"], check=True)
    return place / "bin" / "pre-commit"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pre-commit keeps the environments that it installs hooks into."""
    return tmp_path_factory.mktemp("cache")


def git(folder: Path, *words: str) -> str:
    return subprocess.run(
        ["git", *IDENTITY, "-C", str(folder), *words], check=True, capture_output=True, text=True
    ).stdout


def commit(folder: Path) -> None:
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "all")


@pytest.fixture
def project(tmp_path: Path, hooks: Path) -> Path:
    """A repository of stories that uses both hooks as the documentation says."""
    folder = tmp_path / "project"
    (folder / "backlog").mkdir(parents=True)
    (folder / "backlog" / "A-1.md").write_text(GOOD)
    (folder / ".pre-commit-config.yaml").write_text(
        f"repos:\n- repo: {hooks}\n  rev: {git(hooks, 'rev-parse', 'HEAD').strip()}\n"
        "  hooks:\n  - id: storysync-check\n  - id: storysync-check-files\n"
    )
    commit(folder)
    return folder


def run(pre_commit: Path, cache: Path, project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PRE_COMMIT_HOME": str(cache), "XDG_STATE_HOME": str(cache / "state")}
    environ.pop("PYTHONPATH", None)
    git(project, "add", "-A")
    return subprocess.run(
        [str(pre_commit), "run", *words],
        cwd=project,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


def test_good_stories_pass_both_hooks(pre_commit: Path, cache: Path, project: Path) -> None:
    done = run(pre_commit, cache, project, "--all-files")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Passed") == 2
    assert not (cache / "state").exists()  # no database was made


def test_a_broken_file_stops_the_commit_at_its_line(pre_commit: Path, cache: Path, project: Path) -> None:
    (project / "backlog" / "A-2.md").write_text(BROKEN)
    done = run(pre_commit, cache, project)
    assert done.returncode == 1
    assert done.stdout.count("backlog/A-2.md:3:8: error front-matter-invalid ") == 2, done.stdout
    assert done.stdout.count("1 file, 1 story") == 1  # the one that is staged
    assert done.stdout.count("2 files, 2 stories") == 1


def test_the_graph_is_seen_by_the_hook_of_all_files_only(
    pre_commit: Path, cache: Path, project: Path
) -> None:
    (project / "backlog" / "A-1.md").write_text(CIRCLE)
    (project / "backlog" / "A-3.md").write_text(
        CIRCLE.replace("A-3", "x").replace("A-1", "A-3").replace("x", "A-1")
    )
    done = run(pre_commit, cache, project)
    assert done.returncode == 1
    assert done.stdout.count("dependency-cycle") == 1, done.stdout
    assert "Passed" in done.stdout


def test_what_is_no_story_starts_nothing(pre_commit: Path, cache: Path, project: Path) -> None:
    (project / "main.py").write_text("print()\n")
    done = run(pre_commit, cache, project)
    assert done.returncode == 0 and done.stdout.count("Skipped") == 2, done.stdout


def test_pre_commits_own_trial_of_a_repository_works(
    pre_commit: Path, cache: Path, project: Path, hooks: Path
) -> None:
    words = [str(pre_commit), "try-repo", str(hooks), "storysync-check", "--all-files"]
    environ = {**os.environ, "PRE_COMMIT_HOME": str(cache)}
    done = subprocess.run(words, cwd=project, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "Passed" in done.stdout, done.stdout + done.stderr
