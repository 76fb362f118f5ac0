"""Dates, people and labels."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storysync.core.story import Person
from storysync.core.values import parse_date, parse_labels, parse_people, zone


@pytest.mark.parametrize(
    ("raw", "on"),
    [
        ("2026-03-01", "2026-03-01"),
        ("'2026-03-01'", "2026-03-01"),
        ("2025/1/2", "2025-01-02"),
        ("August 27, 2025", "2025-08-27"),
        ("27 Aug 2025", "2025-08-27"),
        ("Monday, January 5th, 2025", "2025-01-05"),
        ("25/12/2025", "2025-12-25"),
        ("12/25/2025", "2025-12-25"),
        ("05.05.2025", "2025-05-05"),
        ("2025-01-12 (moved)", "2025-01-12"),
        ("**2025-01-12**", "2025-01-12"),
    ],
)
def test_dates(raw: str, on: str):
    assert parse_date(raw) == (on, None, "")


@pytest.mark.parametrize(
    ("raw", "at"),
    [
        ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00.000000Z"),
        ("2026-03-01 12:00:00 UTC", "2026-03-01T12:00:00.000000Z"),
        ("2026-03-01T12:00:00+02:00", "2026-03-01T10:00:00.000000Z"),
        ("2026-03-01T12:00:00+0200", "2026-03-01T10:00:00.000000Z"),
        ("2026-03-01T12:00:00.5Z", "2026-03-01T12:00:00.500000Z"),
        ("2026-03-01 9:05", "2026-03-01T08:05:00.000000Z"),
        ("2026-07-01 12:00:00", "2026-07-01T10:00:00.000000Z"),
    ],
)
def test_times_become_utc_and_without_zone_are_local_to_the_project(raw: str, at: str):
    assert parse_date(raw, "Europe/Berlin") == (raw[:10], at, "")


def test_the_date_is_the_one_written_even_when_utc_has_another():
    assert parse_date("2026-03-01T00:30:00+02:00") == ("2026-03-01", "2026-02-28T22:30:00.000000Z", "")


def test_a_zone_that_is_only_an_abbreviation_gives_no_instant():
    assert parse_date("2026-03-01 10:00 PST") == ("2026-03-01", None, "")


@pytest.mark.parametrize(
    "raw", ["", "—", "TBD", "YYYY-MM-DD", "[date]", "{{date}}", "n/a", "null", "not started"]
)
def test_placeholders_are_no_date_and_no_problem(raw: str):
    assert parse_date(raw) == (None, None, "")


def test_day_and_month_are_not_guessed():
    assert parse_date("05/06/2025") == (None, None, "ambiguous-date")


@pytest.mark.parametrize(
    "raw",
    ["2025-02-30", "soon", "2025-01-12T25:00:00", "0001-01-01T00:00:00+14:00", "December 2024", "31/31/2025"],
)
def test_dates_that_do_not_exist_are_reported(raw: str):
    assert parse_date(raw) == (None, None, "invalid-date")


@given(st.text(alphabet="0123456789-/.:TZ+ ,PSTAugust", max_size=30))
def test_no_text_makes_a_date_fail(raw: str):
    on, at, code = parse_date(raw)
    assert on is None or re.fullmatch(r"\d{4}-\d\d-\d\d", on)
    assert at is None or re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", at)
    assert not (on and code)


@pytest.mark.parametrize("name", ["Europe/Berlin", "Nowhere/Else", "../../etc/passwd", "", "\0"])
def test_any_zone_name_gives_a_zone(name: str):
    assert zone(name) is not None


def test_people_have_names_handles_and_mail():
    assert parse_people("author", "Ann Lee (@ann), Bo Ek <bo@example.org>", "@cy", "@dee (Dee)") == (
        Person("author", 0, "Ann Lee", "ann", None),
        Person("author", 1, "Bo Ek", None, "bo@example.org"),
        Person("author", 2, "cy", "cy", None),
        Person("author", 3, "Dee", "dee", None),
    )


@pytest.mark.parametrize("raw", ["", "unassigned", "TBD", "—", "[Name]"])
def test_nobody_is_nobody(raw: str):
    assert parse_people("owner", raw) == ()


def test_remarks_in_brackets_do_not_split_a_person():
    assert [person.name for person in parse_people("owner", "X (lead, backend), Y and Z")] == [
        "X (lead, backend)",
        "Y",
        "Z",
    ]


def test_a_person_is_named_once():
    assert len(parse_people("owner", "Ann", "Ann, Ann")) == 1


def test_labels_keep_their_order_without_doubles():
    assert parse_labels(["b", "a", "b"]) == ("b", "a")
    assert parse_labels(["`b`, #a; b"]) == ("b", "a")
    assert parse_labels(["[x, y]", "none", ""]) == ("x", "y")


@pytest.mark.parametrize(
    ("raw", "on"),
    [
        ("2025年1月12日", "2025-01-12"), ("2025. 1. 12.", "2025-01-12"), ("2025년 1월 12일", "2025-01-12"),
        ("2025-1-5", "2025-01-05"), ("20250112", "2025-01-12"), ("1er février 2025", "2025-02-01"),
        ("12 déc. 2025", "2025-12-12"), ("lundi 12 mai 2025", "2025-05-12"), ("12. März 2025", "2025-03-12"),
        ("12 de janeiro de 2025", "2025-01-12"), ("segunda-feira, 3 de março de 2025", "2025-03-03"),
        ("enero 12, 2025", "2025-01-12"), ("3 de octubre del 2025", "2025-10-03"),
        ("12 mrt 2025", "2025-03-12"),
        ("3 gennaio 2025 (circa)", "2025-01-03"), ("13-01-2025", "2025-01-13"), ("01/13/2025", "2025-01-13"),
    ],
)  # fmt: skip
def test_dates_of_other_languages_and_forms(raw: str, on: str) -> None:
    assert parse_date(raw) == (on, None, "")


@pytest.mark.parametrize(
    ("raw", "order", "on", "code"),
    [
        ("03-04-2025", "", None, "ambiguous-date"), ("03-04-2025", "dmy", "2025-04-03", ""),
        ("03-04-2025", "mdy", "2025-03-04", ""), ("13-04-2025", "mdy", "2025-04-13", ""),
        ("04/13/2025", "dmy", "2025-04-13", ""), ("31-02-2025", "dmy", None, "invalid-date"),
        ("13-13-2025", "dmy", None, "invalid-date"), ("04.04.2025", "", "2025-04-04", ""),
    ],
)  # fmt: skip
def test_day_and_month_are_told_apart_by_the_setting(raw: str, order: str, on: str | None, code: str) -> None:
    assert parse_date(raw, "UTC", order) == (on, None, code)


@pytest.mark.parametrize("raw", ["YYYY-MM-DDTHH:MM:SSZ", "jj/mm/aaaa", "AAAA-MM-DD", "en cours", "—"])
def test_a_form_to_be_filled_in_is_no_date(raw: str) -> None:
    assert parse_date(raw) == (None, None, "")


@pytest.mark.parametrize("raw", ["12 Foo 2025", "December 2024", "1736640000", "99991399", "30 février 2025"])
def test_what_is_no_day_is_a_problem(raw: str) -> None:
    assert parse_date(raw) == (None, None, "invalid-date")
