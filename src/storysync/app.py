"""Floor 4: builds everything from the settings, once. Front doors ask it for what they need.

Jobs and the writer are imported when they are used: they cost tens of milliseconds that `list` must not pay.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from storysync.errors import StoreError, StorysyncError, UsageError
from storysync.settings import ProjectId, ProjectSettings, Settings
from storysync.settings_load import Loaded, default_roots, load_settings, project_settings, roots_of
from storysync.state import absolute_path, database_url, state_directory
from storysync.store.database import Database, Engines
from storysync.store.reader import Reader
from storysync.store.stores import (
    BeforeMigration,
    Databases,
    Stores,
    databases_at,
    locked,
    refuse_unusable,
)

if TYPE_CHECKING:
    from storysync.jobs.copy import CopyReport
    from storysync.jobs.project import Project
    from storysync.jobs.sync_report import SyncReport
    from storysync.jobs.verify import VerifyReport

Progress = Callable[[str, int, int], None]
"""Called with project id, files done, files in all."""


@dataclass(frozen=True)
class App:
    loaded: Loaded
    cwd: Path
    databases: Databases

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
        engines = Engines(
            loaded.settings.sqlite,
            loaded.settings.postgres,
            state_directory(loaded.settings, environ),
            loaded.settings.database.group_readable,
        )
        return cls(loaded, cwd, databases_at(url, engines))

    @property
    def settings(self) -> Settings:
        return self.loaded.settings

    @property
    def database(self) -> Database:
        """The one of all projects. Raises UsageError when each has its own."""
        return self.databases.shared

    def has_database(self) -> bool:
        """Raises StoreError for what can be no database, and for one that this user may not read."""
        return bool(self.databases.known())

    def reader(self, projects: Sequence[str] = ()) -> Reader:
        """Connections that cannot write, to the databases of these projects; without names to all.

        Raises StoreError and its kinds, NotFound for a project whose own database is not there.
        """
        return self.databases.reader(projects)

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

    def stores(self, warn: Callable[[str], None] | None = None) -> Stores:
        """The writers; each is locked and opened at its first use. `warn` hears of backups before that."""
        return Stores(
            self.databases,
            auto_migrate=self.settings.database.auto_migrate,
            before_migration=self.before_migration(warn),
        )

    def before_migration(self, warn: Callable[[str], None] | None = None) -> BeforeMigration | None:
        """What is done before rows are migrated: a backup, of which `warn` hears; None when that is off."""
        from storysync.jobs.before_migration import backing_up

        return backing_up(self.settings.backup, warn)

    def lock(self) -> AbstractContextManager[None]:
        """The lock of the one database of all projects. Raises what `locked` raises, or UsageError."""
        return locked(self.database)

    def refuse_unusable(self, projects: Sequence[Project]) -> None:
        """Raise StoreError when no database of these projects can be ours: the first one's."""
        named = self.databases.named(project.id for project in projects).values()
        refused: list[StoreError] = []
        for database in named:
            try:
                refuse_unusable(database)
            except StoreError as error:
                refused.append(error)
        if refused and len(refused) == len(named):
            raise refused[0]

    def refuse_place(self, projects: Sequence[Project]) -> None:
        """Raise UsageError when the default database would lie inside a folder that is watched."""
        inside = self.database_inside(projects)
        if inside is not None and self.settings.database.url is None:
            raise UsageError(
                f"the default database {self.databases.place} would lie inside the project folder"
                f" {inside.root}",
                hint="choose a place outside with --database",
            )

    def database_inside(self, projects: Sequence[Project]) -> Project | None:
        """The project whose folder holds a database file of these projects."""
        files = {self.databases.of(project.id).file for project in projects}
        folders = [file.parent.resolve() for file in files if file is not None]
        return next((one for one in projects for path in folders if path.is_relative_to(one.root)), None)

    def _has_one(self, project: Project) -> bool:
        """Whether its database is there, or something else of which whoever opens it finds out more."""
        try:
            return self.databases.of(project.id).exists()
        except StoreError:
            return True

    def sync(
        self,
        projects: Sequence[Project],
        *,
        confirm_deletions: bool = False,
        moved: bool = False,
        reread: bool = False,
        progress: Progress | None = None,
        warn: Callable[[str], None] | None = None,
    ) -> list[SyncReport]:
        """Full scans in this process, one project after the other, under the lock of its database.

        A database that cannot be used does not stop the projects that have another one: the first such
        error is raised after them. At the end every database learns what is new in those that it refers to;
        `warn` hears of those that cannot.
        """
        from storysync.jobs.sync import sync

        _refuse_empty([one for one in projects if not self._has_one(one)])
        done: list[SyncReport] = []
        with self.stores(warn) as stores:
            refused = stores.open_each(project.id for project in projects)
            for project in projects:
                if project.id in refused:
                    continue
                report = sync(
                    stores.of(project.id),
                    project,
                    trigger="command",
                    deletions=self.settings.deletions,
                    confirm_deletions=confirm_deletions,
                    moved=moved,
                    reread=reread,
                    cancelled_satisfies=self.settings.cancelled_satisfies,
                    progress=_of_project(progress, project.id),
                )
                done.append(report)
        for project_id, error in stores.settle(datetime.now(UTC)).items():
            if warn is not None and project_id not in refused:
                warn(f"references of project {project_id} to others are not up to date: {error}")
        if refused:
            raise _with_the_others(*next(iter(refused.items())), done)
        return done

    def verify(self, projects: Sequence[Project]) -> VerifyReport:
        """Compare each database with a rebuild from the files; reads only."""
        from storysync.jobs.verify import joined, unusable, verify

        groups: dict[str, tuple[Database, list[Project]]] = {}
        for project in projects:
            database = self.databases.of(project.id)
            groups.setdefault(database.place, (database, []))[1].append(project)
        found: list[VerifyReport] = []
        for database, own in groups.values():
            try:
                database.reader().close()
                found.append(verify(database, tuple(own), self.settings.deletions))
            except StorysyncError as error:
                if len(groups) == 1:
                    raise
                found.append(unusable(own[0].id, error))
        return joined(found)

    def copy_to(self, target: App, *, progress: Progress | None = None) -> list[CopyReport]:
        """Copy all projects into the empty databases of `target`: one of all, or one for each.

        Raises UsageError for databases that are one and the same or not empty, Locked,
        StoreError and its kinds.
        """
        from storysync.jobs import copy

        sources = self.databases.chosen()
        for source in sources.values():
            copy.require_source(source)
            for other in target.databases.known().values():
                copy.require_apart(source, other)
        with target.stores() as stores:
            if "" in sources and target.databases.named(()):
                return [copy.copy(sources[""], stores.shared(), progress=progress)]
            if "" in sources:
                return copy.copy_apart(sources[""], stores.of, progress=progress)
            if target.databases.named(()):
                place = self.databases.place
                return [copy.copy_together(sources, place, stores.shared(), progress=progress)]
            return [
                copy.copy(source, stores.of(project_id), progress=progress)
                for project_id, source in sources.items()
            ]


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


def _with_the_others(project_id: str, error: StorysyncError, others: Sequence[SyncReport]) -> StorysyncError:
    """The error of one project, and what became of those that have databases of their own."""
    if not others:
        return error
    synced = ", ".join(report.project_id for report in others)
    return type(error)(f"project {project_id}: {error}; synced all the same: {synced}", hint=error.hint)


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
