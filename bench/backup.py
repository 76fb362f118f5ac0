"""A backup of a large SQLite database while another process writes to it.

    python bench/backup.py [--mb 1000] [--rate 500] [--quiet 20] [--folder DIR] [--json]

A process of its own writes so many transactions a second, one row and a counter each, first alone, then while
a backup is made as the daemon makes it. Told are p50 and p99 of a transaction, alone and meanwhile, and their
ratios; the backup must hold a whole number of transactions. Goal: p99 meanwhile at most 5 × alone.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from array import array
from contextlib import closing
from pathlib import Path
from typing import Any

from storysync.jobs.elsewhere import backup_elsewhere, verify_elsewhere
from storysync.settings import BackupSettings
from storysync.store.database import Database, database_at

WORDS = [
    f"{a}{b}" for a in ("sto", "ry", "back", "log", "sprint", "own") for b in ("er", "ing", "s", "ed", "al")
]
ROWS_AT_ONCE = 5_000
SETTLE_S = 3.0
MOST_RATIO = 5.0


def main() -> int:
    parser = argparse.ArgumentParser(description="A backup under writes.")
    parser.add_argument("--mb", type=int, default=1000)
    parser.add_argument("--rate", type=int, default=500)
    parser.add_argument("--quiet", type=float, default=20.0, help="seconds of writing alone")
    parser.add_argument("--folder", type=Path, help="where a temporary folder is made")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--writer", nargs=2, metavar=("FILE", "LOG"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.writer:
        return write(Path(asked.writer[0]), Path(asked.writer[1]), asked.rate)
    with tempfile.TemporaryDirectory(prefix="storysync-backup-", dir=asked.folder) as work:
        figures = measure(Path(work), asked.mb, asked.rate, asked.quiet)
    if asked.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:<34} {value}")
    return 0 if figures["consistent"] else 1


def measure(work: Path, mb: int, rate: int, quiet_s: float) -> dict[str, Any]:
    database = database_at(f"sqlite:///{work / 'state' / 's.db'}")
    fill(database, mb)
    file = work / "state" / "s.db"
    log = work / "writes.log"
    command = [sys.executable, __file__, "--rate", str(rate), "--writer", str(file), str(log)]
    writer = subprocess.Popen(command)
    try:
        time.sleep(SETTLE_S)
        alone_from = time.monotonic()
        time.sleep(quiet_s)
        began = time.monotonic()
        report = backup_elsewhere(database, BackupSettings(), trigger="bench")
        ended = time.monotonic()
        wal_mb = file.with_name("s.db-wal").stat().st_size / (1 << 20)
    finally:
        writer.send_signal(signal.SIGTERM)
        writer.wait(30)
    if report.state != "good":
        raise SystemExit(f"the backup failed: {report.message}")
    verified = verify_elsewhere(database, BackupSettings())
    alone = latencies(log, alone_from, began)
    meanwhile = latencies(log, began, ended)
    return {
        "database_mb": round(file.stat().st_size / (1 << 20)),
        "backup_mb": round((report.size or 0) / (1 << 20), 1),
        "backup_s": round(ended - began, 1),
        "verify_s": round(verified.duration_ms / 1000, 1),
        "wal_mb": round(wal_mb, 1),
        "alone_per_s": round(len(alone) / (began - alone_from)),
        "meanwhile_per_s": round(len(meanwhile) / (ended - began)),
        **{f"alone_{name}_ms": value for name, value in told(alone).items()},
        **{f"meanwhile_{name}_ms": value for name, value in told(meanwhile).items()},
        "p50_ratio": round(share(meanwhile, 0.5) / share(alone, 0.5), 2),
        "p99_ratio": round(share(meanwhile, 0.99) / share(alone, 0.99), 2),
        "verified": verified.state,
        "consistent": is_whole(database, work),
    }


def fill(database: Database, mb: int) -> None:
    """As many megabytes of changes of stories, and the counter of the writer."""
    dice = random.Random(1)
    with database.open() as store:
        with store.writing() as tx:
            tx.execute("INSERT INTO projects (id, name, description) VALUES ('demo', 'Demo', '0')")
            tx.execute(
                "INSERT INTO syncs (id, project_id, trigger, started_at, finished_at)"
                " VALUES (1, 'demo', 'bench', '2026', '2026')"
            )
            tx.execute("INSERT INTO identities (uid, project_id, path) VALUES (1, 'demo', 'A-1.md')")
        file = database.file
        assert file is not None
        while size(file) < mb << 20:
            rows = [(story(dice), story(dice)) for _ in range(ROWS_AT_ONCE)]
            with store.writing() as tx:
                tx.executemany(
                    "INSERT INTO changes (at, sync_id, identity, project_id, operation, before, after)"
                    " VALUES ('2026', 1, 1, 'demo', 'update', ?, ?)",
                    rows,
                )


def size(file: Path) -> int:
    return sum(one.stat().st_size for one in file.parent.glob(f"{file.name}*"))


def story(dice: random.Random) -> str:
    body = " ".join(dice.choices(WORDS, k=80))
    return json.dumps({"title": " ".join(dice.choices(WORDS, k=6)), "id": f"A-{dice.random()}", "body": body})


def write(file: Path, log: Path, rate: int) -> int:
    """Transactions at a rate until SIGTERM; when each began and how long it took, as pairs of doubles."""
    going = True

    def stop(*_: object) -> None:
        nonlocal going
        going = False

    signal.signal(signal.SIGTERM, stop)
    taken = array("d")
    with closing(sqlite3.connect(file, isolation_level=None, timeout=30)) as connection:
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA cache_size = -65536")
        number, due = 0, time.monotonic()
        while going:
            due = max(due + 1 / rate, time.monotonic() - 1.0)
            time.sleep(max(0.0, due - time.monotonic()))
            number += 1
            began = time.monotonic()
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(
                "INSERT INTO health_checks (checked_at, name, state, reason)"
                " VALUES ('2026', 'bench', 'ok', ?)",
                (str(number),),
            )
            connection.execute("UPDATE projects SET description = ? WHERE id = 'demo'", (str(number),))
            connection.execute("COMMIT")
            taken.extend((began, time.monotonic() - began))
    log.write_bytes(taken.tobytes())
    return 0


def latencies(log: Path, since: float, until: float) -> list[float]:
    """Milliseconds of the transactions that began then, sorted."""
    taken = array("d")
    taken.frombytes(log.read_bytes())
    return sorted(taken[at + 1] * 1000 for at in range(0, len(taken), 2) if since <= taken[at] < until)


def share(taken: list[float], part: float) -> float:
    return taken[min(len(taken) - 1, int(len(taken) * part))]


def told(taken: list[float]) -> dict[str, float]:
    parts = {"p50": 0.5, "p99": 0.99, "p999": 0.999, "worst": 1.0}
    return {name: round(share(taken, part), 3) for name, part in parts.items()}


def is_whole(database: Database, work: Path) -> bool:
    """Whether the backup holds the first transactions of the writer, each of them whole."""
    (data,) = (work / "state" / "backups").glob("*.db.zst")
    copy = work / "copy.db"
    database.archive(BackupSettings()).extract(data, str(copy))
    with closing(sqlite3.connect(copy)) as connection:
        counter = int(connection.execute("SELECT description FROM projects").fetchone()[0])
        rows = connection.execute(
            "SELECT count(*), max(CAST(reason AS INTEGER)) FROM health_checks WHERE name = 'bench'"
        ).fetchone()
    copy.unlink()
    return rows == (counter, counter) and counter > 0


if __name__ == "__main__":
    sys.exit(main())
