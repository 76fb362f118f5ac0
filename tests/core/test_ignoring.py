from __future__ import annotations

import pytest

from storysync.core.ignoring import pruner


@pytest.mark.parametrize(
    ("path", "ignored"),
    [
        (".git", True), ("a/node_modules", True), ("a/nodes", False), ("old-1", True), ("a/old-2", True),
        ("docs/tmp/x", True), ("docs", False), ("other/docs/tmp", False),
    ],
)  # fmt: skip
def test_names_match_anywhere_and_paths_from_the_root(path: str, ignored: bool) -> None:
    prune = pruner(("node_modules", "old-*", "docs/tmp*"))
    assert prune(path.rpartition("/")[2], path) is ignored


@pytest.mark.parametrize("path", ["tmp", "a/tmp", "a/b/tmp", "a/tmp/x.md"])
def test_two_stars_are_any_folders_also_none(path: str) -> None:
    assert pruner(("**/tmp",))(path.rpartition("/")[2], path)


def test_a_slash_at_the_end_means_the_folder_of_that_path() -> None:
    prune = pruner(("docs/old/",))
    assert prune("old", "docs/old")
    assert prune("a.md", "docs/old/a.md")
    assert not prune("older", "docs/older")
