"""The closed lists of words that the database uses; one word for one thing."""

from __future__ import annotations

STATUSES = (
    "draft", "backlog", "todo", "ready", "in_progress", "review", "blocked", "done", "accepted",
    "deferred", "cancelled", "unknown",
)  # fmt: skip
FINISHED = ("done", "accepted")
KINDS = ("story", "epic", "feature", "task", "bug", "spike", "requirement", "spec")
ID_SOURCES = ("front_matter", "yaml_comment", "header", "h1", "file_name", "folder", "list_item", "none")
RELATIONS = (
    "depends_on", "blocks", "parent", "child", "related", "duplicates", "supersedes", "conflicts",
)  # fmt: skip
EDGE_KINDS = ("depends_on", "parent", "related", "duplicates", "supersedes", "conflicts")
REFERENCE_STATES = ("resolved", "dangling", "ambiguous", "external", "self")
FOREIGN_STATES = ("resolved", "dangling", "ambiguous")
MATCHES = ("exact", "case", "key", "alias", "prefix", "heading", "path", "ancestor")
CONFIDENCES = ("declared", "prose")
ESTIMATE_UNITS = ("points", "size", "hours", "tokens")
CRITERIA_SECTIONS = ("acceptance", "definition_of_done", "tasks", "other")
PERSON_ROLES = ("author", "owner", "assignee")
FILE_STATES = ("story", "broken", "excluded", "not_a_story", "second_source")
SEVERITIES = ("error", "warning", "info")
PROJECT_STATUSES = ("active", "archived", "maintenance")
BACKLOG_TYPES = ("standard", "sprint", "team", "archive", "personal")
ROOT_STATES = ("loading", "live", "degraded", "lost")
MEMBER_TYPES = ("user", "team", "role")
MEMBER_ROLES = ("owner", "admin", "member", "viewer")
JOB_STATES = ("good", "failed", "late")
INCIDENT_KINDS = ("recovered", "restored", "damaged")
HEALTH_STATES = ("ok", "warn", "fail")
OPERATIONS = ("create", "update", "move", "stale", "remove")
NAME_SOURCES = ("id", "stem", "alias", "prefix", "heading")
