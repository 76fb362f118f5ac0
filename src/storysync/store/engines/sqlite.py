"""SQLite through the standard library: URLs, connections and their pragmas. No SQLAlchemy here."""

from __future__ import annotations

import ctypes
import errno
import os
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from storysync import faults
from storysync.errors import (
    Damaged,
    ForeignDatabase,
    NoDatabase,
    RowRefused,
    SchemaAhead,
    SchemaBehind,
    StoreError,
    UsageError,
)
from storysync.settings import SqliteSettings
from storysync.state import redacted
from storysync.store import private
from storysync.store.revisions import HEAD, REVISIONS, VERSION_TABLE

APPLICATION_ID = 0x53544F52
"""'STOR', in the header of every database file of ours."""

SCHEMA_FILE = Path(__file__).with_name("sqlite_schema.sql")
READER_CACHE_KIB = 8192
_ASK_AGAIN_S = 0.01
_PASSING = ("SQLITE_READONLY_RECOVERY", "SQLITE_READONLY_CANTLOCK")
_UNREADABLE = ("SQLITE_READONLY", "SQLITE_CANTOPEN")
_END = "\n;\n"
_PREFIX = "sqlite:///"

REFUSED = (sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.DataError)
"""What the driver raises for a row that breaks a constraint, or a value of no type that it knows."""


def path_of(url: str) -> Path:
    """The file of a `sqlite:///relative` or `sqlite:////absolute` URL. Raises UsageError for another."""
    if not url.startswith(_PREFIX) or url.startswith(_PREFIX + ":memory:") or url == _PREFIX:
        raise UsageError(
            f"cannot use the database URL {redacted(url)}",
            hint="use sqlite:///relative/file.db, sqlite:////absolute/file.db or postgresql://user@host/database",
        )
    return Path(unquote(url.removeprefix(_PREFIX).partition("?")[0])).expanduser().absolute()


def url_of(path: Path) -> str:
    """The URL of a file, which `path_of` reads back."""
    return _PREFIX + quote(str(path))


def connect_writer(path: Path, settings: SqliteSettings, *, group: bool = False) -> sqlite3.Connection:
    """The one writing connection: created 0600 in a folder of mode 0700, WAL, foreign keys on.

    `group`: 0640 and 0750 instead, also for files that are there and were 0600.
    Raises StoreError when the file cannot be created or opened for writing, ForeignDatabase when it is
    not ours. An empty file is fine: it is a database that is not migrated yet.
    """
    _create(path, group=group)
    try:
        connection = sqlite3.connect(path, timeout=settings.timeout, isolation_level=None)
    except sqlite3.Error as error:
        raise StoreError(f"cannot open the database {path}: {error}") from error
    try:
        refuse_foreign(connection, path)
        _switch_to_wal(connection, settings.timeout)
        connection.execute(f"PRAGMA synchronous = {settings.synchronous}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA cache_size = {int(settings.cache_size)}")
        connection.execute("PRAGMA journal_size_limit = 67108864")
    except sqlite3.Error as error:
        connection.close()
        raise translated(error, path) from error
    except StoreError:
        connection.close()
        raise
    return connection


def _switch_to_wal(connection: sqlite3.Connection, timeout_s: float) -> None:
    """WAL mode, which stays with the file. Raises sqlite3.Error.

    The change needs the file for itself, and SQLite does not wait for that whatever the timeout: several
    processes that make one database at once would be told at once that it is locked.
    """
    until = time.monotonic() + timeout_s
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > until:
                raise
            time.sleep(_ASK_AGAIN_S)


class _Reading(sqlite3.Connection):
    """Of somebody who may write neither the database nor what lies beside it, it may be.

    Such a reader cannot put its mark into `-shm`, or sees its head half written; SQLite gives up at once then
    though a moment later all is well. Measured under a writer that never rests: one statement in 3,000.
    """

    patience_s = 0.0

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        until = time.monotonic() + self.patience_s
        while True:
            try:
                return super().execute(sql, parameters)
            except sqlite3.OperationalError as error:
                if not _is_passing(error, sql) or time.monotonic() > until:
                    raise
            time.sleep(_ASK_AGAIN_S)


def _is_passing(error: sqlite3.OperationalError, sql: str) -> bool:
    """Whether it says that somebody is writing just now; a question itself writes nothing."""
    name = error.sqlite_errorname
    return name in _PASSING or (name == "SQLITE_READONLY" and sql[:6].upper() == "SELECT")


def connect_reader(path: Path, settings: SqliteSettings) -> sqlite3.Connection:
    """A connection that cannot write. Raises StoreError when there is no database or it is not ours."""
    if not path.exists():
        raise StoreError(f"there is no database at {path}", hint="run `storysync sync PATH` first")
    try:
        connection = open_read_only(path, settings)
        refuse_foreign(connection, path)
        require_head(connection, path)
        connection.execute("PRAGMA query_only = ON")
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)  # one database, and no other file
        connection.execute(f"PRAGMA cache_size = -{READER_CACHE_KIB}")
    except sqlite3.Error as error:
        refusal = translated(error, path)
        if getattr(error, "sqlite_errorname", "").startswith(_UNREADABLE):
            refusal.hint = "let its owner open it once, as with `storysync status`"
        raise refusal from error
    return connection


def open_read_only(path: Path, settings: SqliteSettings) -> sqlite3.Connection:
    """Any SQLite file, without a look at whose it is. Raises sqlite3.Error.

    What a process left that was killed while it made the database cannot be read before it is rolled back,
    which takes a connection that may write.
    """
    uri = f"file:{quote(str(path))}?mode=ro"
    wal = path.with_name(path.name + "-wal")
    if not os.access(path.parent, os.W_OK) and not wal.exists():
        # Without a -wal file and the right to make one, only an immutable open can read a WAL database.
        uri += "&immutable=1"
    connection = sqlite3.connect(
        uri, uri=True, timeout=settings.timeout, isolation_level=None, factory=_Reading
    )
    connection.patience_s = settings.timeout
    try:
        _look_into(connection, path, settings.timeout)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _look_into(connection: sqlite3.Connection, path: Path, timeout_s: float) -> None:
    try:
        connection.execute("SELECT count(*) FROM sqlite_master")
    except sqlite3.Error as error:
        if error.sqlite_errorname != "SQLITE_READONLY_ROLLBACK":
            raise
        with closing(sqlite3.connect(path, timeout=timeout_s)) as mending:
            mending.execute("SELECT count(*) FROM sqlite_master")


def refuse_foreign(connection: sqlite3.Connection, path: Path) -> None:
    """Raise ForeignDatabase unless the database is ours or empty."""
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    # Asked second: another process may make our schema in between, and its mark comes with its tables.
    application_id = connection.execute("PRAGMA application_id").fetchone()[0]
    if application_id != APPLICATION_ID and (tables or application_id):
        raise ForeignDatabase(f"{path} is a database of another program; it was left untouched")


def revision(connection: sqlite3.Connection) -> str | None:
    """The schema revision, None for a database that is not migrated yet."""
    present = connection.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (VERSION_TABLE,)
    ).fetchone()
    if not present:
        return None
    row = connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()
    return str(row[0]) if row else None


def require_head(connection: sqlite3.Connection, path: Path) -> None:
    """Raise SchemaBehind or SchemaAhead unless the schema is the one that this program writes."""
    found = revision(connection)
    if found == HEAD:
        return
    if found is not None and found not in REVISIONS:
        raise SchemaAhead(f"the database {path} has schema {found}, newer than this storysync ({HEAD})")
    raise SchemaBehind(f"the database {path} has schema {found or 'none'}, this storysync needs {HEAD}")


def schema_script() -> str:
    """The statements that make the newest schema, its revision and our mark, in an empty database.

    `make docs` writes the file from what the migrations make; a test compares the two.
    """
    return SCHEMA_FILE.read_text(encoding="utf-8")


def dump_schema(connection: sqlite3.Connection) -> str:
    """The tables, indexes and views of a database, its revision and our mark, as a script."""
    statements = [
        statement
        for (statement,) in connection.execute(
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
            " ORDER BY type = 'view', type = 'index', rowid"
        )
    ]
    statements += [
        f"INSERT INTO {VERSION_TABLE} VALUES ('{revision(connection)}')",
        f"PRAGMA application_id = {connection.execute('PRAGMA application_id').fetchone()[0]}",
    ]
    return "".join(f"{statement}{_END}" for statement in statements)


def create_schema(connection: sqlite3.Connection) -> bool:
    """Make the newest schema in a database that has none, all or nothing. False for one that has anything."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            connection.execute("ROLLBACK")
            return False
        for statement in schema_script().split(_END)[:-1]:
            connection.execute(statement)
        faults.point("create.before-commit")
        connection.execute("COMMIT")
        faults.point("create.after-commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return True


def connect_scratch(settings: SqliteSettings, content: bytes | None = None) -> sqlite3.Connection:
    """A new database with the newest schema that no one else sees and that is gone when it is closed.

    Its pages stay in memory up to the cache size; beyond that SQLite moves them to a temporary file.
    `content`, as `content_of` gives it, is what it begins with instead, and stays in memory as a whole.
    """
    connection = sqlite3.connect("", isolation_level=None)
    if content is not None:
        connection.deserialize(content)
    connection.execute("PRAGMA journal_mode = MEMORY")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute(f"PRAGMA cache_size = {int(settings.cache_size)}")
    if content is None:
        create_schema(connection)
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def content_of(connection: sqlite3.Connection, *, most: int) -> bytes | None:
    """All of a database as bytes; None when they are more than `most`."""
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    size = connection.execute("PRAGMA page_size").fetchone()[0]
    return connection.serialize() if pages * size <= most else None


def is_replaced(path: Path, descriptor: int) -> bool:
    """Whether the file at the path is gone, another than the open one, or does not begin as a database does.

    It opens nothing: a process that closes any descriptor of a file loses all its POSIX locks on it, and
    other processes would no longer see that the database is in use.
    """
    try:
        there, own = path.stat(), os.fstat(descriptor)
        head = os.pread(descriptor, len(_HEADER), 0)
    except OSError:
        return True
    return not os.path.samestat(there, own) or head not in (b"", _HEADER)


_HEADER = b"SQLite format 3\0"


def _create(path: Path, *, group: bool) -> None:
    try:
        private.make_folder(path.parent, group=group)
        if not path.exists():
            with suppress(FileExistsError):  # of another process that was first
                os.close(private.open_file(path, os.O_RDWR | os.O_EXCL, group=group))
        if group:
            for file in (path, *_companions(path)):
                private.share(file)
        # Asked by name: to open and close the file would drop the locks of every connection of this process.
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except FileExistsError:
        if not path.is_file():
            raise StoreError(f"cannot use the database {path}: a part of the path is not a folder") from None
    except OSError as error:
        raise StoreError(
            f"cannot write the database {path}: {error.strerror}", hint="choose another path with --database"
        ) from error


def _companions(path: Path) -> tuple[Path, Path]:
    return path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")


def leave_readable(path: Path) -> None:
    """Put the two companions back that SQLite removed when the last connection was closed, empty.

    Whoever may not write the folder cannot make them, and opens no database in WAL mode without them. The
    next writer takes them as they are.
    """
    # A disk that is full or gone: `open_read_only` tells those who ask, nothing else depends on them.
    with suppress(OSError):
        for file in reversed(_companions(path)) if path.exists() else ():
            with suppress(FileExistsError):  # of a process that has opened it since
                os.close(private.open_file(file, os.O_RDWR | os.O_EXCL, group=True))


def translated(error: sqlite3.Error, path: Path) -> StoreError:
    if is_damage(error):
        if error.sqlite_errorname != "SQLITE_NOTADB" or _is_marked(path):
            return Damaged(f"the database {path} is damaged: {error}")
        return NoDatabase(f"{path} is not a SQLite database; it was left untouched")
    if isinstance(error, REFUSED):
        return RowRefused(str(error))
    busy = getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY")
    hint = "another program is writing to it; try again when it has ended" if busy else ""
    return StoreError(f"cannot use the database {path}: {error}", hint=hint)


def is_damage(error: sqlite3.Error) -> bool:
    """Whether it speaks of what the file holds; not of locks, rights, memory, or a disk that fails."""
    name = getattr(error, "sqlite_errorname", "")
    return name == "SQLITE_NOTADB" or name.startswith("SQLITE_CORRUPT")


def _is_marked(path: Path) -> bool:
    """Whether our mark stands where it does in a header, whatever else the file holds."""
    try:
        with path.open("rb") as file:  # no database: there are no locks on it to be dropped
            return file.read(72)[68:] == APPLICATION_ID.to_bytes(4, "big")
    except OSError:
        return False


def trim_heap() -> None:
    """Hand freed heap pages back to the system, where the C library can (glibc)."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):  # another C library: it does so by itself, or never
        return
    trim(0)
