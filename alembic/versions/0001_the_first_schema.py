"""the first schema

Revision: 0001, after
"""

import importlib.util
import pathlib

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

UTC_TIME = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_spec = importlib.util.spec_from_file_location(
    "storysync_views", pathlib.Path(__file__).parent.parent / "views.py"
)
views = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(views)


def upgrade() -> None:
    views.drop_all(op)
    on_postgresql = op.get_context().dialect.name == "postgresql"
    # A partitioned table has its key of partitions in every unique constraint.
    history_key = ("id", "changed_at") if on_postgresql else ("id",)
    op.create_table(
        "backups",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("trigger", TEXT, nullable=False),
        sa.Column("file", TEXT, nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("digest", TEXT, nullable=True),
        sa.Column("started_at", UTC_TIME, nullable=False),
        sa.Column("finished_at", UTC_TIME, nullable=False),
        sa.Column("verified_at", UTC_TIME, nullable=True),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("message", TEXT, server_default=sa.text("''"), nullable=False),
        sa.CheckConstraint("state = 'good' OR state = 'failed'", name="ck_backups_state"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "foreign_stories",
        sa.Column("project_id", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=True),
        sa.Column("title", TEXT, nullable=False),
        sa.Column("status", TEXT, nullable=True),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("seen_at", UTC_TIME, nullable=False),
        sa.CheckConstraint(
            "status = 'draft' OR status = 'backlog' OR status = 'todo' OR status = 'ready' OR status = 'in_progress' OR status = 'review' OR status = 'blocked' OR status = 'done' OR status = 'accepted' OR status = 'deferred' OR status = 'cancelled' OR status = 'unknown'",
            name="ck_foreign_stories_status",
        ),
        sa.CheckConstraint(
            "state = 'resolved' OR state = 'dangling' OR state = 'ambiguous'", name="ck_foreign_stories_state"
        ),
        sa.PrimaryKeyConstraint("project_id", "key"),
    )
    op.create_table(
        "health_checks",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("checked_at", UTC_TIME, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("reason", TEXT, server_default=sa.text("''"), nullable=False),
        sa.Column("latency_ms", sa.Float(), nullable=True),
        sa.CheckConstraint("state = 'ok' OR state = 'warn' OR state = 'fail'", name="ck_health_checks_state"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_health_checks_time", "health_checks", ["checked_at"], unique=False)

    op.create_table(
        "projects",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("description", TEXT, nullable=True),
        sa.Column("repository_url", TEXT, nullable=True),
        sa.Column("submodule_path", TEXT, nullable=True),
        sa.Column("default_branch", TEXT, nullable=True),
        sa.Column("head_commit", TEXT, nullable=True),
        sa.Column("status", TEXT, server_default=sa.text("'active'"), nullable=False),
        sa.Column("owner", TEXT, nullable=True),
        sa.Column("created_on", sa.Date(), nullable=True),
        sa.Column("settings", JSON, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("metadata", JSON, server_default=sa.text("'{}'"), nullable=False),
        sa.CheckConstraint(
            "status = 'active' OR status = 'archived' OR status = 'maintenance'", name="ck_projects_status"
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "backlogs",
        sa.Column("project_id", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("type", TEXT, server_default=sa.text("'standard'"), nullable=False),
        sa.Column("status", TEXT, server_default=sa.text("'active'"), nullable=False),
        sa.Column("path_prefix", TEXT, server_default=sa.text("''"), nullable=False),
        sa.Column("owner", TEXT, nullable=True),
        sa.Column("metadata", JSON, server_default=sa.text("'{}'"), nullable=False),
        sa.CheckConstraint(
            "type = 'standard' OR type = 'sprint' OR type = 'team' OR type = 'archive' OR type = 'personal'",
            name="ck_backlogs_type",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
        ),
        sa.PrimaryKeyConstraint("project_id", "id"),
    )
    op.create_table(
        "files",
        sa.Column("project_id", TEXT, nullable=False),
        sa.Column("path", TEXT, autoincrement=False, nullable=False),
        sa.Column("path_raw", sa.LargeBinary(), nullable=True),
        sa.Column("dev", sa.BigInteger(), nullable=True),
        sa.Column("inode", sa.BigInteger(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=True),
        sa.Column("ctime_ns", sa.BigInteger(), nullable=True),
        sa.Column("content_hash", TEXT, nullable=True),
        sa.Column("state", TEXT, nullable=False),
        sa.CheckConstraint(
            "state = 'story' OR state = 'broken' OR state = 'excluded' OR state = 'not_a_story' OR state = 'second_source'",
            name="ck_files_state",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
        ),
        sa.PrimaryKeyConstraint("project_id", "path"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "identities",
        sa.Column("uid", sa.Integer(), nullable=False),
        sa.Column("project_id", TEXT, nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("anchor", TEXT, server_default=sa.text("''"), nullable=False),
        sa.Column("key", TEXT, nullable=True),
        sa.Column("content_hash", TEXT, nullable=True),
        sa.Column("gone_at", UTC_TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
        ),
        sa.PrimaryKeyConstraint("uid"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_identities_tombstones",
        "identities",
        ["project_id", "key", "gone_at"],
        unique=False,
        sqlite_where=sa.text("gone_at IS NOT NULL"),
        postgresql_where=sa.text("gone_at IS NOT NULL"),
    )
    op.create_index(
        "ux_identities_live",
        "identities",
        ["project_id", "path", "anchor"],
        unique=True,
        sqlite_where=sa.text("gone_at IS NULL"),
        postgresql_where=sa.text("gone_at IS NULL"),
    )

    op.create_table(
        "problems",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("project_id", TEXT, nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("line", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("col", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("severity", TEXT, nullable=False),
        sa.Column("code", TEXT, nullable=False),
        sa.Column("message", TEXT, nullable=False),
        sa.Column("hint", TEXT, server_default=sa.text("''"), nullable=False),
        sa.Column("first_seen_at", UTC_TIME, nullable=False),
        sa.CheckConstraint(
            "severity = 'error' OR severity = 'warning' OR severity = 'info'", name="ck_problems_severity"
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_problems_code", "problems", ["code"], unique=False)
    op.create_index("ix_problems_path", "problems", ["project_id", "path"], unique=False)

    op.create_table(
        "project_dependencies",
        sa.Column("from_project_id", TEXT, nullable=False),
        sa.Column("to_project_id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("edge_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("declared", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.CheckConstraint(
            "kind = 'depends_on' OR kind = 'parent' OR kind = 'related' OR kind = 'duplicates' OR kind = 'supersedes' OR kind = 'conflicts'",
            name="ck_project_dependencies_kind",
        ),
        sa.ForeignKeyConstraint(
            ["from_project_id"],
            ["projects.id"],
        ),
        sa.ForeignKeyConstraint(
            ["to_project_id"],
            ["projects.id"],
        ),
        sa.PrimaryKeyConstraint("from_project_id", "to_project_id", "kind"),
    )
    op.create_table(
        "project_members",
        sa.Column("project_id", TEXT, nullable=False),
        sa.Column("member_id", TEXT, nullable=False),
        sa.Column("member_type", TEXT, server_default=sa.text("'user'"), nullable=False),
        sa.Column("role", TEXT, server_default=sa.text("'member'"), nullable=False),
        sa.Column("joined_on", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "member_type = 'user' OR member_type = 'team' OR member_type = 'role'",
            name="ck_project_members_member_type",
        ),
        sa.CheckConstraint(
            "role = 'owner' OR role = 'admin' OR role = 'member' OR role = 'viewer'",
            name="ck_project_members_role",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
        ),
        sa.PrimaryKeyConstraint("project_id", "member_id"),
    )
    op.create_table(
        "roots",
        sa.Column("project_id", TEXT, nullable=False),
        sa.Column("host", TEXT, server_default=sa.text("''"), nullable=False),
        sa.Column("real_path", TEXT, nullable=False),
        sa.Column("st_dev", sa.BigInteger(), nullable=True),
        sa.Column("st_ino", sa.BigInteger(), nullable=True),
        sa.Column("state", TEXT, server_default=sa.text("'loading'"), nullable=False),
        sa.Column("last_full_scan_at", UTC_TIME, nullable=True),
        sa.CheckConstraint(
            "state = 'loading' OR state = 'live' OR state = 'degraded' OR state = 'lost'",
            name="ck_roots_state",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
        ),
        sa.PrimaryKeyConstraint("project_id"),
        sa.UniqueConstraint("host", "real_path", name="ux_roots_place"),
    )
    op.create_table(
        "syncs",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("project_id", TEXT, nullable=False),
        sa.Column("trigger", TEXT, nullable=False),
        sa.Column("started_at", UTC_TIME, nullable=False),
        sa.Column("finished_at", UTC_TIME, nullable=False),
        sa.Column("read_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("put_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("moved_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("removed_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("stale_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("held_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "changes",
        sa.Column("seq", SERIAL, nullable=False),
        sa.Column("at", UTC_TIME, nullable=False),
        sa.Column("sync_id", sa.BigInteger(), nullable=False),
        sa.Column("identity", sa.Integer(), nullable=False),
        sa.Column("project_id", TEXT, nullable=False),
        sa.Column("story_id", TEXT, nullable=True),
        sa.Column("operation", TEXT, nullable=False),
        sa.Column("before", JSON, nullable=True),
        sa.Column("after", JSON, nullable=True),
        sa.CheckConstraint(
            "operation = 'create' OR operation = 'update' OR operation = 'move' OR operation = 'stale' OR operation = 'remove'",
            name="ck_changes_operation",
        ),
        sa.ForeignKeyConstraint(
            ["identity"],
            ["identities.uid"],
        ),
        sa.ForeignKeyConstraint(
            ["sync_id"],
            ["syncs.id"],
        ),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_changes_identity", "changes", ["identity"], unique=False)
    op.create_index("ix_changes_sync", "changes", ["sync_id"], unique=False)

    op.create_table(
        "status_history",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("identity", sa.Integer(), nullable=False),
        sa.Column("project_id", TEXT, nullable=False),
        sa.Column("story_id", TEXT, nullable=True),
        sa.Column("old_status", TEXT, nullable=True),
        sa.Column("new_status", TEXT, nullable=True),
        sa.Column("old_raw", TEXT, nullable=True),
        sa.Column("new_raw", TEXT, nullable=True),
        sa.Column("changed_by", TEXT, nullable=True),
        sa.Column("changed_at", UTC_TIME, nullable=False),
        sa.Column("commit_sha", TEXT, nullable=True),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("source", TEXT, server_default=sa.text("'worktree'"), nullable=False),
        sa.Column("on_head", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("notes", TEXT, nullable=True),
        sa.CheckConstraint(
            "new_status = 'draft' OR new_status = 'backlog' OR new_status = 'todo' OR new_status = 'ready' OR new_status = 'in_progress' OR new_status = 'review' OR new_status = 'blocked' OR new_status = 'done' OR new_status = 'accepted' OR new_status = 'deferred' OR new_status = 'cancelled' OR new_status = 'unknown'",
            name="ck_status_history_new_status",
        ),
        sa.CheckConstraint(
            "old_status = 'draft' OR old_status = 'backlog' OR old_status = 'todo' OR old_status = 'ready' OR old_status = 'in_progress' OR old_status = 'review' OR old_status = 'blocked' OR old_status = 'done' OR old_status = 'accepted' OR old_status = 'deferred' OR old_status = 'cancelled' OR old_status = 'unknown'",
            name="ck_status_history_old_status",
        ),
        sa.CheckConstraint("source = 'commit' OR source = 'worktree'", name="ck_status_history_source"),
        sa.ForeignKeyConstraint(
            ["identity"],
            ["identities.uid"],
        ),
        sa.PrimaryKeyConstraint(*history_key),
        sqlite_autoincrement=True,
        postgresql_partition_by="RANGE (changed_at)",
    )
    if on_postgresql:
        op.execute("CREATE TABLE status_history_default PARTITION OF status_history DEFAULT")
    op.create_index("ix_status_history_story", "status_history", ["identity", "changed_at"], unique=False)
    op.create_index("ix_status_history_time", "status_history", ["project_id", "changed_at"], unique=False)

    op.create_table(
        "stories",
        sa.Column("uid", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("project_id", TEXT, nullable=False),
        sa.Column("backlog_id", TEXT, nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("anchor", TEXT, server_default=sa.text("''"), nullable=False),
        sa.Column("scope", TEXT, server_default=sa.text("''"), nullable=False),
        sa.Column("id", TEXT, nullable=True),
        sa.Column("key", TEXT, nullable=True),
        sa.Column("id_source", TEXT, nullable=False),
        sa.Column("id_line", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("id_col", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("dialect", TEXT, nullable=False),
        sa.Column("kind", TEXT, server_default=sa.text("'story'"), nullable=False),
        sa.Column("title", TEXT, nullable=False),
        sa.Column("epic", TEXT, nullable=True),
        sa.Column("status", TEXT, nullable=True),
        sa.Column("status_raw", TEXT, nullable=True),
        sa.Column("status_note", TEXT, nullable=True),
        sa.Column("status_line", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=True),
        sa.Column("priority_raw", TEXT, nullable=True),
        sa.Column("estimate_points", sa.Float(), nullable=True),
        sa.Column("estimate_unit", TEXT, nullable=True),
        sa.Column("estimate_raw", TEXT, nullable=True),
        sa.Column("branch_name", TEXT, nullable=True),
        sa.Column("owner", TEXT, nullable=True),
        sa.Column("author", TEXT, nullable=True),
        sa.Column("sprint", TEXT, nullable=True),
        sa.Column("created_on", sa.Date(), nullable=True),
        sa.Column("created_at", UTC_TIME, nullable=True),
        sa.Column("updated_on", sa.Date(), nullable=True),
        sa.Column("updated_at", UTC_TIME, nullable=True),
        sa.Column("completed_on", sa.Date(), nullable=True),
        sa.Column("completed_at", UTC_TIME, nullable=True),
        sa.Column("user_role", TEXT, nullable=True),
        sa.Column("user_want", TEXT, nullable=True),
        sa.Column("user_benefit", TEXT, nullable=True),
        sa.Column("body", TEXT, server_default=sa.text("''"), nullable=False),
        sa.Column("content_hash", TEXT, nullable=False),
        sa.Column("metadata", JSON, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("parse_state", TEXT, server_default=sa.text("'good'"), nullable=False),
        sa.Column("stale_since", UTC_TIME, nullable=True),
        sa.Column("contested", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("first_seen_at", UTC_TIME, nullable=False),
        sa.Column("synced_at", UTC_TIME, nullable=False),
        sa.CheckConstraint("(parse_state = 'stale') = (stale_since IS NOT NULL)", name="ck_stories_stale"),
        sa.CheckConstraint(
            "estimate_unit = 'points' OR estimate_unit = 'size' OR estimate_unit = 'hours' OR estimate_unit = 'tokens'",
            name="ck_stories_estimate_unit",
        ),
        sa.CheckConstraint(
            "id_source = 'front_matter' OR id_source = 'yaml_comment' OR id_source = 'header' OR id_source = 'h1' OR id_source = 'file_name' OR id_source = 'folder' OR id_source = 'list_item' OR id_source = 'none'",
            name="ck_stories_id_source",
        ),
        sa.CheckConstraint(
            "kind = 'story' OR kind = 'epic' OR kind = 'feature' OR kind = 'task' OR kind = 'bug' OR kind = 'spike' OR kind = 'requirement' OR kind = 'spec'",
            name="ck_stories_kind",
        ),
        sa.CheckConstraint("parse_state = 'good' OR parse_state = 'stale'", name="ck_stories_parse_state"),
        sa.CheckConstraint(
            "status = 'draft' OR status = 'backlog' OR status = 'todo' OR status = 'ready' OR status = 'in_progress' OR status = 'review' OR status = 'blocked' OR status = 'done' OR status = 'accepted' OR status = 'deferred' OR status = 'cancelled' OR status = 'unknown'",
            name="ck_stories_status",
        ),
        sa.CheckConstraint("(id IS NULL) = (key IS NULL)", name="ck_stories_key"),
        sa.CheckConstraint("priority BETWEEN 0 AND 4", name="ck_stories_priority"),
        sa.ForeignKeyConstraint(
            ["project_id", "backlog_id"],
            ["backlogs.project_id", "backlogs.id"],
        ),
        sa.ForeignKeyConstraint(
            ["uid"],
            ["identities.uid"],
        ),
        sa.PrimaryKeyConstraint("uid"),
        sa.UniqueConstraint("project_id", "path", "anchor", name="ux_stories_place"),
    )
    if on_postgresql:
        op.create_index("ix_stories_metadata", "stories", ["metadata"], postgresql_using="gin")
    op.create_index("ix_stories_backlog", "stories", ["project_id", "backlog_id"], unique=False)
    op.create_index(
        "ix_stories_stale",
        "stories",
        ["project_id", "path"],
        unique=False,
        sqlite_where=sa.text("parse_state = 'stale'"),
        postgresql_where=sa.text("parse_state = 'stale'"),
    )
    op.create_index("ix_stories_status", "stories", ["status", "priority"], unique=False)

    op.create_table(
        "criteria",
        sa.Column("story_uid", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("section", TEXT, autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("text", TEXT, nullable=False),
        sa.Column("done", sa.Boolean(), nullable=True),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "section = 'acceptance' OR section = 'definition_of_done' OR section = 'tasks' OR section = 'other'",
            name="ck_criteria_section",
        ),
        sa.ForeignKeyConstraint(["story_uid"], ["stories.uid"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("story_uid", "section", "position"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "story_dependencies",
        sa.Column("story_uid", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("relation", TEXT, nullable=False),
        sa.Column("raw", TEXT, nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("col", sa.Integer(), nullable=False),
        sa.Column("target_project", TEXT, nullable=False),
        sa.Column("target_id", TEXT, nullable=True),
        sa.Column("target_key", TEXT, nullable=True),
        sa.Column("target_path", TEXT, nullable=True),
        sa.Column("target_uid", sa.Integer(), nullable=True),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("dependent_uid", sa.Integer(), nullable=True),
        sa.Column("prerequisite_uid", sa.Integer(), nullable=True),
        sa.Column("state", TEXT, server_default=sa.text("'dangling'"), nullable=False),
        sa.Column("match", TEXT, nullable=True),
        sa.Column("confidence", TEXT, server_default=sa.text("'declared'"), nullable=False),
        sa.Column("in_range", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.CheckConstraint(
            "(state = 'resolved' OR state = 'self') = (target_uid IS NOT NULL)",
            name="ck_story_dependencies_target",
        ),
        sa.CheckConstraint(
            "confidence = 'declared' OR confidence = 'prose'", name="ck_story_dependencies_confidence"
        ),
        sa.CheckConstraint(
            "kind = 'depends_on' OR kind = 'parent' OR kind = 'related' OR kind = 'duplicates' OR kind = 'supersedes' OR kind = 'conflicts'",
            name="ck_story_dependencies_kind",
        ),
        sa.CheckConstraint(
            "match = 'exact' OR match = 'case' OR match = 'key' OR match = 'alias' OR match = 'prefix' OR match = 'heading' OR match = 'path' OR match = 'ancestor'",
            name="ck_story_dependencies_match",
        ),
        sa.CheckConstraint(
            "relation = 'depends_on' OR relation = 'blocks' OR relation = 'parent' OR relation = 'child' OR relation = 'related' OR relation = 'duplicates' OR relation = 'supersedes' OR relation = 'conflicts'",
            name="ck_story_dependencies_relation",
        ),
        sa.CheckConstraint(
            "state = 'resolved' OR state = 'dangling' OR state = 'ambiguous' OR state = 'external' OR state = 'self'",
            name="ck_story_dependencies_state",
        ),
        sa.CheckConstraint(
            "(dependent_uid IS NULL OR dependent_uid = story_uid OR dependent_uid = target_uid) AND (prerequisite_uid IS NULL OR prerequisite_uid = story_uid OR prerequisite_uid = target_uid)",
            name="ck_story_dependencies_ends",
        ),
        sa.ForeignKeyConstraint(["story_uid"], ["stories.uid"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["target_uid"],
            ["stories.uid"],
        ),
        sa.PrimaryKeyConstraint("story_uid", "ordinal"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_story_dependencies_dependent", "story_dependencies", ["dependent_uid", "kind"], unique=False
    )
    op.create_index(
        "ix_story_dependencies_key", "story_dependencies", ["target_project", "target_key"], unique=False
    )
    op.create_index(
        "ix_story_dependencies_path",
        "story_dependencies",
        ["target_project", "target_path"],
        unique=False,
        sqlite_where=sa.text("target_path IS NOT NULL"),
        postgresql_where=sa.text("target_path IS NOT NULL"),
    )
    op.create_index(
        "ix_story_dependencies_prerequisite", "story_dependencies", ["prerequisite_uid", "kind"], unique=False
    )
    op.create_index("ix_story_dependencies_target", "story_dependencies", ["target_uid"], unique=False)

    op.create_table(
        "story_labels",
        sa.Column("story_uid", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("label", TEXT, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["story_uid"], ["stories.uid"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("story_uid", "label"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_story_labels_label", "story_labels", ["label"], unique=False)

    op.create_table(
        "story_names",
        sa.Column("story_uid", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("source", TEXT, autoincrement=False, nullable=False),
        sa.Column("name", TEXT, autoincrement=False, nullable=False),
        sa.Column("project_id", TEXT, nullable=False),
        sa.CheckConstraint(
            "source = 'id' OR source = 'stem' OR source = 'alias' OR source = 'prefix' OR source = 'heading'",
            name="ck_story_names_source",
        ),
        sa.ForeignKeyConstraint(["story_uid"], ["stories.uid"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("story_uid", "source", "name"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_story_names_lookup", "story_names", ["project_id", "name"], unique=False)

    op.create_table(
        "status_claims",
        sa.Column("project_id", TEXT, nullable=False),
        sa.Column("path", TEXT, autoincrement=False, nullable=False),
        sa.Column("name", TEXT, autoincrement=False, nullable=False),
        sa.Column("key", TEXT, nullable=True),
        sa.Column("raw", TEXT, nullable=False),
        sa.Column("status", TEXT, nullable=True),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("col", sa.Integer(), nullable=False),
        sa.Column("story_uid", sa.Integer(), nullable=True),
        sa.Column("stale", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.CheckConstraint(
            "status = 'draft' OR status = 'backlog' OR status = 'todo' OR status = 'ready' OR status = 'in_progress' OR status = 'review' OR status = 'blocked' OR status = 'done' OR status = 'accepted' OR status = 'deferred' OR status = 'cancelled' OR status = 'unknown'",
            name="ck_status_claims_status",
        ),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"]),
        sa.ForeignKeyConstraint(["story_uid"], ["stories.uid"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("project_id", "path", "name"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_status_claims_story", "status_claims", ["story_uid"], unique=False)

    op.create_table(
        "story_people",
        sa.Column("story_uid", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("role", TEXT, autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("handle", TEXT, nullable=True),
        sa.Column("email", TEXT, nullable=True),
        sa.CheckConstraint(
            "role = 'author' OR role = 'owner' OR role = 'assignee'", name="ck_story_people_role"
        ),
        sa.ForeignKeyConstraint(["story_uid"], ["stories.uid"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("story_uid", "role", "position"),
        sqlite_with_rowid=False,
    )
    views.create(op, "0001")


def downgrade() -> None:
    views.drop_all(op)
    op.drop_table("story_people")

    op.drop_table("status_claims")

    op.drop_table("story_names")

    op.drop_table("story_labels")

    op.drop_table("story_dependencies")
    op.drop_table("criteria")

    op.drop_table("stories")

    op.drop_table("status_history")

    op.drop_table("changes")
    op.drop_table("syncs")
    op.drop_table("roots")
    op.drop_table("project_members")
    op.drop_table("project_dependencies")

    op.drop_table("problems")

    op.drop_table("identities")
    op.drop_table("files")
    op.drop_table("backlogs")
    op.drop_table("projects")

    op.drop_table("health_checks")
    op.drop_table("foreign_stories")
    op.drop_table("backups")
