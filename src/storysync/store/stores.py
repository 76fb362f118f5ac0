"""One database for all projects, or one for each: here it is known, and nowhere else.

`Databases` says where they are and reads them, `Stores` writes them.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from storysync.core import instants
from storysync.errors import Locked, NotFound, SchemaBehind, StoreError, StorysyncError, UsageError
from storysync.store.database import Database, Engines, database_at
from storysync.store.lock import InstanceLock, lock_path
from storysync.store.many_readers import ManyReaders
from storysync.store.pattern import MARK, Pattern, pattern_at
from storysync.store.reader import Reader

if TYPE_CHECKING:
    from storysync.store import foreign
    from storysync.store.store import Store
    from storysync.store.tx import Tx

_DEFAULT = Engines()
_LOCK_WAIT_S, _LOCK_POLL_S = 2.0, 0.02


class Databases(ABC):
    """Every database of a URL. Making it touches nothing."""

    place: str
    """How messages name them all: a path, or a URL without password."""
    base: Path
    """The path beside which the socket of their daemon lies."""
    per_project: bool

    @property
    @abstractmethod
    def shared(self) -> Database:
        """The one of all projects. Raises UsageError when each has its own."""

    @abstractmethod
    def of(self, project_id: str) -> Database:
        """The database of a project, whether it is there or not."""

    @abstractmethod
    def named(self, projects: Iterable[str]) -> dict[str, Database]:
        """The databases of these projects, whether they are there or not, by name as in `known`."""

    @abstractmethod
    def known(self) -> dict[str, Database]:
        """The databases that are there, by their project, sorted; `''` is the one of all projects.

        Raises StoreError when that cannot be told.
        """

    @abstractmethod
    def chosen(self, projects: Sequence[str] = ()) -> dict[str, Database]:
        """Those of `known` that hold the projects named; without names all.

        Raises NotFound for a project without one, StoreError when there is none at all.
        """

    @abstractmethod
    def reader(self, projects: Sequence[str] = ()) -> Reader:
        """Asks each of `chosen`. One of several that cannot be read is told in `missing` of the reader.

        Raises StoreError and its kinds when none can be read.
        """

    @abstractmethod
    def serve(self) -> AbstractContextManager[object]:
        """The right to the companions of them all, for a daemon. Raises Locked naming the holder."""

    @abstractmethod
    def right(self, database: Database, *, serving: bool) -> AbstractContextManager[object]:
        """The right to write one of them; `serving`: for a daemon. Raises Locked naming the holder."""


class _OneForAll(Databases):
    per_project = False

    def __init__(self, database: Database) -> None:
        self._database = database
        self.place, self.base = database.place, database.base

    @property
    def shared(self) -> Database:
        return self._database

    def of(self, project_id: str) -> Database:
        return self._database

    def named(self, projects: Iterable[str]) -> dict[str, Database]:
        return {"": self._database}

    def known(self) -> dict[str, Database]:
        return {"": self._database} if self._database.exists() else {}

    def chosen(self, projects: Sequence[str] = ()) -> dict[str, Database]:
        return {"": self._database}

    def reader(self, projects: Sequence[str] = ()) -> Reader:
        self._database.exists()
        return self._database.reader()

    def serve(self) -> AbstractContextManager[object]:
        return nullcontext()  # `right` gives it

    def right(self, database: Database, *, serving: bool) -> AbstractContextManager[object]:
        return database.serve() if serving else database.lock()


class _OneEach(Databases):
    per_project = True

    def __init__(self, pattern: Pattern, engines: Engines) -> None:
        self._pattern, self._engines = pattern, engines
        self.place, self.base = pattern.place, pattern.base

    @property
    def shared(self) -> Database:
        raise UsageError(
            f"each project has a database of its own: {self.place}", hint="name one with --project"
        )

    def of(self, project_id: str) -> Database:
        return database_at(self._pattern.url(project_id), self._engines)

    def named(self, projects: Iterable[str]) -> dict[str, Database]:
        return {project_id: self.of(project_id) for project_id in sorted(set(projects))}

    def known(self) -> dict[str, Database]:
        return {project_id: self.of(project_id) for project_id in self._pattern.project_ids()}

    def chosen(self, projects: Sequence[str] = ()) -> dict[str, Database]:
        known = self.known()
        for project in projects:
            if project not in known:
                raise NotFound(
                    f"there is no project {project!r} with a database at {self.place}",
                    hint=f"use one of the known projects: {', '.join(known) or 'none'}",
                )
        if not known:
            raise StoreError(f"there is no database at {self.place}", hint="run `storysync sync PATH` first")
        return {project: known[project] for project in sorted(set(projects)) or known}

    def reader(self, projects: Sequence[str] = ()) -> Reader:
        readers: dict[str, Reader] = {}
        missing: dict[str, str] = {}
        refusal: StoreError | None = None
        for project, database in self.chosen(projects).items():
            try:
                database.exists()
                readers[project] = database.reader()
            except StoreError as error:
                missing[project], refusal = str(error), refusal or error
        if refusal is not None and (projects or not readers):
            for reader in readers.values():
                reader.close()
            raise refusal
        return ManyReaders(readers, missing)

    def serve(self) -> AbstractContextManager[object]:
        return InstanceLock(lock_path(self.base), group=self._engines.group_readable)

    def right(self, database: Database, *, serving: bool) -> AbstractContextManager[object]:
        return database.lock()


def databases_at(url: str, engines: Engines = _DEFAULT) -> Databases:
    """The databases of a URL as `state.absolute_url` writes it. Raises UsageError for another."""
    if MARK in url:
        return _OneEach(pattern_at(url, engines), engines)
    return _OneForAll(database_at(url, engines))


def refuse_unusable(database: Database) -> None:
    """Raise StoreError for a database that is there and not ours, or newer than this program."""
    if database.exists():
        with suppress(SchemaBehind):
            database.reader().close()


@contextmanager
def locked(database: Database) -> Iterator[None]:
    """The lock of a database. Raises Locked naming the holder.

    One that is not ours, or newer, is refused before anything is created beside it.
    """
    refuse_unusable(database)
    with database.lock():
        yield


BeforeMigration = Callable[[Database, str], Callable[["Store"], None]]
"""Called with a database whose rows are about to be migrated and the project that has it for itself, or ''.

Raises to refuse; what it returns is called with the writer afterwards.
"""


def open_migrated(
    database: Database, project: str = "", *, auto_migrate: bool, before: BeforeMigration | None
) -> Store:
    """`Database.open`, with what is to be done before and after a migration."""
    after: list[Callable[[Store], None]] = []

    def told() -> None:
        if before is not None:
            after[:] = [before(database, project)]

    store = database.open(auto_migrate=auto_migrate, before=told)
    try:
        for one in after:
            one(store)
    except BaseException:
        store.close()
        raise
    return store


class Stores:
    """The writers of a process. Each database is locked and opened at its first use, and until `close`."""

    def __init__(
        self,
        databases: Databases,
        *,
        auto_migrate: bool = True,
        serving: bool = False,
        before_migration: BeforeMigration | None = None,
    ) -> None:
        self.databases = databases
        self._serving = serving
        self._auto_migrate = auto_migrate
        self._before_migration = before_migration
        self._open: dict[str, tuple[Store, ExitStack]] = {}  # by `Database.place`
        self._barred: dict[str, str] = {}  # place -> why it must not be opened

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        for place in list(self._open):
            self._close(place)

    def of(self, project_id: str) -> Store:
        """The writer of a project's database; opened anew when another file came to stand in its place.

        A database that is not ours, or newer, is refused before anything is created beside it. Raises
        Locked, or StoreError and its kinds; whoever asks again later tries again.
        """
        return self._of(self.databases.of(project_id), project_id if self.databases.per_project else "")

    def shared(self) -> Store:
        """The writer of the one database of all projects. Raises as `of`, and UsageError as `Databases`."""
        return self._of(self.databases.shared)

    def _of(self, database: Database, project: str = "") -> Store:
        if database.place in self._barred:
            raise StoreError(
                f"the database {database.place} is not written: {self._barred[database.place]}",
                hint="see `storysync doctor`",
            )
        held = self._open.get(database.place)
        if held is not None and not held[0].is_replaced():
            return held[0]
        if held is not None:
            self._close(database.place)
        with ExitStack() as stack:
            refuse_unusable(database)
            stack.enter_context(self.databases.right(database, serving=self._serving))
            store = stack.enter_context(
                open_migrated(
                    database, project, auto_migrate=self._auto_migrate, before=self._before_migration
                )
            )
            self._open[database.place] = store, stack.pop_all()
        return store

    def open_each(self, project_ids: Iterable[str]) -> dict[str, StorysyncError]:
        """Open what can be opened and return what cannot. Raises the first error when nothing can."""
        refused: dict[str, StorysyncError] = {}
        for project_id in project_ids:
            try:
                self.of(project_id)
            except StorysyncError as error:
                refused[project_id] = error
        if refused and not self._open:
            raise next(iter(refused.values()))
        return refused

    def opened(self) -> list[Store]:
        """Each writer that is open, once."""
        return [store for store, _ in self._open.values()]

    def refresh(self, now: datetime, only: str | None = None) -> dict[str, StorysyncError]:
        """Bring what the open databases know of the others' stories up to date; all share one: nothing.

        `only`: as far as it follows from this project. Returns why it could not be done, by the project
        whose database refers to others; what it knew of a database that cannot be read stays.
        """
        refused: dict[str, StorysyncError] = {}
        known = self.databases.known() if self.databases.per_project else {}
        for project_id, database in known.items():
            if database.place not in self._open:
                continue
            try:
                self._refresh(project_id, known, now, only)
            except StorysyncError as error:
                refused[project_id] = error
        return refused

    def _refresh(self, own: str, known: Mapping[str, Database], now: datetime, only: str | None) -> None:
        from storysync.store import foreign  # with the resolving of references, which readers do without

        news, refused = self._news(own, known, only)
        for one in news:
            foreign.take(self.of(own), one, instants.to_text(now))
        if refused is not None:
            raise refused

    def _news(
        self, own: str, known: Mapping[str, Database], only: str | None = None
    ) -> tuple[list[foreign.News], StorysyncError | None]:
        """What a project's database does not know yet of others, and why one of these cannot be asked."""
        from storysync.store import foreign

        found: list[foreign.News] = []
        refused: StorysyncError | None = None
        with self._reading(known[own]) as here:
            if here is None:
                return found, refused
            named = foreign.targets(here) if only in (None, own) else [only] * foreign.refers(here, only)
            for target in named:
                try:
                    with self._reading(known.get(target)) as there:
                        news = foreign.news(here, target, there)
                        found += [] if news is None else [news]
                except StorysyncError as error:
                    refused = error
        return found, refused

    def settle(self, now: datetime) -> dict[str, StorysyncError]:
        """`refresh` for every database that is there, each locked for itself, when none is open.

        Another process that holds a lock is waited for a little: it ends with the same, or does so at times.
        """
        refused: dict[str, StorysyncError] = {}
        known = self.databases.known() if self.databases.per_project else {}
        for project_id in known:
            try:
                news, hindered = self._news(project_id, known)
                if news:
                    self._open_soon(project_id)
                    self._refresh(project_id, known, now, None)
                if hindered is not None:
                    refused[project_id] = hindered
            except StorysyncError as error:
                refused[project_id] = error
            finally:
                self.close()
        return refused

    def _open_soon(self, project_id: str) -> None:
        give_up_at = time.monotonic() + _LOCK_WAIT_S
        while True:
            try:
                self.of(project_id)
            except Locked:
                if time.monotonic() > give_up_at:
                    raise
                time.sleep(_LOCK_POLL_S)
            else:
                return

    @contextmanager
    def _reading(self, database: Database | None) -> Iterator[Tx | None]:
        if database is None:
            yield None
            return
        held = self._open.get(database.place)
        with held[0].snapshot() if held is not None else database.read_only() as tx:
            yield tx

    def bar(self, database: Database, why: str) -> None:
        """Close the writer of this database; until `allow`, `of` raises StoreError that says why."""
        self._barred[database.place] = why
        self._close(database.place)

    def allow(self, database: Database) -> None:
        """Whoever asks for the writer of this database opens it again."""
        self._barred.pop(database.place, None)

    def keep_only(self, project_ids: Iterable[str]) -> None:
        """Close the writers of databases that hold none of these projects."""
        places = {self.databases.of(project_id).place for project_id in project_ids}
        for place in self._open.keys() - places:
            self._close(place)

    def renew(self) -> bool:
        """Connect anew where a connection is lost; whether one was. Raises as `Store.renew`."""
        renewed = [store.renew() for store in self.opened()]
        return any(renewed)

    def _close(self, place: str) -> None:
        held = self._open.pop(place, None)
        if held is not None:
            held[1].close()
