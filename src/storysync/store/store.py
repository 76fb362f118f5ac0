"""The one writer of a database, and its transactions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Self

from storysync.settings import SqliteSettings
from storysync.store.reader import Reader
from storysync.store.tx import Insert, Row, Tx

if TYPE_CHECKING:
    from storysync.store.database import Database
    from storysync.store.engines.sqlite_database import SqliteStore

__all__ = ["Insert", "Row", "Store", "Tx"]

_DEFAULT = SqliteSettings()


class Store(ABC):
    """Writes one database, which `Database.open` has opened. Whoever opens it holds the lock."""

    host = ""
    """The name of this machine in `roots`, where several machines share the database."""

    @staticmethod
    def scratch(settings: SqliteSettings = _DEFAULT, content: bytes | None = None) -> SqliteStore:
        """A new database of this process alone, which is gone when it is closed; of one engine always.

        It is empty, or has what the `content` of another one was. Raises StoreError for bytes of no database.
        """
        from storysync.store.engines.sqlite_database import open_scratch

        return open_scratch(settings, content)

    @property
    @abstractmethod
    def database(self) -> Database:
        """Where it lies. Raises StoreError for a scratch database, which lies nowhere."""

    @abstractmethod
    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @contextmanager
    @abstractmethod
    def writing(self) -> Iterator[Tx]:
        """One transaction: all of it or, after any exception, nothing of it.

        No other transaction writes at the same time. Raises StoreError for what the database says (locked
        too long, disk full, corrupt), DatabaseAway when it does not answer, RowRefused for a row that breaks
        a constraint.
        """

    @contextmanager
    @abstractmethod
    def snapshot(self) -> Iterator[Tx]:
        """One state of the database for many questions, on the writer's connection."""

    def is_replaced(self) -> bool:
        """Whether something else came to stand where the database was when it was opened."""
        return False

    @abstractmethod
    def release_memory(self) -> None:
        """After a large batch: give what it took back to the system."""

    def content(self, *, most: int) -> bytes | None:
        """All of the database, for `scratch`; None for more than `most` bytes, or where that cannot be."""
        return None

    @abstractmethod
    def claim(self, project_ids: Iterable[str]) -> None:
        """Be the one writer of these projects until it is closed. Raises Locked naming the holder."""

    def renew(self) -> bool:
        """Connect anew if the connection is lost; whether it was, since the last call.

        The server may have lost its last commits then. Raises DatabaseAway, or Locked when another process
        has claimed a project of ours meanwhile.
        """
        return False

    @abstractmethod
    def maintain(self, now: datetime) -> None:
        """What the database needs from time to time; called at start and daily. Raises StoreError."""

    def reading(self) -> Reader:
        """A reader of its own, as another process would have it."""
        return self.database.reader()
