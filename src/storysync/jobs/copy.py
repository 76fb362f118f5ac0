"""Floor 3: all of one database into another, of whichever engine, so that a team can move both ways.

Read in one snapshot, written and compared in one transaction: a copy is there whole and equal, or not at all.
Whatever ends it in the middle leaves an empty target, which the next copy fills.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import NoReturn

from storysync.core import instants
from storysync.errors import RowRefused, SchemaBehind, StoreError, UsageError
from storysync.state import redacted
from storysync.store import copying, cycles, foreign, resolve
from storysync.store.database import Database
from storysync.store.digest import Hasher, TableDigest, table_digest
from storysync.store.layouts import Layout, copied
from storysync.store.store import Store
from storysync.store.tx import Row, Tx

Progress = Callable[[str, int, int], None]
"""Called with what is done (`copy`, `compare`), rows done, rows in all."""

COPY, COMPARE = "copy", "compare"


@dataclass(frozen=True)
class CopyReport:
    """Places as messages name them, and each table's rows and digest, equal on both sides."""

    source: str
    target: str
    tables: tuple[TableDigest, ...]
    rows: int
    duration_ms: float


def utc_now() -> datetime:
    return datetime.now(UTC)


def require_apart(source: Database, target: Database) -> None:
    """Raise UsageError when both names lead to one database."""
    same = source.place == target.place
    if source.file and target.file and source.file.exists() and target.file.exists():
        same = source.file.samefile(target.file)
    if same:
        raise UsageError(f"{source.place} cannot be copied onto itself", hint="name another database as TO")


def require_source(source: Database) -> None:
    """Raise StoreError unless there is a database that this program can read, and something in it."""
    if not source.exists():
        raise StoreError(f"there is no database at {source.place}", hint="check FROM")
    try:
        with source.read_only() as here:
            if copying.first_filled(here) is None:
                raise StoreError(f"there is nothing in {source.place} to copy", hint="check FROM")
    except SchemaBehind as error:
        hint = f"run `storysync db upgrade --database {redacted(source.url)}`"
        raise SchemaBehind(str(error), hint=hint) from error


@dataclass(frozen=True)
class _Part:
    """Rows of one source: all, or those of one project, with what is added to their numbers."""

    source: Database
    here: Tx
    project: str | None = None
    by: Mapping[str, int] = field(default_factory=dict)

    def projects(self) -> list[str]:
        known = [row[0] for row in self._stream("SELECT id FROM projects ORDER BY id")]
        return known if self.project is None else [self.project]

    def rows(self, layout: Layout, *, alone: bool) -> Iterator[Row]:
        """Of one table. Not `alone`: what is known of other databases is left out, since they are one now."""
        if layout.table == "foreign_stories" and not alone:
            return
        if self.project is None:
            found = self._stream(layout.select)
        else:
            found = self._stream(layout.select_project, (self.project,))
            if layout.table == "story_dependencies":
                own = {row[0] for row in self._stream(_OWN, (self.project,))}
                found = (copying.cut(layout, row, own) for row in found)
        yield from (layout.shifted(row, self.by) for row in found) if self.by else found

    def last_numbers(self) -> dict[str, int]:
        with _blaming(self.source):
            return copying.last_numbers(self.here)

    def _stream(self, sql: str, params: tuple[str, ...] = ()) -> Iterator[Row]:
        with _blaming(self.source):
            yield from self.here.stream(sql, params)


_OWN = "SELECT uid FROM stories WHERE project_id = ?"


def copy(
    source: Database, store: Store, *, progress: Progress | None = None, now: Callable[[], datetime] = utc_now
) -> CopyReport:
    """Copy every table but the records of backup files into the empty database that `store` writes.

    Rows keep their numbers, and new ones get numbers that neither database ever gave out. Roots of this
    machine get the name that it has in the target. Raises UsageError when the target is not empty, Locked
    when another process writes there, StoreError and its kinds; nothing is written then.
    """
    with source.read_only() as here:
        return _fill([_Part(source, here)], source.place, store, progress, now)


def copy_apart(
    source: Database,
    store_of: Callable[[str], Store],
    *,
    progress: Progress | None = None,
    now: Callable[[], datetime] = utc_now,
) -> list[CopyReport]:
    """Copy each project into a database of its own, with its numbers; references between them lead there.

    A database that holds its project's copy already is left as it is, so that what was interrupted can be
    completed. Raises as `copy`; the projects before the one that cannot be copied are whole then.
    """
    reports = []
    with source.read_only() as here:
        whole = _Part(source, here)
        for project_id in whole.projects():
            store = store_of(project_id)
            part = _Part(source, here, project_id)
            done = _already(part, store)
            reports.append(done or _fill([part], source.place, store, progress, now, again=True))
            with store.snapshot() as there:
                names = foreign.targets(there)
                news = [one for name in names if (one := foreign.news(there, name, here)) is not None]
            for one in news:
                foreign.take(store, one, instants.to_text(now()))
    return reports


def copy_together(
    sources: Mapping[str, Database],
    place: str,
    store: Store,
    *,
    progress: Progress | None = None,
    now: Callable[[], datetime] = utc_now,
) -> CopyReport:
    """Copy the databases of projects into one; their numbers change alike everywhere. Raises as `copy`."""
    with ExitStack() as stack:
        parts: list[_Part] = []
        by: dict[str, int] = {}
        for _, source in sorted(sources.items()):
            part = _Part(source, stack.enter_context(source.read_only()), by=dict(by))
            parts.append(part)
            for table, last in part.last_numbers().items():
                by[table] = by.get(table, 0) + last
        return _fill(parts, place, store, progress, now, again=True)


def _already(part: _Part, store: Store) -> CopyReport | None:
    """What an earlier attempt has copied; None when there is nothing yet.

    What another project's database says, and what follows from it, came after the copy.
    """
    with store.snapshot() as there:
        if copying.first_filled(there) is None:
            return None
        found = []
        for layout in copied():
            hasher = Hasher(layout.documents)
            for row in part.rows(layout, alone=False):
                hasher.add(layout.renamed(row, {part.source.host: ""}))
            one = table_digest([there], layout, store.host)
            if layout.table not in _FOLLOWING and hasher.told(layout.table) != one:
                _refuse(store.database, layout.table)
            found.append(one)
    return CopyReport(
        part.source.place, store.database.place, tuple(found), sum(one.rows for one in found), 0.0
    )


_FOLLOWING = frozenset({"foreign_stories", "story_dependencies", "problems", "project_dependencies"})


def _fill(
    parts: Sequence[_Part],
    place: str,
    store: Store,
    progress: Progress | None,
    now: Callable[[], datetime],
    *,
    again: bool = False,
) -> CopyReport:
    """Write the parts into one database. `again`: judge what refers to other projects anew."""
    began = time.monotonic()
    target = store.database
    store.claim(project_id for part in parts for project_id in part.projects())
    store.maintain(now())
    told = _Told(progress, sum(sum(copying.rows_of(part.here, part.project).values()) for part in parts))
    with _copying(store) as there:
        filled = copying.first_filled(there)
        if filled is not None:
            _refuse(target, filled)
        given = [
            _copy_table(layout, parts, target, there, alone=not again, written=told.written)
            for layout in copied()
        ]
        last: dict[str, int] = {}
        for part in parts:
            for table, number in part.last_numbers().items():
                last[table] = part.by.get(table, 0) + number
        there.count_on(last)
        _require_equal(target, there, given, told.compared)
        if again:
            _judge_again(there, instants.to_text(now()))
    store.maintain(now())
    return CopyReport(
        place, target.place, tuple(given), sum(one.rows for one in given), (time.monotonic() - began) * 1000
    )


def _judge_again(there: Tx, now: str) -> None:
    """What follows from which projects are in one database."""
    owners = there.rows(
        "SELECT DISTINCT r.story_uid FROM story_dependencies r JOIN stories s ON s.uid = r.story_uid"
        " WHERE r.target_project <> s.project_id"
    )
    resolve.judge(there, [row[0] for row in owners], {}, now)
    cycles.find(there, None, now)
    resolve.count_project_edges(there)


class _Told:
    """Tells a progress how many rows are written, and then how many are compared."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = {COPY: 0, COMPARE: 0}

    def written(self, rows: int) -> None:
        self._add(COPY, rows)

    def compared(self, rows: int) -> None:
        self._add(COMPARE, rows)

    def _add(self, what: str, rows: int) -> None:
        self._done[what] += rows
        if self._progress is not None:
            self._progress(what, self._done[what], self._total)


@contextmanager
def _blaming(source: Database) -> Iterator[None]:
    """What goes wrong inside is told as the fault of the source, not as that of the target."""
    try:
        yield
    except Exception as error:
        told = source.told(error)
        if told is None:
            raise
        raise told from error


@contextmanager
def _copying(store: Store) -> Iterator[Tx]:
    """The one transaction; its errors say that nothing was copied."""
    try:
        with store.writing() as there:
            yield there
    except StoreError as error:
        error.hint = f"nothing was copied; {error.hint or 'mend that and run it again'}"
        raise


def _copy_table(
    layout: Layout,
    parts: Sequence[_Part],
    target: Database,
    there: Tx,
    *,
    alone: bool,
    written: Callable[[int], None],
) -> TableDigest:
    try:
        rows = chain.from_iterable(part.rows(layout, alone=alone) for part in parts)
        hosts = (parts[0].source.host, target.host)
        return copying.copy_table(layout, rows, there, hosts=hosts, written=written)
    except Exception as error:
        told = error if isinstance(error, StoreError) else target.told(error)
        if isinstance(told, RowRefused):
            raise RowRefused(
                f"{target.place} refuses a row of the table {layout.table}: {told}",
                hint="mend it in the source, by `storysync sync` or by hand",
            ) from error
        raise


def _refuse(target: Database, filled: str) -> NoReturn:
    raise UsageError(
        f"{target.place} is not empty: there are rows in the table {filled}",
        hint="name a new database as TO, or empty this one with `storysync db downgrade base --yes`",
    )


def _require_equal(
    target: Database, there: Tx, given: list[TableDigest], compared: Callable[[int], None]
) -> None:
    """Read back what was written, before it is committed."""
    for layout, one in zip(copied(), given, strict=True):
        found = table_digest([there], layout, target.host)
        compared(found.rows)
        if found != one:
            raise StoreError(
                f"{target.place} does not give back what was written into the table {layout.table}"
                f" ({found.rows} of {one.rows} rows)",
                hint="please report this",
            )
