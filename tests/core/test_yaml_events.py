"""YAML as raw text with positions, by the events and by the quick way."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storysync.core.yaml_events import Mapping, Parsed, Scalar, Sequence, parse_yaml, plain_value
from storysync.core.yaml_lines import parse_lines


def entries(text: str, line: int = 1) -> dict[str, object]:
    root = parse_yaml(text, line).root
    assert isinstance(root, Mapping)
    return dict(root.entries)


def only_problem(parsed: Parsed) -> tuple[str, int, int]:
    assert len(parsed.problems) == 1
    found = parsed.problems[0]
    return found.code, found.line, found.col


@pytest.mark.parametrize(
    "value", ["010", "1.10", "0x1F", "12:30", "no", "on", "2025-02-30", "1_000", "00123", "true", "5e3"]
)
def test_values_stay_the_text_that_was_written(value: str):
    assert plain_value(parse_yaml(f"id: {value}").root or Scalar("", 0, 0)) == {"id": value}


def test_values_have_line_and_column_in_the_file():
    found = entries("id: A-1\ntitle:   'x'\n", 2)
    assert found == {"id": Scalar("A-1", 2, 5), "title": Scalar("x", 3, 10, False)}


def test_only_plain_nulls_are_null():
    root = parse_yaml("a: null\nb: ~\nc:\nd: 'null'\ne: ''\n").root
    assert root is not None
    assert plain_value(root) == {"a": None, "b": None, "c": None, "d": "null", "e": ""}


def test_an_unquoted_wiki_link_survives_as_a_list_in_a_list():
    found = entries("deps:\n  - [[DS-001]]\n")["deps"]
    assert isinstance(found, Sequence)
    inner = found.items[0]
    assert isinstance(inner, Sequence)
    assert inner.items == (Sequence((Scalar("DS-001", 2, 7),), 2, 6),)


def test_of_a_duplicate_key_the_last_counts_and_the_second_is_reported():
    parsed = parse_yaml("a: 1\nb: 2\na: 3\n", 2)
    assert only_problem(parsed) == ("duplicate-key", 4, 1)
    assert plain_value(parsed.root or Scalar("", 0, 0)) == {"a": "3", "b": "2"}


@pytest.mark.parametrize(
    ("text", "line", "col", "hint"),
    [
        ("owner: @x", 1, 8, "quotes"),
        ("a: 1\ntitle: b: c", 2, 9, "colon"),
        ("a: 'x' y", 1, 8, "quotes"),
        ("a: 1\n---\nb: 2", 2, 1, "single YAML document"),
    ],
)
def test_a_syntax_error_is_one_problem_at_its_place_with_a_hint(text: str, line: int, col: int, hint: str):
    parsed = parse_yaml(text)
    assert parsed.broken
    assert only_problem(parsed) == ("front-matter-invalid", line, col)
    assert hint in parsed.problems[0].hint


def test_aliases_are_refused_and_not_expanded():
    parsed = parse_yaml("a: &x [1, 2]\nb: *x\n")
    assert only_problem(parsed) == ("yaml-alias", 2, 4)
    assert plain_value(parsed.root or Scalar("", 0, 0)) == {"a": ["1", "2"], "b": None}


def test_an_alias_bomb_is_one_problem():
    text = "a0: &a0 [x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 20)
    )
    parsed = parse_yaml(text)
    assert [found.code for found in parsed.problems] == ["yaml-alias"]
    assert len(parsed.problems) <= 50


def test_depth_is_capped_before_anything_is_built():
    parsed = parse_yaml("a: " + "[" * 60000)
    assert parsed.broken
    assert only_problem(parsed) == ("yaml-too-deep", 1, 35)
    assert not parse_yaml("a: " + "[" * 31 + "]" * 31).broken


def test_line_separators_of_yaml_do_not_shift_lines():
    found = entries("a: x\u2028y\nb: z\n")
    assert found["b"] == Scalar("z", 2, 4)


def test_block_scalars_keep_their_line_breaks():
    assert entries("a: |\n  x\n  y\n")["a"] == Scalar("x\ny\n", 1, 4, False)


def test_the_quick_way_declines_what_is_not_simple():
    for text in (
        "a: &x 1",
        "a: x # y",
        "a: b: c",
        "a: x\n  y",
        "- x",
        "a: 1\na: 2",
        "a: |\n  x",
        "a: [[x]]",
        "",
        "x",
    ):
        assert parse_lines(text) is None


def test_the_quick_way_reads_the_usual_front_matter():
    text = (
        "id: A-1\ntitle: \"x: y\"\ndeps: [B-1,  'C 2']\ntags:\n- a\n- b\nmeta:\n  x: null\n  y: 1\nowner:\n"
    )
    quick = parse_lines(text, 2)
    assert quick is not None
    assert quick == parse_yaml(text, 2).root


_PIECES = st.sampled_from(
    [
        "a",
        "key",
        "b: ",
        ": ",
        ":",
        "- ",
        "'x'",
        '"y"',
        "''",
        "\n",
        "\n",
        " ",
        "  ",
        "[",
        "]",
        ", ",
        ",",
        "#",
        " #",
        "1.0",
        "-",
        "null",
        "~",
        "?",
        "|",
        ">",
        "x: y\n",
        "  z: 1\n",
        "- q\n",
        "[a, b]",
        "{}",
        "&a",
        "*a",
        "!t",
        "é",
        "%",
        "...",
        "---",
        "@",
        "`",
        "\\",
        "/",
        "(",
        "+",
        "k:\n",
        "  - i\n",
        "\t",
        "\u2028",
        "\ufeff",
    ]
)


@settings(max_examples=3000, deadline=None)
@given(st.lists(_PIECES, max_size=14).map("".join))
def test_where_the_quick_way_answers_it_answers_like_the_events(text: str):
    quick = parse_lines(text, 2)
    if quick is not None:
        parsed = parse_yaml(text, 2)
        assert parsed == Parsed(quick, ())


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=200))
def test_any_text_is_parsed_or_refused_without_an_exception(text: str):
    parsed = parse_yaml(text)
    assert parsed.broken == (parsed.root is None and bool(parsed.problems)) or parsed.root is not None


def test_escaped_control_characters_are_replaced_and_reported():
    parsed = parse_yaml('title: "a\\0b\\x1b"\nnext: "x\\ty"\n')
    assert plain_value(parsed.root or Scalar("", 0, 0)) == {"title": "a\ufffdb\ufffd", "next": "x\ty"}
    assert only_problem(parsed) == ("control-character", 1, 8)
