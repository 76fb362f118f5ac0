"""TOML as raw text with positions, beside what `tomllib` makes of it."""

from __future__ import annotations

import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storysync.core.toml_scan import scan_toml
from storysync.core.yaml_events import Mapping, Scalar, Sequence, plain_value


def values(text: str) -> object:
    return plain_value(Mapping(scan_toml(text).entries, 1, 1))


def faults(text: str) -> list[tuple[int, int, str]]:
    return [(found.line, found.col, found.hint) for found in scan_toml(text).problems]


def test_values_know_their_place_in_the_file():
    found = scan_toml('id = "A-1"\n\n  title=  \'x\' # a remark\ndeps = [ "B",\n  "C", # why\n]\n', 3).entries
    assert found == {
        "id": Scalar("A-1", 3, 6, False),
        "title": Scalar("x", 5, 11, False),
        "deps": Sequence((Scalar("B", 6, 10, False), Scalar("C", 7, 3, False)), 6, 8),
    }


@pytest.mark.parametrize(
    "value", ["1", "-1_000", "0x1F", "1.10", "true", "2025-04-28", "2025-04-28 10:00:00", "07:30:00"]
)
def test_what_is_no_string_stays_the_text_that_was_written(value: str):
    assert values(f"a = {value}\n") == {"a": value}
    assert faults(f"a = {value}\n") == []


def test_keys_that_are_commented_out_say_nothing():
    assert values('# epic = "E-1"\nid = "A" # b = 1\n') == {"id": "A"}


def test_long_strings_may_hold_quotes_and_line_ends():
    text = 'a = """\nHe said "hi" \\\n   there\nend"""\nb = \'\'\'it\'s\n+++\'\'\'\nc = 1\n'
    assert values(text) == {"a": 'He said "hi" there\nend', "b": "it's\n+++", "c": "1"}
    assert tomllib.loads(text)["a"] == 'He said "hi" there\nend'
    assert scan_toml(text).entries["c"].line == 7


def test_tables_are_mappings_and_their_keys_are_not_those_of_the_story():
    text = 'status = "x"\n[meta.deep]\nstatus = "y"\n[[log]]\nn = 1\n[[log]]\nn = 2\nm.k = 3\n'
    assert values(text) == {
        "status": "x",
        "meta": {"deep": {"status": "y"}},
        "log": [{"n": "1"}, {"n": "2", "m": {"k": "3"}}],
    }


def test_escaped_control_characters_are_replaced_and_reported():
    found = scan_toml('a = "x\\u0000y"\n')
    assert found.entries["a"] == Scalar("x\ufffdy", 1, 5, False)
    assert [(one.code, one.line) for one in found.problems] == [("control-character", 1)]


@pytest.mark.parametrize(
    ("line", "value", "col", "hint"),
    [
        ("a = Planned", "Planned", 5, 'write `a = "Planned"`'),
        ("a = In progress # now", "In progress", 5, 'write `a = "In progress"`'),
        ("a: done", "done", 2, 'write `a = "done"`'),
        ('a = "open', "open", 5, 'write `a = "open"`'),
        ('a = "x" y', '"x" y', 9, "write `a = '\"x\" y'`"),
        ('a = "no \\d"', "no \\d", 5, "write `a = 'no \\d'`"),
        ('a = ["x", y]', ["x", "y"], 11, 'write `"y"`'),
        ('a = ["x" "y"]', ["x", "y"], 10, "write a `,` between two items"),
    ],
)
def test_a_line_that_is_no_toml_is_read_as_its_hint_says(line: str, value: object, col: int, hint: str):
    text = f'id = "A"\n{line}\nz = 1\n'
    assert values(text) == {"id": "A", "a": value, "z": "1"}
    assert faults(text) == [(2, col, hint)]
    with pytest.raises(tomllib.TOMLDecodeError):
        tomllib.loads(text)


def test_a_list_that_is_never_closed_ends_before_the_next_key():
    assert values('a = ["x",\n  "y"\nb = 1\n') == {"a": ["x", "y"], "b": "1"}
    assert faults('a = ["x"\nb = 1\n') == [(2, 1, "add a `]` behind the last item")]


def test_below_a_broken_table_no_key_becomes_one_of_the_story():
    assert values('status = "x"\n[log\nstatus = "y"\n') == {"status": "x", "[log": {"status": "y"}}


def test_of_a_key_that_appears_twice_the_last_counts():
    found = scan_toml("a = 1\na = 2\n")
    assert plain_value(Mapping(found.entries, 1, 1)) == {"a": "2"}
    assert [(one.code, one.line, one.col) for one in found.doubled] == [("duplicate-key", 2, 1)]


def test_depth_is_capped():
    assert [one.code for one in scan_toml("a = " + "[" * 5000).problems] == ["yaml-too-deep"]
    assert [one.code for one in scan_toml("a" + ".b" * 5000 + " = 1").problems] == ["yaml-too-deep"]


TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc"), max_codepoint=0xFFFF), max_size=12)
STRINGS = st.one_of(
    TEXT.map(json.dumps),
    TEXT.filter(lambda text: "'" not in text).map(lambda text: f"'{text}'"),
    TEXT.map(lambda text: '"""\n' + text.replace("\\", "\\\\").replace('"""', "") .rstrip('"') + '"""'),
    TEXT.filter(lambda text: "'" not in text).map(lambda text: f"'''{text}\n'''"),
)  # fmt: skip
VALUES = st.recursive(
    STRINGS | st.integers(-9, 99).map(str) | st.sampled_from(["true", "1.50", "1979-05-27"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[" + ", # c\n ".join(items) + " ]"),
        st.dictionaries(st.sampled_from("pqr"), inner.filter(lambda text: "\n" not in text), max_size=2).map(
            lambda entries: "{" + ", ".join(f"{key} = {value}" for key, value in entries.items()) + "}"
        ),
    ),
    max_leaves=6,
)
STATEMENTS = st.dictionaries(st.sampled_from(["a", "b-2", '"q k"', "d.e", "d.f"]), VALUES, max_size=4)


def as_text(value: object) -> object:
    """What tomllib gives, with everything that is no string as we keep it."""
    if isinstance(value, dict):
        return {key: as_text(one) for key, one in value.items()}
    if isinstance(value, list):
        return [as_text(one) for one in value]
    if isinstance(value, float):
        return f"{value:.2f}"
    return str(value).lower() if isinstance(value, bool) else str(value)


@given(STATEMENTS, STATEMENTS, STATEMENTS)
def test_the_scan_reads_what_tomllib_reads(top: dict[str, str], table: dict[str, str], array: dict[str, str]):
    parts = ["", *(f"{key} = {value}" for key, value in top.items()), "[x.y]"]
    parts += [f"{key} = {value}  # why" for key, value in table.items()]
    parts += [f"[[z]]\n{key} = {value}" for key, value in array.items()]
    text = "\n".join(parts) + "\n"
    scan = scan_toml(text)
    assert [one for one in scan.problems if one.code != "control-character"] == []
    assert plain_value(Mapping(scan.entries, 1, 1)) == as_text(tomllib.loads(text))


PIECES = st.sampled_from(
    [
        "a",
        "=",
        " ",
        '"',
        "'",
        '"""',
        "'''",
        "[",
        "]",
        "{",
        "}",
        ",",
        "\n",
        "#",
        "\\",
        ".",
        "1",
        "x y",
        "[[",
        "-",
    ]
)


@given(st.lists(PIECES, max_size=40).map("".join))
def test_nothing_makes_it_fail_and_what_it_calls_toml_is_toml(text: str):
    scan = scan_toml(text)
    rows = text.count("\n") + 1
    assert all(1 <= one.line <= rows and one.col >= 1 for one in scan.problems)
    try:
        valid = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    if not scan.problems:
        assert set(scan.entries) == set(valid)
