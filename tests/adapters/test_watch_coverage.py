"""What is not watched is said in words that tell what to do."""

from __future__ import annotations

import errno
import os
import resource
from pathlib import Path

import pytest

from storysync.adapters import watch_coverage
from storysync.adapters.watch_coverage import sysctl, tops, why_missed, why_refused


@pytest.fixture
def limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A /proc/sys of our own."""
    monkeypatch.setattr(watch_coverage, "_SYSCTL", tmp_path)
    for name, value in (
        ("fs/inotify/max_user_watches", "8192"), ("fs/inotify/max_user_instances", "128"),
        ("user/max_inotify_watches", "2147483647"), ("user/max_inotify_instances", "2147483647"),
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{value}\n")
    return tmp_path


def test_the_limit_of_watches_is_named_with_its_value(limits: Path) -> None:
    (sentence,) = why_missed({f"d{number}": errno.ENOSPC for number in range(300)}, 500)
    assert sentence == (
        "300 of 500 folders are not watched: the kernel's limit of inotify watches is reached; "
        "raise fs.inotify.max_user_watches (now 8192)"
    )


def test_a_lower_limit_of_the_container_is_named_too(limits: Path) -> None:
    (limits / "user/max_inotify_watches").write_text("500\n")
    (sentence,) = why_missed({"a": errno.ENOSPC}, 500)
    assert sentence.endswith(
        "raise fs.inotify.max_user_watches (now 8192) and user.max_inotify_watches (now 500)"
    )


def test_a_hidden_limit_is_unknown(limits: Path) -> None:
    (limits / "fs/inotify/max_user_watches").unlink()
    assert sysctl("fs.inotify.max_user_watches") == "unknown"
    (sentence,) = why_missed({"a": errno.ENOSPC}, 2)
    assert sentence.endswith("raise fs.inotify.max_user_watches (now unknown)")


def test_each_kind_of_refusal_is_a_sentence(limits: Path) -> None:
    sentences = why_missed({"b": errno.EACCES, "a": errno.EACCES, "c": errno.ENOSPC, "d": errno.EIO}, 9)
    assert sentences == [
        f"the folder d is not watched: {os.strerror(errno.EIO)}",
        "2 of 9 folders are not readable (a is one of them); give storysync the right to read and enter",
        "the folder c is not watched: the kernel's limit of inotify watches is reached; "
        "raise fs.inotify.max_user_watches (now 8192)",
    ]
    assert why_missed({}, 9) == []


def test_the_limit_of_instances_is_told_from_that_of_open_files(limits: Path) -> None:
    error = OSError(errno.EMFILE, "inotify instance limit reached")
    assert why_refused(error) == (
        "no folder is watched: the kernel's limit of inotify instances is reached; "
        "raise fs.inotify.max_user_instances (now 128)"
    )
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    opened = os.open(os.devnull, os.O_RDONLY)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        assert "ulimit -n" in why_refused(error)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        os.close(opened)


def test_a_root_that_is_refused(limits: Path) -> None:
    assert "max_user_watches (now 8192)" in why_refused(OSError(errno.ENOSPC, "x"))
    assert why_refused(OSError("the watcher is not running")) == (
        "the folder is not watched: the watcher is not running"
    )


def test_only_the_tops_need_polling() -> None:
    assert tops(["a/b", "a", "a/b/c", "ab", "x/y", "x/z"]) == {"a", "ab", "x/y", "x/z"}
    assert tops(["a", "", "b"]) == {""}
    assert tops([]) == frozenset()
