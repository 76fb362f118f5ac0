"""Folders that tell the status of the files in them, as `done/` and `drafts/` (DIALECTS.md section 3)."""

from __future__ import annotations

from functools import lru_cache

from storysync.core import word_lists
from storysync.core.folding import fold, words_of
from storysync.settings import ReadingSettings

_REMEMBERED = 4096  # folders


class Folders:
    """The folder names of one project: the defaults and what its settings add or switch off."""

    def __init__(self, settings: ReadingSettings) -> None:
        self._statuses = {
            name: status for status, names in word_lists.FOLDERS.items() for name in words_of(names)
        }
        self._statuses.update({fold(name): status for name, status in settings.folders.items()})
        self._known = lru_cache(_REMEMBERED)(self._of)

    def of(self, path: str) -> tuple[str, str] | None:
        """Name and status of the nearest folder above a file that tells one."""
        return self._known(path.rpartition("/")[0])

    def _of(self, folder: str) -> tuple[str, str] | None:
        for name in reversed(folder.split("/")):
            status = self._statuses.get(fold(name))
            if status:
                return name, status
        return None
