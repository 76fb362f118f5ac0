"""The order in which people count."""

from __future__ import annotations

import re
from typing import Any

_DIGITS = re.compile(r"([0-9]+)")


def natural(text: str) -> list[Any]:
    """A sort key in which runs of digits count as numbers: INF-2 before INF-10."""
    parts: list[Any] = _DIGITS.split(text.lower())
    parts[1::2] = map(int, parts[1::2])
    return parts
