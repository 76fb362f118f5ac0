"""A SQLite file for each project: `…/projects/{project}/database.sqlite`."""

from __future__ import annotations

import os
import re
from glob import escape
from pathlib import Path

from storysync.errors import StoreError
from storysync.store.engines import sqlite
from storysync.store.pattern import MARK, PROJECT_ID, Pattern

_COMPANION = "daemon"


class SqlitePattern(Pattern):
    """The lock and the socket of a daemon lie in the innermost folder that all projects share."""

    def __init__(self, url: str) -> None:
        path = sqlite.path_of(url)
        fixed = next(index for index, part in enumerate(path.parts) if MARK in part)
        self.place = str(path)
        self._folder = Path(*path.parts[:fixed])
        self._below = "/".join(path.parts[fixed:])
        self.base = self._folder / _COMPANION
        first, *others = map(re.escape, self._below.split(MARK))
        self._pattern = re.compile(first + f"(?P<id>{PROJECT_ID})" + "(?P=id)".join(others), re.ASCII)

    def url(self, project_id: str) -> str:
        return sqlite.url_of(self._folder / self._below.replace(MARK, project_id))

    def project_ids(self) -> list[str]:
        if self._folder.exists() and not os.access(self._folder, os.R_OK | os.X_OK):
            raise StoreError(f"this user may not look into {self._folder}", hint="ask its owner")
        wanted = "*".join(map(escape, self._below.split(MARK)))
        places = (file.relative_to(self._folder).as_posix() for file in self._folder.glob(wanted))
        return sorted(found["id"] for place in places if (found := self._pattern.fullmatch(place)))
