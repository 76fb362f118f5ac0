"""For every code of `core.problems` the smallest files that show it, for `docs/problems.md`.

A test checks the files of each example: that code is found where `at` says, and no other but those of `also`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Example(NamedTuple):
    """Files that show a code: relative path -> text. Without files, `words` alone say when it comes."""

    files: Mapping[str, str]
    at: str = ""
    """Where the code is reported: `path:line:col`."""
    words: str = ""
    """What the text does not show; with it, the page shows the words instead of the files."""
    reading: str = ""
    """Lines of `[reading]` in the settings, as TOML."""
    also: tuple[str, ...] = ()
    """Other codes that cannot but come with it."""


def _story(*head: str, body: str = "# Rent a bike\n") -> str:
    """A story without faults, with more lines in its front matter from line 5 on."""
    return _file("id: A-1", "title: Rent a bike", "status: todo", *head, body=body)


def _file(*head: str, body: str = "# Rent a bike\n") -> str:
    return "\n".join(["---", *head, "---", "", body])


def _one(text: str, line: int, col: int, words: str = "", reading: str = "") -> Example:
    """An example of one file that has its id as its name."""
    return Example({"A-1.md": text}, f"A-1.md:{line}:{col}", words, reading)


def _said(words: str) -> Example:
    return Example({}, words=words)


def _claims(*lines: str) -> str:
    return "".join(["development_status:\n", *(f"  {line}\n" for line in lines)])


def _numbered(*head: str) -> str:
    return _file('id: "1.1"', "title: Rent a bike", *head)


_OTHER = _file("id: A-2", "title: Lock a bike", "status: todo", body="# Lock a bike\n")
_SPRINT = "sprint-status.yaml"

_FILE = {
    "unreadable-file": _said("A file whose permissions do not let storysync read it (`chmod 000`)."),
    "unreadable-folder": _said("A folder whose permissions do not let storysync list it (`chmod 000`)."),
    "not-a-regular-file": _said("A symbolic link or a pipe that is named `A-1.md`."),
    "path-too-long": _said("A story eight folders deep, each with a name of 200 letters."),
    "file-too-large": _said("A file of 3 MB, with `max_file_kb` at 2048."),
    "path-clash": Example(
        {"Caf\u00e9.md": _story(), "Cafe\u0301.md": _story()}, "Caf\u00e9.md:0:0",
        "Two files `Café.md`, one with é as one character, the other as e and a combining accent.",
    ),
    "empty-file": _one("\n", 0, 0, "A file of no bytes, or of blanks only."),
    "not-utf8": _said("A file saved as Latin-1 whose é is the single byte E9."),
    "nul-byte": _one("id: A-1\0\0", 1, 8, "A file with a NUL character, as a text editor shows `^@`."),
    "merge-conflict": _one(
        _file("id: A-1", "<<<<<<< HEAD", "status: todo", "=======", "status: done", ">>>>>>> branch"), 3, 1
    ),
    "conflict-marker": _one(
        _story(body="# Rent a bike\n\n## Notes\n\n<<<<<<< HEAD\nBy the hour.\n"),
        11, 1,
    ),
    "control-character": _one(_story("owner: Ana\x07"), 5, 11, "A bell, escape or other control character."),
    "byte-order-mark": _one("\ufeff" + _story(), 0, 0, "A file that begins with the bytes EF BB BF."),
    "utf-16": _said("A file that an editor saved as UTF-16, with its byte order mark."),
    "crlf-line-ends": _one(_story().replace("\n", "\r\n"), 1, 4, "A file with the line ends of Windows."),
    "no-final-newline": _one(_story().rstrip("\n"), 0, 0, "A last line that does not end with a line feed."),
    "internal-error": _said("None is known; whatever the reader did not foresee."),
}  # fmt: skip

_HEAD = {
    "front-matter-unclosed": _one("---\nid: A-1\nstatus: todo\n\n# Rent a bike\n", 1, 1),
    "front-matter-too-large": _one(
        _story("notes: " + "long " * 300), 1, 1, "Front matter of 70 KB, with `max_front_matter_kb` at 64.",
        "max_front_matter_kb = 1",
    ),
    "front-matter-invalid": _one(_story("owner: @ana"), 5, 8),
    "front-matter-not-mapping": _one("---\n- A-1\n- todo\n---\n\n# Rent a bike\n", 2, 1),
    "yaml-too-deep": _one(_story("notes: " + "[" * 40 + "]" * 40), 5, 39),
    "yaml-alias": _one(_story("author: &a Ana", "owner: *a"), 6, 8),
    "duplicate-key": _one(_story("owner: Ana", "owner: Ben"), 6, 1),
    "duplicate-field": _one(
        "# A-1: Rent a bike\n\n**Status:** todo\n**Owner:** Ana\n**Owner:** Ben\n", 5, 12
    ),
    "field-disagreement": _one(_story("owner: Ana", body="# Rent a bike\n\n**Owner:** Ben\n"), 10, 12),
    "not-a-text": _one(_story("sprint: [3, 4]"), 5, 9),
}  # fmt: skip

_STORY = {
    "no-evidence": Example({"notes.md": "# Notes on bikes\n\nThey need air.\n"}, "notes.md:0:0"),
    "id-disagreement": _one(_story(body="# A-7: Rent a bike\n"), 7, 3),
    "id-differs-from-file-name": Example({"A-7-rent.md": _story()}, "A-7-rent.md:2:5"),
    "title-missing": _one(_file("id: A-1", "status: todo", body="Someone rents a bike.\n"), 0, 0),
    "several-headings": _one(_story(body="# Rent a bike\n\n# Return it\n"), 9, 3),
    "status-missing": _one(_file("id: A-1", "title: Rent a bike"), 0, 0),
    "unknown-status": _one(_file("id: A-1", "title: Rent a bike", "status: simmering"), 4, 9),
    "partial-status": _one(_file("id: A-1", "title: Rent a bike", "status: 80% done"), 4, 9),
    "status-disagreement": _one(_story(body="# Rent a bike\n\n**Status:** done\n"), 9, 13),
    "status-from-folder": Example(
        {"done/A-1.md": _file("id: A-1", "title: Rent a bike")}, "done/A-1.md:0:0"
    ),
    "folder-disagreement": Example({"done/A-1.md": _story()}, "done/A-1.md:4:9"),
    "unknown-priority": _one(_story("priority: soonish"), 5, 11),
    "priority-number": _one(_story("priority: 40"), 5, 11),
    "unknown-estimate": _one(_story("estimate: a while"), 5, 11),
    "invalid-date": _one(_story("created: 2026-02-30"), 5, 10),
    "ambiguous-date": _one(_story("created: 03-04-2026"), 5, 10),
    "placeholder": _one(_story('epic: "{{epic}}"'), 5, 7),
}  # fmt: skip

_SECOND = {
    "second-source-invalid": Example(
        {_SPRINT: "development_status: todo\n", "A-1.md": _story()}, f"{_SPRINT}:1:21"
    ),
    "second-source-disagreement": Example(
        {_SPRINT: _claims("1-1-rent: done"), "1-1-rent.md": _numbered("status: todo")}, f"{_SPRINT}:2:13"
    ),
    "status-only-in-second-source": Example(
        {_SPRINT: _claims("1-1-rent: done"), "1-1-rent.md": _numbered()}, f"{_SPRINT}:2:13",
        also=("status-missing",),
    ),
    "second-source-ambiguous": Example(
        {
            _SPRINT: _claims("1-1-rent: todo"),
            "a/1-1-rent.md": _numbered("status: todo"),
            "b/1-1-rent.md": _numbered("status: todo"),
        },
        f"{_SPRINT}:2:13",
        reading='id_scope = "folder"',
    ),
    "second-source-without-story": Example(
        {_SPRINT: _claims("1-1-rent: done"), "1-2-lock.md": _numbered("status: todo").replace("1.1", "1.2")},
        f"{_SPRINT}:2:13",
    ),
}  # fmt: skip

_GRAPH = {
    "dangling-reference": _one(_story("dependencies: [A-9]"), 5, 16),
    "ambiguous-reference": Example(
        {
            "A-1.md": _story("dependencies: [A-2]"),
            "a/A-2.md": _OTHER,
            "b/A-2.md": _OTHER,
        },
        "A-1.md:5:16",
        reading='id_scope = "folder"',
    ),
    "relaxed-match": Example({"A-1.md": _story("dependencies: [A-02]"), "A-2.md": _OTHER}, "A-1.md:5:16"),
    "self-reference": _one(_story("dependencies: [A-1]"), 5, 16),
    "dependency-cycle": Example(
        {
            "A-1.md": _story("dependencies: [A-2]"),
            "A-2.md": _OTHER.replace("status: todo", "status: todo\ndependencies: [A-1]"),
        },
        "A-1.md:5:16",
    ),
    "contested-id": Example(
        {"A-1.md": _story(), "copies/A-1.md": _story()}, "A-1.md:2:5"
    ),
    "told-elsewhere": Example(
        {
            "epics.md": "# Rentals\n\n### Story 1.1: Rent a bike\n\n**Status:** todo\n\n"
            "### Story 1.2: Lock a bike\n\n**Status:** todo\n",
            "1-1-rent.md": _numbered("status: todo"),
        },
        "epics.md:3:11",
    ),
    "deletion-held": _said("More than 20 files, and three in ten of the project, are gone at one look."),
}  # fmt: skip

EXAMPLES: Mapping[str, Example] = MappingProxyType(_FILE | _HEAD | _STORY | _SECOND | _GRAPH)
"""Code -> what shows it."""
