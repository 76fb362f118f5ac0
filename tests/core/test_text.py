"""Decoding of bytes."""

from __future__ import annotations

import codecs

import pytest

from storysync.core.story import Broken
from storysync.core.text import Text, conflict_marker, decode, position


def good(data: bytes) -> Text:
    found = decode(data)
    assert isinstance(found, Text)
    return found


def broken(data: bytes) -> tuple[str, int, int]:
    found = decode(data)
    assert isinstance(found, Broken)
    return found.problems[0].code, found.problems[0].line, found.problems[0].col


def codes(text: Text) -> list[str]:
    return [found.code for found in text.problems]


def test_plain_utf8_has_no_problems():
    assert good("# Café\n".encode()) == Text("# Café\n", ())


def test_byte_order_mark_is_dropped_and_mentioned():
    found = good(codecs.BOM_UTF8 + b"---\n")
    assert found.text == "---\n"
    assert codes(found) == ["byte-order-mark"]


@pytest.mark.parametrize(
    ("mark", "encoding"), [(codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")]
)
def test_utf16_is_read_when_it_has_its_mark(mark: bytes, encoding: str):
    found = good(mark + "# Ünï\n".encode(encoding))
    assert found.text == "# Ünï\n"
    assert codes(found) == ["utf-16"]


def test_utf16_cut_in_half_is_broken():
    assert broken(codecs.BOM_UTF16_LE + b"a\0b")[0] == "not-utf8"


def test_latin1_is_broken_at_its_first_byte():
    assert broken("id: 1\ntitle: Café".encode("latin-1")) == ("not-utf8", 2, 11)


def test_column_of_a_bad_byte_counts_characters():
    assert broken("ééé".encode() + b"\xff") == ("not-utf8", 1, 4)


def test_nul_bytes_are_broken_at_their_place():
    assert broken(b"ab\nc\0d") == ("nul-byte", 2, 2)


@pytest.mark.parametrize("data", [b"", b"\n\n", b" \t\r\n", codecs.BOM_UTF8])
def test_a_file_of_blanks_is_broken_so_that_an_interrupted_writer_wipes_nothing(data: bytes):
    assert broken(data) == ("empty-file", 0, 0)


@pytest.mark.parametrize("data", [b"a\r\nb\r\n", b"a\rb\r", b"a\r\nb\n"])
def test_carriage_returns_become_line_feeds(data: bytes):
    found = good(data)
    assert found.text == "a\nb\n"
    assert codes(found) == ["crlf-line-ends"]


def test_missing_final_newline_is_mentioned():
    assert codes(good(b"a")) == ["no-final-newline"]


def test_control_characters_become_replacement_characters_at_their_place():
    found = good("a\tb\nc\x01d\x7f\x85é\n".encode())
    assert found.text == "a\tb\nc\ufffdd\ufffd\ufffdé\n"
    assert [(p.code, p.line, p.col) for p in found.problems] == [
        ("control-character", 2, 2),
        ("control-character", 2, 4),
        ("control-character", 2, 5),
    ]


def test_thousands_of_control_characters_are_not_reported_one_by_one():
    found = good(b"\x01" * 5000 + b"\n")
    assert len(found.problems) == 21
    assert "\x01" not in found.text


def test_conflict_markers_count_at_the_begin_of_a_line_only():
    assert conflict_marker("a\n<<<<<<< HEAD\n") == 2
    assert conflict_marker("a <<<<<<< HEAD\n") == -1
    assert conflict_marker("<<<<<<<\n") == -1


def test_position_counts_lines_and_columns_from_one():
    assert position("ab\ncd", 0) == (1, 1)
    assert position("ab\ncd", 4) == (2, 2)


def test_mixed_line_ends_are_called_mixed():
    assert good(b"a\nb\r\nc\n").problems[0].message.startswith("some lines")
    assert good(b"a\r\nb\r\n").problems[0].message.startswith("lines end")
    assert good(b"a\rb\r").text == "a\nb\n"


def test_places_behind_old_line_ends_are_those_of_an_editor():
    assert broken(b"a\rb\r\ncd\0\n") == ("nul-byte", 3, 3)
    assert broken(b"a\rb\r\ncd\xff\n") == ("not-utf8", 3, 3)


def test_utf_16_without_a_mark_is_recognized():
    found = decode("# Title\n".encode("utf-16-le"))
    assert isinstance(found, Broken)
    assert "UTF-16" in found.problems[0].message


def test_a_second_byte_order_mark_does_not_hide_the_front_matter():
    assert good(codecs.BOM_UTF8 * 2 + b"---\n").text == "---\n"
