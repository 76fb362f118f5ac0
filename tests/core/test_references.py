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
        ("**K-2** (hard), `K-3` (soft), __K-4__: x", ["K-2", "K-3", "K-4"]),
        ("E-3<br>E-4<br />E-5", ["E-3", "E-4", "E-5"]),
        ("G-20 or G-21", ["G-20", "G-21"]),
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


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Stories 1-3", ["1", "2", "3"]),
        ("Stories 1.1 - 1.3 (all)", ["1.1", "1.2", "1.3"]),
        ("Stories 21.1 through 21.3", ["21.1", "21.2", "21.3"]),
        ("Story 0.8-0.10", ["0.8", "0.9", "0.10"]),
        ("4.1-4.3", ["4.1", "4.2", "4.3"]),
        ("STORY-1 to STORY-3", ["STORY-1", "STORY-2", "STORY-3"]),
        ("STORY-023~025", ["STORY-023", "STORY-024", "STORY-025"]),
        ("T009–T011", ["T009", "T010", "T011"]),
        ("Epic 1-3", ["Epic 1", "Epic 2", "Epic 3"]),
        ("Issues #3-#5", ["3", "4", "5"]),
        ("US-APP-1 … US-APP-3: login", ["US-APP-1", "US-APP-2", "US-APP-3"]),
    ],
)
def test_a_range_names_each_of_its_members(text: str, names: list[str]) -> None:
    found = refs(text)
    assert [(one.id, one.in_range, one.confidence) for one in found] == [(n, True, "declared") for n in names]
    assert len({(one.raw, one.line, one.col) for one in found}) == 1
    assert text.startswith(found[0].raw)


@pytest.mark.parametrize("text", ["Stories 1-400", "Stories 4-1", "Stories 1.2 - 2.3", "STORY-5 to STORY-5"])
def test_a_range_that_cannot_be_counted_stays_one_reference(text: str) -> None:
    assert [(one.id, one.key, one.path, one.in_range, one.raw) for one in refs(text)] == [
        (None, None, None, True, text)
    ]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Story 1-4", ["1-4"]),
        ("1-10", ["1-10"]),
        ("OPS-3 - 2 days", ["OPS-3"]),
        ("STORY-1 - 4 open points", ["STORY-1"]),
        ("OPS-1 - retries", ["OPS-1"]),
    ],
)
def test_what_only_looks_like_a_range_is_an_id(text: str, names: list[str]) -> None:
    assert ids(text) == declared(*names)


@pytest.mark.parametrize("text", ["UTF-8 to UTF-16", "H1–H3", "0.14.0-0.15.0 or newer", "3 to 5 days"])
def test_what_only_looks_like_a_range_of_ids_names_nothing(text: str) -> None:
    assert not [one for one in refs(text) if one.in_range]


def test_a_word_holds_for_the_numbers_behind_it() -> None:
    assert ids("Epics 1, 2 and 4-5") == declared("Epic 1", "Epic 2", "Epic 4", "Epic 5")
    assert ids("Stories 1, 3-4") == declared("1", "3-4")[:1] + declared("3", "4")
    assert ids("Feature 2, Story 2, Epic 2.1") == declared("Feature 2", "2", "2.1")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("must be done before OPS-2 and OPS-3", [("blocks", "OPS-2"), ("blocks", "OPS-3")]),
        ("this blocks Story 1.3, Story 1.4", [("blocks", "1.3"), ("blocks", "1.4")]),
        ("this blocks Story 1.3; OPS-4", [("blocks", "1.3"), ("depends_on", "OPS-4")]),
        ("is required by the work on OPS-2", [("blocks", "OPS-2")]),
        ("prerequisite for Stories 1-2", [("blocks", "1"), ("blocks", "2")]),
        ("Story 2.2 depends on this story", [("blocks", "2.2")]),
        ("OPS-2 cannot start until this is merged", [("blocks", "OPS-2")]),
        ("must not start before OPS-2 is done", [("depends_on", "OPS-2")]),
        ("nothing can begin before OPS-2", [("depends_on", "OPS-2")]),
        ("can start after OPS-2", [("depends_on", "OPS-2")]),
        ("OPS-2 must be done after this", [("blocks", "OPS-2")]),
        ("OPS-2 after this story", [("blocks", "OPS-2")]),
        ("OPS-2 must wait for this", [("blocks", "OPS-2")]),
        ("OPS-2 (depends on this)", [("blocks", "OPS-2")]),
        ("Followed by OPS-2", [("blocks", "OPS-2")]),
        ("in parallel with OPS-2", [("related", "OPS-2")]),
        ("Not dependent on OPS-2", [("related", "OPS-2")]),
        ("OPS-2 must be done before this story", [("depends_on", "OPS-2")]),
        ("does not depend on OPS-2", [("related", "OPS-2")]),
        ("does not block OPS-2", [("related", "OPS-2")]),
        ("independent of OPS-2", [("related", "OPS-2")]),
        ("deve ser feita antes da Story 2.1", [("blocks", "2.1")]),
        ("doit être faite avant OPS-2", [("blocks", "OPS-2")]),
    ],
)
def test_a_sentence_may_turn_the_direction(text: str, found: list[tuple[str, str]]) -> None:
    assert [(one.relation, one.id) for one in refs(text)] == found


def test_a_sentence_never_turns_what_the_story_blocks() -> None:
    (reference,) = parse_references("needed before OPS-2 starts", 1, 1, "blocks", PATH)
    assert reference.relation == "blocks"


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
        ("[todo-pool](./todo-pool.md)", "todo-pool", "plan/api/todo-pool.md"),
        ("[Epic 2](epic.md)", "Epic 2", "plan/api/epic.md"),
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
     "[x](../../../outside.md)", "[x](#here)", "pkg/env"],
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
        assert reference.id or reference.path or reference.in_range


@pytest.mark.parametrize(
    "piece",
    [
        "[",
        "[ ",
        "(",
        "OPS-1, ",
        "OPS-1\n",
        "A-",
        "A/",
        "Story ",
        "[x](a.md), ",
        "a, ",
        "Stories 1-2, ",
        "Story 1-",
        "before ",
        "not before OPS-1 ",
    ],
)
def test_long_values_are_read(piece: str) -> None:
    refs((piece * 200_000)[:200_000])


def test_deep_brackets_are_read() -> None:
    assert refs("[ " * 5_000 + "OPS-1" + " ]" * 5_000)[0].id == "OPS-1"
