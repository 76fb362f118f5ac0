"""The house keeps its floors: imports go downstairs only, and each room stays what it is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "storysync"

FLOORS = {
    "cli": 6, "daemon": 5, "control": 5, "app": 4, "scheduler": 4, "jobs": 3, "queries": 3, "store": 2,
    "adapters": 2, "logs": 2, "core": 1, "errors": 0, "faults": 0, "settings": 0,
    "state": 0,
}  # fmt: skip
"""First part of a module's name, up to `_` -> its floor. A new room at the top level needs an entry."""

SIDEWAYS = {("daemon", "control"): "the daemon opens its own door"}
"""Neighbours on one floor that may nevertheless meet, each with its reason."""

WORLDLY = {
    "os", "sqlite3", "time", "logging", "structlog", "io", "shutil", "subprocess", "socket", "threading",
    "asyncio", "random", "tempfile", "pathlib", "sqlalchemy", "sqlmodel", "psycopg", "watchdog", "click",
}  # fmt: skip
"""What `core` does without: disk, database, clock, log, threads, terminal."""

DRIVERS = {"sqlite3", "psycopg", "aiosqlite", "asyncpg"}
DRIVER_USERS = {
    "store/engines": "the only room that asks which database it is",
    "store/reader.py": "translates the driver's errors at its edge",
    "store/store.py": "translates the driver's errors at its edge",
    "store/migrate.py": "translates the driver's errors at its edge",
}


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def place(path: Path) -> str:
    """`store/engines/sqlite.py`: how a module is named in this test."""
    return path.relative_to(SOURCE).as_posix()


def room(dotted: str) -> str:
    """The room of a module's name below the package: `settings_load` -> `settings`."""
    first = dotted.split(".")[0].removesuffix(".py")
    return first if first in FLOORS else first.split("_")[0]


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, absolute module) for every import anywhere in the file; `from a import b` gives `a.b`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{place(path)}:{node.lineno}: relative import"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def below(dotted: str) -> str | None:
    """What follows `storysync.`, None for the modules of others and for the package itself."""
    top, _, rest = dotted.partition(".")
    return rest if top == "storysync" and not rest.startswith("__") else None


@pytest.mark.parametrize("path", modules(), ids=place)
def test_imports_go_downstairs_only(path: Path) -> None:
    own = place(path).split("/")[0]
    if own in ("__init__.py", "__main__.py"):
        return
    for line, dotted in imports(path):
        target = below(dotted)
        if target is None:
            continue
        assert room(target) in FLOORS, f"{place(path)}:{line}: FLOORS lacks storysync.{room(target)}"
        here, there = FLOORS[room(own)], FLOORS[room(target)]
        neighbour = room(own) == room(target) or here == there == 0 or (room(own), room(target)) in SIDEWAYS
        assert there < here or neighbour, (
            f"{place(path)}:{line} (floor {here}) imports storysync.{target} (floor {there})"
        )


@pytest.mark.parametrize("path", [one for one in modules() if place(one).startswith("core/")], ids=place)
def test_core_touches_nothing(path: Path) -> None:
    for line, dotted in imports(path):
        assert dotted.split(".")[0] not in WORLDLY, f"{place(path)}:{line} imports {dotted}"
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            clock = name.endswith((".now", ".today", ".utcnow"))
            assert name not in ("open", "print", "input") and not clock, (
                f"{place(path)}:{node.lineno} calls {name}"
            )


@pytest.mark.parametrize("path", modules(), ids=place)
def test_drivers_are_imported_by_engines_only(path: Path) -> None:
    if any(place(path).startswith(allowed) for allowed in DRIVER_USERS):
        return
    for line, dotted in imports(path):
        assert dotted.split(".")[0] not in DRIVERS, f"{place(path)}:{line} imports {dotted}"


@pytest.mark.parametrize("path", modules(), ids=place)
def test_table_classes_stay_inside_the_store(path: Path) -> None:
    if place(path).startswith("store/"):
        return
    for line, dotted in imports(path):
        assert not dotted.startswith("storysync.store.tables"), f"{place(path)}:{line} imports {dotted}"
        assert dotted.split(".")[0] != "sqlmodel", f"{place(path)}:{line} imports {dotted}"


def test_every_allowed_driver_user_exists() -> None:
    for allowed in DRIVER_USERS:
        assert (SOURCE / allowed).exists(), f"{allowed} is gone: take it off the list"


def test_alembic_folder_does_not_shadow_the_library() -> None:
    assert not (SOURCE.parents[1] / "alembic" / "__init__.py").exists()
