"""PostgreSQL through psycopg 3: URLs, connections, and what errors mean."""

from __future__ import annotations

import hashlib
import re
import select
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec

try:
    import psycopg
except ImportError as _error:
    from storysync.errors import StoreError as _StoreError

    raise _StoreError(
        "PostgreSQL needs a driver that is not installed", hint="pip install 'storysync[postgres]'"
    ) from _error
from psycopg import errors, sql
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
from storysync.store.engines.postgres_values import ADAPTERS
from storysync.store.revisions import HEAD, REVISIONS, VERSION_TABLE

Connection = psycopg.Connection[tuple[Any, ...]]
_SCHEMA = re.compile("[a-z_][a-z0-9_]{0,62}", re.ASCII)
KEEPALIVE_S = 30
"""Idle seconds after which the kernel asks whether the server is still there."""

_HINT = "use postgresql://user@host:5432/database; the password in PGPASSWORD or ~/.pgpass"


def parameters(url: str, settings: PostgresSettings, application: str) -> dict[str, str]:
    """What libpq is asked for. Raises UsageError, which never tells the password."""
    try:
        given = conninfo_to_dict(url)
    except psycopg.Error:
        raise UsageError(f"cannot read the database URL {redacted(url)}", hint=_HINT) from None
    if "@" in str(given.get("host", "")):  # the end of a password, which the driver would tell
        raise UsageError(
            f"cannot read the database URL {redacted(url)}", hint="write `@` in a password as %40"
        )
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


def split_schema(url: str) -> tuple[str, str | None]:
    """(the URL without its parameter `schema`, which only we understand; its value)."""
    before, _, options = url.partition("?")
    pairs = options.split("&") if options else []
    kept = "&".join(pair for pair in pairs if not pair.startswith("schema="))
    named = [unquote(pair.removeprefix("schema=")) for pair in pairs if pair.startswith("schema=")]
    return f"{before}?{kept}" if kept else before, named[-1] if named else None


def in_schema(settings: PostgresSettings, schema: str | None) -> PostgresSettings:
    """The settings with the schema that a URL names. Raises UsageError for what can be no schema of ours."""
    if schema is None:
        return settings
    if not _SCHEMA.fullmatch(schema):
        raise UsageError(
            f"{schema!r} in the database URL cannot be the name of a schema",
            hint="use up to 63 of a-z, 0-9 and _, beginning with a letter",
        )
    return msgspec.structs.replace(settings, schema=schema)


_ASIDE = re.compile(r".+_aside_\d{8}t\w+", re.ASCII)


def aside_suffix(stamp: str) -> str:
    """What follows the name of a schema that is set aside. `stamp`: when, as 20261121T101502Z."""
    return f"_aside_{re.sub('[^a-z0-9]', '_', stamp.lower())}"


def is_aside(schema: str) -> bool:
    """Whether a schema was set aside, so that it is nobody's database any more."""
    return _ASIDE.fullmatch(schema) is not None


def with_schema(url: str, schema: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}schema={schema}"


def place_of(url: str, schema: str) -> str:
    """How messages name a database: its URL without password and options, and the schema."""
    told, _, options = redacted(url).replace(":***@", "@").partition("?")
    userinfo, at, rest = told.removeprefix("postgresql://").rpartition("@")
    if rest.startswith("/"):
        rest = dict(parse_qsl(options)).get("host", "") + rest
    return f"postgresql://{userinfo}{at}{rest} (schema {schema})"


def connect(url: str, settings: PostgresSettings, *, read_only: bool, as_text: bool = True) -> Connection:
    """A connection whose names are those of our schema. Raises DatabaseAway, UsageError.

    `as_text`: instants, days and JSON are read as `store.tx` has them; SQLAlchemy wants the driver's own.
    """
    told = parameters(url, settings, "storysync reading" if read_only else "storysync")
    try:
        connection = psycopg.connect(
            **told,  # type: ignore[arg-type]
            autocommit=True,
            context=ADAPTERS if as_text else None,
        )
    except psycopg.Error as error:
        kind = DatabaseRefuses if refuses(error) else DatabaseAway
        raise kind(f"cannot connect to {place_of(url, settings.schema)}: {_why(error)}") from None
    try:
        connection.execute(
            "SELECT set_config('search_path', %s, false), set_config('TimeZone', 'UTC', false),"
            " set_config('DateStyle', 'ISO', false), set_config('statement_timeout', %s, false),"
            " set_config('lock_timeout', %s, false), set_config('default_transaction_read_only', %s, false),"
            " set_config('idle_in_transaction_session_timeout', '0', false),"
            " set_config('idle_session_timeout', '0', false),"
            # The server frees the claims of a machine that is gone, so that it can come back.
            " set_config('tcp_keepalives_idle', %s, false), set_config('tcp_keepalives_count', '3', false),"
            " set_config('tcp_keepalives_interval', '10', false)",
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


def holder(connection: Connection, key: int) -> str:
    """Who holds an advisory lock, as far as the server tells this user."""
    row = connection.execute(
        "SELECT a.pid, coalesce(host(a.client_addr), 'this machine') FROM pg_locks l"
        " JOIN pg_stat_activity a ON a.pid = l.pid WHERE l.locktype = 'advisory' AND l.objsubid = 1"
        " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND l.classid = %s AND l.objid = %s AND l.granted",
        ((key >> 32) & 0xFFFFFFFF, key & 0xFFFFFFFF),
    ).fetchone()
    return f"another storysync (server process {row[0]}, from {row[1]})" if row else "another storysync"


def is_there(connection: Connection, place: str) -> bool:
    """Whether there is a database of ours, be it of no revision. Raises ForeignDatabase."""
    if revision(connection, place) is not None:
        return True
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (VERSION_TABLE,)).fetchone()
    return bool(plain(row))


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
        # Of two sessions that make it at once, `IF NOT EXISTS` lets one fail at the index of names.
        with suppress(errors.UniqueViolation, errors.DuplicateSchema):
            connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(name))


# -- errors ------------------------------------------------------------------------------------------

_REFUSED = (errors.IntegrityError, errors.DataError)
_WRONGLY_ASKED = {"0A", "21", "22", "25", "2B", "38", "39", "42", "54", "P0"}
"""Classes of SQLSTATE that a statement is to blame for."""
_WRONG_MARKS = "08P01"
"""The state of a statement that asks for values that were not given."""


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
    return state is not None and state[:2] in ("08", "57") and state not in ("57014", _WRONG_MARKS)


def blames_statement(error: BaseException) -> bool:
    state = getattr(error, "sqlstate", None)
    return isinstance(error, psycopg.Error) and (state == _WRONG_MARKS or str(state)[:2] in _WRONGLY_ASKED)


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
            f"{place} takes no writes now: {told}",
            hint="is it a standby, or are transactions read-only there?",
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
