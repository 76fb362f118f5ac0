from __future__ import annotations

import os
from pathlib import Path

from storysync.adapters.folders import folders
from storysync.core.ignoring import pruner


def below(root: Path, *ignore: str, path: str = "") -> list[str]:
    return [os.path.relpath(place, root) for place in folders(str(root), pruner(ignore), path)]


def test_every_folder_but_the_ignored_ones_parents_first(tmp_path: Path) -> None:
    for path in ("a/b/c", "a/node_modules/x", ".git/refs", ".backlog", "docs/old/deep"):
        (tmp_path / path).mkdir(parents=True)
    (tmp_path / "a" / "file.md").touch()
    found = below(tmp_path, "node_modules", "docs/old")
    assert sorted(found) == [".", ".backlog", "a", "a/b", "a/b/c", "docs"]
    assert found.index("a") < found.index("a/b") < found.index("a/b/c")
    assert sorted(below(tmp_path, "node_modules", path="a")) == ["a", "a/b", "a/b/c"]


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    assert below(tmp_path) == [".", "a"]


def test_of_a_linked_worktree_only_the_top_and_of_the_root_itself_all(tmp_path: Path) -> None:
    for name in ("root/inside", "root/tree/deep"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "root" / ".git").write_text("gitdir: /repo/.git/worktrees/root\n")
    (tmp_path / "root" / "tree" / ".git").write_text("gitdir: /repo/.git/worktrees/tree\n")
    assert sorted(below(tmp_path / "root")) == [".", "inside", "tree"]


def test_what_is_made_while_the_walk_goes_on_is_found(tmp_path: Path) -> None:
    seen = []
    for place in folders(str(tmp_path), pruner(()), ""):
        seen.append(place)
        if len(seen) < 4:
            (Path(place) / "new").mkdir()
    assert len(seen) == 4


def test_what_is_gone_has_no_children(tmp_path: Path) -> None:
    assert below(tmp_path, path="gone") == ["gone"]
