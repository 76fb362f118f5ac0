"""Reading a database: questions of the command line, of services and of the daemon itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self


class Reader(ABC):
    """Questions to one database. It cannot write, and opening it never migrates."""

    host = ""
    """The name of this machine in `roots`, where several machines share the database."""
    verbs: tuple[str, ...]
    """The first words of statements that only read."""
    missing: Mapping[str, str] = {}
    """Project -> why its database cannot be read, where each has its own."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None: ...

    def of(self, project_id: str) -> Reader:
        """The reader of the database that holds a project."""
        return self

    @contextmanager
    @abstractmethod
    def snapshot(self) -> Iterator[Self]:
        """All questions inside see one state of the database."""

    @abstractmethod
    def columns_and_rows(
        self, sql: str, params: Sequence[Any] = (), limit: int | None = None
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and rows, at most `limit` of them. Raises StoreError with the database's message."""

    @abstractmethod
    def blames_statement(self, error: BaseException) -> bool:
        """Whether what the database said is the fault of the statement, not of the database."""

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Every row as a dict. Raises StoreError with the database's message."""
        names, rows = self.columns_and_rows(sql, params)
        return [dict(zip(names, row, strict=True)) for row in rows]
