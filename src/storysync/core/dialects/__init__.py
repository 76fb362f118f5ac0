"""The registry of dialects: how heads of story files are written.

The readers are asked in this order, each for the part of the page that the ones before have left; where
two give the same field, the first one counts. A new dialect is a new module here and one more entry.
"""

from __future__ import annotations

from typing import cast

from storysync.core.dialects import bold_header, front_matter
from storysync.core.dialects.base import Dialect, Head, Page

DIALECTS: tuple[Dialect, ...] = (
    cast(Dialect, front_matter),
    cast(Dialect, bold_header),
)


def read_heads(page: Page) -> tuple[list[Head], Page]:
    """All heads of a page, and what is left of it as body."""
    heads: list[Head] = []
    for dialect in DIALECTS:
        head = dialect.read_head(page)
        if head is None:
            continue
        heads.append(head)
        if head.broken:
            break
        page = page._replace(start=head.start, line=head.line) if head.start != page.start else page
    return heads, page
