"""What a backup needs of a database: a copy of one state, that copy restored on trial, and put in place.

Each engine has its own; `Database.archive` makes it. What a state holds is told as `Facts`, which are
compared between the database, the copy restored, and the manifest.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from storysync.errors import StoreError
from storysync.store.revisions import VERSION_TABLE
from storysync.store.tx import Tx

if TYPE_CHECKING:
    from storysync.store.database import Database


class BackupDamaged(StoreError):
    """What a backup's file holds is not what was put into it."""

    exit_code = 1
    hint = "use another one of `storysync backup list`"


class Facts(msgspec.Struct, frozen=True):
    """What one state of a database holds."""

    schema_version: str
    rows: dict[str, int]
    """Table -> how many rows."""
    digests: dict[str, str]
    """Table -> digest of all of its rows, 64 hexadecimal digits; '' where it was not taken."""


@dataclass(frozen=True)
class Dumped:
    """What `Archive.dump` has written."""

    facts: Facts
    """Of the very state that the file holds."""
    version: str
    """Of the engine, as `SQLite 3.46.1` or `PostgreSQL 18.4`."""


Step = Callable[[int, int], None]
"""Called now and then with what is done and what there is to do, in units of the engine; raise to end it."""


Finish = Callable[["Database", str], None]
"""Called with a database that was restored and the place where the former one will lie, '' for none; it
leaves no connection open."""


def no_step(done: int, total: int) -> None:
    """For who does not want to know."""


class Archive(ABC):
    """Copies of one database. Making it touches nothing."""

    suffix: str
    """Of the names of its files, as `.db.zst`."""

    @abstractmethod
    def needed_bytes(self) -> int:
        """At least so much free space a backup needs in its directory, its trial restore with it."""

    @abstractmethod
    def dump(self, target: Path, step: Step = no_step) -> Dumped:
        """Write one consistent state into `target`, an empty file of mode 0600, flushed to the disk.

        Raises StoreError when the engine or its programs cannot, OSError for the file.
        """

    @abstractmethod
    def restored(self, file: Path, folder: Path, step: Step = no_step) -> AbstractContextManager[Tx]:
        """The file restored into a scratch database, to be read; gone at the end. `folder`: its place.

        Integrity and foreign keys were checked when it is given. Raises BackupDamaged for a file that is
        damaged or no backup of this engine, StoreError when it cannot be tried, OSError.
        """

    @abstractmethod
    def replace(self, file: Path, stamp: str, step: Step = no_step, finish: Finish | None = None) -> str:
        """Put the file's content in the place of the database at once, and return where the old one lies now.

        `finish` completes what was restored: before anybody else can see it, or on a server right after.
        `stamp` goes into the name of that place. The caller holds the right to write and has closed
        every connection of its own. Nothing of the old database is destroyed. One that is not there or does
        not open is no obstacle; '' is returned when there was none. Raises StoreError, OSError; then
        everything is as it was.
        """

    @abstractmethod
    def extract(self, file: Path, target: str, step: Step = no_step) -> str:
        """Restore beside: into a new file at the path, or a new schema or database of that name.

        Returns the URL of what was made, without a password. Raises UsageError when something is there.
        """


def facts_in(tx: Tx) -> Facts:
    """`facts_of` with the revision that the state itself tells. Raises BackupDamaged when it tells none."""
    row = tx.row(f"SELECT version_num FROM {VERSION_TABLE}")
    if row is None:
        raise BackupDamaged("it does not tell the revision of its schema")
    return facts_of(tx, str(row[0]))


def facts_of(tx: Tx, schema_version: str, *, digested: bool = True) -> Facts:
    """Rows and digests of every table, of one state of whatever revision of the schema.

    Tables and columns are those of the database, so that every later program finds the same of a state.
    Digests are of rows as the engine tells them: equal for a copy of its own, not across engines.
    """
    rows: dict[str, int] = {}
    digests: dict[str, str] = {}
    for table in tx.tables():
        if digested:
            rows[table], digests[table] = _digest(tx, table)
        else:
            row = tx.row(f"SELECT count(*) FROM {quoted(table)}")
            rows[table], digests[table] = (int(row[0]) if row else 0), ""
    return Facts(schema_version, rows, digests)


def _digest(tx: Tx, table: str) -> tuple[int, str]:
    """How many rows, and the sum of the SHA-256 of each, which no order of them changes."""
    columns = ", ".join(map(quoted, tx.columns(quoted(table))))
    encode, sha256, from_bytes = msgspec.msgpack.Encoder().encode, hashlib.sha256, int.from_bytes
    rows, total = 0, from_bytes(sha256(columns.encode()).digest(), "big")
    for row in tx.stream(f"SELECT {columns} FROM {quoted(table)}"):
        rows += 1
        total += from_bytes(sha256(encode(row)).digest(), "big")
    return rows, f"{total % (1 << 256):064x}"


def quoted(name: str) -> str:
    """A name of a table or column as a statement takes it, whatever is in it."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def differences(wanted: Facts, found: Facts) -> Iterator[str]:
    """What is not as it should be, in words; a digest that was not taken is not compared."""
    if wanted.schema_version != found.schema_version:
        yield f"its schema is {found.schema_version} instead of {wanted.schema_version}"
    for table, rows in wanted.rows.items():
        digests = {wanted.digests.get(table), found.digests.get(table)} - {"", None}
        if found.rows.get(table) != rows:
            yield f"{table} has {found.rows.get(table, 'no')} rows instead of {rows}"
        elif len(digests) > 1:
            yield f"the rows of {table} are not those that were there"
