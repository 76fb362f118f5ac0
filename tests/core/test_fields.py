"""Names of fields."""

from __future__ import annotations

import pytest

from storysync.core.fields import CANONICAL, FieldNames
from storysync.settings import ReadingSettings

NAMES = FieldNames(ReadingSettings())


def field(name: str, names: FieldNames = NAMES) -> str | None:
    found = names.find(name)
    return found[0] if found else None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("id", "id"),
        ("Story ID", "id"),
        ("story_id", "id"),
        ("eip", "id"),
        ("status", "status"),
        ("Statut", "status"),
        ("Story Points", "estimate"),
        ("estimated_tokens", "estimate_tokens"),
        ("Priorité ", "priority"),
        ("dependsOn", "depends_on"),
        ("Depends On", "depends_on"),
        ("blocked_by", "depends_on"),
        ("Bloquée par", "depends_on"),
        ("blocks", "blocks"),
        ("parent_task_id", "parent"),
        ("epic", "epic"),
        ("epic_id", "epic"),
        ("tags", "labels"),
        ("last_updated", "updated"),
        ("created_at", "created"),
        ("createdAt", "created"),
        ("Completion Date", "completed"),
        ("branch_name", "branch"),
        ("Assigned To", "assignee"),
        ("assignee(s)", "assignee"),
        ("📊 Status", "status"),
        ("상태", "status"),
        ("market", None),
        ("emit_metadata", None),
        ("", None),
    ],
)
def test_names_of_the_survey(name: str, expected: str | None):
    assert field(name) == expected


def test_settings_add_names_and_take_them_away():
    names = FieldNames(
        ReadingSettings(fields={"Team": "owner", "size": "metadata", "Zuständig": "Assigned To"})
    )
    assert field("team", names) == "owner"
    assert field("size", names) is None
    assert field("zuständig", names) == "assignee"


def test_the_usual_name_ranks_before_its_synonyms():
    usual, synonym = NAMES.find("id"), NAMES.find("story_id")
    assert usual is not None
    assert synonym is not None
    assert usual[1] < synonym[1]


def test_canonical_fields_are_the_targets_of_the_setting():
    assert {"id", "title", "status", "depends_on", "labels"} <= CANONICAL
