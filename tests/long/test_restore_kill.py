"""Kill -9 anywhere in a backup, a restore, a migration or a recovery: what was kept survives."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from storysync import faults
from storysync.jobs.backup_files import backups_in
from storysync.jobs.backup_verify import verify_one
from storysync.jobs.recover import recover_if_damaged
from storysync.store import migrate
from storysync.store.database import database_at
from support import faulty
from support.damage import Kept, destroy_page, root_page

pytestmark = pytest.mark.long

SEED = 20261121
KILLS = 100
STORIES = 400


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    kept = Kept(database_at(f"sqlite:///{tmp_path / 'state' / 'live.db'}"), tmp_path / "demo")
    kept.fill(STORIES)
    kept.sync()
    kept.back_up()
    return kept


def command(kept: Kept, *words: str) -> list[str]:
    return [sys.executable, "-m", "storysync", *words, "--database", kept.database.url]


WORDS = (("backup", "create"), ("backup", "restore", "--yes"), ("db", "upgrade"))


def prepare(kept: Kept, words: tuple[str, ...]) -> None:
    if words[0] == "db":
        with kept.database.lock():
            migrate.downgrade(kept.database, "0001")


def must_be_well(kept: Kept) -> None:
    """The database opens and can be made equal to the files; every backup listed is good and restores."""
    assert kept.database.findings(thorough=True) == ((), ())
    with kept.database.lock(), kept.database.open():
        pass
    kept.sync()
    kept.must_equal()
    listed = backups_in(kept.file.parent / "backups", kept.database.place)
    assert listed and all(one.state == "good" for one in listed), listed
    newest = verify_one(kept.database, kept.settings, listed[0])
    assert newest.state == "good", newest
    for former in kept.kept_aside("aside"):
        assert database_at(f"sqlite:///{former}").findings(thorough=False).damage == ()
        former.unlink()


def test_a_hundred_kills_at_any_moment(kept: Kept) -> None:
    dice = random.Random(SEED)
    took_s = {}
    for words in WORDS:
        prepare(kept, words)
        began_at = time.monotonic()
        subprocess.run(command(kept, *words), check=True, capture_output=True)
        took_s[words] = time.monotonic() - began_at
    killed = 0
    for number in range(KILLS):
        words = WORDS[number % len(WORDS)]
        prepare(kept, words)
        kept.write(f"F-{dice.randrange(STORIES)}", dice.choice(("todo", "done", "review")))
        process = subprocess.Popen(
            command(kept, *words),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(dice.uniform(0.2, 1.0) * took_s[words])
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        killed += process.wait(30) == -signal.SIGKILL
        must_be_well(kept)
    assert killed > KILLS / 2, f"only {killed} were killed before their end"


@pytest.mark.parametrize(
    "point", [name for name in faults.POINTS if name.startswith(("backup.", "restore."))]
)
@pytest.mark.parametrize("words", WORDS[:2], ids=" ".join)
def test_a_kill_at_each_step(kept: Kept, words: tuple[str, ...], point: str) -> None:
    kept.write("F-1", "done")
    faulty.run(f"{point}=kill", *words, "--database", kept.database.url)
    must_be_well(kept)


@pytest.mark.parametrize(
    "point", [name for name in faults.POINTS if name.startswith(("recover.", "restore."))]
)
def test_a_kill_at_each_step_of_a_recovery(kept: Kept, point: str) -> None:
    destroy_page(kept.file, root_page(kept.file, "stories"))
    damaged = kept.file.read_bytes()
    killed = faulty.run(f"{point}=kill", "run", kept.root, "--database", kept.database.url)
    assert killed.returncode == faulty.KILLED, killed.stderr
    again = recover_if_damaged(kept.database, kept.settings)
    assert (again is None) == (point == "restore.after-swap")
    assert damaged in [file.read_bytes() for file in kept.kept_aside("damaged")]
    must_be_well(kept)
