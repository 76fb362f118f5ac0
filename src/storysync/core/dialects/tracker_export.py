"""Exports of other trackers: `state: open`, `dependsOn: ["x-1"]`, `createdAt`, or `issue_id` for the id.

Told by `state` or `issue_id` and another key that people do not write by hand (DIALECTS.md section 1).
"""

from __future__ import annotations

from storysync.core.dialects.base import Sheet, Traits

NAME = "tracker"
RANK = 16

_KEYS = (
    "createdAt", "updatedAt", "closedAt", "dependsOn", "blockedBy", "created_at", "updated_at", "closed_at",
    "issue_type", "issueType", "external_id", "externalId", "milestone", "html_url",
)  # fmt: skip


def recognize(sheet: Sheet) -> Traits | None:
    """Traits of an exported issue."""
    fields = sheet.front_matter
    if "state" not in fields and "issue_id" not in fields:
        return None
    if "state" in fields and "issue_id" in fields:
        return Traits(NAME)
    return Traits(NAME) if any(key in fields for key in _KEYS) else None
