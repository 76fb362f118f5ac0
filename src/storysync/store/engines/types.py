"""Column types whose storage differs between databases."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

UTC_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"
"""27 characters, so that text order is time order; SQLite's date functions read it."""


class UtcTime(TypeDecorator[datetime]):
    """An instant in UTC: `timestamptz`, or text in `UTC_FORMAT` where the database has no such type."""

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.String(27))
        return dialect.type_descriptor(sa.DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).strftime(UTC_FORMAT)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if isinstance(value, str):
            return datetime.strptime(value, UTC_FORMAT).replace(tzinfo=UTC)
        return value if isinstance(value, datetime) else None
