from __future__ import annotations

from storysync.store.changes import told
from storysync.store.rows import DERIVED

ROW = tuple(f"old {column}" for column in DERIVED)


def changed(**values: object) -> tuple[object, ...]:
    return tuple(values.get(column, was) for column, was in zip(DERIVED, ROW, strict=True))


def test_only_the_fields_that_differ_are_told() -> None:
    assert told(ROW, changed(status="done"), {}) == ({"status": "old status"}, {"status": "done"})


def test_a_body_is_told_as_a_hash() -> None:
    before, after = told(ROW, changed(body="new"), {})
    assert len(str(before["body"])) == 40
    assert before != after


def test_a_criterion_on_another_line_is_the_same_whatever_the_database_calls_true() -> None:
    was = [(1, "acceptance", 0, 0, "text", 1, 8), (1, "acceptance", 1, 0, "more", None, 9)]
    shall = [(1, "acceptance", 0, 0, "text", True, 18), (1, "acceptance", 1, 0, "more", None, 19)]
    before, after = told(ROW, ROW, {"criteria": (was, shall)})
    assert before == after


def test_references_and_labels_are_told_as_lists() -> None:
    statements = [(1, 0, "depends_on", "A-1"), (1, 1, "blocks", "B-1")]
    before, after = told(ROW, ROW, {"story_dependencies": ([], statements), "story_labels": ([], [(1, "x")])})
    assert before == {"references": [], "labels": []}
    assert after == {"references": ["depends_on: A-1", "blocks: B-1"], "labels": ["x"]}
