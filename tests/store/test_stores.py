"""A database for each project: files of SQLite, and schemas of PostgreSQL, answer as one database would."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from storysync.app import App
from storysync.errors import ForeignDatabase, Locked, NotFound, StoreError, UsageError
from storysync.queries.blocked import blocked
from storysync.queries.filters import Filter
from storysync.queries.find_story import find_story
from storysync.queries.freshness import freshness
from storysync.queries.list_stories import SORTS, list_stories
from storysync.queries.show_story import show_story
from storysync.store.database import Engines
from storysync.store.stores import Stores, databases_at
from support.per_project import ready, write


@pytest.fixture(params=("sqlite", "postgresql"))
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state/{{project}}/database.sqlite"
    base = request.getfixturevalue("postgres_url")
    return f"{base}{'&' if '?' in base else '?'}schema=storysync_{{project}}"


@pytest.fixture
def app(tmp_path: Path, url: str) -> App:
    return App.load(tmp_path, {}, flags={"database.url": url, "state_dir": str(tmp_path / "state")})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """`web-shop` needs stories of `infra`; `docs` stands alone."""
    write(tmp_path / "web-shop" / "S-1.md", id="S-1", status="todo", priority=2, dependencies='["infra:I-1"]')
    write(
        tmp_path / "web-shop" / "S-2.md", id="S-2", status="todo", dependencies='["infra:I-9", "nowhere:X-1"]'
    )
    write(tmp_path / "infra" / "I-1.md", id="I-1", status="todo", priority=1)
    write(tmp_path / "infra" / "I-10.md", id="I-10", status="backlog", priority=3)
    write(tmp_path / "docs" / "D-1.md", id="D-1", status="todo", priority=1)
    return tmp_path


def sync(app: App, *paths: str) -> None:
    app.sync(app.projects(paths))


def reasons(app: App) -> dict[str, list[tuple[str, str | None, str | None]]]:
    with app.reader() as reader:
        return {
            story["id"]: [(one["reason"], one["blocker"], one["blocker_status"]) for one in story["reasons"]]
            for story in blocked(reader, Filter())
        }


def dangling(app: App) -> list[str]:
    with app.reader() as reader:
        rows = reader.rows("SELECT message FROM problems WHERE code = 'dangling-reference' ORDER BY 1")
    return [row["message"] for row in rows]


EXPECTED = {
    "S-1": [("waits for", "I-1", "todo")],
    "S-2": [("dangling", "I-9", None), ("external", "X-1", None)],
}


@pytest.mark.parametrize("order", [("web-shop", "infra", "docs"), ("infra", "docs", "web-shop")])
def test_references_reach_other_databases_whichever_was_first(
    app: App, folder: Path, order: tuple[str, ...]
) -> None:
    for one in order:
        sync(app, one)
    assert list(app.databases.known()) == ["docs", "infra", "web-shop"]
    found = reasons(app)
    assert {story: sorted(told) for story, told in found.items()} == EXPECTED
    assert dangling(app) == ["there is no story 'I-9' in project infra (depends on)"]
    assert ready(app) == ["D-1", "I-1", "I-10"]
    assert app.verify(app.projects()).equal


def test_what_becomes_of_a_story_there_shows_here(app: App, folder: Path) -> None:
    sync(app, "web-shop", "infra")
    file = folder / "infra" / "I-1.md"
    write(file, id="I-1", status="done")
    sync(app, "infra")
    assert "S-1" in ready(app)
    write(file, id="I-1", status="cancelled")
    sync(app, "infra")
    assert reasons(app)["S-1"] == [("waits for cancelled", "I-1", "cancelled")]
    file.unlink()
    write(file.with_name("I-7.md"), id="I-7", status="done")
    sync(app, "infra")
    assert reasons(app)["S-1"] == [("dangling", "I-1", None)]
    assert len(dangling(app)) == 2
    write(folder / "infra" / "again" / "other.md", id="i-1", status="accepted")
    sync(app, "infra")
    assert "S-1" in ready(app)
    write(folder / "infra" / "third.md", id="I-1", status="accepted")
    sync(app, "infra")
    assert app.verify(app.projects()).equal


def test_several_stories_of_one_id_there_are_ambiguous_here(app: App, folder: Path) -> None:
    sync(app, "web-shop", "infra")
    write(folder / "infra" / "copy.md", id="I-1", status="done")
    sync(app, "infra")
    assert reasons(app)["S-1"][0][0] == "ambiguous"
    with app.reader(("web-shop",)) as reader:
        (row,) = reader.rows("SELECT message FROM problems WHERE code = 'ambiguous-reference'")
    assert "I-1 (I-1.md)" in row["message"] and "I-1 (copy.md)" in row["message"]
    assert app.verify(app.projects()).equal


def test_any_order_of_edits_and_syncs_converges(app: App, folder: Path) -> None:
    dice = random.Random(7)
    places = [folder / "infra" / f"{n}.md" for n in range(3)]
    write(folder / "web-shop" / "S-3.md", id="S-3", status="todo", dependencies='["infra:N-0", "infra:N-1"]')
    sync(app, "web-shop", "infra")
    for _ in range(12):
        place = dice.choice(places)
        if dice.random() < 0.3:
            place.unlink(missing_ok=True)
        else:
            write(place, id=f"N-{dice.randrange(3)}", status=dice.choice(["todo", "done", "cancelled"]))
        if dice.random() < 0.3:
            write(
                folder / "web-shop" / "S-4.md", id="S-4", status="todo",
                dependencies=f'["infra:N-{dice.randrange(4)}"]',
            )  # fmt: skip
        sync(app, dice.choice(["web-shop", "infra"]))
    sync(app, "infra")
    sync(app, "web-shop")
    (folder / "fresh").mkdir()
    report = app.verify(app.projects())
    assert report.equal, report.differences
    with app.reader(("web-shop",)) as reader, app.reader(("infra",)) as other:
        known = {row["key"]: row for row in reader.rows("SELECT * FROM foreign_stories")}
        for key, row in known.items():
            there = other.rows("SELECT status FROM stories WHERE key = ?", (key,))
            expected = {0: "dangling", 1: "resolved"}.get(len(there), "ambiguous")
            assert row["state"] == expected
            if expected == "resolved":
                assert row["status"] == there[0]["status"]
        asked = reader.rows(
            "SELECT DISTINCT target_key FROM story_dependencies WHERE target_project = 'infra'"
        )
        assert known.keys() == {row["target_key"] for row in asked}


def test_lists_are_sorted_as_in_one_database(app: App, folder: Path, tmp_path: Path) -> None:
    shared = App.load(tmp_path, {}, flags={"database.url": f"sqlite:///{tmp_path}/shared.db"})
    for one in (app, shared):
        sync(one, "web-shop", "infra", "docs")
    for sort in SORTS:
        for descending in (False, True):
            for limit, offset in ((None, 0), (2, 0), (2, 2), (2, 4), (None, 3)):
                with app.reader() as many, shared.reader() as single:
                    options = {"sort": sort, "descending": descending, "limit": limit, "offset": offset}
                    assert list_stories(many, Filter(), **options) == list_stories(
                        single, Filter(), **options
                    )


def test_a_story_is_found_in_whichever_database_it_is(app: App, folder: Path) -> None:
    write(folder / "docs" / "I-10.md", id="I-10", status="done")
    sync(app, "web-shop", "infra", "docs")
    with app.reader() as reader:
        assert show_story(reader, "D-1")["project_id"] == "docs"
        with pytest.raises(NotFound, match="fits 2 stories: docs:I-10, infra:I-10"):
            find_story(reader, "I-10")
        (edge,) = show_story(reader, "S-1")["edges"]
        assert (edge["relation"], edge["id"], edge["title"], edge["status"]) == (
            "depends_on", "I-1", "A story", "todo",
        )  # fmt: skip
        (edge,) = show_story(reader, "I-1")["edges"]
        assert (edge["relation"], edge["project_id"], edge["id"]) == ("needed_by", "web-shop", "S-1")
    with app.reader(("infra",)) as reader:
        assert show_story(reader, "I-10")["status"] == "backlog"
    with pytest.raises(NotFound, match="no project 'none'"):
        app.reader(("none",))


def test_freshness_tells_when_others_were_looked_at(app: App, folder: Path) -> None:
    sync(app, "web-shop", "infra")
    with app.reader() as reader:
        before = {one["project_id"]: one for one in freshness(reader)["projects"]}
    assert list(before["web-shop"]["foreign"]) == ["infra"]
    assert "foreign" not in before["infra"]
    write(folder / "infra" / "I-11.md", id="I-11", status="todo")
    sync(app, "infra")
    with app.reader() as reader:
        after = {one["project_id"]: one for one in freshness(reader)["projects"]}
    assert after["web-shop"]["foreign"]["infra"] > before["web-shop"]["foreign"]["infra"]


def test_a_project_that_is_gone_is_unknown_again(app: App, folder: Path) -> None:
    sync(app, "web-shop", "infra")
    database = app.databases.of("infra")
    if database.file is not None:
        for file in database.file.parent.iterdir():
            file.unlink()
    else:
        with closing(psycopg.connect(database.url, autocommit=True)) as connection:
            connection.execute("DROP SCHEMA storysync_infra CASCADE")
    sync(app, "web-shop")
    assert reasons(app)["S-1"] == [("external", "I-1", None)]


def test_sql_of_one_project_cannot_read_another(app: App, folder: Path) -> None:
    sync(app, "web-shop", "infra")
    theirs = app.databases.of("infra")
    questions = ["SELECT * FROM stories WHERE project_id = 'infra'"]
    if theirs.file is None:
        questions.append("SELECT * FROM storysync_web_shop.stories WHERE project_id = 'infra'")
    with app.reader(("web-shop",)) as reader:
        for question in questions:
            assert reader.rows(question) == []
        if theirs.file is not None:
            with pytest.raises(StoreError):
                reader.rows(f"ATTACH '{theirs.file}' AS other")


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # a schema without our tables is not listed
def test_one_database_that_is_not_ours_leaves_the_others_readable(
    app: App, folder: Path, tmp_path: Path
) -> None:
    sync(app, "docs")
    database = app.databases.of("infra")
    assert database.file is not None
    database.file.parent.mkdir()
    with closing(sqlite3.connect(database.file)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    with pytest.raises(ForeignDatabase, match="synced all the same: docs"):
        sync(app, "infra", "docs")
    with app.reader() as reader:
        assert list(reader.missing) == ["infra"]
        fresh = {one["project_id"]: one["state"] for one in freshness(reader)["projects"]}
        assert fresh == {"docs": "live", "infra": "unavailable"}
    with pytest.raises(ForeignDatabase):
        app.reader(("infra",))
    report = app.verify(app.projects(("docs", "infra")))
    assert not report.equal
    assert report.stories == 1


def test_a_writer_keeps_others_out_of_its_own_project_only(app: App, folder: Path) -> None:
    sync(app, "infra", "docs")
    with app.stores() as first, app.stores() as second:
        first.of("infra").claim(("infra",))
        with pytest.raises(Locked):
            second.of("infra").claim(("infra",))
        second.of("docs").claim(("docs",))


def test_a_database_in_another_place_is_opened_anew(app: App, folder: Path) -> None:
    sync(app, "infra")
    file = app.databases.of("infra").file
    with app.stores() as stores:
        store = stores.of("infra")
        assert stores.of("infra") is store
        if file is None:
            return
        for one in file.parent.glob(file.name + "*"):
            if not one.name.endswith(".lock"):
                one.unlink()
        assert stores.of("infra") is not store
        assert file.exists()


def test_four_processes_start_on_nothing(app: App, folder: Path, url: str) -> None:
    script = (
        "import sys; from pathlib import Path; from storysync.cli.main import main\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", script, "sync", "web-shop", "infra", "docs", "--database", url]
    running = [
        subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    for process in running:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, (out, err)
    assert list(app.databases.known()) == ["docs", "infra", "web-shop"]
    assert app.verify(app.projects(("web-shop", "infra", "docs"))).equal
    assert {story: sorted(told) for story, told in reasons(app).items()} == EXPECTED


@pytest.mark.parametrize(
    "wrong",
    [
        "postgresql://host/{project}", "postgresql://{project}@host/db", "postgresql://host/db?schema={project}",
        "postgresql://host/db?schema=Upper_{project}", "postgresql://host/{project}?schema=a_{project}",
        "postgresql://host/db?schema=a_{project}_{project}",
        f"postgresql://host/db?schema={'x' * 30}{{project}}",
    ],
)  # fmt: skip
def test_the_mark_stands_only_where_it_can(wrong: str) -> None:
    with pytest.raises(UsageError, match="cannot use the database URL"):
        databases_at(wrong)


def test_a_schema_of_a_url_must_be_one() -> None:
    with pytest.raises(UsageError, match="cannot be the name of a schema"):
        databases_at("postgresql://host/db?schema=a;drop")


def test_all_patterns_of_files_find_their_projects(tmp_path: Path) -> None:
    for pattern in ("{project}.db", "{project}/{project}.db", "all/{project}/x[1].db", "p-{project}-x/y.db"):
        databases = databases_at(f"sqlite:///{tmp_path}/{pattern}", Engines(state_dir=tmp_path))
        assert databases.known() == {}
        for project in ("a", "b-2"):
            file = databases.of(project).file
            assert file is not None
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
            file.with_name(file.name + "-wal").touch()
        assert list(databases.known()) == ["a", "b-2"], pattern
        (tmp_path / "Not An Id.db").touch()
        with Stores(databases) as stores:
            assert stores.of("a").database.file == databases.of("a").file


def test_home_is_expanded_in_front_of_the_mark(tmp_path: Path) -> None:
    for start in ("sqlite:///~/", "sqlite:///{home}/", "~/"):
        app = App.load(tmp_path, {}, flags={"database.url": start + "p/{project}/database.sqlite"})
        assert app.databases.of("x").file == Path.home() / "p" / "x" / "database.sqlite"
