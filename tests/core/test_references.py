"""The grammar of one value that names other stories."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storysync.core.links import normal_path, stem_id
from storysync.core.references import NONE_WORDS, parse_references
from storysync.core.story import Reference

PATH = "plan/api/API-7-limits.md"


def refs(text: str, line: int = 3, col: int = 15) -> tuple[Reference, ...]:
    return parse_references(text, line, col, "depends_on", PATH)


def ids(text: str) -> list[tuple[str | None, str]]:
    return [(reference.id, reference.confidence) for reference in refs(text)]


def declared(*names: str) -> list[tuple[str | None, str]]:
    return [(name, "declared") for name in names]


@pytest.mark.parametrize(
    "word", [*sorted(NONE_WORDS), "None", "N/A", "NONE.", "none (first story)", "`none`", '"—"']
)
def test_none_words_name_nothing(word: str) -> None:
    assert refs(word) == ()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("OPS-012", ["OPS-012"]),
        ("OPS-1, OPS-2", ["OPS-1", "OPS-2"]),
        ("[OPS-1, OPS-2]", ["OPS-1", "OPS-2"]),
        ("OPS-1; OPS-2 & OPS-3 and OPS-4\nOPS-5", ["OPS-1", "OPS-2", "OPS-3", "OPS-4", "OPS-5"]),
        ("- OPS-1\n- OPS-2\n", ["OPS-1", "OPS-2"]),
        ("[[OPS-1]]", ["OPS-1"]),
        ("[[OPS-1]], [[OPS-2|the pool]]", ["OPS-1", "OPS-2"]),
        ("[[[OPS-1]], [[OPS-2]]]", ["OPS-1", "OPS-2"]),
        ("{REQ-013: 9f8e}", ["REQ-013"]),
        ("155", ["155"]),
        ("20, 165", ["20", "165"]),
        ("004, A-2", ["004", "A-2"]),
        ("22.1", ["22.1"]),
        ("1-10", ["1-10"]),
        ("#12, #013", ["12", "013"]),
        ("S07; AI4.1; 20a; todo-4x7y; set-up-pool", ["S07", "AI4.1", "20a", "todo-4x7y", "set-up-pool"]),
        ("UI-002-sales-page", ["UI-002-sales-page"]),
        ("GENERATED_PITCH", ["GENERATED_PITCH"]),
        ("OPS-1 (the pool), OPS-2: limits, OPS-3 - retries", ["OPS-1", "OPS-2", "OPS-3"]),
        ("OPS-1（基础）、OPS-2", ["OPS-1", "OPS-2"]),
        ("`OPS-1`, **OPS-2**, 'OPS-3'", ["OPS-1", "OPS-2", "OPS-3"]),
        ("Story 22.1", ["22.1"]),
        ("Story 22.1 (the pool)", ["22.1"]),
        ("Stories 1.1, 1.2 and 1.3", ["1.1", "1.2", "1.3"]),
        ("Task #5", ["5"]),
    ],
)
def test_names_are_declared(text: str, names: list[str]) -> None:
    assert ids(text) == declared(*names)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Story 22.1 (SQLite) must be done", ["22.1"]),
        ("waits for OPS-7 and for task 4", ["OPS-7", "4"]),
        ("needs GPT-4, UTF-8 and ISO-8601 dates", []),
        ("Redis, PostgreSQL 15 with OPS-4", ["OPS-4"]),
        ("the team in room 12", []),
        ("version 0.14.0 of better-sqlite3", []),
        ("see https://example.org/OPS-9 first", []),
    ],
)
def test_sentences_give_prose(text: str, names: list[str]) -> None:
    assert ids(text) == [(name, "prose") for name in names]


def test_sentence_that_begins_with_an_id() -> None:
    assert ids("OPS-12 must ship with OPS-13") == [("OPS-12", "declared"), ("OPS-13", "prose")]


@pytest.mark.parametrize("text", ["Stories 1-4", "STORY-023~026", "Stories 1.1 - 1.4"])
def test_range_is_not_mistaken_for_an_id(text: str) -> None:
    assert refs(text) == ()


@pytest.mark.parametrize(
    ("text", "project", "name"),
    [
        ("demo:OPS-1", "demo", "OPS-1"),
        ("demo/OPS-1", "demo", "OPS-1"),
        ("Demo_App#OPS-1", "demo-app", "OPS-1"),
        ("owner/Repo#12", "repo", "12"),
        ("demo:22.1", "demo", "22.1"),
        ("[[demo:OPS-1]]", "demo", "OPS-1"),
        ("[[demo/OPS-1]]", "demo", "OPS-1"),
    ],
)
def test_scope_is_a_project(text: str, project: str, name: str) -> None:
    (reference,) = refs(text)
    assert (reference.project, reference.id, reference.path) == (project, name, None)


@pytest.mark.parametrize(
    ("text", "name", "path"),
    [
        ("[the pool](../ops/OPS-012-pool.md#why)", "OPS-012", "plan/ops/OPS-012-pool.md"),
        ("[OPS-3: pool](./pool.md)", "OPS-3", "plan/api/pool.md"),
        ("[pool](pool.md)", None, "plan/api/pool.md"),
        ("../ops/OPS-2.md", "OPS-2", "plan/ops/OPS-2.md"),
        ("[[../ops/OPS-2.md]]", "OPS-2", "plan/ops/OPS-2.md"),
        ("[x](/docs/a%20b.md)", None, "docs/a b.md"),
        ("[x](<../a b.md>)", None, "plan/a b.md"),
        ("[OPS-4](../../../elsewhere/OPS-4.md)", "OPS-4", None),
        ("[Story 1.2](1.2.story.md)", "1.2", "plan/api/1.2.story.md"),
        ("[x](cafe\u0301.md)", None, "plan/api/caf\u00e9.md"),
    ],
)  # fmt: skip
def test_links_lead_to_files(text: str, name: str | None, path: str | None) -> None:
    (reference,) = refs(text)
    assert (reference.id, reference.path, reference.confidence, reference.raw) == (
        name,
        path,
        "declared",
        text,
    )


@pytest.mark.parametrize(
    "text",
    ["https://example.org/OPS-1", "[OPS-1](https://example.org/OPS-1.md)", "mailto:a@b.c", "[x](diagram.png)",
     "[x](../../../outside.md)", "[x](#here)"],
)  # fmt: skip
def test_no_references(text: str) -> None:
    assert refs(text) == ()


def test_columns_are_exact() -> None:
    assert [(ref.raw, ref.line, ref.col) for ref in refs("[OPS-1,  [[OPS-2]], é [x](a.md)]")] == [
        ("OPS-1", 3, 16),
        ("[[OPS-2]]", 3, 24),
        ("[x](a.md)", 3, 37),
    ]
    assert [(ref.raw, ref.line, ref.col) for ref in refs("OPS-1\n  - OPS-2\n")] == [
        ("OPS-1", 3, 15),
        ("OPS-2", 4, 5),
    ]


def test_key_and_relation_and_confidence_are_filled() -> None:
    (reference,) = parse_references("OPS_007", 1, 1, "blocks", PATH, confidence="prose")
    assert reference == Reference("blocks", "OPS_007", 1, 1, None, "OPS_007", "ops-7", None, "prose")


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("a/OPS-012-pool.md", "OPS-012"),
        ("US-PRJ-27-11.md", "US-PRJ-27-11"),
        ("1.2.story.md", "1.2"),
        ("10-2-slug.md", "10-2"),
        ("back-535.11%20-%20Title.md", "back-535.11"),
        ("001.md", "001"),
        ("2025-01-14-retro.md", None),
        ("adr-007-pool.md", None),
        ("connection-pool.md", None),
    ],
)
def test_id_at_the_start_of_a_file_name(target: str, name: str | None) -> None:
    assert stem_id(target) == name


@pytest.mark.parametrize(
    ("target", "path", "where"),
    [
        ("a.md", "b.md", "a.md"),
        ("../a.md", "b.md", None),
        ("../a.md", "c/b.md", "a.md"),
        ("./x/../a.md?raw=1#top", "c/b.md", "c/a.md"),
        ("..//a.md", "c/d/b.md", "c/a.md"),
        ("x\x00.md", "b.md", None),
        ("%00.md", "b.md", None),
        ("%2e%2e/a.md", "b.md", None),
    ],
)
def test_paths_are_relative_to_the_root(target: str, path: str, where: str | None) -> None:
    assert normal_path(target, path) == where


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet="AB1-2.,;&()[]{}|#:/ \n\"'`*_Storyandé（x\ud800.md", max_size=80))
def test_any_text_is_read_and_every_reference_stands_where_it_says(text: str) -> None:
    lines = text.split("\n")
    for reference in parse_references(text, 1, 1, "depends_on", "a/b.md"):
        assert lines[reference.line - 1].startswith(reference.raw, reference.col - 1)
        assert reference.id or reference.path


@pytest.mark.parametrize(
    "piece", ["[", "[ ", "(", "OPS-1, ", "OPS-1\n", "A-", "A/", "Story ", "[x](a.md), ", "a, "]
)
def test_long_values_are_read(piece: str) -> None:
    refs((piece * 200_000)[:200_000])


def test_deep_brackets_are_read() -> None:
    assert refs("[ " * 5_000 + "OPS-1" + " ]" * 5_000)[0].id == "OPS-1"
