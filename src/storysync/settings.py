"""Floor 0: what a user can set. Frozen structs, checked by msgspec when they are loaded.

Each part of the program is given only its own struct, never the whole. Loading lives in
`storysync.settings_load`; every field here is documented in docs/settings.md (a test compares).
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Positive = Annotated[float, Meta(gt=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
ProjectId = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,47}$")]
Day = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]
Status = Literal[
    "draft", "backlog", "todo", "ready", "in_progress", "review", "blocked", "done", "accepted",
    "deferred", "cancelled", "unknown",
]  # fmt: skip


Kind = Literal["story", "epic", "feature", "task", "bug", "spike", "requirement", "spec"]


class Frozen(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all settings: unknown keys are refused by name."""


class ReadingSettings(Frozen, frozen=True):
    """How bytes become stories: a project's vocabulary. A change of it re-reads the whole project."""

    exclude: tuple[str, ...] = (
        "**/_template*", "**/template.md", "**/[!0-9]*template.md", "**/README*", "**/readme*",
        "**/INDEX.md", "**/index.md", "**/CHANGELOG*", "**/CONTRIBUTING*",
    )  # fmt: skip
    """Globs of Markdown files that are no stories; they stay in `files` as `excluded`."""
    ignore: tuple[str, ...] = (".git", "node_modules", ".venv", "vendor")
    """Globs of names or paths that are not walked at all, and leave no row."""
    max_file_kb: Annotated[int, Meta(ge=1, le=65536)] = 2048
    max_front_matter_kb: Annotated[int, Meta(ge=1, le=1024)] = 64
    id_scope: Literal["project", "folder"] = "project"
    """Whether an id is unique in the whole project or only within its folder."""
    id_prefixes: dict[str, str] = {}
    """Another prefix of ids -> the one in use: with `task = "back"` the story BACK-12 answers to task-12."""
    prose_blocks: bool = False
    """Whether a story found in a sentence of another one blocks it, as a declared dependency does."""
    dialect: str = ""
    """The one dialect in which all files are read, each of them a story; empty: each by its own evidence."""
    timezone: str = "UTC"
    """The zone of times that name none."""
    date_order: Literal["", "dmy", "mdy"] = ""
    """What `03-04-2025` means; empty: nobody can tell, which is a problem."""
    statuses: dict[str, Status] = {}
    """Additional status words; they win over the built-in ones."""
    priorities: dict[str, Annotated[int, Meta(ge=0, le=4)]] = {}
    estimates: dict[str, float] = {}
    """Points of size words, for example `XL = 8`."""
    fields: dict[str, str] = {}
    """Names of front-matter keys or header fields -> the field they stand for."""
    kinds: dict[str, Kind] = {}
    """Additional words for kinds; they win over the built-in ones."""
    none_words: tuple[str, ...] = ()
    """More words that say that a field has no value."""
    folders: dict[str, Status | Literal[""]] = {}
    """Names of folders -> the status of files in them that state none; empty: the folder says nothing."""


class BacklogSettings(Frozen, frozen=True):
    """A named part of a project: the stories below `path_prefix`; the longest prefix wins."""

    id: ProjectId
    path_prefix: str
    name: str | None = None
    type: Literal["standard", "sprint", "team", "archive", "personal"] = "standard"
    status: Literal["active", "archived"] = "active"
    owner: str | None = None


class MemberSettings(Frozen, frozen=True):
    member_id: str
    member_type: Literal["user", "team", "role"] = "user"
    role: Literal["owner", "admin", "member", "viewer"] = "member"
    joined_on: Day | None = None


class ProjectFields(Frozen, frozen=True):
    """What a project says about itself, wherever it is written."""

    id: ProjectId | None = None
    """Default: a slug of the git top level's folder (and the sub-folder), else of the folder."""
    name: str | None = None
    description: str | None = None
    repository_url: str | None = None
    owner: str | None = None
    status: Literal["active", "archived", "maintenance"] = "active"
    created_on: Day | None = None
    backlogs: tuple[BacklogSettings, ...] = ()
    members: tuple[MemberSettings, ...] = ()


class ProjectTable(ProjectFields, frozen=True):
    """The table `[project]` of a `storysync.toml` inside a repository; its reading is `[reading]` there."""

    path: str | None = None
    """Default: the folder of the file."""


class ProjectSettings(ProjectFields, frozen=True, kw_only=True):
    """One project. `path` is its root folder; absolute once loaded."""

    path: str
    reading: ReadingSettings = ReadingSettings()


class SqliteSettings(Frozen, frozen=True):
    timeout: Positive = 5.0
    """Seconds to wait for a lock of another process."""
    cache_size: int = -65536
    """The pragma `cache_size` of the writer: negative is KiB."""
    synchronous: Literal["NORMAL", "FULL"] = "NORMAL"


class PostgresSettings(Frozen, frozen=True):
    """What the URL does not say of a PostgreSQL server; the URL wins over the settings of SSL."""

    schema: Annotated[str, Meta(pattern="^[a-z_][a-z0-9_]{0,62}$")] = "storysync"
    """The schema of all tables; it belongs to storysync alone."""
    connect_timeout_s: Annotated[int, Meta(ge=1)] = 10
    statement_timeout_s: Annotated[float, Meta(ge=0)] = 60.0
    """The longest that one statement may take; 0 for no limit."""
    lock_timeout_s: Positive = 30.0
    """The longest wait for another writer."""
    ssl_mode: Literal["", "disable", "allow", "prefer", "require", "verify-ca", "verify-full"] = ""
    """The parameter `sslmode` of libpq; empty: its default."""
    ssl_root_cert: str | None = None
    pool_size: Annotated[int, Meta(ge=1)] = 5
    """Connections that `storysync.store.aio` keeps open."""
    pool_overflow: Annotated[int, Meta(ge=0)] = 5
    """Connections beyond those, for a burst."""
    pool_timeout_s: Positive = 10.0
    """The longest wait for a free connection."""


class DatabaseSettings(Frozen, frozen=True):
    url: str | None = None
    """Default: `storysync.db` in the state folder."""
    auto_migrate: bool = True
    group_readable: bool = False
    """Whether the members of the group that owns the files of a database may read them."""


class WatchSettings(Frozen, frozen=True):
    settle_ms: Positive = 75
    """Quiet time of one path before it is read, after the first event of a burst."""
    batch_ms: Positive = 400
    """Quiet time of a burst before it is written."""
    max_wait_s: Positive = 2.0
    """The longest that a burst may hold up its first change."""
    git_wait_s: Positive = 60.0
    """The longest wait while git holds `index.lock` or is in a rebase or merge."""
    reconcile_minutes: Positive = 5.0
    """Time between full scans, which heal lost events."""
    poll_s: Positive = 10.0
    """Time between looks at folders that cannot be watched, or lie on a network file system."""


class DeletionSettings(Frozen, frozen=True):
    """The brake on mass deletion: more than `max(least, share of the root)` in one scan is held."""

    least: Annotated[int, Meta(ge=1)] = 20
    share: Share = 0.3
    hold_s: Annotated[float, Meta(ge=0)] = 60.0
    """A scan at least this many seconds later releases what is still missing."""
    keep_days: Annotated[int, Meta(ge=0, le=36_500)] = 365
    """So long a deleted story keeps its uid and its history, should it come back; 0 for ever."""


class CheckSettings(Frozen, frozen=True):
    """What `storysync check` reports, and from which level on it fails; options of the command win."""

    select: tuple[str, ...] = ()
    """Codes, or globs of codes, that are reported; empty: all."""
    ignore: tuple[str, ...] = ()
    """Those of them that are not."""
    fail_on: Literal["error", "warning", "info", "never"] = "error"


class BackupSettings(Frozen, frozen=True):
    directory: str | None = None
    """Default: `backups` beside the database."""
    every_minutes: Positive = 360.0
    hourly: Annotated[int, Meta(ge=0)] = 12
    """So many hours keep their newest backup; the same for days, weeks and months."""
    daily: Annotated[int, Meta(ge=0)] = 7
    weekly: Annotated[int, Meta(ge=0)] = 5
    monthly: Annotated[int, Meta(ge=0)] = 12
    max_mb: Annotated[int, Meta(ge=0)] = 0
    """The most that all backups of one database may take; 0 for no limit."""
    level: Annotated[int, Meta(ge=1, le=19)] = 3
    """Of the compression with zstd."""
    verify_hours: Positive = 24.0
    """Time between proofs that an older backup still restores."""
    deadline_minutes: Positive = 60.0
    """The longest that making or verifying one backup may take."""
    before_migration: bool = True
    """Whether a database is backed up before its schema is brought up to date."""
    pg_bin: str | None = None
    """The folder of `pg_dump` and `pg_restore`; default: as found in PATH."""
    scratch_url: str | None = None
    """A PostgreSQL database in which trial databases may be made; default: the one that is backed up."""


class HealthSettings(Frozen, frozen=True):
    every_minutes: Positive = 5.0
    min_free_mb: Annotated[int, Meta(ge=0)] = 256
    max_sync_age_minutes: Positive = 30.0
    """Age of the last full scan of a root above which the daemon is unhealthy."""
    max_backup_age_hours: Positive = 26.0
    integrity_hours: Positive = 24.0
    """Time between looks at every page, every reference and a sample of the rows of a database."""
    textfile: str | None = None
    """A file that gets all metrics after each health check, for node_exporter's textfile collector."""


class JobSettings(Frozen, frozen=True):
    """Periodic work besides backups and health checks."""

    reread_hours: Positive = 168.0
    """Time between scans that read every file, whatever its change key says."""
    maintain_hours: Positive = 24.0
    """Time between looks after the database: merging its log, statistics, next year's partition."""
    deadline_minutes: Positive = 30.0
    """The longest that such a job may take before it counts as failed."""


class LogSettings(Frozen, frozen=True):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = "auto"


class Settings(Frozen, frozen=True):
    """Everything. Precedence: flags > environment > project file > user file > system file > defaults."""

    state_dir: str | None = None
    """Default: systemd's `STATE_DIRECTORY`, else `$XDG_STATE_HOME/storysync`."""
    database: DatabaseSettings = DatabaseSettings()
    sqlite: SqliteSettings = SqliteSettings()
    postgres: PostgresSettings = PostgresSettings()
    project: ProjectTable | None = None
    """Only in a project's own file: what is said about the folder that holds it."""
    projects: tuple[ProjectSettings, ...] = ()
    reading: ReadingSettings = ReadingSettings()
    """Defaults of every project's own `reading`."""
    watch: WatchSettings = WatchSettings()
    deletions: DeletionSettings = DeletionSettings()
    check: CheckSettings = CheckSettings()
    backup: BackupSettings = BackupSettings()
    health: HealthSettings = HealthSettings()
    jobs: JobSettings = JobSettings()
    log: LogSettings = LogSettings()
    cancelled_satisfies: bool = False
    """Whether a cancelled prerequisite counts as satisfied in `ready` and `blocked`."""
