"""Floor 4: builds everything from the settings, once. Front doors ask it for what they need.

Jobs and the writer are imported when they are used: they cost tens of milliseconds that `list` must not pay.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from storysync.errors import SchemaBehind, StoreError, UsageError
from storysync.settings import ProjectId, ProjectSettings, Settings
from storysync.settings_load import Loaded, default_roots, load_settings, project_settings, roots_of
from storysync.state import absolute_path, database_url, state_directory
from storysync.store.database import Database, Engines, database_at
from storysync.store.reader import Reader

if TYPE_CHECKING:
    from storysync.jobs.project import Project
    from storysync.jobs.sync import SyncReport
    from storysync.jobs.verify import VerifyReport
    from storysync.store.store import Store

Progress = Callable[[str, int, int], None]
"""Called with project id, files done, files in all."""


@dataclass(frozen=True)
class App:
    loaded: Loaded
    cwd: Path
    database: Database

    @classmethod
    def load(
        cls,
        cwd: Path,
        environ: Mapping[str, str],
        *,
        flags: Mapping[str, Any] | None = None,
        config: Path | None = None,
    ) -> App:
        """Raises SettingsError, or UsageError for a database URL that this version cannot use."""
        loaded = load_settings(cwd, environ, flags=flags, config=config)
        url = database_url(loaded.settings, environ)
        if "{project}" in url:
            raise UsageError(
                f"one database for each project is not supported yet: {url}",
                hint="leave {project} out of the database URL",
            )
        engines = Engines(
            loaded.settings.sqlite, loaded.settings.postgres, state_directory(loaded.settings, environ)
        )
        return cls(loaded, cwd, database_at(url, engines))

    @property
    def settings(self) -> Settings:
        return self.loaded.settings

    def has_database(self) -> bool:
        """Raises StoreError for what can be no database, and for one that this user may not read."""
        return self.database.exists()

    def reader(self) -> Reader:
        """A connection that cannot write. Raises StoreError and its kinds."""
        self.has_database()
        return self.database.reader()

    def projects(self, paths: Sequence[str] = (), *, name: str | None = None) -> tuple[Project, ...]:
        """The projects to work on: of the folders named, else of the settings, else all the database knows.

        A folder that the database knows keeps its project's id. `name` is the id for a single folder.
        Raises UsageError for a folder that cannot be used and for two roots with one id.
        """
        from storysync.jobs.project import Project, resolve_project

        known = self._known_roots()
        roots = self._roots(paths, known)
        if name is not None:
            require_id(name)
            if len(roots) > 1:
                raise UsageError(
                    f"--project {name} names one project, but there are {len(roots)} folders",
                    hint="sync them one by one, or list them as [[projects]] in storysync.toml",
                )
        resolved = [
            Project(known[str(root)], root, self._of_root(root, name, known))
            if str(root) in known and not root.exists()  # gone: `sync` marks it lost
            else resolve_project(self._of_root(root, name, known))
            for root in roots
        ]
        found = {str(project.root): project for project in resolved}
        _refuse_shared_ids(list(found.values()))
        return tuple(found.values())

    def _roots(self, paths: Sequence[str], known: Mapping[str, str]) -> list[Path]:
        if paths:
            return [root for path in paths for root in roots_of(absolute_path(path, self.cwd))]
        try:
            return default_roots(self.loaded)
        except UsageError:
            if not known and self.has_database():
                self.reader().close()  # says why nothing is known
            if not known:
                raise
            return [Path(root) for root in known]

    def _known_roots(self) -> dict[str, str]:
        """Real path -> project id, empty when the database cannot tell; whoever needs it finds out why."""
        from storysync.queries.known_roots import known_roots

        try:
            if not self.has_database():
                return {}
            with self.reader() as reader:
                return known_roots(reader)
        except StoreError:
            return {}

    def _of_root(self, root: Path, name: str | None, known: Mapping[str, str]) -> ProjectSettings:
        settings = project_settings(root, self.loaded)
        project_id = name or settings.id or known.get(str(root.resolve()))
        return msgspec.structs.replace(settings, id=project_id)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """The instance lock. Raises Locked naming the holder.

        A database that is not ours, or newer, is refused before anything is created beside it.
        """
        self.refuse_unusable()
        with self.database.lock():
            yield

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The writer, under the instance lock. Raises Locked, or StoreError and its kinds."""
        with self.lock(), self.database.open(auto_migrate=self.settings.database.auto_migrate) as store:
            yield store

    def refuse_unusable(self) -> None:
        """Raise StoreError for a database that is there and not ours, or newer than this program."""
        if self.has_database():
            try:
                self.reader().close()
            except SchemaBehind:
                return

    def refuse_place(self, projects: Sequence[Project]) -> None:
        """Raise UsageError when the default database would lie inside a folder that is watched."""
        inside = self.database_inside(projects)
        if inside is not None and self.settings.database.url is None:
            raise UsageError(
                f"the default database {self.database.place} would lie inside the project folder"
                f" {inside.root}",
                hint="choose a place outside with --database",
            )

    def database_inside(self, projects: Sequence[Project]) -> Project | None:
        """The project whose folder holds the database file."""
        if self.database.file is None:
            return None
        path = self.database.file.parent.resolve()
        return next((project for project in projects if path.is_relative_to(project.root)), None)

    def sync(
        self,
        projects: Sequence[Project],
        *,
        confirm_deletions: bool = False,
        moved: bool = False,
        progress: Progress | None = None,
    ) -> list[SyncReport]:
        """Full scans in this process, one project after the other, under the lock."""
        from storysync.jobs.sync import sync

        if not self.has_database():
            _refuse_empty(projects)
        with self.store() as store:
            return [
                sync(
                    store,
                    project,
                    trigger="command",
                    deletions=self.settings.deletions,
                    confirm_deletions=confirm_deletions,
                    moved=moved,
                    cancelled_satisfies=self.settings.cancelled_satisfies,
                    progress=_of_project(progress, project.id),
                )
                for project in projects
            ]

    def verify(self, projects: Sequence[Project]) -> VerifyReport:
        """Compare the database with a rebuild from the files; reads only."""
        from storysync.jobs.verify import verify

        self.reader().close()
        return verify(self.database, tuple(projects), self.settings.deletions)


def require_id(name: str) -> None:
    """Raise UsageError unless `name` can be a project's id."""
    try:
        msgspec.convert(name, ProjectId)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"{name!r} cannot be the id of a project",
            hint="use up to 48 of a-z, 0-9 and -, beginning with a letter or digit",
        ) from error


def _refuse_shared_ids(projects: Sequence[Project]) -> None:
    roots: dict[str, Path] = {}
    for project in projects:
        first = roots.setdefault(project.id, project.root)
        if first != project.root:
            raise UsageError(
                f"two folders share the project id {project.id!r}: {first} and {project.root}",
                hint="sync one of them alone with --project NAME, or give it an `id` in storysync.toml",
            )


def _refuse_empty(projects: Sequence[Project]) -> None:
    """Before a database is created: a folder without Markdown files is probably not the one that is meant."""
    from storysync.core.file_names import is_markdown

    for project in projects:
        names = (name for _, _, files in os.walk(project.root) for name in files)
        if not any(map(is_markdown, names)):
            raise UsageError(
                f"there are no Markdown files in {project.root}",
                hint="name the folder that holds the stories",
            )


def _of_project(progress: Progress | None, project_id: str) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    return lambda done, total: progress(project_id, done, total)
