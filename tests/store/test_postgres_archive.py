"""Backups of PostgreSQL: dumped from one snapshot, tried in a scratch database, put in place at once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec
import psycopg
import pytest
from psycopg import sql

from storysync.cli.main import main
from storysync.errors import ForeignDatabase, Locked, StoreError, UsageError
from storysync.settings import BackupSettings, PostgresSettings
from storysync.store import migrate
from storysync.store.archive import Archive, BackupDamaged, Facts, differences, facts_in
from storysync.store.database import Database, Engines, database_at
from storysync.store.engines import postgres_scratch
from storysync.store.engines.postgres_archive import PostgresArchive
from storysync.store.engines.postgres_database import PostgresDatabase
from storysync.store.stores import databases_at
from support import postgres

PATIENCE_S = 30.0
STAMP = "20261121T101502Z"
ASIDE = "storysync_aside_20261121t101502z"
PROGRAMS = BackupSettings(pg_bin=str(postgres.newest_programs()))


class Template(NamedTuple):
    """A database of three stories, one of which has changed its status; to be copied."""

    name: str
    root: Path
    dump: bytes
    facts: Facts


@pytest.fixture(scope="module")
def template(
    postgres_server: postgres.Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Template]:
    folder = tmp_path_factory.mktemp("template")
    root = folder / "demo"
    root.mkdir()
    url = postgres_server.create_database()
    three_stories(root, "todo")
    synced(root, url)
    three_stories(root)
    synced(root, url)
    file, facts = dump(database_at(url, Engines(state_dir=folder)).archive(PROGRAMS), folder)
    yield Template(name_of(url), root, file.read_bytes(), facts)
    postgres_server.drop_database(url)


@pytest.fixture
def stories(template: Template) -> Path:
    """The root that the database knows, as it was when it was dumped."""
    for file in template.root.iterdir():
        file.unlink()
    three_stories(template.root)
    return template.root


@pytest.fixture
def database(
    template: Template, stories: Path, postgres_server: postgres.Cluster, tmp_path: Path
) -> Iterator[Database]:
    """A copy."""
    name = f"{template.name}_copy"
    with closing(psycopg.connect(postgres_server.url(), autocommit=True)) as connection:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template.name)))
    yield database_at(postgres_server.url(name), Engines(state_dir=tmp_path))
    postgres_server.drop_database(name)


def three_stories(root: Path, second: str = "in progress") -> None:
    for number, status in ((1, "done"), (2, second), (3, "todo")):
        write(root, number, status)


def write(stories: Path, number: int, status: str) -> None:
    text = f"---\nid: A-{number}\ntitle: Story {number}\nstatus: {status}\n---\n\nText.\n"
    (stories / f"A-{number}.md").write_text(text, encoding="utf-8")


def synced(stories: Path, url: str) -> None:
    assert main(["sync", str(stories), "--database", url]) == 0


@pytest.fixture
def archive(database: Database) -> Archive:
    return database.archive(PROGRAMS)


@pytest.fixture
def dumped(template: Template, tmp_path: Path) -> tuple[Path, Facts]:
    file = tmp_path / "dumped.dump"
    file.touch(0o600)
    file.write_bytes(template.dump)
    return file, template.facts


def dump(archive: Archive, folder: Path) -> tuple[Path, Facts]:
    file = folder / "made.dump"
    file.touch(0o600)
    return file, archive.dump(file).facts


def facts_now(database: Database) -> Facts:
    with database.read_any() as tx:
        return facts_in(tx)


def name_of(url: str) -> str:
    return url.partition("@/")[2].partition("?")[0]


def ask(url: str, statement: str) -> list[tuple[object, ...]]:
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def schemas(url: str) -> list[str]:
    rows = ask(url, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'storysync%' ORDER BY 1")
    return [str(name) for (name,) in rows]


def trials(cluster: postgres.Cluster) -> list[str]:
    return cluster.psql("SELECT datname FROM pg_database WHERE datname ~ '^storysync_trial_'").split()


# -- dump and trial ----------------------------------------------------------------------------------


def test_what_is_restored_on_trial_is_the_very_state_that_was_dumped(
    database: Database, archive: Archive, tmp_path: Path, postgres_server: postgres.Cluster
) -> None:
    stop = threading.Event()

    def change() -> None:
        with closing(psycopg.connect(database.url, autocommit=True)) as connection:
            while not stop.is_set():
                connection.execute("UPDATE storysync.stories SET title = title || '.'")

    writer = threading.Thread(target=change)
    writer.start()
    try:
        file, facts = dump(archive, tmp_path)
    finally:
        stop.set()
        writer.join()
    told: list[tuple[int, int]] = []
    with archive.restored(file, tmp_path, lambda done, total: told.append((done, total))) as tx:
        assert list(differences(facts, facts_in(tx))) == []
        assert len(trials(postgres_server)) == 1
    assert trials(postgres_server) == []
    assert told and all(0 < done <= total == file.stat().st_size for done, total in told)
    assert facts.rows["stories"] == 3
    assert list(differences(facts, facts_now(database)))  # the writer has gone on


def test_trial_cannot_be_written(archive: Archive, dumped: tuple[Path, Facts], tmp_path: Path) -> None:
    refused = pytest.raises(StoreError, match="cannot execute DELETE in a read-only transaction")
    with refused, archive.restored(dumped[0], tmp_path) as tx:
        tx.execute("DELETE FROM stories")


def test_version_and_needed_space_are_told(archive: Archive, tmp_path: Path) -> None:
    file = tmp_path / "made.dump"
    file.touch(0o600)
    assert archive.dump(file).version.startswith("PostgreSQL 18.")
    assert archive.needed_bytes() >= file.stat().st_size > 0
    assert file.stat().st_mode & 0o777 == 0o600


def test_older_revision_is_dumped_and_tried(postgres_url: str, tmp_path: Path) -> None:
    database = database_at(postgres_url, Engines(state_dir=tmp_path))
    migrate.upgrade(database, "0001")
    archive = database.archive(PROGRAMS)
    file, facts = dump(archive, tmp_path)
    assert facts.schema_version == "0001" and "jobs" not in facts.rows
    with archive.restored(file, tmp_path) as tx:
        assert list(differences(facts, facts_in(tx))) == []


def test_missing_database_is_no_backup(postgres_url: str, tmp_path: Path) -> None:
    archive = database_at(postgres_url).archive(PROGRAMS)
    with pytest.raises(StoreError, match="there is no database at"):
        dump(archive, tmp_path)


def test_truncated_file_is_damaged(
    archive: Archive, dumped: tuple[Path, Facts], tmp_path: Path, postgres_server: postgres.Cluster
) -> None:
    content = dumped[0].read_bytes()
    cut = tmp_path / "cut.dump"
    for size in (0, 3, 1000, len(content) // 2, len(content) * 9 // 10, len(content) - 1):
        cut.write_bytes(content[:size])
        with pytest.raises(BackupDamaged), archive.restored(cut, tmp_path):
            raise AssertionError(f"{size} of {len(content)} bytes were restored")
    assert trials(postgres_server) == []


def test_flipped_byte_is_damage_or_changes_nothing(
    archive: Archive, dumped: tuple[Path, Facts], tmp_path: Path
) -> None:
    content, dice, refused = dumped[0].read_bytes(), random.Random(7), 0
    flipped = tmp_path / "flipped.dump"
    for _ in range(8):
        place = dice.randrange(len(content))
        flipped.write_bytes(content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :])
        try:
            with archive.restored(flipped, tmp_path) as tx:
                refused += bool(list(differences(dumped[1], facts_in(tx))))
        except StoreError:
            refused += 1
    assert refused >= 2


@pytest.mark.parametrize("content", [b"", b"-- a script\nSELECT 1;\n", b"SQLite format 3\0" * 100])
def test_other_files_are_no_backup(archive: Archive, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "other.dump"
    file.write_bytes(content)
    with pytest.raises(BackupDamaged, match="the backup cannot be read: pg_restore: "):
        archive.restored(file, tmp_path).__enter__()


def test_trials_of_killed_attempts_are_dropped_when_they_are_old(
    archive: Archive, dumped: tuple[Path, Facts], tmp_path: Path, postgres_server: postgres.Cluster
) -> None:
    old, recent = "storysync_trial_20200101000000_0123abcd", "storysync_trial_29990101000000_0123abcd"
    looked_at, others = "storysync_trial_20200101000000_aaaaaaaa", "storysync_trial_of_somebody"
    made = [old, recent, looked_at, others]
    urls = [postgres_server.create_database(name) for name in made]
    try:
        with closing(psycopg.connect(urls[2])), archive.restored(dumped[0], tmp_path):
            pass
        assert sorted(trials(postgres_server)) == sorted([recent, looked_at, others])
    finally:
        for name in made:
            postgres_server.drop_database(name)


def test_trial_has_the_locale_of_the_database(
    postgres_server: postgres.Cluster, tmp_path: Path, stories: Path
) -> None:
    name = "with_builtin_locale"
    postgres_server.psql(
        f"CREATE DATABASE {name} TEMPLATE template0 LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"
    )
    try:
        write(stories, 1, "todo")
        synced(stories, postgres_server.url(name))
        archive = database_at(postgres_server.url(name)).archive(PROGRAMS)
        file, _ = dump(archive, tmp_path)
        with archive.restored(file, tmp_path) as tx:
            found = (
                "SELECT datlocprovider::text, datlocale FROM pg_database WHERE datname = current_database()"
            )
            assert tx.row(found) == ("b", "C.UTF-8")
    finally:
        postgres_server.drop_database(name)


@pytest.fixture
def role(postgres_server: postgres.Cluster) -> Iterator[str]:
    """A role that may make no databases."""
    postgres_server.psql("CREATE ROLE makes_none LOGIN")
    yield "makes_none"
    for name in postgres_server.psql("SELECT datname FROM pg_database WHERE datallowconn").split():
        postgres_server.psql("DROP OWNED BY makes_none", name)
    postgres_server.psql("DROP ROLE makes_none")


def test_missing_right_is_named_with_its_remedy(
    database: Database, dumped: tuple[Path, Facts], role: str, tmp_path: Path
) -> None:
    archive = database_at(database.url.replace("postgres@", f"{role}@")).archive(PROGRAMS)
    with pytest.raises(StoreError, match="permission denied to create database") as refused:
        archive.restored(dumped[0], tmp_path).__enter__()
    assert "ALTER ROLE makes_none CREATEDB" in refused.value.hint
    assert "backup.scratch_url" in refused.value.hint


def test_trial_is_made_where_the_setting_says(
    database: Database,
    dumped: tuple[Path, Facts],
    role: str,
    tmp_path: Path,
    postgres_server: postgres.Cluster,
) -> None:
    settings = msgspec.structs.replace(PROGRAMS, scratch_url=postgres_server.url())
    archive = database_at(database.url.replace("postgres@", f"{role}@")).archive(settings)
    with archive.restored(dumped[0], tmp_path) as tx:
        assert list(differences(dumped[1], facts_in(tx))) == []
    sqlite = msgspec.structs.replace(PROGRAMS, scratch_url="sqlite:////tmp/x.db")
    with pytest.raises(UsageError, match=r"backup\.scratch_url"):
        database.archive(sqlite).restored(dumped[0], tmp_path).__enter__()


@pytest.mark.parametrize(
    ("url", "other"),
    [
        ("postgresql://u:p%2F@h:1,i:2/d?sslmode=require", "postgresql://u:p%2F@h:1,i:2/n?sslmode=require"),
        ("postgresql://h?dbname=d&host=/run", "postgresql://h/n?host=/run"),
        ("postgresql:///d", "postgresql:///n"),
    ],
)
def test_url_of_another_database_differs_in_its_name_only(url: str, other: str) -> None:
    assert postgres_scratch.with_database(url, "n") == other


# -- putting in place --------------------------------------------------------------------------------


def test_replaced_database_is_the_backup_and_goes_on(
    database: Database, archive: Archive, dumped: tuple[Path, Facts], stories: Path
) -> None:
    file, facts = dumped
    write(stories, 4, "todo")
    write(stories, 1, "todo")
    synced(stories, database.url)
    later = facts_now(database)
    place = archive.replace(file, STAMP)
    assert place.endswith(f"(schema {ASIDE})")
    assert list(differences(facts, facts_now(database))) == []
    aside = database_at(f"{database.url}&schema={ASIDE}")
    assert list(differences(later, facts_now(aside))) == []
    highest = "SELECT max(uid) FROM storysync.identities"
    before = ask(database.url, highest)[0][0]
    synced(stories, database.url)
    assert main(["verify", "--database", database.url]) == 0
    assert ask(database.url, highest)[0][0] == int(str(before)) + 1
    shape = (
        "SELECT (SELECT count(*) FROM pg_inherits WHERE inhparent = '{0}.status_history'::regclass),"
        " (SELECT count(*) FROM pg_constraint WHERE connamespace = '{0}'::regnamespace),"
        " (SELECT count(*) FROM pg_indexes WHERE schemaname = '{0}'),"
        " (SELECT count(*) FROM pg_views WHERE schemaname = '{0}')"
    )
    assert ask(database.url, shape.format("storysync")) == ask(database.url, shape.format(ASIDE))


def test_rows_that_a_sync_adds_to_history_come_after_those_restored(
    database: Database, archive: Archive, dumped: tuple[Path, Facts], stories: Path
) -> None:
    """Every counter goes on where it was, those of partitioned tables too."""
    archive.replace(dumped[0], STAMP)
    with database.open() as store, store.writing() as tx:
        last = tx.last_numbers()
        assert last["identities"] == 3 and last["changes"] >= 4
        assert tx.new_uids(1) == [4]
    write(stories, 3, "done")
    synced(stories, database.url)
    numbers = ask(database.url, "SELECT seq FROM storysync.changes ORDER BY seq")
    assert int(str(numbers[-1][0])) > last["changes"]


def test_two_restores_in_one_second_set_both_aside(
    database: Database, archive: Archive, dumped: tuple[Path, Facts]
) -> None:
    archive.replace(dumped[0], STAMP)
    assert archive.replace(dumped[0], STAMP).endswith(f"(schema {ASIDE}_2)")
    assert schemas(database.url) == ["storysync", ASIDE, f"{ASIDE}_2"]


def test_damaged_file_changes_nothing(
    database: Database, archive: Archive, dumped: tuple[Path, Facts]
) -> None:
    file, facts = dumped
    file.write_bytes(file.read_bytes()[:-500])
    with pytest.raises(BackupDamaged):
        archive.replace(file, STAMP)
    assert schemas(database.url) == ["storysync"]
    assert list(differences(facts, facts_now(database))) == []


def test_damaged_and_missing_schemas_are_no_obstacle(
    database: Database, archive: Archive, dumped: tuple[Path, Facts]
) -> None:
    file, facts = dumped
    ask(database.url, "DROP TABLE storysync.storysync_version; DROP TABLE storysync.projects CASCADE")
    assert archive.replace(file, STAMP).endswith(f"(schema {ASIDE})")
    assert list(differences(facts, facts_now(database))) == []
    ask(database.url, "DROP SCHEMA storysync CASCADE")
    assert archive.replace(file, STAMP) == ""
    assert list(differences(facts, facts_now(database))) == []


def test_tables_of_another_program_are_left(
    database: Database, archive: Archive, dumped: tuple[Path, Facts]
) -> None:
    ask(database.url, "DROP SCHEMA storysync CASCADE; CREATE SCHEMA storysync; CREATE TABLE storysync.x ()")
    with pytest.raises(ForeignDatabase):
        archive.replace(dumped[0], STAMP)
    assert ask(database.url, "SELECT to_regclass('storysync.x') IS NOT NULL") == [(True,)]


def test_dump_of_a_schema_without_our_tables_replaces_nothing(
    database: Database, archive: Archive, tmp_path: Path, postgres_server: postgres.Cluster
) -> None:
    other, file = postgres_server.create_database(), tmp_path / "other.dump"
    ask(other, "CREATE SCHEMA storysync; CREATE TABLE storysync.notes (text text)")
    command = [postgres_server.programs / "pg_dump", "-Fc", "-n", "storysync", "-f", file, other]
    subprocess.run(command, check=True)
    before = facts_now(database)
    with pytest.raises(BackupDamaged, match="holds no tables of storysync"):
        archive.replace(file, STAMP)
    assert list(differences(before, facts_now(database))) == []
    postgres_server.drop_database(other)


def test_backup_of_another_schema_is_refused(
    database: Database, dumped: tuple[Path, Facts], tmp_path: Path
) -> None:
    other = database_at(f"{database.url}&schema=storysync_other").archive(PROGRAMS)
    with pytest.raises(StoreError, match="holds the schema storysync, not storysync_other"):
        other.replace(dumped[0], STAMP)
    assert schemas(database.url) == ["storysync"]


def test_who_syncs_one_of_its_projects_keeps_it(
    database: Database, archive: Archive, dumped: tuple[Path, Facts]
) -> None:
    with database.open() as store:
        store.claim(["demo"])
        with pytest.raises(Locked, match=r"another storysync \(server process \d+.* writes project demo"):
            archive.replace(dumped[0], STAMP)
    assert archive.replace(dumped[0], STAMP)


def test_who_keeps_reading_is_named_and_nothing_is_changed(
    database: Database, dumped: tuple[Path, Facts]
) -> None:
    hasty = database_at(database.url, Engines(postgres=PostgresSettings(lock_timeout_s=0.5)))
    with closing(psycopg.connect(database.url, application_name="a dashboard")) as reader:
        reader.execute("SELECT count(*) FROM storysync.v_stories")
        with pytest.raises(
            StoreError, match=r"a dashboard \(server process \d+\) reads .* does not end"
        ) as told:
            hasty.archive(PROGRAMS).replace(dumped[0], STAMP)
        assert f"pg_terminate_backend({reader.info.backend_pid})" in told.value.hint
    assert schemas(database.url) == ["storysync"]
    assert hasty.archive(PROGRAMS).replace(dumped[0], STAMP)


def test_readers_see_all_of_the_old_or_all_of_the_new(
    database: Database, archive: Archive, dumped: tuple[Path, Facts], stories: Path
) -> None:
    for number in range(1, 9):
        write(stories, number, "done")
    synced(stories, database.url)
    seen: set[tuple[object, ...]] = set()
    stop, failures = threading.Event(), list[Exception]()

    def look() -> None:
        try:
            with database.reader() as reader:
                while not stop.is_set():
                    with reader.snapshot():
                        counts = [
                            reader.columns_and_rows(f"SELECT count(*) FROM {table}")[1][0][0]
                            for table in ("stories", "identities", "v_stories", "files")
                        ]
                    seen.add(tuple(counts))
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    readers = [threading.Thread(target=look) for _ in range(3)]
    for reader in readers:
        reader.start()
    await_true(lambda: bool(seen) or bool(failures))
    archive.replace(dumped[0], STAMP)
    await_true(lambda: len(seen) > 1 or bool(failures))
    stop.set()
    for reader in readers:
        reader.join()
    assert failures == []
    assert seen == {(8, 8, 8, 8), (3, 3, 3, 3)}


def test_snapshot_that_is_older_than_the_restore_sees_the_restored_rows(
    database: Database, archive: Archive, dumped: tuple[Path, Facts]
) -> None:
    """Its transaction had not touched a table yet, so that nothing made the restore wait for it."""
    with closing(psycopg.connect(database.url, autocommit=True)) as reader:
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT 1 FROM pg_class LIMIT 1")
        archive.replace(dumped[0], STAMP)
        assert reader.execute("SELECT count(*) FROM storysync.stories").fetchone() == (3,)


@pytest.mark.parametrize(("point", "restored"), [("before-swap", False), ("after-swap", True)])
def test_restore_that_is_killed_is_made_whole_or_not_at_all(
    database: Database,
    archive: Archive,
    dumped: tuple[Path, Facts],
    stories: Path,
    point: str,
    restored: bool,
) -> None:
    write(stories, 4, "todo")
    synced(stories, database.url)
    later = facts_now(database)
    code = (
        "import sys; from pathlib import Path; from storysync.settings import BackupSettings;"
        "from storysync.store.database import database_at;"
        "archive = database_at(sys.argv[1]).archive(BackupSettings(pg_bin=sys.argv[2]));"
        f"archive.replace(Path(sys.argv[3]), {STAMP!r})"
    )
    environment = {**os.environ, "STORYSYNC_TESTING": "faults", "STORYSYNC_FAULTS": f"restore.{point}=kill"}
    command = [sys.executable, "-c", code, database.url, str(PROGRAMS.pg_bin), str(dumped[0])]
    assert subprocess.run(command, env=environment).returncode == -signal.SIGKILL
    assert list(differences(dumped[1] if restored else later, facts_now(database))) == []
    assert schemas(database.url) == (["storysync", ASIDE] if restored else ["storysync"])
    await_true(lambda: clients(database.url) == 1)  # the server has noticed, and given the locks back
    archive.replace(dumped[0], "20261122T000000Z")
    assert list(differences(dumped[1], facts_now(database))) == []


def clients(url: str) -> object:
    """How many are connected, who asks this included."""
    found = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    return ask(url, f"{found} AND backend_type = 'client backend'")[0][0]


def await_true(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# -- rights ------------------------------------------------------------------------------------------

GRANTS = """
GRANT USAGE ON SCHEMA storysync TO makes_none;
GRANT SELECT ON ALL TABLES IN SCHEMA storysync TO makes_none;
REVOKE SELECT ON storysync.backups FROM makes_none;
GRANT SELECT (id, state) ON storysync.backups TO makes_none;
GRANT USAGE ON SEQUENCE storysync.syncs_id_seq TO makes_none WITH GRANT OPTION;
GRANT SELECT ON storysync.v_ready TO PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA storysync GRANT SELECT ON TABLES TO makes_none;
"""
RIGHTS = """
SELECT c.relname, c.relacl::text,
       array_agg(a.attacl::text ORDER BY a.attnum) FILTER (WHERE a.attacl IS NOT NULL)
FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'storysync'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S')
GROUP BY 1, 2
UNION ALL SELECT nspname, nspacl::text, NULL FROM pg_namespace WHERE nspname = 'storysync'
UNION ALL SELECT 'default', defaclacl::text, NULL FROM pg_default_acl
WHERE defaclnamespace = 'storysync'::regnamespace ORDER BY 1
"""


def test_rights_given_since_the_backup_hold_for_what_is_restored(
    database: Database, archive: Archive, dumped: tuple[Path, Facts], role: str
) -> None:
    ask(database.url, GRANTS)
    before = ask(database.url, RIGHTS)
    archive.replace(dumped[0], STAMP)
    assert ask(database.url, RIGHTS) == before
    reader = database.url.replace("postgres@", f"{role}@")
    assert main(["list", "--database", reader]) == 0
    assert ask(reader, "SELECT id, state FROM storysync.backups") == []


def test_without_a_schema_rights_are_those_of_the_backup_for_roles_that_are_there(
    database: Database, archive: Archive, role: str, tmp_path: Path, postgres_server: postgres.Cluster
) -> None:
    ask(database.url, GRANTS + "CREATE ROLE gone; GRANT SELECT ON ALL TABLES IN SCHEMA storysync TO gone")
    file, _ = dump(archive, tmp_path)
    ask(database.url, "DROP SCHEMA storysync CASCADE; DROP ROLE gone")
    assert archive.replace(file, STAMP) == ""
    reader = database.url.replace("postgres@", f"{role}@")
    assert main(["list", "--database", reader]) == 0
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ask(reader, "SELECT * FROM storysync.backups")


def test_superuser_restores_for_the_owner(
    database: Database, archive: Archive, dumped: tuple[Path, Facts], role: str
) -> None:
    owned = (
        "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relnamespace = 'storysync'::regnamespace"
    )
    ask(database.url, f"ALTER SCHEMA storysync OWNER TO {role}")
    for (table,) in ask(
        database.url,
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'storysync'::regnamespace"
        " AND relkind IN ('r', 'p', 'v')",
    ):
        statement = sql.SQL("ALTER TABLE {} OWNER TO {}").format(
            sql.Identifier("storysync", str(table)), sql.Identifier(role)
        )
        ask(database.url, statement.as_string())
    ask(
        database.url,
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {role} IN SCHEMA storysync GRANT SELECT ON TABLES TO PUBLIC",
    )
    archive.replace(dumped[0], STAMP)
    assert ask(database.url, owned) == [(role,)]
    found = ask(database.url, "SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'storysync'")
    assert found == [(role,)]


# -- beside ------------------------------------------------------------------------------------------


def test_extracted_beside_it_is_a_database_of_its_own(
    database: Database, dumped: tuple[Path, Facts], postgres_server: postgres.Cluster
) -> None:
    with_password = database.url.replace("postgres@", "postgres:secret@")
    archive = database_at(with_password).archive(PROGRAMS)
    url = archive.extract(dumped[0], "looked_at")
    try:
        assert "secret" not in url and "/looked_at?" in url
        assert list(differences(dumped[1], facts_now(database_at(url)))) == []
        with pytest.raises(UsageError, match="there is a database looked_at already"):
            archive.extract(dumped[0], "looked_at")
        assert list(differences(dumped[1], facts_now(database_at(url)))) == []
    finally:
        postgres_server.drop_database("looked_at")


def test_nothing_is_left_of_a_damaged_file_extracted(
    archive: Archive, dumped: tuple[Path, Facts], postgres_server: postgres.Cluster
) -> None:
    dumped[0].write_bytes(dumped[0].read_bytes()[:-500])
    with pytest.raises(BackupDamaged):
        archive.extract(dumped[0], "half")
    assert postgres_server.psql("SELECT count(*) FROM pg_database WHERE datname = 'half'") == "0"


@pytest.mark.parametrize("target", ["./copy.db", "/tmp/copy.db", "A b", ""])
def test_target_that_is_no_name_is_refused(archive: Archive, dumped: tuple[Path, Facts], target: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a database"):
        archive.extract(dumped[0], target)


# -- a schema for each project -----------------------------------------------------------------------


def test_project_is_dumped_and_replaced_alone(postgres_url: str, tmp_path: Path) -> None:
    url = f"{postgres_url}&schema=storysync_{{project}}"
    for project in ("velo", "app"):
        (tmp_path / project).mkdir()
        write(tmp_path / project, 1, "todo")
        synced(tmp_path / project, url)
    databases = databases_at(url, Engines(state_dir=tmp_path))
    velo, app = databases.of("velo"), databases.of("app")
    file, facts = dump(velo.archive(PROGRAMS), tmp_path)
    write(tmp_path / "velo", 2, "todo")
    synced(tmp_path / "velo", url)
    untouched = facts_now(app)
    velo.archive(PROGRAMS).replace(file, STAMP)
    assert list(differences(facts, facts_now(velo))) == []
    assert list(differences(untouched, facts_now(app))) == []
    assert set(databases.known()) == {"app", "velo"}
    assert schemas(postgres_url) == ["storysync_app", "storysync_velo", f"storysync_velo{ASIDE[9:]}"]
    with velo.archive(PROGRAMS).restored(file, tmp_path) as tx:
        assert tx.rows("SELECT id FROM projects") == [("velo",)]


# -- another server ----------------------------------------------------------------------------------


def test_older_server_with_newer_programs(
    older_postgres_server: postgres.Cluster, stories: Path, tmp_path: Path
) -> None:
    url = older_postgres_server.create_database()
    try:
        write(stories, 1, "todo")
        synced(stories, url)
        database = database_at(url, Engines(state_dir=tmp_path))
        archive = database.archive(PROGRAMS)
        file, facts = dump(archive, tmp_path)
        with archive.restored(file, tmp_path) as tx:
            assert list(differences(facts, facts_in(tx))) == []
        write(stories, 1, "done")
        synced(stories, url)
        assert archive.replace(file, STAMP).endswith(f"(schema {ASIDE})")
        assert list(differences(facts, facts_now(database))) == []
        synced(stories, url)
        assert main(["verify", "--database", url]) == 0
    finally:
        older_postgres_server.drop_database(url)


def test_programs_older_than_the_server_are_refused(database: Database, tmp_path: Path) -> None:
    older = database.archive(BackupSettings(pg_bin=str(postgres.older_programs())))
    with pytest.raises(StoreError, match=r"has version 1\d\S*, older than the server, PostgreSQL 18") as told:
        dump(older, tmp_path)
    assert "backup.pg_bin" in told.value.hint


# -- children and secrets ----------------------------------------------------------------------------


@pytest.fixture
def with_password(database: Database, postgres_server: postgres.Cluster) -> Iterator[str]:
    """The URL for a superuser whom the server asks for a password."""
    rules = postgres_server.home / "data" / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text(f"local all has_password scram-sha-256\n{before}")
    secret = "s3cr:t\\ x"
    ask(
        database.url, f"CREATE ROLE has_password SUPERUSER LOGIN PASSWORD '{secret}'; SELECT pg_reload_conf()"
    )
    await_true(lambda: refuses(database.url.replace("postgres@", "has_password@")))
    yield database.url.replace("postgres@", "has_password:s3cr%3At%5C%20x@")
    rules.write_text(before)
    ask(database.url, "DROP ROLE has_password; SELECT pg_reload_conf()")


def refuses(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return True
    return False


def test_password_reaches_the_programs_and_no_list_of_processes(with_password: str, tmp_path: Path) -> None:
    shown: set[bytes] = set()

    def look() -> None:
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if b"pg_dump" in (process / "cmdline").read_bytes():
                    shown.add((process / "cmdline").read_bytes() + (process / "environ").read_bytes())
            except OSError:  # it has ended
                continue

    def until_stopped() -> None:
        while not stop.is_set():
            look()

    archive = database_at(with_password).archive(PROGRAMS)
    stop = threading.Event()
    looking = threading.Thread(target=until_stopped)
    looking.start()
    try:
        file, facts = dump(archive, tmp_path)
    finally:
        stop.set()
        looking.join()
    assert any(b"PGPASSFILE=/proc/self/fd/" in one for one in shown)
    assert not any(b"s3cr" in one for one in shown)
    with archive.restored(file, tmp_path) as tx:
        assert list(differences(facts, facts_in(tx))) == []
    assert "s3cr" not in archive.replace(file, STAMP)


def programs_that(folder: Path, body: str) -> BackupSettings:
    """Programs of the newest version that do something else."""
    for name in ("pg_dump", "pg_restore"):
        program = folder / name
        program.write_text(
            f'#!/bin/sh\n[ "$1" = --version ] && {{ echo "{name} (PostgreSQL) 99.1"; exit; }}\n{body}\n'
        )
        program.chmod(0o755)
    return BackupSettings(pg_bin=str(folder))


def test_password_stands_in_no_message(with_password: str, tmp_path: Path) -> None:
    read = r"cut -d: -f5- $PGPASSFILE | sed 's/\\\(.\)/\1/g'"
    settings = programs_that(tmp_path, f'echo "pg_dump: error: cannot $({read})" >&2; exit 1')
    with pytest.raises(StoreError, match="cannot be dumped: pg_dump: cannot") as told:
        dump(database_at(with_password).archive(settings), tmp_path)
    assert "s3cr" not in str(told.value)


def test_full_disk_is_told_as_the_system_tells_it(database: Database, tmp_path: Path) -> None:
    said = "pg_dump: error: could not write to output file: No space left on device"
    settings = programs_that(tmp_path, f'echo "{said}" >&2; exit 1')
    with pytest.raises(OSError, match="No space left on device"):
        dump(database.archive(settings), tmp_path)


def test_first_line_of_what_the_program_says_is_the_reason(database: Database, tmp_path: Path) -> None:
    settings = programs_that(
        tmp_path, 'echo "pg_dump: warning: x" >&2; echo "pg_dump: error: broken\nmore" >&2; exit 1'
    )
    with pytest.raises(StoreError, match=r"cannot be dumped: pg_dump: broken$"):
        dump(database.archive(settings), tmp_path)


def test_who_is_told_of_progress_may_end_it(database: Database, tmp_path: Path) -> None:
    class Enough(Exception):
        pass

    def enough(done: int, total: int) -> None:
        raise Enough

    archive = database.archive(
        programs_that(tmp_path, "echo $$ > " + str(tmp_path / "pid") + "; exec sleep 600")
    )
    file = tmp_path / "made.dump"
    file.touch()
    with pytest.raises(Enough):
        archive.dump(file, enough)
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()


def test_programs_die_with_us(database: Database, tmp_path: Path) -> None:
    settings = programs_that(tmp_path, f"echo $$ > {tmp_path / 'pid'}; exec sleep 600")
    code = (
        "import sys; from pathlib import Path; from storysync.settings import BackupSettings;"
        "from storysync.store.database import database_at;"
        "database_at(sys.argv[1]).archive(BackupSettings(pg_bin=sys.argv[2])).dump(Path(sys.argv[3]))"
    )
    file = tmp_path / "made.dump"
    file.touch()
    ours = subprocess.Popen([sys.executable, "-c", code, database.url, str(settings.pg_bin), str(file)])
    pid = tmp_path / "pid"
    try:
        await_true(lambda: pid.exists() and pid.read_text().strip() != "")
    finally:
        ours.send_signal(signal.SIGKILL)
        ours.wait()
    child = Path(f"/proc/{pid.read_text().strip()}")
    await_true(lambda: not child.exists() or "\nState:\tZ" in (child / "status").read_text())


def test_statement_timeout_of_the_settings_ends_no_backup(database: Database, tmp_path: Path) -> None:
    hasty = PostgresDatabase(database.url, Engines(postgres=PostgresSettings(statement_timeout_s=0.001)))
    archive = PostgresArchive(hasty, PROGRAMS)
    file, facts = dump(archive, tmp_path)
    with archive.restored(file, tmp_path) as tx:
        assert list(differences(facts, facts_in(tx))) == []
    assert archive.replace(file, STAMP)
