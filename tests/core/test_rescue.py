"""Keys and values of front matter that is beyond correction."""

from __future__ import annotations

import pytest

from storysync.core.rescue import rescue
from storysync.core.yaml_events import Mapping, Scalar, Sequence, plain_value


def values(text: str) -> object:
    return plain_value(Mapping(rescue(text, 1), 1, 1))


def test_values_know_their_place():
    assert rescue("id: A-1\ntitle:   'x'\nstatus: done # yes\n", 5) == {
        "id": Scalar("A-1", 5, 5),
        "title": Scalar("x", 6, 10, False),
        "status": Scalar("done", 7, 9),
    }


def test_lists_in_brackets_know_the_place_of_each_item():
    found = rescue("deps: [B-1, 'C,2',]\n", 1)["deps"]
    assert found == Sequence((Scalar("B-1", 1, 8), Scalar("C,2", 1, 13, False)), 1, 7)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a:\n  - x\n  - 'y z'\n", ["x", "y z"]),
        ("a:\n- x\n- y: z\n", ["x", "y: z"]),
        ("a:\n  - x\n - y\n", ["x", "y"]),
        ("a: [x,\n  y]\n", ["x", "y"]),
        ("a: |\n  one\n  two: three\n", "one\ntwo: three"),
        ("a: >-\n  one\n  two\n", "one two"),
        ("a: one\n  two\n", "one two"),
        ('a: "one\n  two"\n', "one two"),
        ("a:\n  b: 1\n  c: [x, y]\n", {"b": "1", "c": ["x", "y"]}),
        ("a:\n", None),
        ("a: # nothing\n", None),
        ("a:x\n", "x"),
        ("A key :   x\n", "x"),
    ],
)
def test_values_over_several_lines(text: str, value: object):
    found = values(f"before: 1\n{text}after: 2\n")
    assert isinstance(found, dict)
    assert list(found) == ["before", text.split(":")[0].strip(), "after"]
    assert list(found.values())[1] == value


@pytest.mark.parametrize(
    "text",
    [
        "a: {x: y\n",
        "a: &b c\n",
        "a: *b\n",
        "a: !t x\n",
        "https://x.org\n",
        "- x\n",
        "# a: b\n",
        "a\n",
        " a: b\n",
    ],
)
def test_what_may_mean_two_things_is_left_out(text: str):
    assert values(f"{text}z: 1\n") == {"z": "1"}


def test_a_mapping_with_two_indents_is_left_out():
    assert values("a:\n  b: 1\n    c: 2\nz: 1\n") == {"z": "1"}


def test_lines_below_a_value_that_are_keys_are_not_part_of_it():
    assert values("title: Sign\n  in: now\n") == {"title": "Sign"}


def test_of_a_key_that_appears_twice_the_last_counts():
    assert values("a: 1\na: 2\n") == {"a": "2"}


def test_an_open_list_does_not_swallow_the_next_key():
    assert values("a: [x, y\nb: 1\n") == {"a": ["x", "y"], "b": "1"}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("'Don't do it'", "Don't do it"),
        ("'Don''t' # why", "Don't"),
        ('"Foo" and more', '"Foo" and more'),
        ('"a" and "b"', '"a" and "b"'),
        (r'"say \"hi\""', 'say "hi"'),
        (r'"C:\dir"', r"C:\dir"),
        ('"open', "open"),
    ],
)
def test_quotes_within_a_value(written: str, value: str):
    assert values(f"title: {written}\n") == {"title": value}
