"""One writer beside many readers on both engines: `make bench-pool`.

    python bench/pool.py [--count 2000] [--seconds 10] [--readers 1 8 32]

The writer is `jobs.sync` on ten edits a second, each taken back at once. The readers are tasks of one service
in a process of its own, on the pool of `storysync.store.aio`; each asks for the ready stories and for one
story, rests, and asks again.
Errors must be 0. At the end more tasks than connections want one, and must be told so in time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

import generate
from measure import percentile
from postgres import edit, opened, server
from storysync.errors import StoreError
from storysync.jobs.project import resolve_project
from storysync.jobs.sync import sync
from storysync.settings import DeletionSettings, PostgresSettings, ProjectSettings
from storysync.store.aio import AsyncDatabase
from storysync.store.database import Engines

EDITS_PER_S = 10
REST_S = 0.02
HEAD = " " * 13 + "readers  reads/s     p50     p99  ms | writes     p50     p99  ms | errors"
QUESTIONS = (
    "SELECT id, title FROM v_ready ORDER BY id LIMIT 50",
    "SELECT id, title, status, body FROM v_stories ORDER BY path LIMIT 1 OFFSET 7",
)


def main() -> int:
    parser = argparse.ArgumentParser(description="Reads beside a writer, on both engines.")
    parser.add_argument("--count", type=int, default=2000, help="stories (default 2000)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each round")
    parser.add_argument("--readers", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--as-reader", nargs=2, metavar=("URL", "TASKS"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.as_reader:
        url, tasks = asked.as_reader
        print(json.dumps(asyncio.run(_read(url, int(tasks), asked.seconds))))
        return 0
    errors = 0
    with tempfile.TemporaryDirectory(prefix="storysync-pool-") as work, server() as cluster:
        folder = Path(work) / "stories"
        generate.write(folder, asked.count)
        print(f"# {asked.count} stories, {EDITS_PER_S} edits a second, rounds of {asked.seconds:g} s")
        print(HEAD)
        for engine, url in (("SQLite", f"sqlite:///{work}/s.db"), ("PostgreSQL", cluster.create_database())):
            for readers in asked.readers:
                errors += _round(engine, url, folder, readers, asked.seconds)
            print(f"{engine:<12}{asyncio.run(_exhausted(url))}")
    return 1 if errors else 0


def _round(engine: str, url: str, folder: Path, readers: int, seconds: float) -> int:
    """Print one line; the number of errors."""
    project = resolve_project(ProjectSettings(path=str(folder)))
    files = sorted(folder.rglob("*.md"))
    with opened(url, folder.parent) as store:
        sync(store, project, trigger="bench", deletions=DeletionSettings())
        command = [sys.executable, __file__, "--as-reader", url, str(readers), "--seconds", str(seconds)]
        output = folder.parent / "told.json"  # not a pipe, which would be full before it is read
        with output.open("wb") as file:
            service = subprocess.Popen(command, stdout=file)
        writes: list[float] = []
        number = 0
        while service.poll() is None:
            began = time.monotonic()
            writes.append(edit(store, project, files[number % len(files)]))
            number += 1
            threading.Event().wait(max(0.0, 1 / EDITS_PER_S - (time.monotonic() - began)))
    if service.returncode:
        raise RuntimeError(f"the readers ended with {service.returncode}")
    told = json.loads(output.read_text())
    reads: list[float] = told["reads"]
    errors = len(told["errors"])
    print(
        f"{engine:<12}{readers:>8}{len(reads) / seconds:>9.0f}{percentile(reads, 0.5):>8.1f}"
        f"{percentile(reads, 0.99):>8.1f}     |{len(writes):>7}{percentile(writes, 0.5):>8.1f}"
        f"{percentile(writes, 0.99):>8.1f}     | {errors}",
        flush=True,
    )
    for one in told["errors"][:3]:
        print(f"  {one}")
    return errors


async def _read(url: str, tasks: int, seconds: float) -> dict[str, Any]:
    """Milliseconds of every read, and what went wrong."""
    reads: list[float] = []
    errors: list[str] = []
    database = _database(url, PostgresSettings())
    until = time.monotonic() + seconds

    async def one() -> None:
        while time.monotonic() < until:
            for question in QUESTIONS:
                began = time.perf_counter()
                try:
                    async with database.session() as session:
                        rows: Sequence[Any] = (await session.exec(sa.text(question))).all()  # type: ignore[call-overload]
                    if not rows:
                        errors.append(f"no rows: {question}")
                except Exception as error:  # noqa: BLE001 - counted and shown
                    errors.append(f"{type(error).__name__}: {error}")
                reads.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(REST_S)

    await asyncio.gather(*(one() for _ in range(tasks)))
    await database.close()
    return {"reads": reads, "errors": errors}


async def _exhausted(url: str) -> str:
    """What a task is told that waits in vain for a connection. Raises RuntimeError when it is not told."""
    settings = msgspec.structs.replace(PostgresSettings(), pool_size=2, pool_overflow=0, pool_timeout_s=0.5)
    database = _database(url, settings)
    try:
        async with database.engine.connect(), database.engine.connect():
            began = time.perf_counter()
            try:
                async with database.engine.connect():
                    raise RuntimeError("a third connection out of a pool of two")
            except StoreError as error:
                return f"exhausted: {error} (told after {time.perf_counter() - began:.2f} s)"
    finally:
        await database.close()


def _database(url: str, settings: PostgresSettings) -> AsyncDatabase:
    return AsyncDatabase(url, engines=Engines(postgres=settings), read_only=True)


if __name__ == "__main__":
    sys.exit(main())
