from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from storysync.adapters import disk
from storysync.core.ignoring import pruner
from storysync.core.story import Broken

PRUNE = pruner(("node_modules", "old-*"))


def is_markdown(name: str) -> bool:
    return name.endswith(".md")


def scan(root: Path, below: str = "") -> disk.Scan:
    return disk.scan(root, is_markdown, PRUNE, below)


def fill(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)


def test_a_scan_finds_markdown_in_every_folder_that_is_not_ignored(tmp_path: Path) -> None:
    fill(
        tmp_path, "a.md", "b/c.md", ".hidden/d.md", "e.txt", ".git/f.md", "x/node_modules/g.md", "old-1/h.md"
    )
    assert set(scan(tmp_path).files) == {"a.md", "b/c.md", ".hidden/d.md"}
    assert set(scan(tmp_path, "b").files) == {"b/c.md"}


def test_a_linked_worktree_is_left_out_and_a_submodule_is_not(tmp_path: Path) -> None:
    fill(tmp_path, "a.md", "tree/b.md", "module/c.md")
    (tmp_path / "tree/.git").write_text("gitdir: /x/.git/worktrees/tree\n")
    (tmp_path / "module/.git").write_text("gitdir: ../.git/modules/module\n")
    assert set(scan(tmp_path).files) == {"a.md", "module/c.md"}
    found, missing = disk.look(tmp_path, is_markdown, PRUNE, ["tree/b.md", "module/c.md"])
    assert set(found.files) == {"module/c.md"}
    assert missing == {"tree/b.md"}


def test_links_and_fifos_are_problems_and_loops_end(tmp_path: Path) -> None:
    fill(tmp_path, "real/a.md")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "link.md").symlink_to("real/a.md")
    os.mkfifo(tmp_path / "pipe.md")
    found = scan(tmp_path)
    assert set(found.files) == {"real/a.md"}
    assert set(found.problems) == {"link.md", "pipe.md"}
    assert disk.read(tmp_path, "pipe.md", None, 1000) is None
    assert disk.read(tmp_path, "link.md", None, 1000) is None
    assert disk.look(tmp_path, is_markdown, PRUNE, ["loop/real/a.md"])[1] == {"loop/real/a.md"}


def test_looking_at_paths_tells_files_folders_and_nothing_apart(tmp_path: Path) -> None:
    fill(tmp_path, "a.md", "b/c.md", "b/d/e.md", "f.txt")
    found, missing = disk.look(tmp_path, is_markdown, PRUNE, ["a.md", "b", "gone.md", "gone/too.md", "f.txt"])
    assert set(found.files) == {"a.md", "b/c.md", "b/d/e.md"}
    assert missing == {"gone.md", "gone/too.md", "f.txt"}


def test_a_file_is_read_whole_with_its_change_key(tmp_path: Path) -> None:
    fill(tmp_path, "a.md")
    answer = disk.read(tmp_path, "a.md", None, 1000)
    assert isinstance(answer, tuple)
    signature, data = answer
    assert data == b"a.md"
    assert signature == disk.signature((tmp_path / "a.md").stat())
    assert disk.read(tmp_path, "none.md", None, 1000) is None


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "big.md").open("wb") as file:
        file.truncate(50_000_000)
    answer = disk.read(tmp_path, "big.md", None, 2_000_000)
    assert isinstance(answer, Broken)
    assert answer.problems[0].code == "file-too-large"


def test_a_blob_id_is_that_of_git(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("hello\n")
    done = subprocess.run(
        ["git", "hash-object", "a.md"], cwd=tmp_path, capture_output=True, check=True, text=True
    )
    assert disk.blob_id(b"hello\n") == done.stdout.strip()
    assert disk.blob_id(b"") == hashlib.sha1(b"blob 0\0").hexdigest()


def test_two_names_of_one_normal_form_clash_and_one_is_chosen_always(tmp_path: Path) -> None:
    composed, decomposed = "\u00e9.md", "e\u0301.md"
    (tmp_path / composed).write_text("composed")
    (tmp_path / decomposed).write_text("decomposed")
    found = scan(tmp_path)
    assert list(found.files) == [composed]
    assert [problem.code for problem in found.problems[composed]] == ["path-clash"]
    assert found.raw == {composed: decomposed.encode()}


def test_files_in_folders_of_other_spellings_are_found_and_read(tmp_path: Path) -> None:
    decomposed = "caf" + "e\u0301"
    fill(tmp_path, f"{decomposed}/a.md")
    strange = Path(os.fsdecode(os.fsencode(tmp_path) + b"/odd-\xff"))
    strange.mkdir()
    (strange / "b.md").write_text("b")
    found = scan(tmp_path)
    assert set(found.files) == {"caf\u00e9/a.md", "odd-\ufffd/b.md"}
    for path in found.files:
        assert isinstance(disk.read(tmp_path, path, found.raw[path], 1000), tuple)
        assert set(disk.look(tmp_path, is_markdown, PRUNE, [path])[0].files) == {path}
    assert set(disk.look(tmp_path, is_markdown, PRUNE, ["caf\u00e9"])[0].files) == {"caf\u00e9/a.md"}


def test_a_root_that_is_missing_or_a_file_is_an_error(tmp_path: Path) -> None:
    fill(tmp_path, "a.md")
    with pytest.raises(OSError, match="No such file"):
        scan(tmp_path / "none")
    with pytest.raises(OSError, match="Not a directory"):
        disk.root_identity(tmp_path / "a.md")


def as_nobody(action: Callable[[], object]) -> object:
    """What an action of another user gives, as JSON has it: done in a child process, without a new Python."""
    inlet, outlet = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            os.write(outlet, json.dumps(action()).encode())
        finally:
            os._exit(0)
    os.close(outlet)
    with os.fdopen(inlet) as answer:
        told = json.loads(answer.read())
    os.waitpid(child, 0)
    return told


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to become nobody")
def test_what_may_not_be_read_is_told_and_the_rest_is_found() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        root = Path(name)
        root.chmod(0o755)
        fill(root, "open.md", "secret.md", "closed/a.md")
        (root / "secret.md").chmod(0)
        (root / "closed").chmod(0)

        def look() -> object:
            found = scan(root)
            secret = disk.read(root, "secret.md", None, 1000)
            assert isinstance(secret, Broken)
            codes = [problem.code for problem in (*found.problems["closed"], *secret.problems)]
            return sorted(found.files), sorted(found.unreadable), codes

        assert as_nobody(look) == [
            ["open.md", "secret.md"], ["closed"], ["unreadable-folder", "unreadable-file"],
        ]  # fmt: skip
        (root / "closed").chmod(stat.S_IRWXU)


def test_only_worktrees_are_left_out_wherever_the_repository_lies(tmp_path: Path) -> None:
    fill(tmp_path, "module/a.md", "nested/b.md", "tree/c.md")
    (tmp_path / "module/.git").write_text("gitdir: /home/me/worktrees/repo/.git/modules/module\n")
    (tmp_path / "nested/.git").write_text("gitdir: /x/.git/worktrees/main/modules/nested\n")
    (tmp_path / "tree/.git").write_text("gitdir: /x/.git/worktrees/tree\n")
    assert set(scan(tmp_path).files) == {"module/a.md", "nested/b.md"}


def test_a_look_chooses_between_two_spellings_as_a_scan_does(tmp_path: Path) -> None:
    fill(tmp_path, "\u00e9.md", "e\u0301.md", "caf\u00e9/a.md", "cafe\u0301/a.md")
    whole = scan(tmp_path)
    found, missing = disk.look(tmp_path, is_markdown, PRUNE, ["\u00e9.md", "caf\u00e9", "caf\u00e9/a.md"])
    assert (found.files, found.raw, found.problems) == (whole.files, whole.raw, whole.problems)
    assert not missing
