"""Dialects are found by their modules; the one that the manual shows works as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from storysync.core import dialects, registry
from storysync.core.dialects.base import Page
from storysync.core.reading import read
from storysync.core.story import Good, NotAStory
from storysync.settings import ReadingSettings

SOURCE = Path(registry.__file__).parent
MANUAL = Path(__file__).resolve().parents[2] / "docs" / "dialects.md"
TEXT = b"# Fix the door\n\n:status: done\n:id: DOOR-7\n\n## Notes\n\n:id: other\n"


@pytest.fixture
def with_the_manuals_dialect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module of the manual lies beside the others while the test runs."""
    module = re.search(r"```python\n(.*?)```", MANUAL.read_text(encoding="utf-8"), re.DOTALL)
    assert module is not None
    (tmp_path / "attributes.py").write_text(module[1], encoding="utf-8")
    monkeypatch.setattr(dialects, "__path__", [*dialects.__path__, str(tmp_path)])
    monkeypatch.setattr(registry, "_MODULES", registry._modules())
    monkeypatch.setattr(registry, "_READERS", registry._functions("read_head"))
    monkeypatch.delitem(sys.modules, f"{dialects.__name__}.attributes")


def test_a_new_module_is_a_new_dialect(with_the_manuals_dialect: None):
    found = read("doors/fix.md", TEXT, ReadingSettings())
    assert isinstance(found, Good)
    story = found.stories[0]
    assert (story.dialect, story.id, story.status, story.id_line, story.id_col) == (
        "attributes", "DOOR-7", "done", 4, 6,
    )  # fmt: skip


def test_without_the_module_the_file_is_no_story():
    assert isinstance(read("doors/fix.md", TEXT, ReadingSettings()), NotAStory)


def test_a_pinned_reader_is_the_only_one_that_is_asked():
    page = Page("---\nid: A-1\n---\n# T\n**Status:** done\n", 0, 1, 65536)
    assert [head.dialect for head in registry.read_heads(page, "bold_header").heads] == ["bold_header"]


def test_every_dialect_is_in_the_manual():
    rows = set(re.findall(r"^\| `(\w+)` \|", MANUAL.read_text(encoding="utf-8"), re.MULTILINE))
    assert set(registry.NAMES) <= rows


@pytest.mark.parametrize("module", sorted(SOURCE.glob("[a-z]*.py")), ids=lambda path: path.stem)
def test_every_module_can_be_imported_first(module: Path):
    name = ".".join(module.relative_to(SOURCE.parents[1]).with_suffix("").parts)
    done = subprocess.run([sys.executable, "-c", f"import {name}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
