"""Backups of a SQLite file: copied by its own engine, compressed, restored on trial, and put in place."""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from storysync import faults
from storysync.errors import StoreError
from storysync.settings import BackupSettings
from storysync.state import absolute_path
from storysync.store import private
from storysync.store.archive import (
    Archive,
    BackupDamaged,
    Dumped,
    Facts,
    Finish,
    Step,
    differences,
    facts_in,
    no_step,
    quoted,
)
from storysync.store.compressed import compress, decompress
from storysync.store.database import Engines
from storysync.store.durable import remove
from storysync.store.engines import sqlite, sqlite_replace
from storysync.store.engines.sqlite_database import SqliteTx
from storysync.store.tx import Tx

_PAGES_A_STEP = 4096
"""16 MB: between two steps the copying can be ended. All are in one transaction, so that none starts anew."""
_BUSY_S = 30.0
_NOT_ITS_FAULT = tuple(
    f"SQLITE_{one}"
    for one in ("NOMEM", "IOERR", "CANTOPEN", "FULL", "PERM", "BUSY", "LOCKED", "PROTOCOL", "INTERRUPT")
)
"""How errors begin that say nothing of what a file holds."""


class SqliteArchive(Archive):
    suffix = ".db.zst"

    def __init__(self, path: Path, engines: Engines, settings: BackupSettings) -> None:
        self._path = path
        self._engines = engines
        self._settings = settings

    def needed_bytes(self) -> int:
        """The copy and, one after the other, its compressed form and what this unpacks to."""
        sizes = (file.stat().st_size for file in _files(self._path) if file.exists())
        return 2 * sum(sizes) + (1 << 20)

    def dump(self, target: Path, step: Step = no_step) -> Dumped:
        """As `Archive.dump`. Rows are counted in the state that is copied, digests are taken of the copy:

        reading a gigabyte in Python would keep that state pinned, and the log of the database growing.
        """
        raw = target.with_name(target.name + ".raw")
        try:
            rows = self._copy(raw, step)
            faults.point("backup.after-copy")
            facts = self._facts(raw)
            for difference in differences(Facts(facts.schema_version, rows, {}), facts):
                raise StoreError(f"the copy is not what was copied: {difference}")
            compress(raw, target, self._settings.level, step)
            faults.point("backup.after-compress")
        finally:
            remove(raw)
        return Dumped(facts, f"SQLite {sqlite3.sqlite_version}")

    def _facts(self, raw: Path) -> Facts:
        """What a copy of the database holds, which has every fault that this has."""
        try:
            with _opened(raw) as tx:
                return facts_in(tx)
        except BackupDamaged as error:
            raise StoreError(
                f"the database {self._path} is damaged, so nothing was made of it: {error}",
                hint="run `storysync doctor`",
            ) from error

    def _copy(self, raw: Path, step: Step) -> dict[str, int]:
        """Copy one state into a new file, without a log, and return the rows of its tables."""
        os.close(private.open_file(raw, os.O_WRONLY | os.O_EXCL))
        try:
            with (
                closing(sqlite.open_read_only(self._path, self._engines.sqlite)) as source,
                closing(sqlite3.connect(raw, isolation_level=None)) as copy,
            ):
                sqlite.refuse_foreign(source, self._path)
                source.execute("BEGIN")
                rows = _counted(SqliteTx(source))
                copy.execute("PRAGMA synchronous = OFF")  # what counts is flushed at the end
                copy.execute("PRAGMA journal_mode = OFF")
                source.backup(copy, pages=_PAGES_A_STEP, progress=_progress(step), sleep=0.05)
                copy.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorname", "") == "SQLITE_FULL":
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(raw)) from error
            raise sqlite.translated(error, self._path) from error
        return rows

    @contextmanager
    def restored(self, file: Path, folder: Path, step: Step = no_step) -> Iterator[Tx]:
        scratch = folder / f"{file.name}.scratch"
        try:
            remove(scratch)  # of a trial that was killed
            self._unpack(file, scratch, step)
            with _opened(scratch) as tx:
                yield tx
        finally:
            remove(scratch)

    def replace(self, file: Path, stamp: str, step: Step = no_step, finish: Finish | None = None) -> str:
        return sqlite_replace.replace(
            self._path, lambda fresh: self._fill(fresh, file, step), stamp, self._engines, finish
        )

    def extract(self, file: Path, target: str, step: Step = no_step) -> str:
        path = sqlite.path_of(target) if target.startswith("sqlite:") else absolute_path(target, Path.cwd())
        return sqlite_replace.extract(path, lambda fresh: self._fill(fresh, file, step), self._engines)

    def _fill(self, fresh: Path, file: Path, step: Step) -> None:
        self._unpack(file, fresh, step, flushed=True)
        with _opened(fresh):
            pass

    def _unpack(self, file: Path, target: Path, step: Step, *, flushed: bool = False) -> None:
        group = self._engines.group_readable and flushed
        descriptor = private.open_file(target, os.O_WRONLY | os.O_EXCL, group=group)
        try:
            decompress(file, descriptor, step)
            if flushed:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _opened(path: Path) -> Iterator[SqliteTx]:
    """A file that nobody writes, once it was found to be a whole database of ours. Raises BackupDamaged."""
    uri = f"file:{quote(str(path))}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
            connection.text_factory = _text
            finding = _finding(connection)
            if finding:
                raise BackupDamaged(f"it is not usable: {finding}")
            yield SqliteTx(connection)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorname", "").startswith(_NOT_ITS_FAULT):
            raise StoreError(f"it cannot be looked at: {error}") from error
        raise BackupDamaged(f"it is not usable: {error}") from error


def _finding(connection: sqlite3.Connection) -> str:
    """What is wrong with a copy, '' for nothing.

    The mark is asked for first: a copy on a full disk can be an empty file, which SQLite calls healthy.
    """
    if connection.execute("PRAGMA application_id").fetchone()[0] != sqlite.APPLICATION_ID:
        return "it does not carry the mark of a storysync database"
    integrity = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    if integrity != "ok":
        return integrity
    orphan = connection.execute("PRAGMA foreign_key_check").fetchone()
    return f"a row of {orphan[0]} points to a missing row of {orphan[2]}" if orphan else ""


def _counted(tx: SqliteTx) -> dict[str, int]:
    return {table: _count(tx, table) for table in tx.tables()}


def _count(tx: SqliteTx, table: str) -> int:
    row = tx.row(f"SELECT count(*) FROM {quoted(table)}")
    return int(row[0]) if row else 0


def _text(data: bytes) -> str | bytes:
    """What another program wrote that is no text is told as bytes: it is copied as it is."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _progress(step: Step) -> Callable[[int, int, int], None]:
    """Told the result of each step and pages; ends it when nothing was copied for too long."""
    moved_at = time.monotonic()

    def progress(status: int, remaining: int, total: int) -> None:
        nonlocal moved_at
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            if time.monotonic() - moved_at > _BUSY_S:
                raise StoreError(
                    f"the database is locked by another program since {_BUSY_S:g} s",
                    hint="end the program that holds it",
                )
            return
        moved_at = time.monotonic()
        step(total - remaining, total)

    return progress


def _files(path: Path) -> tuple[Path, ...]:
    """The file of a database and its log; what else lies beside it holds nothing of its own."""
    return path, path.with_name(path.name + "-wal")
