"""The two readers of Markdown agree with each other, and with markdown-it-py."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from storysync.core import commonmark, scanner
from storysync.core.outline import Outline, paragraph_text

ORACLE = MarkdownIt("commonmark").enable("table")

NASTY = {
    "fence holds a heading and a box": "```\n# no\n- [ ] no\n```\n# yes\n",
    "longer fence holds a shorter one": "````\n```\n# no\n````\n# yes\n",
    "tilde fence": "~~~ text\n- no\n~~~\n- yes\n",
    "unclosed fence": "# yes\n\n```\n# no\n",
    "fence in an item": "- a\n  ```\n  # no\n  ```\n- b\n",
    "inline code of three marks": "``` not a `fence\n- yes\n",
    "indented code": "para\n\n    # no\n    - no\n",
    "indented text goes on with a paragraph": "- [ ] a\n      - lazy\n",
    "nested three deep": "- [ ] a\n  - [x] b\n    1. c\n       - d\n- e\n",
    "half indented siblings": "- a\n - b\n  - c\n   - d\n",
    "lazy continuation": "- a\nlazy\n- b\n",
    "number may not interrupt": "text\n2. no\n",
    "one may interrupt": "text\n1. yes\n",
    "bullet interrupts": "text\n- yes\n",
    "setext headings": "One\n===\n\nTwo\nlines\n---\n",
    "rule is no heading": "a\n\n---\n\n***\n\n* * *\n",
    "rule ends a list": "- a\n***\n- b\n",
    "closing marks": "## Done ##\n### C# ###\n# a#\n#\n#no\n####### no\n",
    "heading in an item": "- # yes\n- a\n  ## yes\n",
    "plain quote": "- a\n> one\n>\n> **two** words\n\n- b\n",
    "quote goes on lazily": "> one\n- a\n> two\nlazy\n",
    "rule below an item": "- a\n  b\n---\n- c\n--\n",
    "quoted box": "> - [ ] a\n> - [x] b\n> goes on\n",
    "comment": "<!-- # no -->\n# yes\n<!--\n# no\n-->\n",
    "html block": "<div>\n# no\n</div>\n\n# yes\n",
    "empty item": "-\n- a\n-\n  b\n",
    "item that begins with code": "-     code\n- a\n",
    "two marks on one line": "- - a\n- 1. b\n",
    "link definition": "[a]: /b\n\n- [a]: /b\n- c\n",
    "table": "| a | b |\n|---|---|\n| - c | # d |\n\n- e\n",
    "table without outer bars": "a | b\n--|--\n1 | 2\n- e\n",
    "escaped marks": "\\# no\n\n\\- no\n\n- \\[ ] a\n",
    "hard break first": "1) \\\na\n- \\\nb\n",
    "tabs": "-\ta\n\t- b\n",
    "letters of four bytes": "# 🚀 é\n\n- [ ] 完成 🚀\n  目标\n- b\n",
    "no final newline": "- a",
    "blank": "\n \n\t\n",
}  # fmt: skip


def expected(text: str) -> tuple[list[tuple[int, int]], list[tuple[int, int, bool, str]]]:
    """Headings (level, row) and items that begin with a paragraph (row, depth, ordered, text)."""
    tokens = ORACLE.parse(text)
    headings, items, lists = [], [], []
    for number, token in enumerate(tokens):
        if token.type == "heading_open":
            headings.append((int(token.tag[1]), token.map[0]))
        elif token.type in ("bullet_list_open", "ordered_list_open"):
            lists.append(token.type == "ordered_list_open")
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            lists.pop()
        elif token.type == "list_item_open" and tokens[number + 1].type == "paragraph_open":
            content = " ".join(tokens[number + 2].content.split())
            items.append((tokens[number + 1].map[0], len(lists) - 1, lists[-1], content))
    return headings, items


def found(
    outline: Outline, lines: list[str]
) -> tuple[list[tuple[int, int]], list[tuple[int, int, bool, str]]]:
    return [(heading.level, heading.line) for heading in outline.headings], [
        (
            item.row,
            item.depth,
            item.ordered,
            " ".join(paragraph_text(lines, item.row, item.col, item.last_row).split()),
        )
        for item in outline.items
    ]


def code(outline: Outline, lines: list[str]) -> set[int]:
    return {row for row in outline.code if lines[row].strip()}


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY.keys())
def test_pyromark_finds_what_markdown_it_finds(text: str) -> None:
    lines = text.split("\n")
    assert found(commonmark.read(text, lines, 0), lines) == expected(text)


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY.keys())
def test_scanner_finds_the_same_or_hands_over(text: str) -> None:
    lines = text.split("\n")
    scanned = scanner.scan(text, lines, 0)
    if scanned is not None:
        assert found(scanned, lines) == expected(text)


PLAIN = (
    "", "a b", "# h", "## h ##", "- a", "- [ ] t", "- [x] u", "* b", "1. o", "1) q", "**b** c", "`x` y",
    "é ü", "# 🚀", "- **b** é", "<5", "a:", "- #5 x", "- `c`", "[a] b",
)  # fmt: skip
MARKS = (
    *PLAIN, "-", "- ", "2. p", "10. z", "1.", "- # h", "- - n", "- 1. n", "- ```", "```", "````", "~~~",
    "``` `x", "---", "--", "***", "* * *", "- - -", "___", "==", "=", "> q", "<!-- c -->", "<!-- c", "-->",
    "<b>", "[a]: u", "[a", "- [a]: u", "| a | b |", "|---|---|", "| 1 | 2 |", "a | b", "-|-", ":-", "\\# x",
    "\\- x", "1.5 x", "-x", "*x*", "-   wide", "-     code", "1234567890. k", "text  ", "text\\", "- [ ] ",
    "- --", "- ---", "-\tt", "  ", "\x0b", "\u2028x", "\u00a0- x", "#\tx",
)  # fmt: skip
INDENTS = ("", "", "", "", " ", "  ", "  ", "   ", "    ", "      ", "\t")


def documents(pieces: tuple[str, ...], indents: tuple[str, ...]) -> st.SearchStrategy[str]:
    line = st.builds(str.__add__, st.sampled_from(indents), st.sampled_from(pieces))
    return st.lists(line, max_size=12).map("\n".join)


@settings(max_examples=600, deadline=None)
@given(documents(MARKS, INDENTS))
def test_scanner_equals_pyromark_on_nasty_lines(text: str) -> None:
    _assert_same(text)


@settings(max_examples=600, deadline=None)
@given(documents(PLAIN, ("", "", "", "  ", "    ")))
def test_scanner_equals_pyromark_on_usual_lines(text: str) -> None:
    _assert_same(text)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="#-*+[]x ()>`~|:=_\n\t1.a<!é\\", max_size=60))
@example("- [ ] a\n   b\n\n  c\n- d")
def test_scanner_equals_pyromark_on_any_text(text: str) -> None:
    _assert_same(text)


@settings(max_examples=400, deadline=None)
@given(documents(PLAIN, ("", "", "", "  ")))
def test_pyromark_equals_markdown_it_on_usual_lines(text: str) -> None:
    lines = text.split("\n")
    assert found(commonmark.read(text, lines, 0), lines) == expected(text)


def _assert_same(text: str) -> None:
    lines = text.split("\n")
    scanned = scanner.scan(text, lines, 3)
    if scanned is None:
        return
    read = commonmark.read(text, lines, 3)
    assert scanned.headings == read.headings
    assert scanned.items == read.items
    assert code(scanned, lines) == code(read, lines)


def test_usual_story_needs_no_pyromark() -> None:
    text = "# INF-1: A\n\n## Tasks\n\n- [ ] a\n  - [x] b\n    more\n\n1. c\n"
    text += "\n```sh\nls\n```\n\n| a |\n|---|\n| b |\n"
    assert scanner.scan(text, text.split("\n"), 1) is not None


def test_half_a_surrogate_pair_is_only_a_character() -> None:
    text = "# \ud800 a\n\n> q\n\n- [ ] \udfff b"
    lines = text.split("\n")
    outline = commonmark.read(text, lines, 0)
    assert [heading.text for heading in outline.headings] == ["\ud800 a"]
    assert [(item.row, item.col) for item in outline.items] == [(4, 2)]
