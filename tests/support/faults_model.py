"""The model test with faults: turmoil in a folder, faults in whoever follows it; at the end all is equal."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from pathlib import Path

from storysync import faults
from storysync.control import RemoteError
from storysync.errors import StorysyncError
from storysync.jobs.project import resolve_project
from storysync.jobs.sync import sync
from storysync.jobs.verify import verify
from storysync.settings import DeletionSettings, ProjectSettings
from storysync.store.database import Database
from storysync.store.store import Store
from support.faulty import environ
from support.following import Following
from support.turmoil import Turmoil

DELETIONS = DeletionSettings(least=2, share=0, hold_s=0)
IN_PROCESS = [
    "", "", "",
    "read.file=raise:OSError@0.3",
    "read.file=enospc:2",
    "write.*=raise:StoreError@0.1",
    "write.*=enospc@0.1",
    "write.*=raise:RuntimeError@0.1",
    "write.before-commit=raise:Conflict",
    "write.after-stories=raise:RowRefused",
    "write.after-commit=raise:MemoryError",
    "scan.begin=raise:OSError",
    "plan.made=raise:StoreError",
]  # fmt: skip
EVENTS = "watch.event=lose@0.15,watch.event=double@0.15,watch.event=late@0.15,watch.event=raise:OSError@0.02"
TROUBLE = "read.file=raise:OSError@0.05,write.*=raise:OSError@0.01,batch.taken=raise:StoreError@0.03"
SOON_S = 40.0

Failed = (StorysyncError, OSError, RuntimeError, MemoryError)


def run_in_process(folder: Path, database: Database, seed: int) -> None:
    """Faults in `jobs.sync`; it is told a part of what changed, twice, or late, as events would."""
    turmoil = Turmoil(folder / "demo", seed)
    dice = turmoil.dice
    project = resolve_project(ProjectSettings(path=str(turmoil.root)))

    def look(store: Store, paths: set[str] | None, *, confirm: bool = False) -> None:
        asked = None if paths is None else frozenset(paths)
        sync(store, project, trigger="test", deletions=DELETIONS, paths=asked, confirm_deletions=confirm)

    with database.open() as store:
        late: set[str] = set()
        for _ in range(dice.randrange(2, 7)):
            touched = set(late)
            for _ in range(dice.randrange(1, 5)):
                touched |= turmoil.act()
            told = {path for path in sorted(touched) if dice.random() < 0.8}
            late = {path for path in sorted(touched) if dice.random() < 0.2}
            rules = dice.choice(IN_PROCESS)
            with faults.armed(f"{rules},seed={dice.randrange(1 << 30)}"), suppress(*Failed):
                look(store, told if told and dice.random() < 0.8 else None)
        for confirm in (False, True):
            look(store, None, confirm=confirm)
            report = verify(database, [project], DELETIONS)
            assert report.equal, (report.differences[:5], turmoil.told)
        assert not report.held, turmoil.told


def run_daemon(folder: Path, seed: int, *, killed: bool) -> None:
    """Faults in `storysync run`: events lost, doubled and late, errors, and kill -9 if `killed`."""
    folder.mkdir(exist_ok=True)
    turmoil = Turmoil(folder / "demo", seed)
    dice = turmoil.dice
    state = folder / "state"
    url = f"sqlite:///{state / 's.db'}"
    rules = f"{EVENTS},{TROUBLE},seed={dice.randrange(1 << 30)}"
    if killed and dice.random() < 0.7:
        rules += f",*=kill:{int(3 ** dice.uniform(0, 5.5))}"
    daemon = Following([turmoil.root], url, state, **environ(rules)).launch()
    try:
        for number in range(dice.randrange(4, 12)):
            turmoil.act()
            time.sleep(dice.choice([0, 0, 0.01, 0.1, 0.3]))
            if killed and number == 3 and dice.random() < 0.5:
                daemon.end()
            if daemon.exited() and dice.random() < 0.5:
                daemon = _again(daemon, turmoil)
        if killed:
            daemon.end()
        if daemon.exited():
            daemon = _again(daemon, turmoil)
        _must_become_equal(daemon, turmoil)
    finally:
        daemon.end()


def _again(daemon: Following, turmoil: Turmoil) -> Following:
    """The service manager starts it again; from now on it is left alone."""
    return Following([turmoil.root], daemon.url, daemon.state).launch()


def _must_become_equal(daemon: Following, turmoil: Turmoil) -> None:
    """A full scan, as the timer asks for it, mends whatever was missed."""
    deadline = time.monotonic() + SOON_S
    found: object = None
    while time.monotonic() < deadline:
        assert not daemon.exited(), (daemon.told(), turmoil.told)
        with suppress(RemoteError, OSError, StorysyncError):
            daemon.ask("sync", confirm_deletions=True)
            report = daemon.verified()
            found = report.differences[:5]
            if report.equal and not report.held:
                return
        time.sleep(0.05)
    raise AssertionError((found, turmoil.told, daemon.told()[-4000:]))


def seeds(count: int, seed: int) -> list[int]:
    dice = random.Random(seed)
    return [dice.randrange(1 << 30) for _ in range(count)]
