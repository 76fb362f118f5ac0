"""PostgreSQL through psycopg 3: URLs, connections, how values are read, and what errors mean."""

from __future__ import annotations

import hashlib
import json
import re
import select
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

try:
    import psycopg
except ImportError as _error:
    from storysync.errors import StoreError as _StoreError

    raise _StoreError(
        "PostgreSQL needs a driver that is not installed", hint="pip install 'storysync[postgres]'"
    ) from _error
from psycopg import errors, sql
from psycopg.adapt import Loader
from psycopg.conninfo import conninfo_to_dict

from storysync.errors import (
    Conflict,
    DatabaseAway,
    DatabaseRefuses,
    ForeignDatabase,
    RowRefused,
    SchemaAhead,
    SchemaBehind,
    StoreError,
    UsageError,
)
from storysync.settings import PostgresSettings
from storysync.state import redacted
from storysync.store.revisions import HEAD, REVISIONS, VERSION_TABLE

Connection = psycopg.Connection[tuple[Any, ...]]
KEEPALIVE_S = 30
"""Idle seconds after which the kernel asks whether the server is still there."""

_HINT = "use postgresql://user@host:5432/database; the password in PGPASSWORD or ~/.pgpass"


def parameters(url: str, settings: PostgresSettings, application: str) -> dict[str, str]:
    """What libpq is asked for. Raises UsageError, which never tells the password."""
    try:
        given = conninfo_to_dict(url)
    except psycopg.Error:
        raise UsageError(f"cannot read the database URL {redacted(url)}", hint=_HINT) from None
    asked: dict[str, Any] = {
        "connect_timeout": settings.connect_timeout_s,
        "application_name": application,
        "keepalives_idle": KEEPALIVE_S,
        "tcp_user_timeout": KEEPALIVE_S * 1000,
        "client_encoding": "UTF8",
    }
    if settings.ssl_mode:
        asked["sslmode"] = settings.ssl_mode
    if settings.ssl_root_cert:
        asked["sslrootcert"] = settings.ssl_root_cert
    return {name: str(value) for name, value in (asked | given).items() if value is not None}


def place_of(url: str, schema: str) -> str:
    """How messages name a database: its URL without password and options, and the schema."""
    told, _, options = redacted(url).replace(":***@", "@").partition("?")
    userinfo, at, rest = told.removeprefix("postgresql://").rpartition("@")
    if rest.startswith("/"):
        rest = dict(parse_qsl(options)).get("host", "") + rest
    return f"postgresql://{userinfo}{at}{rest} (schema {schema})"


def connect(url: str, settings: PostgresSettings, *, read_only: bool) -> Connection:
    """A connection whose names are those of our schema. Raises DatabaseAway, UsageError."""
    told = parameters(url, settings, "storysync reading" if read_only else "storysync")
    try:
        connection = psycopg.connect(**told, autocommit=True)  # type: ignore[arg-type]
    except psycopg.Error as error:
        kind = DatabaseRefuses if refuses(error) else DatabaseAway
        raise kind(f"cannot connect to {place_of(url, settings.schema)}: {_why(error)}") from None
    try:
        _adapt(connection)
        connection.execute(
            "SELECT set_config('search_path', %s, false), set_config('TimeZone', 'UTC', false),"
            " set_config('DateStyle', 'ISO', false), set_config('statement_timeout', %s, false),"
            " set_config('lock_timeout', %s, false), set_config('default_transaction_read_only', %s, false),"
            " set_config('idle_in_transaction_session_timeout', '0', false),"
            " set_config('idle_session_timeout', '0', false),"
            # The server frees the claims of a machine that is gone, so that it can come back.
            " set_config('tcp_keepalives_idle', %s, false), set_config('tcp_keepalives_interval', '10', false),"
            " set_config('tcp_keepalives_count', '3', false)",
            (
                sql.Identifier(settings.schema).as_string(connection),
                str(int(settings.statement_timeout_s * 1000)),
                str(int(settings.lock_timeout_s * 1000)),
                "on" if read_only else "off",
                str(KEEPALIVE_S),
            ),
        )
    except psycopg.Error as error:
        connection.close()
        raise translated(error, place_of(url, settings.schema)) from error
    return connection


# -- values ------------------------------------------------------------------------------------------


class _Instant(Loader):
    """`2026-11-21 07:05:11.5+00`, as the server writes it in UTC -> as `core.instants` does."""

    def load(self, data: Any) -> str:
        text = bytes(data).decode()
        day, _, time = text.partition(" ")
        clock, _, fraction = time.partition("+")[0].partition(".")
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


def _adapt(connection: Connection) -> None:
    for name, loader in (
        ("timestamptz", _Instant), ("date", _AsWritten), ("jsonb", _Json), ("json", _Json),
        ("numeric", _Number),
    ):  # fmt: skip
        connection.adapters.register_loader(name, loader)


_LITERAL = re.compile(r"'(?:[^']|'')*'|\?|%")


@lru_cache(maxsize=1024)
def own_marks(statement: str) -> str:
    """`?` outside of literals becomes the driver's mark for a value."""
    return _LITERAL.sub(
        lambda found: {"?": "%s", "%": "%%"}.get(found[0]) or found[0].replace("%", "%%"), statement
    )


# -- schema ------------------------------------------------------------------------------------------


def lock_key(*words: str) -> int:
    """A number for an advisory lock: 64 bits of a digest, signed."""
    digest = hashlib.sha256("\0".join(("storysync", *words)).encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def migration_key(schema: str) -> int:
    return lock_key("migrate", schema)


def writing_key(schema: str) -> int:
    return lock_key("write", schema)


def revision(connection: Connection, place: str) -> str | None:
    """The revision of our tables, None when there are none. Raises ForeignDatabase for tables of others."""
    row = connection.execute(
        "SELECT to_regclass(%s), (SELECT count(*) FROM pg_class c WHERE c.relnamespace ="
        " to_regnamespace(quote_ident(n.name)) AND c.relkind IN ('r', 'p', 'v', 'm', 'f'))"
        " FROM (SELECT (current_schemas(false))[1] AS name) n",
        (VERSION_TABLE,),
    ).fetchone()
    assert row is not None
    if row[0] is None:
        if row[1]:
            raise ForeignDatabase(
                f"{place} holds tables of another program; they were left untouched",
                hint="choose another schema with the setting `postgres.schema`",
            )
        return None
    found = connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()
    return str(found[0]) if found else None


def require_head(connection: Connection, place: str) -> None:
    """Raise SchemaBehind or SchemaAhead unless the schema is the one that this program writes."""
    found = revision(connection, place)
    if found == HEAD:
        return
    if found is not None and found not in REVISIONS:
        raise SchemaAhead(f"the database {place} has revision {found}, newer than this storysync ({HEAD})")
    raise SchemaBehind(f"the database {place} has revision {found or 'none'}, this storysync needs {HEAD}")


def create_schema(connection: Connection, schema: str) -> None:
    """Make the schema itself, when there is none; its tables are made by the migrations."""
    name = sql.Identifier(schema)
    row = connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,)).fetchone()
    if row is None:
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(name))


# -- errors ------------------------------------------------------------------------------------------

_REFUSED = (errors.IntegrityError, errors.DataError)
_WRONGLY_ASKED = {"42", "22", "25", "2B", "21", "0A"}
"""Classes of SQLSTATE that a statement is to blame for."""


def first_line(error: BaseException) -> str:
    """What the server said, without the lines that point into the statement."""
    primary = getattr(getattr(error, "diag", None), "message_primary", None)
    return str(primary or error).strip().split("\n")[0]


_PASSING = ("starting up", "shutting down", "not yet accepting", "recovery mode", "too many", "remaining")
"""Words of a refusal that ends by itself."""


def refuses(error: BaseException) -> bool:
    """Whether a server answered that it does not let us in, and will not as long as nobody changes it."""
    told = str(error)
    return "FATAL:" in told and not any(words in told for words in _PASSING)


def _why(error: BaseException) -> str:
    """The line of a failed connection that says why."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return next((line for line in lines if "FATAL:" in line), lines[0])


def is_lost(connection: Connection) -> bool:
    """Whether the server has ended an idle connection, as far as this side was told; asks nobody."""
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if not poll.poll(0):
        return False
    try:
        connection.pgconn.consume_input()
    except psycopg.OperationalError:
        return True
    return connection.closed


def is_gone(error: BaseException) -> bool:
    """Whether the connection is lost, whatever was asked."""
    state = getattr(error, "sqlstate", None)
    if isinstance(error, errors.OperationalError | errors.InterfaceError) and state is None:
        return True
    return state is not None and (state[:2] in ("08", "57") and state != "57014")


def blames_statement(error: BaseException) -> bool:
    state = getattr(error, "sqlstate", None)
    return isinstance(error, psycopg.Error) and state is not None and state[:2] in _WRONGLY_ASKED


def translated(error: psycopg.Error, place: str) -> StoreError:
    """The same in our words."""
    told = first_line(error)
    if isinstance(error, errors.SerializationFailure | errors.DeadlockDetected):
        return Conflict(f"the transaction met another one in {place}: {told}")
    if isinstance(error, errors.LockNotAvailable):
        return StoreError(
            f"another writer of {place} took longer than `postgres.lock_timeout_s`", hint="try again"
        )
    if isinstance(error, errors.QueryCanceled):
        return StoreError(f"a statement took longer than `postgres.statement_timeout_s` in {place}")
    if is_gone(error):
        return DatabaseAway(f"the connection to {place} is lost: {told}")
    if isinstance(error, errors.ReadOnlySqlTransaction):
        return StoreError(
            f"{place} takes no writes now: {told}", hint="is it a standby, or are transactions read-only there?"
        )
    if isinstance(error, _REFUSED):
        return RowRefused(told)
    if isinstance(error, errors.InsufficientPrivilege):
        return StoreError(
            f"this user may not do that in {place}: {told}", hint="see docs/docker.md for roles"
        )
    return StoreError(f"cannot use the database {place}: {told}")


def plain(row: Mapping[str, Any] | tuple[Any, ...] | None) -> Any:
    """The one value of a row."""
    return None if row is None else next(iter(row.values() if isinstance(row, Mapping) else row))
