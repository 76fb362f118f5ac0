"""The app: which projects, which database, who may write."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from storysync.app import App
from storysync.errors import ForeignDatabase, Locked, SchemaAhead, StoreError, UsageError
from support.forms import Form

WriteStory = Callable[..., Path]


@pytest.fixture
def app(tmp_path: Path) -> App:
    """An app whose current folder and database lie beside the stories."""
    return App.load(tmp_path, {}, flags={"database.url": str(tmp_path / "data" / "x.db")})


@pytest.fixture
def stored(form: Form, tmp_path: Path) -> Iterator[App]:
    """The same, with a place of each form where a database can be."""
    place = form.empty(tmp_path)
    environ = {"STATE_DIRECTORY": str(tmp_path / "state")}
    yield App.load(tmp_path, environ, flags={"database.url": place.url})
    form.drop(place)


def test_a_path_is_a_project_with_the_folders_name(app: App, stories: Path) -> None:
    (project,) = app.projects(("demo",))
    assert (project.id, project.root) == ("demo", stories)


def test_one_folder_named_twice_is_one_project(app: App, stories: Path) -> None:
    assert len(app.projects(("demo", "./demo/", str(stories)))) == 1


def test_two_folders_with_one_id_are_refused(app: App, stories: Path) -> None:
    (stories / "other" / "demo").mkdir(parents=True)
    with pytest.raises(UsageError, match="two folders share the project id 'demo'"):
        app.projects(("demo", "demo/other/demo"))


def test_a_name_is_for_one_folder_and_must_be_an_id(app: App, stories: Path) -> None:
    assert app.projects(("demo",), name="mine")[0].id == "mine"
    with pytest.raises(UsageError, match="names one project"):
        app.projects(("demo", "."), name="mine")
    with pytest.raises(UsageError, match="cannot be the id"):
        app.projects(("demo",), name="Not An Id")


def test_a_known_folder_keeps_its_project(stored: App, write_story: WriteStory) -> None:
    write_story("A-1.md", id="A-1")
    stored.sync(stored.projects(("demo",), name="mine"))
    assert stored.projects(("demo",))[0].id == "mine"


def test_without_path_or_settings_the_database_says_what_to_work_on(
    stored: App, write_story: WriteStory
) -> None:
    with pytest.raises(UsageError, match="no project"):
        stored.projects()
    write_story("A-1.md", id="A-1")
    stored.sync(stored.projects(("demo",)))
    assert [project.id for project in stored.projects()] == ["demo"]


def test_a_folder_that_lists_projects_stands_for_them(app: App, stories: Path) -> None:
    (stories / "a").mkdir()
    (stories / "storysync.toml").write_text("[[projects]]\npath = 'a'\nid = 'listed'\n")
    assert [project.id for project in app.projects(("demo",))] == ["listed"]


def test_the_second_sync_changes_nothing(stored: App, write_story: WriteStory) -> None:
    write_story("A-1.md", id="A-1")
    projects = stored.projects(("demo",))
    assert [report.created for report in stored.sync(projects)] == [1]
    (again,) = stored.sync(projects)
    assert not again.changed
    assert stored.verify(projects).equal


def test_a_folder_without_stories_leaves_no_database(app: App, stories: Path) -> None:
    with pytest.raises(UsageError, match="no Markdown files"):
        app.sync(app.projects(("demo",)))
    assert not app.database.file.parent.exists()


def test_the_lock_keeps_a_second_writer_out(app: App, tmp_path: Path) -> None:
    flags = {"database.url": str(app.database.file)}
    script = (
        "import sys; from storysync.app import App; from pathlib import Path\n"
        f"with App.load(Path({str(tmp_path)!r}), {{}}, flags={flags!r}).lock():\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout and holder.stdin
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Locked, match=f"process {holder.pid}"), app.lock():
            pass
        holder.stdin.close()
    with app.lock():
        pass


def test_a_foreign_database_is_left_alone(app: App) -> None:
    app.database.file.parent.mkdir()
    with closing(sqlite3.connect(app.database.file)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    before = app.database.file.read_bytes()
    for use in (app.lock, app.reader, lambda: app.stores().of("demo")):
        with pytest.raises(ForeignDatabase), use():
            pass
    assert app.database.file.read_bytes() == before
    assert [file.name for file in app.database.file.parent.iterdir()] == ["x.db"]


def test_a_newer_database_is_left_alone(app: App, write_story: WriteStory) -> None:
    write_story("A-1.md", id="A-1")
    projects = app.projects(("demo",))
    app.sync(projects)
    with closing(sqlite3.connect(app.database.file)) as connection:
        connection.execute("UPDATE storysync_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(SchemaAhead):
        app.sync(projects)
    with pytest.raises(SchemaAhead):
        app.verify(projects)


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    app = App.load(tmp_path, {}, flags={"database.url": str(tmp_path)})
    with pytest.raises(StoreError, match="is a folder"):
        app.reader()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:secret@host/db?nonsense=1",
        "postgresql://me:secret@[host/db",
        "mysql://me:secret@h/d",
        "sqlite://",
        "sqlite:///:memory:",
    ],
)
def test_other_databases_are_refused_without_telling_secrets(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError, match=r"cannot (use|read) the database URL") as caught:
        App.load(tmp_path, {}, flags={"database.url": url})
    assert "secret" not in str(caught.value)


def test_the_default_database_never_lies_among_the_stories(tmp_path: Path, write_story: WriteStory) -> None:
    write_story("A-1.md", id="A-1")
    app = App.load(tmp_path, {"STATE_DIRECTORY": str(tmp_path / "demo" / "state")})
    projects = app.projects(("demo",))
    with pytest.raises(UsageError, match="would lie inside the project folder"):
        app.refuse_place(projects)
    named = App.load(tmp_path, {}, flags={"database.url": str(tmp_path / "demo" / "x.db")})
    named.refuse_place(projects)
    assert named.database_inside(projects) == projects[0]
