"""Faulty YAML: where the fault is reported, what the hint says, and that all other lines are read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storysync.core.yaml_events import Mapping, Node, Scalar, Sequence, parse_yaml, plain_value
from storysync.core.yaml_mending import MOST_MENDED, parse_mended, quoted


def values(text: str) -> object:
    root = parse_mended(text, 1).parsed.root
    assert root is not None
    return plain_value(root)


def faults(text: str, first_line: int = 1) -> list[tuple[int, int, str]]:
    return [(found.line, found.col, found.hint) for found in parse_mended(text, first_line).problems]


@pytest.mark.parametrize(
    ("line", "value", "col", "written"),
    [
        ("a: @bo", "@bo", 4, 'a: "@bo"'),
        ("a: @bo  # lead", "@bo", 4, 'a: "@bo"  # lead'),
        ("a: `code`", "`code`", 4, 'a: "`code`"'),
        ("a: %5", "%5", 4, 'a: "%5"'),
        ("a: Sign in: part 2", "Sign in: part 2", 11, 'a: "Sign in: part 2"'),
        ('a: Say "x": y', 'Say "x": y', 11, "a: 'Say \"x\": y'"),
        ("a: C:\\x: y", "C:\\x: y", 8, "a: 'C:\\x: y'"),
        ('a: "Sign in" and more', '"Sign in" and more', 14, "a: '\"Sign in\" and more'"),
        ("a: 'it's'", "it's", 8, 'a: "it\'s"'),
        ("a: 'x' or 'y'", "'x' or 'y'", 8, "a: \"'x' or 'y'\""),
        ('a: "open', "open", 4, 'a: "open"'),
        ('a: "no \\d escape"', "no \\d escape", 8, "a: 'no \\d escape'"),
        ("a: [WIP] Sign in", "[WIP] Sign in", 10, 'a: "[WIP] Sign in"'),
        ("a: {name} x", "{name} x", 11, 'a: "{name} x"'),
        ("a: **bold**", "**bold**", 5, 'a: "**bold**"'),
        ("a: > text", "> text", 6, 'a: "> text"'),
        ("a: - x", "- x", 4, 'a: "- x"'),
        ("a: , x", ", x", 4, 'a: ", x"'),
        ("a: [@bo, cy, @di]", ["@bo", "cy", "@di"], 5, 'a: ["@bo", cy, "@di"]'),
        ("a: [x, y: z: w]", ["x", "y: z: w"], 12, 'a: [x, "y: z: w"]'),
    ],
)
def test_a_value_that_needs_quotes_is_read_as_if_it_had_them(
    line: str, value: object, col: int, written: str
):
    text = f"id: A-1\n{line}\nstatus: done\n"
    assert values(text) == {"id": "A-1", "a": value, "status": "done"}
    assert faults(text) == [(2, col, f"write `{written}`")]


@pytest.mark.parametrize(
    "text", ["id: A-1\na: @bo\n", "a: [x, @y]\n", "- @a\n", 'a: "Sign in" and more\n', "status:done\nid: 1\n"]
)
def test_what_the_hint_says_is_valid_and_means_what_was_read(text: str):
    hint = faults(text)[0][2].removeprefix("write `").removesuffix("`")
    line = faults(text)[0][0]
    lines = text.split("\n")
    lines[line - 1] = hint
    corrected = parse_yaml("\n".join(lines))
    assert corrected.problems == ()
    assert corrected.root is not None
    assert plain_value(corrected.root) == values(text)


def test_each_faulty_line_is_reported():
    text = "a: @x\nid: A-1\nb: y: z\nlist:\n  - `q`\n  - r\n"
    assert values(text) == {"a": "@x", "id": "A-1", "b": "y: z", "list": ["`q`", "r"]}
    assert [(line, col) for line, col, _ in faults(text, 10)] == [(10, 4), (12, 5), (14, 5)]


def test_columns_are_those_of_the_file():
    root = parse_mended("a: [@x, @y, z]\nstatus:done\n", 1).parsed.root
    assert isinstance(root, Mapping)
    items = root.entries["a"]
    assert isinstance(items, Sequence)
    assert [(item.line, item.col) for item in items.items] == [(1, 5), (1, 9), (1, 13)]
    assert root.entries["status"] == Scalar("done", 2, 8)


def test_tabs_count_as_one_blank_and_are_reported_once():
    text = "labels:\n\t- a\n\t- b\nid: A-1\n"
    root = parse_mended(text, 2).parsed.root
    assert isinstance(root, Mapping)
    assert plain_value(root) == {"labels": ["a", "b"], "id": "A-1"}
    assert faults(text, 2) == [(3, 1, "indent with blanks, not tabs")]
    items = root.entries["labels"]
    assert isinstance(items, Sequence)
    assert (items.items[1].line, items.items[1].col) == (4, 4)


def test_tabs_and_blanks_that_do_not_fit_together_are_not_guessed():
    assert parse_mended("a:\n  b: 1\n\tc: 2\n", 1).parsed.broken


def test_a_missing_blank_is_put_in_but_not_into_urls():
    assert values("id: 1\nstatus:done\nb: 2\n") == {"id": "1", "status": "done", "b": "2"}
    assert faults("id: 1\nstatus:done\nb: 2\n") == [(2, 7, "write `status: done`")]
    assert values("id: 1\nhttps://x.org/y\nb: 2\n") == {"id": "1", "b": "2"}


def test_a_line_without_a_key_is_left_out_and_reported():
    found = faults("id: 1\nsome words\nb: 2\n")
    assert [(line, col) for line, col, _ in found] == [(2, 1)]
    assert "was not read" in found[0][2]


def test_known_keys_below_a_value_lose_their_indent():
    text = "id: A-1\n status: done\n owner: @bo\n"
    root = parse_mended(text, 1).parsed.root
    assert isinstance(root, Mapping)
    assert root.entries["status"] == Scalar("done", 2, 10)
    assert root.entries["owner"] == Scalar("@bo", 3, 9, False)
    assert faults(text)[0][2] == "remove the blanks before `status`"


def test_a_wrapped_text_with_a_colon_is_not_guessed():
    assert parse_mended("title: Sign\n  in: now\n", 1).parsed.broken


def test_an_open_quote_ends_before_the_next_key():
    text = 'title: "Sign in\nid: A-1\nowner: "bo"\n'
    assert values(text) == {"title": "Sign in", "id": "A-1", "owner": "bo"}
    assert faults(text) == [(1, 8, 'write `title: "Sign in"`')]


def test_an_open_list_ends_before_the_next_key():
    assert values("a: [x, y\nid: A-1\n") == {"a": ["x", "y"], "id": "A-1"}
    assert values("a: [x,\n  y,\n\nid: A-1\n") == {"a": ["x", "y"], "id": "A-1"}


def test_items_with_a_colon_are_texts_unless_they_are_mappings():
    assert values("l:\n- Given x: when: then\n- y\n") == {"l": ["Given x: when: then", "y"]}
    assert values("l:\n- name: a: b\n  of: c\n") == {"l": [{"name": "a: b", "of": "c"}]}


def test_a_character_that_yaml_refuses_is_replaced():
    assert values("a: x\ufffey\nb: 1\n") == {"a": "x\ufffdy", "b": "1"}
    assert faults("a: x\ufffey\n")[0][:2] == (1, 5)


def test_duplicate_keys_are_reported_once_beside_the_fault():
    found = parse_mended("a: 1\na: @x\n", 1).problems
    assert [(one.code, one.line) for one in found] == [("front-matter-invalid", 2), ("duplicate-key", 2)]


def test_long_values_are_not_repeated_in_the_hint():
    assert faults("title: a: " + "x" * 200 + "\n")[0][2] == "put the value of `title` in quotes"


def test_only_so_many_lines_are_corrected():
    text = "\n".join(f"k{number}: @x" for number in range(MOST_MENDED + 5))
    assert len(parse_mended(text, 1).problems) == MOST_MENDED + 1
    assert parse_mended(text, 1).parsed.broken


@pytest.mark.parametrize("text", ["a: 1\nb: [x, {c: d}]\n", "", "- x\n", "a: |\n  b: @c\n  \td\n"])
def test_valid_yaml_is_not_touched(text: str):
    assert parse_mended(text, 3).parsed == parse_yaml(text, 3)


@pytest.mark.parametrize(("text", "written"), [("a", '"a"'), ('"a"', "'\"a\"'"), ("a\\'", "'a\\'''")])
def test_quoting(text: str, written: str):
    assert quoted(text) == written


PIECES = st.sampled_from(
    ["id", "status", "a", ": ", ":", "@x", "[", "]", ", ", "{", "}", '"', "'", "- ", "\n", "\n  ", "\n\t",
     "# ", "|", ">", "*", "&", "!", "\\", "%", "`", "?", " ", "word", "é", "\ufffe"]
)  # fmt: skip


def scalars(node: Node) -> list[Scalar]:
    if isinstance(node, Scalar):
        return [node]
    items = node.items if isinstance(node, Sequence) else node.entries.values()
    return [one for item in items for one in scalars(item)]


@given(st.lists(PIECES, max_size=40).map(lambda pieces: "".join(pieces) + "\n"))
def test_every_value_is_where_it_says(text: str):
    parsed, problems = parse_mended(text, 1)
    lines = [line.replace("\ufffe", "\ufffd") for line in text.split("\n")]
    for found in problems:
        assert 1 <= found.line <= len(lines)
        assert found.col >= 1
    for one in scalars(parsed.root) if parsed.root is not None else []:
        rest = lines[one.line - 1][one.col - 1 :]
        if rest[:1] not in ("&", "!") and one.plain and one.text and "\n" not in one.text:
            assert rest.startswith(one.text.split(" ")[0])
