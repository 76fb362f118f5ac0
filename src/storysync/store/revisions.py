"""The revisions of the schema that this program knows, oldest first.

Kept apart from alembic, so that opening a database to read it loads no SQLAlchemy. A test compares this
list with the files in `alembic/versions`.
"""

from __future__ import annotations

REVISIONS = ("0001", "0002")
HEAD = REVISIONS[-1]
VERSION_TABLE = "storysync_version"
