"""tickets: `.tickets/sh-00c9.md`."""

from __future__ import annotations

from support.read_files import codes, edges, good, story

TICKET = """---
id: sh-00c9
status: open
deps: [sh-1a2b]
links: [sh-77aa, sh-00d0]
created: 2026-01-05T10:00:00Z
type: bug
priority: 2
---
# Sort the list

Text.
"""


def test_deps_block_and_links_are_related():
    found = story(".tickets/sh-00c9.md", TICKET)
    assert (found.dialect, found.id, found.kind, found.title) == (
        "tickets",
        "sh-00c9",
        "bug",
        "Sort the list",
    )
    assert edges(found) == [
        ("depends_on", "sh-1a2b", 4, 8),
        ("related", "sh-77aa", 5, 9),
        ("related", "sh-00d0", 5, 18),
    ]
    assert good(".tickets/sh-00c9.md", TICKET).problems == ()


def test_a_file_that_is_named_after_another_ticket_is_a_finding():
    assert codes(good(".tickets/sh-00ca.md", TICKET)) == [("id-differs-from-file-name", 2, 5)]


def test_one_key_is_enough_only_in_the_folder():
    text = TICKET.replace("links: [sh-77aa, sh-00d0]\n", "")
    assert story(".tickets/sh-00c9.md", text).dialect == "tickets"
    assert story("stories/sh-00c9.md", text).dialect == "front_matter"


def test_links_of_others_are_no_tickets():
    text = "---\nid: A-1\nstatus: open\nlinks: [https://x.org]\n---\n# T\n"
    found = story("a-1.md", text)
    assert (found.dialect, found.references) == ("front_matter", ())
