"""The service of docs/embedding.md runs as it is printed."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from storysync.app import App

PAGE = Path(__file__).resolve().parents[1] / "docs" / "embedding.md"


def service() -> ModuleType:
    """The page's only block of Python, as a module."""
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    module = ModuleType("service")
    exec(compile(code, str(PAGE), "exec"), module.__dict__)
    return module


def answers(*paths: str) -> list[Any]:
    """The JSON that the service gives for each path, from its start to its end."""
    app = service().app

    async def ask() -> list[Any]:
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
                return [(await client.get(path)).json() for path in paths]

    return asyncio.run(asyncio.wait_for(ask(), 60))


def test_service_of_the_page_answers(samples: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", samples.database.url)
    done, health = answers("/stories?status=done", "/health")
    with samples.reader() as reader:
        rows = reader.rows("SELECT id FROM stories WHERE status = 'done' ORDER BY id")
    assert done == [row["id"] for row in rows] and done
    assert (health["state"], health["journal_mode"], health["foreign_keys"]) == ("ok", "wal", True)


def test_service_starts_without_a_database_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'none.db'}")
    (health,) = answers("/health")
    assert health["state"] == "failed" and "there is no database" in health["reason"]
