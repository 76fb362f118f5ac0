"""Globs of excluded files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storysync.core.globs import any_of


@pytest.mark.parametrize(
    ("glob", "path", "accepted"),
    [
        ("**/README*", "README.md", True),
        ("**/README*", "a/b/README.md", True),
        ("**/README*", "a/NOREADME.md", False),
        ("**/README*", "README/a.md", False),
        ("README.md", "a/README.md", True),
        ("docs/*.md", "docs/a.md", True),
        ("docs/*.md", "docs/b/a.md", False),
        ("docs/*.md", "x/docs/a.md", False),
        ("archive/", "archive/a/b.md", True),
        ("docs/**", "docs/a/b.md", True),
        ("docs/**/x.md", "docs/x.md", True),
        ("docs/**/x.md", "docs/a/b/x.md", True),
        ("[ab].md", "a.md", True),
        ("[!ab].md", "a.md", False),
        ("[!ab].md", "c.md", True),
        ("a?.md", "ab.md", True),
        ("[z-a].md", "[z-a].md", True),
        ("a.md", "axmd", False),
        ("[", "[", True),
        ("[?||].md", "|.md", True),
        ("[+--].md", ",.md", True),
        ("[~~&&^].md", "^.md", True),
    ],
)
def test_globs(glob: str, path: str, accepted: bool):
    assert bool(any_of((glob,)).fullmatch(path)) is accepted


def test_no_globs_accept_nothing():
    assert any_of(()).fullmatch("a.md") is None
    assert any_of(()).fullmatch("") is None


@given(st.text(alphabet="ab*?[]!^-\\/.&(|~){}+$\n", max_size=12))
def test_any_text_is_a_glob(glob: str):
    any_of((glob,)).fullmatch("a/b.md")
