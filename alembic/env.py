"""How migrations run: one transaction, on SQLite with foreign keys off and checked before the commit.

`storysync db upgrade` passes an engine; with alembic's own command a URL comes from `-x url=...` or
DATABASE_URL. The recipe, and what fails without each part of it, is in alembic/README.
"""

from __future__ import annotations

import os
from pathlib import Path

import sqlalchemy as sa
from alembic import context
from sqlalchemy import event

from storysync import faults
from storysync.state import absolute_url
from storysync.store import tables
from storysync.store.database import database_at
from storysync.store.revisions import VERSION_TABLE

APPLICATION_ID = 0x53544F52


def made_engine() -> sa.Engine:
    """The engine that the program gives us, else one of the URL that alembic's own command was given."""
    given = context.config.attributes.get("engine")
    if given is not None:
        return given
    url = context.get_x_argument(as_dictionary=True).get("url") or os.environ.get("DATABASE_URL")
    if not url:
        raise SystemExit("no database: use `storysync db upgrade --database URL`, or alembic -x url=URL")
    return database_at(absolute_url(url, Path.cwd())).sqlalchemy_engine()


def prepare_sqlite(engine: sa.Engine) -> None:
    """Let us, not the driver, begin transactions, so that DDL is inside them."""

    @event.listens_for(engine, "connect")
    def on_connect(connection, record):
        connection.isolation_level = None
        connection.execute("PRAGMA busy_timeout = 30000")
        connection.execute("PRAGMA foreign_keys = OFF")

    @event.listens_for(engine, "begin")
    def on_begin(connection):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def finish_sqlite(connection: sa.Connection) -> None:
    connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if broken:
        raise RuntimeError(f"the migration would break {len(broken)} foreign keys, the first in {broken[0]}")


def prepare_postgresql(engine: sa.Engine) -> None:
    """One transaction for all, which waits for every other process that migrates or writes this schema."""
    from storysync.store.engines import postgres

    @event.listens_for(engine, "connect")
    def on_connect(connection, record):
        connection.autocommit = False

    @event.listens_for(engine, "begin")
    def on_begin(connection):
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")  # making an index can take minutes
        schema = connection.exec_driver_sql("SELECT current_schema()").scalar_one()
        for key in (postgres.migration_key(schema), postgres.writing_key(schema)):
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (key,))


def ours(name, kind, parents):
    """Autogenerate looks at our tables only: no views, no search shadow tables, no partitions."""
    return kind != "table" or name in tables.METADATA.tables


def of_this_database(thing, name, kind, reflected, compare_to):
    """Autogenerate leaves out what the tables do not say: an index of one engine alone."""
    return not (kind == "index" and reflected and name in tables.INDEXES_OF_ONE_ENGINE)


def render(kind, value, autogen_context):
    """Migrations name no class of the program, which may change after them."""
    if kind == "type" and value.__class__.__name__ == "UtcTime":
        return 'sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")'
    return False


def print_sql() -> None:
    """What would be run, for those whose administrator runs it. It asks no database."""
    database = context.config.attributes.get("database")
    if database is None:
        raise SystemExit("no database: use `storysync db history --sql --database URL`")
    on_sqlite = database.url.startswith("sqlite:")
    context.configure(
        dialect_name="sqlite" if on_sqlite else "postgresql",
        dialect_opts={} if on_sqlite else {"paramstyle": "named"},  # no driver: a percent sign stays one
        literal_binds=True,
        target_metadata=tables.METADATA,
        version_table=VERSION_TABLE,
        render_as_batch=on_sqlite,
        transactional_ddl=True,
        transaction_per_migration=False,
    )
    told = context.get_context().impl.static_output
    told("PRAGMA foreign_keys = OFF;" if on_sqlite else postgresql_place(database.settings.schema))
    with context.begin_transaction():
        if not on_sqlite:
            told(postgresql_locks(database.settings.schema))
        context.run_migrations()
        if on_sqlite:
            told(f"PRAGMA application_id = {APPLICATION_ID};")


def postgresql_place(schema: str) -> str:
    name = '"' + schema.replace('"', '""') + '"'
    return f"CREATE SCHEMA IF NOT EXISTS {name};\n\nSET search_path = {name};"


def postgresql_locks(schema: str) -> str:
    from storysync.store.engines import postgres

    keys = (postgres.migration_key(schema), postgres.writing_key(schema))
    return "\n\n".join(f"SELECT pg_advisory_xact_lock({key});" for key in keys)


def run() -> None:
    engine = made_engine()
    on_sqlite = engine.dialect.name == "sqlite"
    (prepare_sqlite if on_sqlite else prepare_postgresql)(engine)
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=tables.METADATA,
            version_table=VERSION_TABLE,
            render_as_batch=on_sqlite,
            transactional_ddl=True,
            transaction_per_migration=False,
            include_name=ours,
            include_object=of_this_database,
            render_item=render,
            compare_server_default=on_sqlite,  # the other engine writes defaults in words of its own
        )
        with context.begin_transaction():
            faults.point("migrate.after-begin")
            context.run_migrations()
            if on_sqlite:
                finish_sqlite(connection)
            faults.point("migrate.before-commit")
        faults.point("migrate.after-commit")
    engine.dispose()


if context.is_offline_mode():
    print_sql()
else:
    run()
