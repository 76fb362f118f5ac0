"""Story ids: the claim as written, and the key that is compared (DESIGN section 4)."""

from __future__ import annotations

import re
from functools import lru_cache

_NUMERIC = re.compile(r"[0-9]+(?:[-.][0-9]+)+")
_LAST_DIGITS = re.compile(r"(^|[-.])0+([0-9]+)$")


@lru_cache(maxsize=65536)
def key(story_id: str) -> str:
    """The compared form of an id.

    Case is folded, `_` and blanks become `-`, `1-10` of pure numbers becomes `1.10`, and leading zeros
    of a last segment that is all digits are dropped: `INF_013` and `inf-13` are one key.
    """
    folded = "-".join(story_id.casefold().replace("_", " ").split())
    if _NUMERIC.fullmatch(folded):
        folded = folded.replace("-", ".")
    return _LAST_DIGITS.sub(r"\1\2", folded)
