"""Parts of `make bench` on a PostgreSQL server of our own, which waits for the disk as a real one does."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from measure import Contestant, percentile, remove_database
from storysync.jobs.project import Project, resolve_project
from storysync.jobs.sync import sync
from storysync.settings import DeletionSettings, ProjectSettings
from storysync.store.database import Engines, database_at
from storysync.store.store import Store

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from support.postgres import Cluster, newest_programs

if TYPE_CHECKING:
    from run import Bench

STORYSYNC = str(Path(sys.executable).with_name("storysync"))
EDITS = 60


@contextmanager
def server() -> Iterator[Cluster]:
    """It flushes every commit."""
    cluster = Cluster(newest_programs(), durable=True)
    try:
        yield cluster
    finally:
        cluster.close()


def emptied(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS storysync CASCADE")


def postgresql(bench: Bench) -> None:
    """A cold sync, one edit and a sync without changes, beside SQLite in the same minutes."""
    folder, file = bench.corpus(bench.count), bench.database("beside")
    with server() as cluster:
        url, sqlite = cluster.create_database("bench"), f"sqlite:///{file}"
        command = [STORYSYNC, "sync", str(folder), "--database"]
        cold = bench.costs(
            Contestant("sqlite", [*command, sqlite], lambda: remove_database(file)),
            Contestant("postgresql", [*command, url], lambda: emptied(url)),
        )
        ours, theirs = cold["postgresql"], cold["sqlite"]
        wall = f"{ours.wall_s:.2f} s to {theirs.wall_s:.2f} s wall"
        detail = f"{ours.cpu_s:.2f} s to {theirs.cpu_s:.2f} s CPU, {wall}"
        name = f"cold sync of {bench.count}, PostgreSQL / SQLite"
        bench.note(name, ours.cpu_s / theirs.cpu_s, "x", 1.5, detail)
        for engine, place, goal in (("SQLite", sqlite, None), ("PostgreSQL", url, 15.0)):
            with opened(place, bench.work) as store:
                times, same_ms = _edited(store, folder)
            detail = f"p95 {percentile(times, 0.95):.1f} ms, nothing changed {same_ms:.0f} ms"
            bench.note(
                f"one edit until its commit, p50, {engine}", percentile(times, 0.5), "ms", goal, detail
            )


def opened(url: str, state: Path) -> Store:
    return database_at(url, Engines(state_dir=state)).open()


def _edited(store: Store, folder: Path) -> tuple[list[float], float]:
    """Milliseconds of single edits, and of a full scan that finds nothing new."""
    project, dice = resolve_project(ProjectSettings(path=str(folder))), random.Random(3)
    sync(store, project, trigger="bench", deletions=DeletionSettings())
    files = dice.sample(sorted(folder.rglob("*.md")), EDITS)
    times = [edit(store, project, file) for file in files]
    began = time.perf_counter()
    sync(store, project, trigger="bench", deletions=DeletionSettings())
    same_ms = (time.perf_counter() - began) * 1000
    return times, same_ms


def edit(store: Store, project: Project, file: Path) -> float:
    """Change one file and sync it; the milliseconds that this took. The file is as before afterwards."""
    original = file.read_text()
    paths = frozenset({file.relative_to(project.root).as_posix()})

    def synced() -> Any:
        return sync(store, project, trigger="bench", deletions=DeletionSettings(), paths=paths)

    file.write_text(f"{original}\nEdited at {time.time()}.\n")
    began = time.perf_counter()
    report = synced()
    took_ms = (time.perf_counter() - began) * 1000
    if report.updated != 1:
        raise RuntimeError(f"the edit of {file} was not written: {report}")
    file.write_text(original)
    synced()
    return took_ms
