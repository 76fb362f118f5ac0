"""tickets: `.tickets/sh-00c9.md` with `id`, `deps: []` and `links: []`.

`links` are related tickets, in both directions; they block nothing (DIALECTS.md section 1).
"""

from __future__ import annotations

from storysync.core.dialects.base import Sheet, Traits

NAME = "tickets"
RANK = 14

_NAMES = {"links": "related"}


def recognize(sheet: Sheet) -> Traits | None:
    """Traits of a ticket: `deps` and `links`, or one of them in the folder `.tickets`."""
    fields = sheet.front_matter
    marks = ("deps" in fields) + ("links" in fields)
    if not marks or "id" not in fields:
        return None
    path = "/" + sheet.page.path
    if marks + ("/.tickets/" in path) < 2:
        return None
    return Traits(NAME, names=_NAMES, named=path.rpartition("/")[2].rpartition(".")[0])
