"""Status, priority, estimate and kind words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storysync.core import word_lists
from storysync.core.folding import fold_name, words_of
from storysync.core.vocabulary import ESTIMATE_UNITS, KINDS, STATUSES
from storysync.core.words import Words, has_no_value, is_placeholder
from storysync.settings import ReadingSettings

WORDS = Words(ReadingSettings())


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        ("done", "done"),
        ("Completed", "done"),
        ("In Progress", "in_progress"),
        ("in-progress", "in_progress"),
        ("IN_PROGRESS", "in_progress"),
        ("inprogress", "in_progress"),
        ("To Do", "todo"),
        ("todo", "todo"),
        ("ready-for-dev", "ready"),
        ("Ready for Review", "review"),
        ("**Approved**", "ready"),
        ("`done`", "done"),
        ("✅ ACCEPTED", "accepted"),
        ("⚪️ Planned", "todo"),
        ("🔴 Not started", "todo"),
        ("✅", "done"),
        ("⬜", "todo"),
        ("won’t do", "cancelled"),
        ("terminé", "done"),
        ("Concluido", "done"),
        ("en cours", "in_progress"),
        ("已完成", "done"),
        ("완료", "done"),
        ("진행중", "in_progress"),
        ("~~Draft~~ superseded", "cancelled"),
        ("Done.", "done"),
        ("<!-- set by bot --> draft", "draft"),
        ("stagnant", "deferred"),
    ],
)
def test_spellings_of_statuses(raw: str, status: str):
    assert WORDS.status(raw) == (status, None, "")


@pytest.mark.parametrize(
    ("raw", "status", "note"),
    [
        ("completed (sprint-027)", "done", "sprint-027"),
        ("pending | priority: high | area: security", "todo", "priority: high | area: security"),
        ("✅ **Complete** - 2025-01-12", "done", "2025-01-12"),
        ("Blocked waiting for INF-1", "blocked", "waiting for INF-1"),
        ("blocked: no access", "blocked", "no access"),
        ("Draft -> Ready", "draft", "Ready"),
        ("Completed 10/12/2025", "done", "10/12/2025"),
    ],
)
def test_what_follows_a_status_is_its_note(raw: str, status: str, note: str):
    assert WORDS.status(raw) == (status, note, "")


@pytest.mark.parametrize(
    "raw", ["Complete (3/5 tests)", "Phase 1 complete", "Partially complete", "Done (4 of 6)", "mostly done"]
)
def test_done_in_part_is_in_progress_with_a_warning(raw: str):
    assert WORDS.status(raw).status == "in_progress"
    assert WORDS.status(raw).code == "partial-status"


def test_all_of_it_is_done():
    assert WORDS.status("Complete (5/5)") == ("done", "5/5", "")


@pytest.mark.parametrize(
    "raw", ["all tests passing", "not done", "implementation-complete", "🟢", "unknowable"]
)
def test_unknown_statuses_are_not_guessed(raw: str):
    assert WORDS.status(raw) == ("unknown", None, "unknown-status")


@pytest.mark.parametrize("raw", ["", "—", "TBD", "-"])
def test_no_status_is_none(raw: str):
    assert WORDS.status(raw) == (None, None, "")


def test_words_of_the_settings_win():
    words = Words(
        ReadingSettings(
            statuses={"Cooking": "in_progress", "approved": "done", "🟢": "ready"},
            priorities={"hot": 0, "500": 2},
            estimates={"XL": 20, "jumbo": 40},
        )
    )
    assert words.status("cooking").status == "in_progress"
    assert words.status("Approved (by Ann)") == ("done", "by Ann", "")
    assert words.status("🟢").status == "ready"
    assert words.priority("Hot") == (0, "")
    assert words.priority("500") == (2, "")
    assert words.estimate("extra large").points == 20
    assert words.estimate("Jumbo") == (40, "size", "")


@pytest.mark.parametrize(
    ("raw", "rank"),
    [
        ("critical", 0),
        ("Highest", 0),
        ("🔥 Highest", 0),
        ("P0", 0),
        ("p0-critical", 0),
        ("must have", 0),
        ("Must", 0),
        ("high", 1),
        ("P1 - High", 1),
        ("should have", 1),
        ("hoog", 1),
        ("Alta", 1),
        ("🔼 High", 1),
        ("medium", 2),
        ("normal", 2),
        ("could", 2),
        ("média", 2),
        ("low", 3),
        ("Low (Optional)", 3),
        ("won't", 4),
        ("lowest", 4),
        ("0", 0),
        ("3", 3),
        ("5", 4),
        ("p7", 4),
        ("none", None),
        ("", None),
        ("—", None),
    ],
)
def test_priorities(raw: str, rank: int | None):
    assert WORDS.priority(raw) == (rank, "")


def test_large_priority_numbers_are_no_rank():
    assert WORDS.priority("7") == (None, "priority-number")
    assert WORDS.priority("500") == (None, "priority-number")


def test_unknown_priorities_are_reported():
    assert WORDS.priority("purple") == (None, "unknown-priority")


@pytest.mark.parametrize(
    ("raw", "points", "unit"),
    [
        ("3", 3, "points"),
        ("3sp", 3, "points"),
        ("5 Story Points", 5, "points"),
        ("0.5", 0.5, "points"),
        ("M (3 points)", 3, "points"),
        ("M (8)", 8, "points"),
        ("2-3", 2.5, "points"),
        ("13 (split)", 13, "points"),
        ("XS", 1, "size"),
        ("m", 3, "size"),
        ("XXL", 13, "size"),
        ("small", 2, "size"),
        ("P", 2, "size"),
        ("G", 5, "size"),
        ("S (~2-4h)", 2, "size"),
        ("Medium (3-5 days)", 3, "size"),
        ("2 days", None, "hours"),
        ("2-3 hours", None, "hours"),
        ("1.5h", None, "hours"),
        ("~1–2 weeks (1 developer)", None, "hours"),
        ("45 minutes", None, "hours"),
        ("2 天", None, "hours"),
        ("~25K", None, "tokens"),
        ("25k tokens", None, "tokens"),
        ("0", None, None),
        ("TBD", None, None),
        ("—", None, None),
        ("", None, None),
        ("null", None, None),
    ],
)
def test_estimates(raw: str, points: float | None, unit: str | None):
    assert WORDS.estimate(raw) == (points, unit, "")


def test_a_bare_number_has_the_unit_of_its_field():
    assert WORDS.estimate("12", "hours") == (None, "hours", "")


@pytest.mark.parametrize("raw", ["5/8", "1 sprint", "soon"])
def test_estimates_that_are_not_understood_are_reported(raw: str):
    assert WORDS.estimate(raw) == (None, None, "unknown-estimate")


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ("user-story", "story"),
        ("Epic", "epic"),
        ("🌟 Feature", "feature"),
        ("chore", "task"),
        ("defect", "bug"),
        ("other", None),
    ],
)
def test_kinds(raw: str, kind: str | None):
    assert WORDS.kind(raw) == kind


@pytest.mark.parametrize("text", ["{{title}}", "[Story Title]", "STORY-ID", "US-XXX", "<id>", "YYYY-MM-DD"])
def test_placeholders(text: str):
    assert is_placeholder(text)


@pytest.mark.parametrize("text", ["INF-013", "[[A-1]]", "[x](y.md)", "", "XML export", "a {{x}} b"])
def test_values_that_are_no_placeholders(text: str):
    assert not is_placeholder(text)


@given(st.text(max_size=60))
def test_any_text_gives_a_word_of_the_closed_lists(text: str):
    assert WORDS.status(text).status in (*STATUSES, None)
    assert WORDS.priority(text).rank in (0, 1, 2, 3, 4, None)
    estimate = WORDS.estimate(text)
    assert estimate.unit in (*ESTIMATE_UNITS, None)
    assert (estimate.points is None) or estimate.unit in ("points", "size")
    assert WORDS.kind(text) in (*KINDS, None)
    assert has_no_value(text) in (True, False)


@pytest.mark.parametrize("table", ["STATUSES", "PRIORITIES", "SIZES", "KINDS", "FOLDERS"])
def test_no_word_stands_for_two_things(table: str) -> None:
    seen: dict[str, object] = {}
    for meaning, words in getattr(word_lists, table).items():
        for word in words_of(words):
            assert seen.setdefault(word, meaning) == meaning, word


def test_no_name_stands_for_two_fields() -> None:
    seen: dict[str, str] = {}
    for field, names in word_lists.FIELDS.items():
        for name in map(fold_name, names.split("|")):
            assert seen.setdefault(name, field) == field, name


@pytest.mark.parametrize(
    "raw",
    [
        "Complete (3/5 stories)", "Complete 3 of 5", "3 of 5 complete", "Done - 3/5", "Phase 1 complete",
        "Part 2 done", "mostly done", "Complete (mostly)", "80% complete", "Complete (80%)",
        "Done except docs",
        "Incomplete", "parcialmente concluído", "partiellement terminé", "部分完成", "부분 완료",
    ],
)  # fmt: skip
def test_what_is_done_in_part_is_in_progress_with_a_warning(raw: str) -> None:
    assert WORDS.status(raw)[::2] == ("in_progress", "partial-status")


@pytest.mark.parametrize(
    "raw",
    [
        "Complete (5/5 stories)", "100% complete", "Done (95% coverage)", "Completed 12/01/2025",
        "✅ **Complete** - 2025-01-12", "Done. Merged in #12", "Concluído ✅", "erledigt", "完了", "완료됨",
    ],
)  # fmt: skip
def test_what_is_done_is_done(raw: str) -> None:
    assert WORDS.status(raw)[::2] == ("done", "")


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        ("por hacer", "todo"), ("Não iniciado", "todo"), ("offen", "todo"), ("未着手", "todo"),
        ("할 일", "todo"),
        ("en progreso", "in_progress"), ("in Bearbeitung", "in_progress"), ("in corso", "in_progress"),
        ("進行中", "in_progress"), ("in beoordeling", "review"), ("待审核", "review"),
        ("blockiert", "blocked"),
        ("⛔", "blocked"), ("Bozza", "draft"), ("rimandato", "deferred"), ("取消", "cancelled"),
        ("취소", "cancelled"), ("approuvé", "ready"),
    ],
)  # fmt: skip
def test_words_of_other_languages(raw: str, status: str) -> None:
    assert WORDS.status(raw)[::2] == (status, "")


@pytest.mark.parametrize(
    ("raw", "rank"),
    [
        ("P0-critical", 0), ("🔥 Highest", 0), ("1 - High", 1), ("2 (medium)", 2), ("Élevée", 1),
        ("긴급", 0), ("Won't Have", 4), ("3", 3),
    ],
)  # fmt: skip
def test_priorities_of_many_forms(raw: str, rank: int) -> None:
    assert WORDS.priority(raw) == (rank, "")


def test_a_number_above_five_and_a_colour_have_no_rank() -> None:
    assert WORDS.priority("500") == (None, "priority-number")
    assert WORDS.priority("🔴") == (None, "unknown-priority")


@pytest.mark.parametrize(
    ("raw", "points", "unit"),
    [
        ("M (3 points)", 3, "points"), ("S (~2-4h)", 2, "size"), ("L (~2-3d)", 5, "size"),
        ("2sp", 2, "points"),
        ("2-3 hours", None, "hours"), ("half a day", None, "hours"), ("2 días", None, "hours"),
        ("2人日", None, "hours"), ("3点", 3, "points"), ("~25K", None, "tokens"), ("G", 5, "size"),
        ("0", None, None), ("TBD", None, None), ("—", None, None), ("1 Woche", None, "hours"),
    ],
)  # fmt: skip
def test_estimates_of_many_forms(raw: str, points: float | None, unit: str | None) -> None:
    assert WORDS.estimate(raw) == (points, unit, "")


def test_a_project_adds_kinds_and_none_words() -> None:
    own = Words(ReadingSettings(kinds={"Vorgang": "task", "bug": "task"}, none_words=("nix",)))
    assert (own.kind("vorgang"), own.kind("Bug"), own.kind("epic")) == ("task", "task", "epic")
    assert own.status("Nix") == (None, None, "")
    assert own.priority("nix") == (None, "")
    assert own.estimate("nix") == (None, None, "")


@pytest.mark.parametrize("text", ["No dependencies.", "none.", "Niet van toepassing", "待定", "해당 없음"])
def test_texts_that_say_that_there_is_nothing(text: str) -> None:
    assert has_no_value(text)


@pytest.mark.parametrize("text", ["YYYY-MM-DD", "YYYY-MM-DDTHH:MM:SSZ", "JJ/MM/AAAA", "DD.MM.YYYY"])
def test_forms_of_dates_are_placeholders(text: str) -> None:
    assert is_placeholder(text)
