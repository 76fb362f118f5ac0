"""How migrations run: one transaction, with foreign keys off and checked before the commit.

`storysync db upgrade` passes the URL; with alembic's own command it comes from `-x url=...` or
DATABASE_URL. The recipe, and what fails without each part of it, is in alembic/README.
"""

from __future__ import annotations

import os

import sqlalchemy as sa
from alembic import context
from sqlalchemy import event, pool

from storysync.store import tables
from storysync.store.revisions import VERSION_TABLE

APPLICATION_ID = 0x53544F52


def database_url() -> str:
    url = (
        context.config.attributes.get("url")
        or context.get_x_argument(as_dictionary=True).get("url")
        or os.environ.get("DATABASE_URL")
    )
    if not url:
        raise SystemExit("no database: use `storysync db upgrade --database URL`, or alembic -x url=URL")
    return str(url)


def prepare(engine: sa.Engine) -> None:
    """Let us, not the driver, begin transactions, so that DDL is inside them."""

    @event.listens_for(engine, "connect")
    def on_connect(connection, record):
        connection.isolation_level = None
        connection.execute("PRAGMA busy_timeout = 30000")
        connection.execute("PRAGMA foreign_keys = OFF")

    @event.listens_for(engine, "begin")
    def on_begin(connection):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def check_foreign_keys(connection: sa.Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if broken:
        raise RuntimeError(f"the migration would break {len(broken)} foreign keys, the first in {broken[0]}")


def ours(name, kind, parents):
    """Autogenerate looks at our tables only: no views, no search shadow tables."""
    return kind != "table" or name in tables.METADATA.tables


def render(kind, value, autogen_context):
    """Migrations name no class of the program, which may change after them."""
    if kind == "type" and value.__class__.__name__ == "UtcTime":
        return 'sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")'
    return False


def run() -> None:
    engine = sa.create_engine(database_url(), poolclass=pool.NullPool, hide_parameters=True)
    prepare(engine)
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=tables.METADATA,
            version_table=VERSION_TABLE,
            render_as_batch=True,
            transactional_ddl=True,
            transaction_per_migration=False,
            include_name=ours,
            render_item=render,
            compare_server_default=True,
        )
        with context.begin_transaction():
            context.run_migrations()
            connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
            check_foreign_keys(connection)
    engine.dispose()


run()
