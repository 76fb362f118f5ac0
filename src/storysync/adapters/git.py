"""What git knows, as far as a sync needs it. Everything works, with less knowledge, without git."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_TIMEOUT_S = 30


def top_level(folder: Path) -> Path | None:
    """The work tree that holds this folder."""
    for parent in (folder, *folder.parents):
        if (parent / ".git").exists():
            return parent
    return None


def git_folder(top: Path) -> Path | None:
    """The git directory of a work tree: `.git`, or what a `.git` file of a worktree or submodule names."""
    pointer = top / ".git"
    if pointer.is_dir():
        return pointer
    try:
        text = pointer.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None
    target = text.removeprefix("gitdir:").strip()
    return (top / target).resolve() if text.startswith("gitdir:") else None


def head_commit(root: Path) -> str | None:
    """The commit that HEAD names, read from git's files; None without git, or on an unborn branch.

    No process is started: the daemon asks after every batch, and git refuses other users' repositories.
    """
    top = top_level(root)
    folder = git_folder(top) if top else None
    if folder is None:
        return None
    try:
        head = (folder / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref: "):
            return head or None
        return _ref(folder, head.removeprefix("ref: "))
    except (OSError, UnicodeDecodeError):
        return None


def _ref(folder: Path, name: str) -> str | None:
    common = folder
    pointer = folder / "commondir"
    if pointer.is_file():
        common = (folder / pointer.read_text(encoding="utf-8").strip()).resolve()
    for place in (folder, common):
        if (place / name).is_file():
            return (place / name).read_text(encoding="utf-8").strip() or None
    packed = common / "packed-refs"
    if packed.is_file():
        for line in packed.read_text(encoding="utf-8").splitlines():
            commit, _, ref = line.partition(" ")
            if ref == name:
                return commit
    return None


def deleted_between(root: Path, old: str, new: str) -> frozenset[str]:
    """Paths below the root that are in commit `old` and not in `new`: deletions that git explains.

    Empty when git cannot tell (no git, another user's repository, an unknown commit).
    """
    command = [
        "git", "-C", str(root), "diff", "--no-renames", "--diff-filter=D", "--name-only", "-z", "--relative",
        old, new, "--", ".",
    ]  # fmt: skip
    environment = {
        **os.environ,
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
        "GIT_OPTIONAL_LOCKS": "0",
    }
    try:
        done = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return frozenset()
    return frozenset(os.fsdecode(name) for name in done.stdout.split(b"\0") if name)
