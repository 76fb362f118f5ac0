"""The daemon for as long as you like, edited ten times a second, with backups and health checks each minute.

    python bench/load.py [--count 10000] [--edits 10] [--minutes 10] [--rows 10]

The daemon runs in a process of its own. Here files are saved, one after another, and the change feed is asked
every two milliseconds until it tells of each: the time from save to row, as another process sees it. A look
at all files or at the whole database shows as one long time. At the end the database must equal the files.
Exit code 1 when it does not, when an edit was lost, or when no backup was made.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import generate
from live import daemon, wait_until_live
from measure import clean_environment, cpu_of, percentile, resident_mib

POLL_S = 0.002
SETTLE_S = 60.0  # the longest wait for the last edits
MIB = 1 << 20
HEAD = (
    "    min  edits   p50 ms   p99 ms   max ms |  RSS MiB  children  CPU % |"
    " WAL MiB  db MiB | backups  health"
)
EACH_MINUTE = {
    "STORYSYNC_BACKUP__EVERY_MINUTES": "1",
    "STORYSYNC_BACKUP__VERIFY_HOURS": "0.02",
    "STORYSYNC_HEALTH__EVERY_MINUTES": "1",
    "STORYSYNC_HEALTH__INTEGRITY_HOURS": "0.05",
}
_TITLE = re.compile(r"(?m)^title: .*$")
_SAVE = re.compile(r"save (\d+)")


@dataclass
class Load:
    """Files that are saved in turn, and what the database has shown of that."""

    folder: Path
    database: Path
    saved_at: dict[int, float] = field(default_factory=dict)
    """Number of a save that was not seen yet -> when."""
    times_ms: list[float] = field(default_factory=list)
    """Since they were last taken."""
    saves: int = 0

    def __post_init__(self) -> None:
        self._files = sorted(self.folder.rglob("*.md"))
        random.Random(5).shuffle(self._files)

    def save(self) -> None:
        """Write the next file with a title that tells which save it was."""
        self.saves += 1
        file = self._files[self.saves % len(self._files)]
        text = _TITLE.sub(f"title: save {self.saves}", file.read_text(encoding="utf-8"), count=1)
        self.saved_at[self.saves] = time.perf_counter()
        file.write_text(text, encoding="utf-8")

    def see(self, reader: sqlite3.Connection, after: int) -> int:
        """Take in what the change feed tells beyond `after`; returns its newest number."""
        rows = reader.execute(
            "SELECT seq, after FROM changes WHERE seq > ? ORDER BY seq", (after,)
        ).fetchall()
        now = time.perf_counter()
        for _, told in rows:
            number = _SAVE.search(told or "")
            if number and int(number[1]) in self.saved_at:
                self.times_ms.append((now - self.saved_at.pop(int(number[1]))) * 1000)
        return int(rows[-1][0]) if rows else after

    def take_times(self) -> list[float]:
        taken, self.times_ms = self.times_ms, []
        return taken


def main() -> int:
    parser = argparse.ArgumentParser(description="Ten edits a second, with backups and health checks.")
    parser.add_argument("--count", type=int, default=10_000, help="stories (default 10000)")
    parser.add_argument("--edits", type=float, default=10.0, help="a second (default 10)")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rows", type=int, default=10, help="of the table (default 10)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="storysync-load-") as work:
        home = Path(work)
        folder, database = home / "stories", home / "state" / "load.db"
        database.parent.mkdir(mode=0o700)
        generate.write(folder, asked.count)
        environment = {**clean_environment(home), **EACH_MINUTE}
        storysync = str(Path(sys.executable).parent / "storysync")
        command = [storysync, "run", str(folder), "--database", f"sqlite:///{database}"]
        load, log = Load(folder, database), home / "log"
        with daemon(command, environment, log) as pid:
            wait_until_live(database, asked.count, log)
            print(f"{asked.count} stories, {asked.edits:g} edits a second for {asked.minutes:g} min\n{HEAD}")
            run(load, pid, asked.edits, asked.minutes * 60, asked.rows)
            lost = len(load.saved_at)
        verify = [storysync, "verify", str(folder), "--database", f"sqlite:///{database}"]
        equal = subprocess.run(verify, env=environment, capture_output=True, text=True)
        backups = good_backups(database)
    print(f"lost edits: {lost}; verify: {equal.stdout.splitlines()[0] if equal.stdout else equal.stderr}")
    return int(lost > 0 or equal.returncode != 0 or backups == 0)


def run(load: Load, pid: int, edits_per_s: float, seconds: float, rows: int) -> None:
    """Save and look until the time is over, then look until all is seen; print a row now and then."""
    with closing(sqlite3.connect(f"file:{load.database}?mode=ro", uri=True, isolation_level=None)) as reader:
        after = int(reader.execute("SELECT coalesce(max(seq), 0) FROM changes").fetchone()[0])
        began = time.perf_counter()
        told, saves, used = 0, 0, cpu_of(pid)
        while (now := time.perf_counter() - began) < seconds or (load.saved_at and now < seconds + SETTLE_S):
            if now < seconds and load.saves < now * edits_per_s:
                load.save()
            after = load.see(reader, after)
            if now >= (told + 1) * seconds / rows and told < rows - 1:
                used = row(load, pid, now, saves, used, seconds / rows)
                told, saves = told + 1, load.saves
            time.sleep(POLL_S)
        row(load, pid, time.perf_counter() - began, saves, used, seconds / rows)


def row(load: Load, pid: int, now: float, saves: int, used: float, span_s: float) -> float:
    """Print what was since the last one; returns the CPU time that the daemon has used by now."""
    times, cpu = load.take_times() or [float("nan")], cpu_of(pid)
    wal = load.database.with_name(load.database.name + "-wal")
    cells = (
        f"{now / 60:7.1f}{load.saves - saves:7d}{percentile(times, 0.5):9.0f}{percentile(times, 0.99):9.0f}"
        f"{max(times):9.0f} |{resident_mib(pid):9.1f}{sum(children_mib(pid)):10.1f}"
        f"{(cpu - used) / span_s * 100:7.1f} |"
        f"{wal.stat().st_size / MIB if wal.exists() else 0:8.1f}{load.database.stat().st_size / MIB:8.1f} |"
        f"{good_backups(load.database):8d}  {health(load.database)}"
    )
    print(cells, flush=True)
    return cpu


def children_mib(pid: int) -> Iterator[float]:
    """Resident MiB of each process that the daemon has started and that still runs: a backup, for example."""
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError, RuntimeError):  # it has ended
            for child in children.read_text().split():
                yield resident_mib(int(child))


def good_backups(database: Path) -> int:
    """Backups that count: data files with a manifest beside them."""
    folder = database.parent / "backups"
    names = set(os.listdir(folder)) if folder.is_dir() else set()
    return sum(name.endswith(".db.zst") and name.removesuffix(".db.zst") + ".json" in names for name in names)


def health(database: Path) -> str:
    """The newest report: `ok`, or the checks that are not."""
    question = (
        "SELECT name, state FROM health_checks WHERE state <> 'ok'"
        " AND checked_at = (SELECT max(checked_at) FROM health_checks)"
    )
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as reader:
        return ", ".join(f"{name} {state}" for name, state in reader.execute(question)) or "ok"


if __name__ == "__main__":
    sys.exit(main())
