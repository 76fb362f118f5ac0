"""doorstop: items named by their file, without a status."""

from __future__ import annotations

import pytest

from storysync.core.reading import read
from storysync.core.story import NotAStory
from storysync.settings import ReadingSettings
from support.read_files import edges, good, story

ITEM = """---
active: true
derived: false
importance: 5
level: 1.3
links:
- MRS-019: zejrVFJyd1j28Ye8WAW7mhC-SuehiUSC6Wc46orJ44g=
- MRS-020: null
normative: true
ref: ''
reviewed: cOYcNMlVovzMyjKYgm2BJNGd_6bpi8tw5qqsVhEyBgk=
type: F
---

# Export of lists

The shop SHALL export lists.
"""
PATH = "docs/specs/SRS/SRS-013.md"


def test_an_item_is_named_by_its_file_and_has_no_status():
    found = story(PATH, ITEM)
    assert (found.dialect, found.id, found.id_source, found.kind) == (
        "doorstop", "SRS-013", "file_name", "requirement",
    )  # fmt: skip
    assert (found.title, found.status, found.priority) == ("Export of lists", None, None)
    assert good(PATH, ITEM).problems == ()


def test_links_lead_up_to_parents():
    assert edges(story(PATH, ITEM)) == [("parent", "MRS-019", 7, 3), ("parent", "MRS-020", 8, 3)]


def test_attributes_on_unknown_scales_are_metadata():
    found = story(PATH, ITEM)
    assert '"importance":"5"' in found.metadata
    assert '"level":"1.3"' in found.metadata


@pytest.mark.parametrize(
    ("replaced", "by", "title"),
    [
        ("ref: ''", "header: |\n  Lists go\n  out\nref: ''", "Lists go out"),
        ("# Export of lists\n\n", "", "The shop SHALL export lists."),
        (
            "# Export of lists\n\nThe shop SHALL export lists.\n",
            "\n\none two three four five six seven eight nine ten eleven twelve thirteen\n",
            "one two three four five six seven eight nine ten eleven twelve …",
        ),
    ],
)
def test_the_title_is_the_header_the_heading_or_the_first_words(replaced: str, by: str, title: str):
    found = good(PATH, ITEM.replace(replaced, by))
    assert found.stories[0].title == title
    assert found.problems == ()


def test_an_item_without_any_text_has_the_name_of_its_file_as_title():
    found = good(PATH, ITEM[: ITEM.index("# Export")])
    assert [one.code for one in found.problems] == ["title-missing"]


def test_a_file_whose_name_is_no_id_is_no_item():
    assert isinstance(read("docs/specs/intro.md", ITEM.encode(), ReadingSettings()), NotAStory)


def test_few_of_the_keys_are_plain_front_matter():
    text = "---\nstatus: done\nactive: true\nlevel: 2\nlinks: []\n---\n# T\n"
    assert story("SRS-013.md", text).dialect == "front_matter"
