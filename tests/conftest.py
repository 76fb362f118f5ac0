"""What tests of several floors share: folders of story files, and the sample stories in a database."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from storysync.app import App
from storysync.store.database import Database
from support import postgres
from support.forms import FORMS, Form, PostgresForm, SqliteForm, SqlitePerProjectForm

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "sample_stories"
WriteStory = Callable[..., Path]


@pytest.fixture(autouse=True, scope="session")
def nothing_from_outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Settings and state of whoever runs the tests play no part."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("STORYSYNC_", "SQLITE_", "XDG_", "PG"))]:
            patch.delenv(name)
        for name in ("DATABASE_URL", "STATE_DIRECTORY", "NOTIFY_SOCKET"):
            patch.delenv(name, raising=False)
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(autouse=True)
def logs_of_one_test_alone() -> Iterator[None]:
    """A command that logs in this process does so to the streams of its test, which are closed after it."""
    handlers = logging.getLogger().handlers[:]
    yield
    logging.getLogger().handlers[:] = handlers
    structlog.reset_defaults()


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


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Cluster]:
    """A PostgreSQL 18 of our own. A test that kills it starts it again."""
    cluster = postgres.Cluster(postgres.newest_programs())
    yield cluster
    cluster.close()


@pytest.fixture(scope="session")
def older_postgres_server() -> Iterator[postgres.Cluster]:
    """The oldest PostgreSQL at hand, with its own `pg_dump`."""
    cluster = postgres.Cluster(postgres.older_programs())
    yield cluster
    cluster.close()


@pytest.fixture
def postgres_url(postgres_server: postgres.Cluster) -> Iterator[str]:
    """A new empty database."""
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture(scope="session", params=FORMS)
def form(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Form:
    """Every test that asks for it runs once with each form of the database."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "postgresql":
        return PostgresForm(request.getfixturevalue("postgres_server"), folder)
    return SqlitePerProjectForm(folder) if request.param == "sqlite-per-project" else SqliteForm(folder)


@pytest.fixture
def database(form: Form, tmp_path: Path) -> Iterator[Database]:
    """A migrated database without rows, of each form."""
    with form.lent(tmp_path) as lent:
        yield lent


_RUNS = pytest.StashKey[dict[str, int]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Count the tests that hold on each form of the database."""
    yield
    callspec = getattr(item, "callspec", None)
    if callspec is not None and callspec.params.get("form") in FORMS:
        runs = item.config.stash.setdefault(_RUNS, dict.fromkeys(FORMS, 0))
        runs[callspec.params["form"]] += 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    runs = terminalreporter.config.stash.get(_RUNS, None)
    if runs:
        told = ", ".join(f"{count} on {name}" for name, count in runs.items())
        terminalreporter.write_line(f"store tests passed: {told}")
