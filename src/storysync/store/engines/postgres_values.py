"""How values of PostgreSQL are read: as `store.tx` says they are, and what it does not name as text."""

from __future__ import annotations

import json
from typing import Any

import psycopg
from psycopg.adapt import AdaptersMap, Loader


class _Instant(Loader):
    """`2026-11-21 07:05:11.5+00`, as the server writes it in UTC -> as `core.instants` does."""

    def load(self, data: Any) -> str:
        text = bytes(data).decode()
        day, _, time = text.partition(" ")
        if time[-3:] != "+00":  # `infinity`, or before Christ
            return text
        clock, _, fraction = time[:-3].partition(".")
        return f"{day}T{clock}.{fraction:0<6}Z"


class _AsWritten(Loader):
    def load(self, data: Any) -> str:
        return bytes(data).decode()


class _Json(Loader):
    """Canonical text: sorted keys, no blanks, as it was written."""

    def load(self, data: Any) -> str:
        value = json.loads(bytes(data))
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


class _Number(Loader):
    """`numeric`, which sums and averages are: whole ones are int."""

    def load(self, data: Any) -> int | float:
        text = bytes(data).decode()
        return int(text) if text.lstrip("-").isdigit() else float(text)


_OWN: dict[str, Any] = {"timestamptz": _Instant, "jsonb": _Json, "json": _Json, "numeric": _Number}
_OF_THE_DRIVER = frozenset(
    {"bool", "int2", "int4", "int8", "oid", "float4", "float8", "text", "varchar", "bpchar", "name", '"char"',
     "bytea", "unknown"}
)  # fmt: skip


def _adapters() -> AdaptersMap:
    made = AdaptersMap(psycopg.adapters)
    for kind in psycopg.adapters.types:
        if kind.name not in _OF_THE_DRIVER:
            made.register_loader(kind.oid, _OWN.get(kind.name, _AsWritten))
        if kind.array_oid:
            made.register_loader(kind.array_oid, _AsWritten)
    return made


ADAPTERS = _adapters()
"""What a connection begins with; each makes a copy."""
