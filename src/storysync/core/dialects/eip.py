"""Improvement proposals: a preamble `eip: 9718`, `title`, `status`, `author`, `requires: 20, 165`.

The first key names the series (`eip`, `erc`, `bip`, `cip` …) and holds the number, which is the id. All are
specs; `type` and `category` tell which part of the process they are for, not what kind of item they are
(DIALECTS.md section 1).
"""

from __future__ import annotations

from storysync.core.dialects.base import Sheet, Traits
from storysync.core.folding import fold_name
from storysync.core.yaml_events import Scalar

NAME = "eip"
RANK = 15

_SERIES = frozenset(
    ("eip", "erc", "rip", "bip", "slip", "cip", "caip", "sip", "zip", "tip", "nip", "aip", "fip", "lip",
     "mip", "hip", "pip", "kip", "nep", "pep", "dep", "simd")
)  # fmt: skip
_KEYS = ("status", "author", "authors", "category", "type", "requires", "discussions-to")


def recognize(sheet: Sheet) -> Traits | None:
    """Traits of a proposal: its number first, then two of the keys that all proposals have."""
    fields = sheet.front_matter
    first = next(iter(fields), "")
    if first.casefold() not in _SERIES:
        return None
    number = fields[first]
    if not isinstance(number, Scalar) or not number.text.isdecimal():
        return None
    if sum(key in fields for key in _KEYS) < 2:
        return None
    return Traits(NAME, names={fold_name(first): "id"}, kind="spec")
