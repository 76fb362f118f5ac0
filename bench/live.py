"""What the running daemon costs: memory when idle, and the time until a rename shows in another process."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from measure import cpu_of, percentile, resident_mib

POLL_S = 0.0005
GIVE_UP_S = 120.0
PAUSE_S = 0.6  # longer than a burst lasts, so that each rename stands alone


@dataclass(frozen=True)
class Live:
    idle_mib: float
    p50_ms: float
    p95_ms: float
    cpu_ms_per_change: float


@contextmanager
def daemon(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator[int]:
    """The daemon's process id; it is stopped by SIGTERM at the end."""
    with log.open("wb") as output:
        child = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            yield child.pid
        finally:
            child.send_signal(signal.SIGTERM)
            child.wait(timeout=30)


def wait_until_live(database: Path, count: int, log: Path) -> None:
    """Until all stories are there and the watcher listens. Raises RuntimeError after two minutes."""
    give_up = time.monotonic() + GIVE_UP_S
    question = "SELECT (SELECT count(*) FROM stories), (SELECT count(*) FROM roots WHERE state = 'live')"
    while time.monotonic() < give_up:
        if database.exists():
            try:
                with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as reader:
                    if reader.execute(question).fetchone() == (count, 1):
                        return
            except sqlite3.OperationalError:
                pass  # the first migration is not finished
        time.sleep(0.1)
    raise RuntimeError(f"the daemon is not live after {GIVE_UP_S} s: {log.read_text()[-2000:]}")


def visible_after(reader: sqlite3.Connection, project_path: str) -> float:
    """Seconds until the database names a path."""
    began = time.perf_counter()
    while time.perf_counter() - began < GIVE_UP_S:
        if reader.execute("SELECT 1 FROM stories WHERE path = ?", (project_path,)).fetchone():
            return time.perf_counter() - began
        time.sleep(POLL_S)
    raise RuntimeError(f"{project_path} did not appear within {GIVE_UP_S} s")


def measure(command: Sequence[str], environment: Mapping[str, str], folder: Path, database: Path,
            count: int, renames: int) -> Live:  # fmt: skip
    """Start the daemon over `folder`, leave it alone for a while, then rename one file after another."""
    log = database.with_suffix(".log")
    dice = random.Random(7)
    with daemon(command, environment, log) as pid:
        wait_until_live(database, count, log)
        time.sleep(3)
        idle = resident_mib(pid)
        files = dice.sample(sorted(folder.rglob("*.md")), renames)
        used = cpu_of(pid)
        times = []
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, isolation_level=None)) as reader:
            for file in files:
                time.sleep(PAUSE_S)
                target = file.with_name(file.stem + "-renamed.md")
                file.rename(target)
                times.append(visible_after(reader, target.relative_to(folder).as_posix()) * 1000)
        used = cpu_of(pid) - used
    for file in files:
        file.with_name(file.stem + "-renamed.md").rename(file)
    return Live(idle, percentile(times, 0.5), percentile(times, 0.95), used * 1000 / renames)
