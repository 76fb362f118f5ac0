"""kill -9 at random moments of migrations with rows: the old schema or the new, and no row lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from storysync.app import App
from storysync.jobs.backup_files import backups_in
from storysync.store import migrate
from storysync.store.database import Database
from storysync.store.revisions import HEAD
from support import older, postgres
from support.forms import Form
from support.older import Held

KILLS = int(os.environ.get("STORYSYNC_TEST_KILLS", "10"))
STORIES = 1500
TESTS = Path(__file__).resolve().parents[1]
GENERATE = TESTS.parent / "bench" / "generate.py"
REBUILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import pytest
from support import older
from storysync.store import migrate
from storysync.store.database import Engines, database_at
older.one_more(pytest.MonkeyPatch(), Path(sys.argv[2]))
database = database_at(sys.argv[3], Engines(state_dir=Path(sys.argv[4])))
print("begun", flush=True)
migrate.upgrade(database)
print("done", flush=True)
"""

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, samples: App) -> App:
    """Enough stories that a migration takes a while."""
    folder = tmp_path_factory.mktemp("many")
    command = [sys.executable, str(GENERATE), str(folder / "stories"), str(STORIES)]
    subprocess.run(command, check=True, capture_output=True)
    app = App.load(folder, os.environ, flags={"database.url": f"sqlite:///{folder}/many.db"})
    app.sync(app.projects((str(folder / "stories"),)))
    with older.writing(app.database) as tx:
        tx.execute("INSERT INTO project_members (project_id, member_id) SELECT id, 'ada' FROM projects")
        tx.execute(
            "INSERT INTO project_dependencies (from_project_id, to_project_id, kind, edge_count)"
            " SELECT id, id, 'depends_on', 1 FROM projects"
        )
    return app


@pytest.fixture
def place(form: Form, tmp_path: Path) -> Iterator[Database]:
    database = form.empty(tmp_path)
    yield database
    form.drop(database)


def state(database: Database) -> tuple[str | None, frozenset[str], Held]:
    """Revision, columns of all tables and rows, of one moment."""
    with database.read_any() as tx:
        row = tx.row("SELECT version_num FROM storysync_version")
        columns = frozenset(f"{table}.{one}" for table in tx.tables() for one in tx.columns(table))
        assert tx.row("SELECT count(*) FROM v_stories") == tx.row("SELECT count(*) FROM stories")
        return row[0] if row else None, columns, older.held(tx)


def test_a_migration_that_makes_tables_anew_is_killed(
    form: Form, place: Database, many: App, tmp_path: Path
) -> None:
    """Each kill is of a migration from the newest revision to one that rebuilds three parent tables."""
    dice = _dice()
    migrate.upgrade(place)
    older.fill(place, many)
    _, before, rows = state(place)
    took, after, outcomes = 0.0, before, []
    for number in range(KILLS + 1):
        command = [sys.executable, "-c", REBUILD, str(TESTS), str(tmp_path), place.url]
        process = subprocess.Popen(
            [*command, str(place.engines.state_dir)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None and process.stdout.readline() == "begun\n"
        begun = time.monotonic()
        if number:
            time.sleep(dice.uniform(0, took))
            process.kill()
        told, _ = process.communicate()
        if not number:  # how long it takes, and what it makes
            took = time.monotonic() - begun
            assert told == "done\n"
        revision, columns, found = state(place)
        assert found == rows
        if revision == HEAD:
            assert columns == before
        else:
            assert revision == "9999" and (columns == after or not number)
            after = columns
            with pytest.MonkeyPatch.context() as patch:
                older.one_more(patch, tmp_path)
                migrate.downgrade(place, HEAD)
            assert state(place) == (HEAD, before, rows)
        outcomes.append(revision)
    print(f"{outcomes.count(HEAD)} of {KILLS} kills left the old schema; it takes {took * 1000:.0f} ms")


def test_an_upgrade_with_its_backup_is_killed(form: Form, place: Database, many: App, tmp_path: Path) -> None:
    """Whatever is listed as a backup restores; whenever the schema is new, there is one."""
    dice = _dice()
    rows = older.old(place, many)
    backups = tmp_path / "backups"
    environ = os.environ | {
        "STORYSYNC_STATE_DIR": str(place.engines.state_dir),
        "STORYSYNC_BACKUP__DIRECTORY": str(backups),
        "STORYSYNC_BACKUP__PG_BIN": str(postgres.newest_programs()),
    }
    command = [sys.executable, "-m", "storysync", "db", "upgrade", "--database", place.url]
    took, outcomes = 0.0, []
    for number in range(KILLS + 1):
        begun = time.monotonic()
        process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if number:
            time.sleep(dice.uniform(0, took))
            process.send_signal(signal.SIGKILL)
        _, complaint = process.communicate()
        took = took or time.monotonic() - begun
        revision, _, found = state(place)
        made = found.pop("backups")
        assert {table: found[table] for table in rows if table != "backups"} == {
            table: one for table, one in rows.items() if table != "backups"
        }
        assert revision in (older.OLDEST, HEAD), complaint
        listed = backups_in(backups) if backups.exists() else []
        assert all(one.state == "good" for one in listed)
        assert len(made) <= len(listed) + len(rows["backups"])
        if revision == HEAD:
            assert listed
            migrate.downgrade(place, older.OLDEST)
        outcomes.append(revision)
    for one in backups.glob("*.json"):
        assert msgspec.json.decode(one.read_bytes())["schema_version"] == older.OLDEST
    print(f"{outcomes.count(older.OLDEST)} of {KILLS} kills left the old schema; it takes {took:.1f} s")


def _dice() -> random.Random:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    return random.Random(seed)
