"""Databases made beside the one of a URL: for a backup on trial, and for one that is looked at."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from urllib.parse import quote

import psycopg
from psycopg import errors, sql

from storysync.errors import StoreError, UsageError
from storysync.settings import PostgresSettings
from storysync.store.engines import postgres

_NAME = re.compile("[a-z_][a-z0-9_]{0,62}", re.ASCII)
_TRIAL = "storysync_trial_"
_CLOCK = "to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISS')"
"""The server's, since its databases do not say how old they are."""
_LEFT = f"""
SELECT datname FROM pg_database d
WHERE datname ~ '^{_TRIAL}[0-9]{{14}}_[0-9a-f]{{8}}$'
  AND datdba = (SELECT oid FROM pg_roles WHERE rolname = current_user)
  AND substr(datname, {len(_TRIAL) + 1}, 14) < {_CLOCK.replace("now()", "(now() - interval '1 hour')")}
  AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datid = d.oid)
"""
_LIKE_OURS = """
SELECT pg_encoding_to_char(encoding), datcollate, datctype, to_jsonb(d) ->> 'datlocprovider',
       coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale')
FROM pg_database d WHERE datname = current_database()
"""
_PROVIDERS = {"i": ("icu", "ICU_LOCALE"), "b": ("builtin", "BUILTIN_LOCALE"), "c": ("libc", "")}


def with_database(url: str, name: str) -> str:
    """The URL of another database of the same server."""
    before, _, options = url.partition("?")
    scheme, _, rest = before.partition("://")
    kept = "&".join(one for one in options.split("&") if one and not one.startswith("dbname="))
    return f"{scheme}://{rest.partition('/')[0]}/{quote(name, safe='')}{'?' if kept else ''}{kept}"


@contextmanager
def trial_database(url: str, settings: PostgresSettings) -> Iterator[str]:
    """The URL of an empty database, which is dropped at the end of the block.

    Those that killed attempts of this role have left more than an hour ago are dropped first. Raises
    StoreError, saying which right is missing.
    """
    with _connected(url, settings) as connection:
        for (name,) in connection.execute(_LEFT).fetchall():
            with suppress(errors.ObjectInUse, errors.InvalidCatalogName):  # somebody looks, or was faster
                connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
        stamp = postgres.plain(connection.execute(f"SELECT {_CLOCK}").fetchone())
        name = f"{_TRIAL}{stamp}_{secrets.token_hex(4)}"
        _create(connection, name)
    try:
        yield with_database(url, name)
    finally:
        drop(url, settings, name)


def made_database(url: str, settings: PostgresSettings, name: str) -> str:
    """The URL of a new empty database of that name. Raises UsageError when there is one, StoreError."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of a database",
            hint="a backup of PostgreSQL is restored beside as a database: use a-z, 0-9 and _",
        )
    with _connected(url, settings) as connection:
        try:
            _create(connection, name)
        except errors.DuplicateDatabase:
            raise UsageError(
                f"there is a database {name} already", hint="choose another name; nothing is overwritten"
            ) from None
    return with_database(url, name)


def drop(url: str, settings: PostgresSettings, name: str) -> None:
    """Drop it with whoever is in it. One that cannot be dropped now, the next trial drops."""
    with suppress(StoreError), _connected(url, settings) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _create(connection: postgres.Connection, name: str) -> None:
    """With the encoding and the locale of the database that we are in."""
    row = connection.execute(_LIKE_OURS).fetchone()
    assert row is not None
    encoding, collate, ctype, provider, locale = row
    given = {"ENCODING": encoding, "LC_COLLATE": collate, "LC_CTYPE": ctype}
    if provider in _PROVIDERS:  # servers before 15 have one
        given["LOCALE_PROVIDER"], parameter = _PROVIDERS[provider]
        given |= {parameter: locale} if parameter and locale else {}
    parts = [sql.SQL(f"{key} {{}}").format(sql.Literal(value)) for key, value in given.items()]
    command = sql.SQL("CREATE DATABASE {} TEMPLATE template0 {}")
    try:
        connection.execute(command.format(sql.Identifier(name), sql.SQL(" ").join(parts)))
    except errors.InsufficientPrivilege as error:
        user, why = connection.info.user, postgres.first_line(error)
        raise StoreError(
            f"this user may not make the database that a backup is restored into: {why}",
            hint=f"ALTER ROLE {user} CREATEDB, or name a database of a user who may with the setting"
            " `backup.scratch_url`",
        ) from error


@contextmanager
def _connected(url: str, settings: PostgresSettings) -> Iterator[postgres.Connection]:
    with closing(postgres.connect(url, settings, read_only=False)) as connection:
        try:
            yield connection
        except psycopg.Error as error:
            raise postgres.translated(error, postgres.place_of(url, settings.schema)) from error
