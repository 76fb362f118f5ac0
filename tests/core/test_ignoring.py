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
