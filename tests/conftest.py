"""What tests of several floors share: folders of story files, and the sample stories in a database."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storysync.app import App

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "sample_stories"
WriteStory = Callable[..., Path]


@pytest.fixture(autouse=True, scope="session")
def nothing_from_outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Settings and state of whoever runs the tests play no part."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("STORYSYNC_", "SQLITE_", "XDG_"))]:
            patch.delenv(name)
        for name in ("DATABASE_URL", "STATE_DIRECTORY", "NOTIFY_SOCKET"):
            patch.delenv(name, raising=False)
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture
def stories(tmp_path: Path) -> Path:
    """An empty root called `demo`, so that the project's id is `demo`."""
    folder = tmp_path / "demo"
    folder.mkdir()
    return folder


@pytest.fixture
def write_story(stories: Path) -> WriteStory:
    """`write_story("a/A-1.md", id="A-1", dependencies="[A-2]", body="…")` writes front matter and body.

    Values are written as they are given, so a test decides about quotes and lists.
    """

    def write(path: str, *, body: str = "", **fields: object) -> Path:
        target = stories / path
        target.parent.mkdir(parents=True, exist_ok=True)
        head = "".join(f"{name}: {value}\n" for name, value in fields.items())
        target.write_text(f"---\n{head}---\n\n{body}", encoding="utf-8")
        return target

    return write


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> App:
    """The sample stories in a database. Shared by many tests: read only."""
    folder = tmp_path_factory.mktemp("samples")
    app = App.load(SAMPLES, os.environ, flags={"database.url": f"sqlite:///{folder / 'samples.db'}"})
    app.sync(app.projects())
    return app
