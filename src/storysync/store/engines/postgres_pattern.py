"""A schema of one PostgreSQL database for each project: `postgresql://…/db?schema=storysync_{project}`."""

from __future__ import annotations

import hashlib
import re
from contextlib import closing
from pathlib import Path

import psycopg

from storysync.errors import UsageError
from storysync.state import redacted
from storysync.store.database import Engines
from storysync.store.engines import postgres
from storysync.store.pattern import MARK, Pattern
from storysync.store.revisions import VERSION_TABLE

_LONGEST = 63 - 48 + len(MARK)  # what the server takes of a name, with the longest id in it
_TEMPLATE = re.compile(r"[a-z_][a-z0-9_]*\{project\}[a-z0-9_]*", re.ASCII)


class PostgresPattern(Pattern):
    """An id's `-` is `_` in the name of its schema, which has no `_` of its own otherwise."""

    def __init__(self, url: str, engines: Engines) -> None:
        self._url, template = postgres.split_schema(url)
        if template is None or MARK in self._url or len(template) > _LONGEST:
            template = ""
        if not _TEMPLATE.fullmatch(template):
            raise UsageError(
                f"cannot use the database URL {redacted(url)}",
                hint="for a schema for each project write postgresql://…/database?schema=storysync_{project}",
            )
        self._settings = engines.postgres
        postgres.parameters(self._url, self._settings, "")  # whether it can be read at all
        self._before, self._after = template.split(MARK)
        self.place = postgres.place_of(self._url, template)
        name = hashlib.sha256(self.place.encode()).hexdigest()[:16]
        self.base = (engines.state_dir or Path.home()) / f"postgresql-{name}"

    def url(self, project_id: str) -> str:
        return postgres.with_schema(self._url, self._before + project_id.replace("-", "_") + self._after)

    def project_ids(self) -> list[str]:
        with closing(postgres.connect(self._url, self._settings, read_only=True)) as connection:
            try:
                rows = connection.execute(
                    "SELECT n.nspname FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid"
                    " WHERE c.relname = %s",
                    (VERSION_TABLE,),
                ).fetchall()
            except psycopg.Error as error:
                raise postgres.translated(error, self.place) from error
        slug = "([a-z0-9][a-z0-9_]{0,47})"
        named = re.compile(re.escape(self._before) + slug + re.escape(self._after), re.ASCII)
        present = [name for (name,) in rows if not postgres.is_aside(name)]
        return sorted(found[1].replace("_", "-") for name in present if (found := named.fullmatch(name)))
