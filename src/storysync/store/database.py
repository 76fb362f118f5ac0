"""Where a database is and how to get at it, whichever engine it has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from storysync.errors import StoreError
from storysync.settings import BackupSettings, PostgresSettings, SqliteSettings
from storysync.store.lock import InstanceLock, lock_path
from storysync.store.reader import Reader
from storysync.store.store import Store
from storysync.store.tx import Tx

if TYPE_CHECKING:
    import sqlalchemy as sa

    from storysync.store.archive import Archive, Finish
    from storysync.store.upgrade import Before


class Engines(NamedTuple):
    """What the settings say of each engine, and where the companions of a server's database lie."""

    sqlite: SqliteSettings = SqliteSettings()
    postgres: PostgresSettings = PostgresSettings()
    state_dir: Path | None = None
    group_readable: bool = False
    """Whether the group that owns files of ours may read them: `store.private`."""


_DEFAULT = Engines()


class Findings(NamedTuple):
    """What was found in a database, in words; at most 20 of each, nothing in one that is sound."""

    damage: tuple[str, ...] = ()
    """Of its structure: nothing in it can be relied on."""
    rows: tuple[str, ...] = ()
    """Values and references that the schema forbids: another program, or a flipped bit. They may heal when
    all files are read again."""


class Database(ABC):
    """One database. Making it touches nothing."""

    host = ""
    """The name of this machine in `roots`, where several machines share the database."""

    def __init__(self, url: str, engines: Engines) -> None:
        self.url = url
        """Normalized, absolute, with the password if there is one: never to be shown."""
        self.engines = engines

    @property
    @abstractmethod
    def place(self) -> str:
        """How messages name it: a path, or a URL without password."""

    @property
    @abstractmethod
    def base(self) -> Path:
        """The path beside which its companions lie: `BASE.lock`, `BASE.sock`."""

    @property
    @abstractmethod
    def file(self) -> Path | None:
        """The file that holds it; None for a database of a server."""

    @abstractmethod
    def exists(self) -> bool:
        """Whether there is one. Raises StoreError for what can be no database, or cannot be reached."""

    @abstractmethod
    def open(self, *, auto_migrate: bool = True, before: Before | None = None) -> Store:
        """The writer. Raises StoreError and its kinds.

        When `auto_migrate` allows it, a new database gets the schema, and one that is behind is migrated;
        `before` is called first when there are rows in it, and refuses by raising.
        """

    @abstractmethod
    def migrating(self, *, alone: bool = False) -> AbstractContextManager[None]:
        """The right to change the schema, which one process has at a time; waits for it.

        `alone`: while nobody writes a project either. Raises Locked naming who does.
        """

    @abstractmethod
    def reader(self) -> Reader:
        """A connection that cannot write. Raises StoreError and its kinds, each with what to do about it."""

    @abstractmethod
    def read_only(self) -> AbstractContextManager[Tx]:
        """One state for many questions, on a connection that cannot write."""

    @abstractmethod
    def read_any(self) -> AbstractContextManager[Tx]:
        """As `read_only`, of a database of whatever revision; what its tables are, its `tables` says."""

    @abstractmethod
    def revision(self) -> str | None:
        """The revision of the schema, None for none. Raises StoreError when there is no database."""

    @abstractmethod
    def told(self, error: Exception) -> StoreError | None:
        """What an error of its driver means; None for any other error."""

    @abstractmethod
    def sqlalchemy_engine(self) -> sa.Engine:
        """For migrations: no pool, each connection as they need it."""

    @abstractmethod
    def findings(self, *, thorough: bool) -> Findings:
        """What contradicts itself inside, of whatever revision of the schema.

        `thorough`: every page, row and reference is looked at (seconds a gigabyte), else the structure only.
        Raises Damaged when it cannot be opened for damage, NoDatabase for what is none of any program,
        StoreError and its other kinds when it cannot be looked at.
        """

    def start_anew(self, stamp: str, finish: Finish | None = None) -> str:
        """Put an empty database in its place at once, as `Archive.replace` does.

        Raises StoreError where that cannot be done from here.
        """
        raise StoreError(f"the database {self.place} cannot be replaced by an empty one from here")

    @abstractmethod
    def write_obstacle(self, wait_s: float) -> tuple[bool, str]:
        """Why this process cannot begin to write now, '' if it can, and whether that is a serious fault."""

    def unmerged_bytes(self) -> int:
        """How much was written that readers of an old state keep from being merged into its file."""
        return 0

    @abstractmethod
    def archive(self, settings: BackupSettings) -> Archive:
        """What makes, tries and restores its backups."""

    @abstractmethod
    def size_bytes(self) -> int:
        """What it takes on its disk, without what is unmerged. Raises StoreError or OSError."""

    def remark(self) -> str:
        """What should be known of the version of its engine, '' for nothing."""
        return ""

    def lock(self) -> AbstractContextManager[object]:
        """The right to write, where it is given to one process at a time. Raises Locked naming the holder.

        A server's database gives it project by project instead: `Store.claim`.
        """
        return self.serve()

    def serve(self) -> AbstractContextManager[object]:
        """The right to its companions: one daemon for each `base`. Raises Locked naming the holder."""
        return InstanceLock(lock_path(self.base), group=self.engines.group_readable)


def database_at(url: str, engines: Engines = _DEFAULT) -> Database:
    """The database of a URL as `state.absolute_url` writes it. Raises UsageError for another."""
    if url.startswith("postgresql:"):
        import_module("storysync.store.engines.postgres")  # first: it tells when the driver is missing
        from storysync.store.engines.postgres_database import PostgresDatabase

        return PostgresDatabase(url, engines)
    from storysync.store.engines.sqlite_database import SqliteDatabase

    return SqliteDatabase(url, engines)
