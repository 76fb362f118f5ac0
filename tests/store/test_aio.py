"""A service on asyncio: sessions that see one state, a start that never raises, health without secrets."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import Coroutine, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlmodel import select

from storysync.app import App
from storysync.errors import ForeignDatabase, SettingsError, StoreError, UsageError
from storysync.settings import PostgresSettings, SqliteSettings
from storysync.store import aio
from storysync.store.aio import AsyncDatabase
from storysync.store.database import Engines, database_at
from storysync.store.tables import Project, StoryRow
from support import postgres


def run(work: Coroutine[Any, Any, None]) -> None:
    """Within a time limit, so that a lost connection fails a test and does not hang it."""
    asyncio.run(asyncio.wait_for(work, 60))


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each engine; its file does not exist yet."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'stories.db'}"
    return str(request.getfixturevalue("postgres_url")).replace("postgresql:", "postgresql+asyncpg:")


@pytest.fixture
def engines(tmp_path: Path) -> Engines:
    """A pool of one connection, so that a test sees who keeps it."""
    return Engines(
        postgres=PostgresSettings(pool_size=1, pool_overflow=0, pool_timeout_s=0.2), state_dir=tmp_path
    )


@pytest.fixture(autouse=True)
def nothing_stays_open() -> Iterator[None]:
    yield
    asyncio.run(aio.close_db())


def project(name: str) -> Project:
    return Project(id=name, name=name, metadata_={}, settings={})


def test_start_creates_the_schema_and_sessions_write_and_roll_back(url: str, engines: Engines) -> None:
    async def work() -> None:
        assert await aio.init_db(url, engines=engines) == aio.Prepared("ready")
        async for db in aio.get_db():
            db.add(project("kept"))
            await db.commit()
            db.add(project("forgotten"))
            await db.flush()
        async for db in aio.get_db():
            assert (await db.exec(select(Project.id))).all() == ["kept"]
        health = await aio.check_db_health()
        assert (health.state, health.reason, health.foreign_keys) == ("ok", "", True)
        assert health.revision and health.latency_ms > 0
        assert health.journal_mode == ("wal" if url.startswith("sqlite") else None)

    run(work())
    with database_at(aio.absolute_url(url, Path.cwd()), engines).reader() as reader:
        assert reader is not None


def test_objects_stay_readable_after_commit(url: str, engines: Engines) -> None:
    async def work() -> None:
        await aio.init_db(url, engines=engines)
        async for db in aio.get_db():
            made = project("demo")
            db.add(made)
            await db.commit()
            assert made.name == "demo"

    run(work())


def test_read_only_reads_what_a_sync_wrote_and_cannot_write(
    url: str, engines: Engines, write_story: Any, stories: Path
) -> None:
    write_story("A-1.md", id="A-1", title="One", status="todo", created="2026-01-02T03:04:05Z")
    plain = aio.absolute_url(url, stories)
    app = App.load(stories, os.environ, flags={"database.url": plain})
    app.sync(app.projects([str(stories)]))

    async def work() -> None:
        database = AsyncDatabase(url, engines=engines, read_only=True)
        assert await database.prepare() == aio.Prepared("ready")
        async with database.session() as db:
            story = (await db.exec(select(StoryRow))).one()
            assert (story.id, story.title, story.status, story.metadata_) == ("A-1", "One", "todo", {})
            assert story.synced_at.utcoffset() == timedelta(0)
        async with database.session() as db:
            db.add(project("mine"))
            with pytest.raises(sa.exc.DBAPIError, match=r"read-?only"):
                await db.commit()
        assert (await database.health()).state == "ok"
        await database.close()

    run(work())


def test_transaction_sees_one_state_while_another_commits(url: str, engines: Engines) -> None:
    async def work() -> None:
        writing = AsyncDatabase(url, engines=engines)
        assert (await writing.prepare()).state == "ready"
        reading = AsyncDatabase(url, engines=engines, read_only=True)
        async with reading.session() as reader:
            assert (await reader.exec(select(Project.id))).all() == []
            async with writing.session() as writer:
                writer.add(project("new"))
                await writer.commit()
            assert (await reader.exec(select(Project.id))).all() == []
        async with reading.session() as reader:
            assert (await reader.exec(select(Project.id))).all() == ["new"]
        await reading.close()
        await writing.close()

    run(work())


def test_exhausted_pool_says_its_size_and_the_wait(url: str, engines: Engines) -> None:
    async def work() -> None:
        database = AsyncDatabase(url, engines=engines)
        assert (await database.prepare()).state == "ready"
        async with database.session() as holder:
            await holder.exec(select(Project.id))
            async with database.session() as waiting:
                with pytest.raises(
                    StoreError, match=r"^all 1 connections of the pool were in use for 0.2 s$"
                ):
                    await waiting.exec(select(Project.id))
            health = await database.health()
            assert health.state == "failed" and "all 1 connections" in health.reason
        assert (await database.health()).state == "ok"
        await database.close()

    run(work())


def test_health_names_a_schema_that_is_behind(url: str, engines: Engines) -> None:
    async def work() -> None:
        database = AsyncDatabase(url, engines=engines)
        assert (await database.prepare()).state == "ready"
        async with database.session() as db:
            await (await db.connection()).execute(
                sa.text("UPDATE storysync_version SET version_num = '9999'")
            )
            await db.commit()
        health = await database.health()
        assert health.state == "degraded" and "has schema 9999" in health.reason
        prepared = await database.prepare()
        assert prepared.state == "degraded" and "newer than this storysync" in prepared.reason
        await database.close()

    run(work())


def test_every_pooled_sqlite_connection_has_the_pragmas(tmp_path: Path) -> None:
    engines = Engines(sqlite=SqliteSettings(timeout=1.5))

    async def work() -> None:
        database = AsyncDatabase(f"sqlite:///{tmp_path / 'stories.db'}", engines=engines)
        assert (await database.prepare()).state == "ready"
        connections = [await database.engine.connect() for _ in range(3)]
        for connection in connections:
            found = [
                (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one()
                for name in ("journal_mode", "synchronous", "cache_size", "foreign_keys", "busy_timeout")
            ]
            assert found == ["wal", 1, -65536, 1, 1500]
            await connection.close()
        await database.close()

    run(work())


def test_every_pooled_postgres_connection_has_schema_and_limits(postgres_url: str, tmp_path: Path) -> None:
    settings = PostgresSettings(schema="select", statement_timeout_s=0.3, lock_timeout_s=7)

    async def work() -> None:
        database = AsyncDatabase(postgres_url, engines=Engines(postgres=settings, state_dir=tmp_path))
        assert (await database.prepare()).state == "ready"
        async with database.engine.connect() as connection:
            shown = [
                (await connection.exec_driver_sql(f"SHOW {name}")).scalar_one()
                for name in ("search_path", "statement_timeout", "lock_timeout", "TimeZone")
            ]
            assert shown == ['"select"', "300ms", "7s", "UTC"]
            with pytest.raises(sa.exc.DBAPIError, match="statement timeout"):
                await connection.exec_driver_sql("SELECT pg_sleep(5)")
        await database.close()

    run(work())


def test_service_outlives_a_restart_of_the_server(
    postgres_server: postgres.Cluster, postgres_url: str, engines: Engines
) -> None:
    async def work() -> None:
        database = AsyncDatabase(postgres_url, engines=engines)
        assert (await database.prepare()).state == "ready"
        assert (await database.health()).state == "ok"
        postgres_server.stop()
        try:
            health = await database.health()
            assert health.state == "failed" and "cannot connect to postgresql://postgres@" in health.reason
            assert (await database.prepare()).state == "degraded"
        finally:
            postgres_server.start()
        assert (await database.health()).state == "ok"
        await database.close()

    run(work())


def test_password_is_in_no_message(engines: Engines) -> None:
    async def work() -> None:
        prepared = await aio.init_db("postgresql://ada:s3cret@127.0.0.1:1/stories", engines=engines)
        health = await aio.check_db_health()
        assert prepared.state == "degraded" and health.state == "failed"
        for told in (prepared.reason, health.reason):
            assert "127.0.0.1:1/stories" in told and "s3cret" not in told and "\n" not in told

    run(work())


def test_database_of_another_program_is_left_untouched(tmp_path: Path, engines: Engines) -> None:
    path = tmp_path / "metadata.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE songs (title)")
    before = path.read_bytes()

    async def work() -> None:
        for read_only in (False, True):
            prepared = await aio.init_db(f"sqlite:///{path}", engines=engines, read_only=read_only)
            assert prepared.state == "degraded" and "database of another program" in prepared.reason
            with pytest.raises(ForeignDatabase):
                async for db in aio.get_db():
                    await db.exec(select(Project.id))

    run(work())
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["metadata.db"]


def test_schema_of_another_program_is_left_untouched(postgres_url: str, engines: Engines) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE SCHEMA storysync")
        connection.execute("CREATE TABLE storysync.songs (title text)")

    async def work() -> None:
        prepared = await aio.init_db(postgres_url, engines=engines)
        assert prepared.state == "degraded" and "tables of another program" in prepared.reason
        assert (await aio.check_db_health()).state == "degraded"

    run(work())
    with psycopg.connect(postgres_url) as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'storysync'::regnamespace"
        )
        assert tables.fetchall() == [("songs",)]


def test_read_only_creates_nothing(tmp_path: Path, engines: Engines) -> None:
    async def work() -> None:
        prepared = await aio.init_db(f"sqlite:///{tmp_path / 'none.db'}", engines=engines, read_only=True)
        assert prepared.state == "degraded" and "there is no database" in prepared.reason
        assert (await aio.check_db_health()).state == "failed"

    run(work())
    assert list(tmp_path.iterdir()) == []


def test_degraded_service_recovers_when_the_database_comes(tmp_path: Path, engines: Engines) -> None:
    url = f"sqlite:///{tmp_path / 'late.db'}"

    async def work() -> None:
        assert (await aio.init_db(url, engines=engines, read_only=True)).state == "degraded"
        await asyncio.to_thread(lambda: database_at(url, engines).open().close())
        assert (await aio.check_db_health()).state == "ok"

    run(work())


def test_damaged_file_is_told_in_one_line(tmp_path: Path, engines: Engines) -> None:
    path = tmp_path / "stories.db"
    path.write_bytes(b"not a database at all" * 100)

    async def work() -> None:
        prepared = await aio.init_db(f"sqlite:///{path}", engines=engines)
        health = await aio.check_db_health()
        assert (prepared.state, health.state) == ("degraded", "failed")
        assert "is not a SQLite database" in prepared.reason and "is not a SQLite database" in health.reason

    run(work())


@pytest.mark.parametrize("url", ["sqlite+aiosqlite:///:memory:", "mysql://ada:s3cret@db/stories"])
def test_impossible_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="cannot use the database URL") as refused:
        AsyncDatabase(url)
    assert "s3cret" not in str(refused.value)


def test_settings_name_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", "sqlite+aiosqlite:///./data/metadata.db")
    run(_ready())
    assert (tmp_path / "data" / "metadata.db").is_file()
    (tmp_path / "storysync.toml").write_text("[sqlite]\ntimeout = 'soon'\n")
    with pytest.raises(SettingsError, match="timeout"):
        run(_ready())


async def _ready() -> None:
    assert (await aio.init_db()).state == "ready"
    await aio.close_db()


def test_nothing_opened_is_said() -> None:
    async def work() -> None:
        assert (await aio.check_db_health()).state == "failed"
        with pytest.raises(UsageError, match="no database was opened"):
            await anext(aio.get_db())

    run(work())


@pytest.mark.parametrize(
    ("missing", "told"),
    [("greenlet", "storysync[aio]"), ("aiosqlite", "storysync[aio]"), ("psycopg", "storysync[postgres]")],
)
def test_missing_driver_is_named_with_its_extra(missing: str, told: str) -> None:
    url = "postgresql://ada@db/stories" if missing == "psycopg" else "sqlite:///stories.db"
    code = (
        "import sys, importlib.util as u\n"
        f"sys.modules[{missing!r}] = None\n"
        "find = u.find_spec\n"
        f"u.find_spec = lambda name, *rest: None if name == {missing!r} else find(name, *rest)\n"
        "from storysync.errors import StoreError\n"
        "try:\n"
        "    from storysync.store.aio import AsyncDatabase\n"
        f"    AsyncDatabase({url!r})\n"
        "except StoreError as error:\n"
        "    print(error.hint)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert told in done.stdout, done.stderr


def test_forgotten_pool_does_not_hold_up_the_process(tmp_path: Path) -> None:
    code = (
        "import asyncio, os, sys\n"
        "from storysync.store import aio\n"
        "async def work():\n"
        "    await aio.init_db('sqlite:///' + sys.argv[1])\n"
        "    print((await aio.check_db_health()).state)\n"
        "asyncio.run(work())\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "stories.db")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.stdout == "ok\n"
