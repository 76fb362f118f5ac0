"""Several databases with the same tables, asked as if they were one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Self

from storysync.errors import NotFound
from storysync.store.reader import Reader


class ManyReaders(Reader):
    """Asks each in turn, by the order of projects, and puts the rows one after the other.

    Whoever asks must sort what has an order, keep to `max` and the like in mind, and never take the uids of
    two databases for each other.
    """

    def __init__(self, readers: Mapping[str, Reader], missing: Mapping[str, str]) -> None:
        """`readers` by project, at least one; `missing`: project -> why its database cannot be read."""
        self._readers = dict(readers)
        self.missing = dict(missing)
        first = next(iter(self._readers.values()))
        self.host, self.verbs = first.host, first.verbs

    def close(self) -> None:
        for reader in self._readers.values():
            reader.close()

    def of(self, project_id: str) -> Reader:
        try:
            return self._readers[project_id]
        except KeyError:
            raise NotFound(f"there is no project {project_id!r}") from None

    @contextmanager
    def snapshot(self) -> Iterator[Self]:
        with ExitStack() as stack:
            for reader in self._readers.values():
                stack.enter_context(reader.snapshot())
            yield self

    def columns_and_rows(
        self, sql: str, params: Sequence[Any] = (), limit: int | None = None
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        names: list[str] = []
        found: list[tuple[Any, ...]] = []
        for reader in self._readers.values():
            left = None if limit is None else limit - len(found)
            if left is not None and left <= 0:
                break
            names, rows = reader.columns_and_rows(sql, params, left)
            found += rows
        return names, found

    def blames_statement(self, error: BaseException) -> bool:
        return any(reader.blames_statement(error) for reader in self._readers.values())
