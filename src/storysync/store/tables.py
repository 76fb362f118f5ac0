"""The tables, as SQLModel classes: the public schema of DESIGN section 5.

They serve the migrations, the schema's documentation and services that embed the database. Sync writes
through `store.statements` instead, for speed. Table classes do not validate, so they stay inside `store/`.

Each column is *derived* (a function of the files) unless `KEPT` names it; `verify` compares derived ones.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from storysync.core import vocabulary as words
from storysync.store.engines.types import JSON, SERIAL, TEXT, UtcTime

APPLICATION_ID = 0x53544F52  # 'STOR': marks a SQLite file as ours

INDEXES_OF_ONE_ENGINE = frozenset({"ix_stories_metadata"})
"""Made by the migrations where the engine has such a kind of index."""

KEPT: dict[str, frozenset[str]] = {
    "projects": frozenset({"head_commit", "settings"}),
    "stories": frozenset({"uid", "stale_since", "first_seen_at", "synced_at"}),
    "files": frozenset({"dev", "inode", "mtime_ns", "ctime_ns"}),
    "problems": frozenset({"id", "hint", "first_seen_at"}),
}
"""Columns that are kept in tables that are otherwise derived."""

KEPT_TABLES = frozenset(
    {
        "roots",
        "identities",
        "status_history",
        "changes",
        "syncs",
        "backups",
        "health_checks",
        "foreign_stories",
        "jobs",
        "incidents",
    }
)


def _one_of(column: str, values: tuple[str, ...], name: str) -> sa.CheckConstraint:
    """A closed list. Written with OR: SQLite builds a table for each IN list at each row (2 us a check)."""
    listed = " OR ".join(f"{column} = '{value}'" for value in values)
    return sa.CheckConstraint(listed, name=f"ck_{name}_{column}")


def _json(name: str, *, empty: str = "{}") -> Any:
    return Field(sa_column=sa.Column(name, JSON, nullable=False, server_default=sa.text(f"'{empty}'")))


def _utc(name: str, *, nullable: bool = True) -> Any:
    return Field(sa_column=sa.Column(name, UtcTime, nullable=nullable))


def _text(name: str, *, nullable: bool = True, default: str | None = None) -> Any:
    server_default = None if default is None else sa.text(f"'{default}'")
    return Field(sa_column=sa.Column(name, TEXT, nullable=nullable, server_default=server_default))


def _flag(name: str, *, default: bool = False) -> Any:
    return Field(
        sa_column=sa.Column(
            name, sa.Boolean, nullable=False, server_default=sa.true() if default else sa.false()
        )
    )


def _serial(name: str) -> Any:
    return Field(default=None, sa_column=sa.Column(name, SERIAL, primary_key=True, autoincrement=True))


def _count(name: str) -> Any:
    return Field(sa_column=sa.Column(name, sa.Integer, nullable=False, server_default=sa.text("0")))


class Project(SQLModel, table=True):
    __tablename__ = "projects"
    __table_args__ = (_one_of("status", words.PROJECT_STATUSES, "projects"),)

    id: str = Field(sa_column=sa.Column("id", TEXT, primary_key=True))
    name: str = _text("name", nullable=False)
    description: str | None = _text("description")
    repository_url: str | None = _text("repository_url")
    submodule_path: str | None = _text("submodule_path")
    default_branch: str | None = _text("default_branch")
    head_commit: str | None = _text("head_commit")
    status: str = _text("status", nullable=False, default="active")
    owner: str | None = _text("owner")
    created_on: date | None = Field(default=None)
    settings: dict[str, Any] = _json("settings")
    metadata_: dict[str, Any] = _json("metadata")


class Root(SQLModel, table=True):
    __tablename__ = "roots"
    __table_args__ = (
        _one_of("state", words.ROOT_STATES, "roots"),
        sa.UniqueConstraint("host", "real_path", name="ux_roots_place"),
    )

    project_id: str = Field(
        sa_column=sa.Column("project_id", TEXT, sa.ForeignKey("projects.id"), primary_key=True)
    )
    host: str = _text("host", nullable=False, default="")
    """The machine whose folder it is, where several machines share the database; else empty."""
    real_path: str = _text("real_path", nullable=False)
    st_dev: int | None = Field(sa_column=sa.Column("st_dev", sa.BigInteger))
    st_ino: int | None = Field(sa_column=sa.Column("st_ino", sa.BigInteger))
    state: str = _text("state", nullable=False, default="loading")
    last_full_scan_at: datetime | None = _utc("last_full_scan_at")


class Identity(SQLModel, table=True):
    __tablename__ = "identities"
    __table_args__ = (
        sa.Index(
            "ux_identities_live", "project_id", "path", "anchor", unique=True,
            sqlite_where=sa.text("gone_at IS NULL"), postgresql_where=sa.text("gone_at IS NULL"),
        ),
        sa.Index(
            "ix_identities_tombstones", "project_id", "key", "gone_at",
            sqlite_where=sa.text("gone_at IS NOT NULL"), postgresql_where=sa.text("gone_at IS NOT NULL"),
        ),
        {"sqlite_autoincrement": True},
    )  # fmt: skip

    uid: int | None = Field(default=None, primary_key=True)
    project_id: str = Field(
        sa_column=sa.Column("project_id", TEXT, sa.ForeignKey("projects.id"), nullable=False)
    )
    path: str = _text("path", nullable=False)
    anchor: str = _text("anchor", nullable=False, default="")
    key: str | None = _text("key")
    content_hash: str | None = _text("content_hash")
    gone_at: datetime | None = _utc("gone_at")


class Backlog(SQLModel, table=True):
    __tablename__ = "backlogs"
    __table_args__ = (_one_of("type", words.BACKLOG_TYPES, "backlogs"),)

    project_id: str = Field(
        sa_column=sa.Column("project_id", TEXT, sa.ForeignKey("projects.id"), primary_key=True)
    )
    id: str = Field(sa_column=sa.Column("id", TEXT, primary_key=True))
    name: str = _text("name", nullable=False)
    type: str = _text("type", nullable=False, default="standard")
    status: str = _text("status", nullable=False, default="active")
    path_prefix: str = _text("path_prefix", nullable=False, default="")
    owner: str | None = _text("owner")
    metadata_: dict[str, Any] = _json("metadata")


class StoryRow(SQLModel, table=True):
    __tablename__ = "stories"
    __table_args__ = (
        sa.ForeignKeyConstraint(["project_id", "backlog_id"], ["backlogs.project_id", "backlogs.id"]),
        sa.UniqueConstraint("project_id", "path", "anchor", name="ux_stories_place"),
        sa.Index("ix_stories_backlog", "project_id", "backlog_id"),
        sa.Index("ix_stories_status", "status", "priority"),
        sa.Index(
            "ix_stories_stale", "project_id", "path",
            sqlite_where=sa.text("parse_state = 'stale'"), postgresql_where=sa.text("parse_state = 'stale'"),
        ),
        _one_of("id_source", words.ID_SOURCES, "stories"),
        _one_of("kind", words.KINDS, "stories"),
        _one_of("status", words.STATUSES, "stories"),
        _one_of("estimate_unit", words.ESTIMATE_UNITS, "stories"),
        _one_of("parse_state", ("good", "stale"), "stories"),
        sa.CheckConstraint("priority BETWEEN 0 AND 4", name="ck_stories_priority"),
        sa.CheckConstraint("(id IS NULL) = (key IS NULL)", name="ck_stories_key"),
        sa.CheckConstraint("(parse_state = 'stale') = (stale_since IS NOT NULL)", name="ck_stories_stale"),
    )  # fmt: skip

    uid: int = Field(
        sa_column=sa.Column(
            "uid", sa.Integer, sa.ForeignKey("identities.uid"), primary_key=True, autoincrement=False
        )
    )
    project_id: str = _text("project_id", nullable=False)
    backlog_id: str = _text("backlog_id", nullable=False)
    path: str = _text("path", nullable=False)
    anchor: str = _text("anchor", nullable=False, default="")
    scope: str = _text("scope", nullable=False, default="")
    id: str | None = _text("id")
    key: str | None = _text("key")
    id_source: str = _text("id_source", nullable=False)
    id_line: int = _count("id_line")
    id_col: int = _count("id_col")
    dialect: str = _text("dialect", nullable=False)
    kind: str = _text("kind", nullable=False, default="story")
    title: str = _text("title", nullable=False)
    epic: str | None = _text("epic")
    status: str | None = _text("status")
    status_raw: str | None = _text("status_raw")
    status_note: str | None = _text("status_note")
    status_line: int = _count("status_line")
    priority: int | None = Field(default=None)
    priority_raw: str | None = _text("priority_raw")
    estimate_points: float | None = Field(default=None)
    estimate_unit: str | None = _text("estimate_unit")
    estimate_raw: str | None = _text("estimate_raw")
    branch_name: str | None = _text("branch_name")
    owner: str | None = _text("owner")
    author: str | None = _text("author")
    sprint: str | None = _text("sprint")
    created_on: date | None = Field(default=None)
    created_at: datetime | None = _utc("created_at")
    updated_on: date | None = Field(default=None)
    updated_at: datetime | None = _utc("updated_at")
    completed_on: date | None = Field(default=None)
    completed_at: datetime | None = _utc("completed_at")
    user_role: str | None = _text("user_role")
    user_want: str | None = _text("user_want")
    user_benefit: str | None = _text("user_benefit")
    body: str = _text("body", nullable=False, default="")
    content_hash: str = _text("content_hash", nullable=False)
    metadata_: dict[str, Any] = _json("metadata")
    parse_state: str = _text("parse_state", nullable=False, default="good")
    stale_since: datetime | None = _utc("stale_since")
    contested: bool = _flag("contested")
    first_seen_at: datetime = _utc("first_seen_at", nullable=False)
    synced_at: datetime = _utc("synced_at", nullable=False)


def _owner() -> Any:
    """The story that a child row belongs to; child rows go with it."""
    return Field(
        sa_column=sa.Column(
            "story_uid", sa.Integer, sa.ForeignKey("stories.uid", ondelete="CASCADE"),
            primary_key=True, autoincrement=False,
        )
    )  # fmt: skip


_INTEGER = sa.Integer()


def _part(name: str, kind: sa.types.TypeEngine[Any] = _INTEGER) -> Any:
    """A column of a composite primary key."""
    return Field(sa_column=sa.Column(name, kind, primary_key=True, autoincrement=False))


class StoryName(SQLModel, table=True):
    """The names under which a reference finds a story: its key, its aliases, its file's stem …"""

    __tablename__ = "story_names"
    __table_args__ = (
        _one_of("source", words.NAME_SOURCES, "story_names"),
        sa.Index("ix_story_names_lookup", "project_id", "name"),
        {"sqlite_with_rowid": False},
    )

    story_uid: int = _owner()
    source: str = _part("source", TEXT)
    name: str = _part("name", TEXT)
    project_id: str = _text("project_id", nullable=False)


class StoryLabel(SQLModel, table=True):
    __tablename__ = "story_labels"
    __table_args__ = (sa.Index("ix_story_labels_label", "label"), {"sqlite_with_rowid": False})

    story_uid: int = _owner()
    label: str = _part("label", TEXT)


class StoryPerson(SQLModel, table=True):
    __tablename__ = "story_people"
    __table_args__ = (_one_of("role", words.PERSON_ROLES, "story_people"), {"sqlite_with_rowid": False})

    story_uid: int = _owner()
    role: str = _part("role", TEXT)
    position: int = _part("position")
    name: str = _text("name", nullable=False)
    handle: str | None = _text("handle")
    email: str | None = _text("email")


class CriterionRow(SQLModel, table=True):
    __tablename__ = "criteria"
    __table_args__ = (_one_of("section", words.CRITERIA_SECTIONS, "criteria"), {"sqlite_with_rowid": False})

    story_uid: int = _owner()
    section: str = _part("section", TEXT)
    position: int = _part("position")
    depth: int = Field(sa_column=sa.Column("depth", sa.Integer, nullable=False))
    text: str = _text("text", nullable=False)
    done: bool | None = Field(default=None)
    line: int = Field(sa_column=sa.Column("line", sa.Integer, nullable=False))


class StoryDependency(SQLModel, table=True):
    """One row per reference, owned by the file that states it; `v_edges` merges statements."""

    __tablename__ = "story_dependencies"
    __table_args__ = (
        sa.Index("ix_story_dependencies_key", "target_project", "target_key"),
        sa.Index(
            "ix_story_dependencies_path", "target_project", "target_path",
            sqlite_where=sa.text("target_path IS NOT NULL"),
            postgresql_where=sa.text("target_path IS NOT NULL"),
        ),
        sa.Index("ix_story_dependencies_target", "target_uid"),
        sa.Index("ix_story_dependencies_dependent", "dependent_uid", "kind"),
        sa.Index("ix_story_dependencies_prerequisite", "prerequisite_uid", "kind"),
        _one_of("relation", words.RELATIONS, "story_dependencies"),
        _one_of("kind", words.EDGE_KINDS, "story_dependencies"),
        _one_of("state", words.REFERENCE_STATES, "story_dependencies"),
        _one_of("match", words.MATCHES, "story_dependencies"),
        _one_of("confidence", words.CONFIDENCES, "story_dependencies"),
        sa.CheckConstraint(
            "(state = 'resolved' OR state = 'self') = (target_uid IS NOT NULL)",
            name="ck_story_dependencies_target",
        ),
        sa.CheckConstraint(
            "(dependent_uid IS NULL OR dependent_uid = story_uid OR dependent_uid = target_uid)"
            " AND (prerequisite_uid IS NULL OR prerequisite_uid = story_uid"
            " OR prerequisite_uid = target_uid)",
            name="ck_story_dependencies_ends",
        ),
        {"sqlite_with_rowid": False},
    )  # fmt: skip

    story_uid: int = _owner()
    ordinal: int = _part("ordinal")
    relation: str = _text("relation", nullable=False)
    raw: str = _text("raw", nullable=False)
    line: int = Field(sa_column=sa.Column("line", sa.Integer, nullable=False))
    col: int = Field(sa_column=sa.Column("col", sa.Integer, nullable=False))
    target_project: str = _text("target_project", nullable=False)
    target_id: str | None = _text("target_id")
    target_key: str | None = _text("target_key")
    target_path: str | None = _text("target_path")
    target_uid: int | None = Field(
        sa_column=sa.Column("target_uid", sa.Integer, sa.ForeignKey("stories.uid"))
    )
    kind: str = _text("kind", nullable=False)
    dependent_uid: int | None = Field(sa_column=sa.Column("dependent_uid", sa.Integer))
    prerequisite_uid: int | None = Field(sa_column=sa.Column("prerequisite_uid", sa.Integer))
    state: str = _text("state", nullable=False, default="dangling")
    match: str | None = _text("match")
    confidence: str = _text("confidence", nullable=False, default="declared")
    in_range: bool = _flag("in_range")


class StatusClaimRow(SQLModel, table=True):
    """What a second source (`sprint-status.yaml`) says about the status of a story."""

    __tablename__ = "status_claims"
    __table_args__ = (
        sa.Index("ix_status_claims_story", "story_uid"),
        _one_of("status", words.STATUSES, "status_claims"),
        {"sqlite_with_rowid": False},
    )

    project_id: str = Field(
        sa_column=sa.Column("project_id", TEXT, sa.ForeignKey("projects.id"), primary_key=True)
    )
    path: str = _part("path", TEXT)
    name: str = _part("name", TEXT)
    key: str | None = _text("key")
    raw: str = _text("raw", nullable=False)
    status: str | None = _text("status")
    line: int = Field(sa_column=sa.Column("line", sa.Integer, nullable=False))
    col: int = Field(sa_column=sa.Column("col", sa.Integer, nullable=False))
    story_uid: int | None = Field(
        sa_column=sa.Column("story_uid", sa.Integer, sa.ForeignKey("stories.uid", ondelete="SET NULL"))
    )
    stale: bool = _flag("stale")


class ProjectDependency(SQLModel, table=True):
    __tablename__ = "project_dependencies"
    __table_args__ = (_one_of("kind", words.EDGE_KINDS, "project_dependencies"),)

    from_project_id: str = Field(
        sa_column=sa.Column("from_project_id", TEXT, sa.ForeignKey("projects.id"), primary_key=True)
    )
    to_project_id: str = Field(
        sa_column=sa.Column("to_project_id", TEXT, sa.ForeignKey("projects.id"), primary_key=True)
    )
    kind: str = Field(sa_column=sa.Column("kind", TEXT, primary_key=True))
    edge_count: int = _count("edge_count")
    declared: bool = _flag("declared")


class ProjectMember(SQLModel, table=True):
    __tablename__ = "project_members"
    __table_args__ = (
        _one_of("member_type", words.MEMBER_TYPES, "project_members"),
        _one_of("role", words.MEMBER_ROLES, "project_members"),
    )

    project_id: str = Field(
        sa_column=sa.Column("project_id", TEXT, sa.ForeignKey("projects.id"), primary_key=True)
    )
    member_id: str = Field(sa_column=sa.Column("member_id", TEXT, primary_key=True))
    member_type: str = _text("member_type", nullable=False, default="user")
    role: str = _text("role", nullable=False, default="member")
    joined_on: date | None = Field(default=None)


class StatusChange(SQLModel, table=True):
    __tablename__ = "status_history"
    __table_args__ = (
        sa.Index("ix_status_history_story", "identity", "changed_at"),
        sa.Index("ix_status_history_time", "project_id", "changed_at"),
        _one_of("source", ("commit", "worktree"), "status_history"),
        _one_of("old_status", words.STATUSES, "status_history"),
        _one_of("new_status", words.STATUSES, "status_history"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = _serial("id")
    identity: int = Field(
        sa_column=sa.Column("identity", sa.Integer, sa.ForeignKey("identities.uid"), nullable=False)
    )
    project_id: str = _text("project_id", nullable=False)
    story_id: str | None = _text("story_id")
    old_status: str | None = _text("old_status")
    new_status: str | None = _text("new_status")
    old_raw: str | None = _text("old_raw")
    new_raw: str | None = _text("new_raw")
    changed_by: str | None = _text("changed_by")
    changed_at: datetime = _utc("changed_at", nullable=False)
    commit_sha: str | None = _text("commit_sha")
    path: str = _text("path", nullable=False)
    source: str = _text("source", nullable=False, default="worktree")
    on_head: bool = _flag("on_head", default=True)
    notes: str | None = _text("notes")


class FileRow(SQLModel, table=True):
    """One row per file that is looked at. The five columns after `path_raw` are the change key of a scan."""

    __tablename__ = "files"
    __table_args__ = (_one_of("state", words.FILE_STATES, "files"), {"sqlite_with_rowid": False})

    project_id: str = Field(
        sa_column=sa.Column("project_id", TEXT, sa.ForeignKey("projects.id"), primary_key=True)
    )
    path: str = _part("path", TEXT)
    path_raw: bytes | None = Field(sa_column=sa.Column("path_raw", sa.LargeBinary))
    dev: int | None = Field(sa_column=sa.Column("dev", sa.BigInteger))
    inode: int | None = Field(sa_column=sa.Column("inode", sa.BigInteger))
    size: int | None = Field(sa_column=sa.Column("size", sa.BigInteger))
    mtime_ns: int | None = Field(sa_column=sa.Column("mtime_ns", sa.BigInteger))
    ctime_ns: int | None = Field(sa_column=sa.Column("ctime_ns", sa.BigInteger))
    content_hash: str | None = _text("content_hash")
    state: str = _text("state", nullable=False)


class ProblemRow(SQLModel, table=True):
    __tablename__ = "problems"
    __table_args__ = (
        sa.Index("ix_problems_path", "project_id", "path"),
        sa.Index("ix_problems_code", "code"),
        _one_of("severity", words.SEVERITIES, "problems"),
    )

    id: int | None = _serial("id")
    project_id: str = Field(
        sa_column=sa.Column("project_id", TEXT, sa.ForeignKey("projects.id"), nullable=False)
    )
    path: str = _text("path", nullable=False)
    line: int = _count("line")
    col: int = _count("col")
    severity: str = _text("severity", nullable=False)
    code: str = _text("code", nullable=False)
    message: str = _text("message", nullable=False)
    hint: str = _text("hint", nullable=False, default="")
    first_seen_at: datetime = _utc("first_seen_at", nullable=False)


class SyncRow(SQLModel, table=True):
    """One row a run that changed something."""

    __tablename__ = "syncs"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: int | None = _serial("id")
    project_id: str = Field(
        sa_column=sa.Column("project_id", TEXT, sa.ForeignKey("projects.id"), nullable=False)
    )
    trigger: str = _text("trigger", nullable=False)
    started_at: datetime = _utc("started_at", nullable=False)
    finished_at: datetime = _utc("finished_at", nullable=False)
    read_count: int = _count("read_count")
    put_count: int = _count("put_count")
    moved_count: int = _count("moved_count")
    removed_count: int = _count("removed_count")
    stale_count: int = _count("stale_count")
    held_count: int = _count("held_count")


class ChangeRow(SQLModel, table=True):
    """The change feed. `before` and `after` hold the fields that differ; body and criteria as hashes."""

    __tablename__ = "changes"
    __table_args__ = (
        sa.Index("ix_changes_identity", "identity"),
        sa.Index("ix_changes_sync", "sync_id"),  # whenever a sync that changed nothing is taken back
        _one_of("operation", words.OPERATIONS, "changes"),
        {"sqlite_autoincrement": True},
    )

    seq: int | None = _serial("seq")
    at: datetime = _utc("at", nullable=False)
    sync_id: int = Field(
        sa_column=sa.Column("sync_id", sa.BigInteger, sa.ForeignKey("syncs.id"), nullable=False)
    )
    identity: int = Field(
        sa_column=sa.Column("identity", sa.Integer, sa.ForeignKey("identities.uid"), nullable=False)
    )
    project_id: str = _text("project_id", nullable=False)
    story_id: str | None = _text("story_id")
    operation: str = _text("operation", nullable=False)
    before: dict[str, Any] | None = Field(sa_column=sa.Column("before", JSON))
    after: dict[str, Any] | None = Field(sa_column=sa.Column("after", JSON))


class ForeignStory(SQLModel, table=True):
    """Targets that live in another database; empty while all projects share one."""

    __tablename__ = "foreign_stories"
    __table_args__ = (
        _one_of("status", words.STATUSES, "foreign_stories"),
        _one_of("state", words.FOREIGN_STATES, "foreign_stories"),
    )

    project_id: str = Field(sa_column=sa.Column("project_id", TEXT, primary_key=True))
    key: str = Field(sa_column=sa.Column("key", TEXT, primary_key=True))
    state: str = _text("state", nullable=False)
    id: str | None = _text("id")
    title: str = _text("title", nullable=False)
    status: str | None = _text("status")
    path: str = _text("path", nullable=False)
    seen_at: datetime = _utc("seen_at", nullable=False)


class BackupRow(SQLModel, table=True):
    __tablename__ = "backups"
    __table_args__ = (_one_of("state", ("good", "failed"), "backups"),)

    id: int | None = _serial("id")
    trigger: str = _text("trigger", nullable=False)
    file: str | None = _text("file")
    size: int | None = Field(sa_column=sa.Column("size", sa.BigInteger))
    digest: str | None = _text("digest")
    started_at: datetime = _utc("started_at", nullable=False)
    finished_at: datetime = _utc("finished_at", nullable=False)
    verified_at: datetime | None = _utc("verified_at")
    state: str = _text("state", nullable=False)
    message: str = _text("message", nullable=False, default="")


class HealthCheck(SQLModel, table=True):
    __tablename__ = "health_checks"
    __table_args__ = (
        sa.Index("ix_health_checks_time", "checked_at"),
        _one_of("state", words.HEALTH_STATES, "health_checks"),
    )

    id: int | None = _serial("id")
    checked_at: datetime = _utc("checked_at", nullable=False)
    name: str = _text("name", nullable=False)
    state: str = _text("state", nullable=False)
    reason: str = _text("reason", nullable=False, default="")
    latency_ms: float | None = Field(default=None)


class JobRow(SQLModel, table=True):
    """The last run of each periodic job, and its last success, from which the next run follows."""

    __tablename__ = "jobs"
    __table_args__ = (
        _one_of("state", words.JOB_STATES, "jobs"),
        {"sqlite_with_rowid": False},
    )

    name: str = _part("name", TEXT)
    trigger: str = _text("trigger", nullable=False)
    started_at: datetime = _utc("started_at", nullable=False)
    finished_at: datetime = _utc("finished_at", nullable=False)
    succeeded_at: datetime | None = _utc("succeeded_at")
    state: str = _text("state", nullable=False)
    message: str = _text("message", nullable=False, default="")
    failures: int = _count("failures")


class Incident(SQLModel, table=True):
    """What went wrong with the database itself, until somebody has acknowledged it."""

    __tablename__ = "incidents"
    __table_args__ = (_one_of("kind", words.INCIDENT_KINDS, "incidents"), {"sqlite_autoincrement": True})

    id: int | None = _serial("id")
    at: datetime = _utc("at", nullable=False)
    kind: str = _text("kind", nullable=False)
    message: str = _text("message", nullable=False)
    acknowledged_at: datetime | None = _utc("acknowledged_at")


METADATA = SQLModel.metadata
