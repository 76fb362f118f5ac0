from __future__ import annotations

import msgspec

from storysync.core.story import Story
from storysync.store import tables
from storysync.store.rows import CHILDREN, FROM_FILE, STORY


def test_story_columns_are_those_of_the_table() -> None:
    assert set(STORY) == set(tables.METADATA.tables["stories"].columns.keys())


def test_columns_from_the_file_are_the_first_fields_of_a_story() -> None:
    names = [field.name for field in msgspec.structs.fields(Story)]
    assert tuple(names[: len(FROM_FILE)]) == FROM_FILE
    assert names[len(FROM_FILE) :] == ["labels", "people", "criteria", "references", "aliases", "prefix_keys",
        "heading_keys",
    ]  # fmt: skip


def test_child_columns_are_those_of_their_tables() -> None:
    resolved = {"target_uid", "dependent_uid", "prerequisite_uid", "state", "match"}
    for name, (key, others) in CHILDREN.items():
        table = tables.METADATA.tables[name]
        assert [column.name for column in table.primary_key.columns] == list(key)
        extra = resolved if name == "story_dependencies" else set()
        assert {*key, *others} | extra == set(table.columns.keys())
