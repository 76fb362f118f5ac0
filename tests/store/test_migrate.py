from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory

from storysync.errors import ForeignDatabase, SchemaAhead, StoreError, UsageError
from storysync.settings import SqliteSettings
from storysync.store import migrate, tables
from storysync.store.engines import sqlite
from storysync.store.revisions import HEAD, REVISIONS
from storysync.store.store import Store
from support import pages

VIEWS = {
    "v_stories", "v_edges", "v_ready", "v_blocked", "v_problems", "v_status_history", "v_criteria_progress",
}  # fmt: skip


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def names(path: Path, kind: str) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        sql = "SELECT name FROM sqlite_master WHERE type = ? AND name NOT LIKE 'sqlite_%'"
        return {row[0] for row in connection.execute(sql, (kind,))}


def test_upgrading_makes_every_table_and_view(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    migrate.upgrade(url_of(path))
    assert names(path, "table") == {*tables.METADATA.tables, "storysync_version"}
    assert names(path, "view") == VIEWS
    assert migrate.current(url_of(path)) == HEAD
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA application_id").fetchone()[0] == tables.APPLICATION_ID


def test_down_and_up_again_with_data(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    migrate.upgrade(url_of(path))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO projects (id, name) VALUES ('demo', 'Demo')")
    migrate.downgrade(url_of(path), "base")
    assert names(path, "table") == {"storysync_version"}
    assert names(path, "view") == set()
    migrate.upgrade(url_of(path))
    assert names(path, "view") == VIEWS


def test_tables_and_migrations_are_the_same_schema(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    migrate.upgrade(url_of(path))
    command.check(migrate._config(url_of(path)))


def test_the_list_of_revisions_is_that_of_the_files() -> None:
    scripts = ScriptDirectory(str(migrate.scripts_folder()))
    assert tuple(reversed([script.revision for script in scripts.walk_revisions()])) == REVISIONS
    assert [revision for revision, _ in migrate.history()] == list(REVISIONS)


def test_a_failing_migration_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"PRAGMA application_id = {tables.APPLICATION_ID}")
        connection.execute("CREATE TABLE stories (uid INTEGER)")
    with pytest.raises(StoreError, match="nothing was changed"):
        migrate.upgrade(url_of(path))
    assert names(path, "table") == {"stories"}


def test_processes_that_start_at_once_all_go_on(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    code = f"from storysync.store import migrate; migrate.upgrade({url_of(path)!r})"
    running = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(4)]
    errors = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0] * 4, errors
    assert migrate.current(url_of(path)) == HEAD


def test_a_foreign_database_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE theirs (x)")
    before = path.read_bytes()
    with pytest.raises(ForeignDatabase):
        migrate.upgrade(url_of(path))
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_text("dear diary, " * 100)
    with pytest.raises(ForeignDatabase):
        migrate.upgrade(url_of(path))
    assert path.read_text() == "dear diary, " * 100


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    migrate.upgrade(url_of(path))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE storysync_version SET version_num = '9999'")
    with pytest.raises(SchemaAhead, match="9999"):
        migrate.upgrade(url_of(path))


def test_an_unknown_revision_is_a_usage_error(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with pytest.raises(UsageError, match="nonsense"):
        migrate.upgrade(url_of(path), "nonsense")


def test_alembic_itself_can_be_used_from_the_checkout(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "alembic", "-x", f"url={url_of(path)}", "upgrade", "head"],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert migrate.current(url_of(path)) == HEAD


def test_foreign_keys_are_whole_after_a_migration(tmp_path: Path) -> None:
    migrate.upgrade(url_of(tmp_path / "a.db"))
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert SqliteSettings().timeout > 0


def test_the_script_of_the_schema_is_what_the_migrations_make() -> None:
    assert sqlite.schema_script() == pages.schema_script(), "run `make docs`"


def test_a_database_of_the_script_equals_one_of_the_migrations(tmp_path: Path) -> None:
    migrate.upgrade(url_of(tmp_path / "migrated.db"))
    Store.open(url_of(tmp_path / "script.db"), SqliteSettings()).close()
    with Store.scratch(SqliteSettings()) as scratch, scratch.snapshot() as tx:
        described = [describe(tmp_path / name) for name in ("migrated.db", "script.db")]
        in_scratch = set(tx.rows(_MASTER)), tx.rows("SELECT version_num FROM storysync_version")
    assert described[0] == described[1]
    assert described[0][:2] == in_scratch
    assert described[0][1:] == ([(HEAD,)], (tables.APPLICATION_ID,), (0,))
    migrate.upgrade(url_of(tmp_path / "script.db"))  # nothing to do
    command.check(migrate._config(url_of(tmp_path / "script.db")))


_MASTER = "SELECT type, name, tbl_name, sql FROM sqlite_master"


def describe(path: Path) -> tuple[set[tuple[str, ...]], list[tuple[str]], tuple[int], tuple[int]]:
    """(all of sqlite_master, revisions, application_id, user_version)."""
    with closing(sqlite3.connect(path)) as database:
        return (
            set(database.execute(_MASTER)),
            database.execute("SELECT version_num FROM storysync_version").fetchall(),
            database.execute("PRAGMA application_id").fetchone(),
            database.execute("PRAGMA user_version").fetchone(),
        )


def test_a_new_database_is_made_without_alembic_and_without_another_process(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys\nsubprocess.Popen = None\n"
        "from storysync.settings import SqliteSettings\nfrom storysync.store.store import Store\n"
        f"Store.open({url_of(tmp_path / 'a.db')!r}, SqliteSettings()).close()\n"
        "assert not {'alembic', 'sqlalchemy'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert migrate.current(url_of(tmp_path / "a.db")) == HEAD


def test_openers_that_meet_a_new_database_at_once_all_go_on(tmp_path: Path) -> None:
    code = (
        "from storysync.settings import SqliteSettings\nfrom storysync.store.store import Store\n"
        f"Store.open({url_of(tmp_path / 'a.db')!r}, SqliteSettings()).close()\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(6)]
    errors = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0] * 6, errors


def test_a_schema_that_cannot_be_made_whole_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "broken.sql"
    script.write_text("CREATE TABLE one (x)\n;\nCREATE TABLE one (x)\n;\n")
    monkeypatch.setattr(sqlite, "SCHEMA_FILE", script)
    with pytest.raises(StoreError, match="already exists"):
        Store.open(url_of(tmp_path / "a.db"), SqliteSettings())
    assert names(tmp_path / "a.db", "table") == set()


def test_a_database_that_is_made_while_it_is_looked_at_is_ours(tmp_path: Path) -> None:
    class Slow(sqlite3.Connection):
        """Another process makes the schema after the first question."""

        def execute(self, *arguments):  # type: ignore[no-untyped-def]
            answer = super().execute(*arguments).fetchall()
            if not (tmp_path / "made").exists():
                (tmp_path / "made").touch()
                Store.open(url_of(tmp_path / "a.db"), SqliteSettings()).close()
            return Answer(answer)

    (tmp_path / "a.db").touch()
    with closing(sqlite3.connect(tmp_path / "a.db", factory=Slow)) as connection:
        sqlite.refuse_foreign(connection, tmp_path / "a.db")
    assert migrate.current(url_of(tmp_path / "a.db")) == HEAD


class Answer:
    """The rows of a statement that is over."""

    def __init__(self, rows: list[tuple[object, ...]]) -> None:
        self.rows = rows

    def fetchone(self) -> tuple[object, ...]:
        return self.rows[0]
