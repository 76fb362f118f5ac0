"""References in the fields of a head that are mappings."""

from __future__ import annotations

import pytest

from storysync.core.reading import read
from storysync.core.story import Good
from storysync.settings import ReadingSettings


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("[{id: A-1, type: hard}]", [("depends_on", "A-1")]),
        ("[{id: A-1, blocks: A-2}]", [("depends_on", "A-1")]),
        (
            "{blocked_by: [A-1], blocks: [A-2], external: [stripe-api]}",
            [("depends_on", "A-1"), ("blocks", "A-2")],
        ),
        ("[{title: x, done: true}]", []),
        ("[{SRS-013: 9f8e}]", [("depends_on", "SRS-013")]),
        ("[{B-11: needs it}]", [("depends_on", "B-11")]),
    ],
)
def test_a_mapping_names_stories_by_its_id_its_relations_or_its_keys(
    value: str, found: list[tuple[str, str]]
) -> None:
    text = f"---\nid: A-9\nstatus: ready\ndependencies: {value}\n---\n\n# A-9: X\n"
    file = read("plan/A-9.md", text.encode(), ReadingSettings())
    assert isinstance(file, Good)
    assert [(one.relation, one.id) for one in file.stories[0].references] == found
