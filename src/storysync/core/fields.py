"""Names of front-matter keys and header labels to canonical fields."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from storysync.core import word_lists
from storysync.core.folding import fold, fold_name
from storysync.settings import ReadingSettings

_REMEMBERED = 4096  # different spellings of names

CANONICAL = frozenset(word_lists.FIELDS)
"""The canonical fields, which a project's `fields` setting may name as targets."""

LISTED = frozenset(
    ("labels", "aliases", "depends_on", "blocks", "parent", "child", "related", "conflicts", "supersedes",
     "duplicates")
)  # fmt: skip
"""Fields of which all statements count, not only the first."""

_NAMES: Mapping[str, tuple[str, int]] = {
    fold_name(name): (field, rank)
    for field, names in word_lists.FIELDS.items()
    for rank, name in enumerate(names.split("|"))
}


def known_field(target: str) -> bool:
    """Whether a setting may map a name to this: a canonical field, or one of its own names."""
    return target in CANONICAL or fold_name(target) in _NAMES


class FieldNames:
    """The field names of one project: the defaults and what its settings add."""

    def __init__(self, settings: ReadingSettings) -> None:
        self.none_words = frozenset(map(fold, settings.none_words))
        self._names = dict(_NAMES)
        for name, target in settings.fields.items():
            folded = fold_name(target)
            field = target if target in CANONICAL else _NAMES.get(folded, ("", 0))[0]
            self._names[fold_name(name)] = (field, -1)
        self._known = lru_cache(_REMEMBERED)(self._find)

    def find(self, name: str) -> tuple[str, int] | None:
        """Canonical field and rank of a name; None: not a field of ours, so it is kept as metadata.

        Of several names for one field the lowest rank counts: project settings, then the usual name.
        """
        return self._known(name[:200])

    def _find(self, name: str) -> tuple[str, int] | None:
        found = self._names.get(fold_name(name))
        return found if found and found[0] else None
