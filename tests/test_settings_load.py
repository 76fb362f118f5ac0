"""Settings: where they are found, which one wins, and what is said about a wrong one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from storysync.errors import SettingsError, UsageError
from storysync.settings import Settings
from storysync.settings_load import Loaded, default_roots, load_settings, project_settings, roots_of
from storysync.state import absolute_url, database_url


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    (folder / ".git").mkdir(parents=True)
    return folder


def load(cwd: Path, environ: dict[str, str] | None = None, **more: Any) -> Loaded:
    elsewhere = cwd / "nowhere"
    environ = {"XDG_CONFIG_HOME": str(elsewhere), **(environ or {})}
    return load_settings(cwd, environ, **{"system_file": elsewhere / "system.toml", **more})


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def refused(cwd: Path, environ: dict[str, str] | None = None, **more: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        load(cwd, environ, **more)
    assert caught.value.exit_code == 2
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_any_file_everything_is_default(repository: Path) -> None:
    loaded = load(repository)
    assert loaded.settings == Settings()
    assert loaded.origins == {}
    assert loaded.origin("watch.settle_ms") == "default"


def test_each_layer_wins_over_the_one_below(repository: Path) -> None:
    config = repository.parent / "config"
    system = write(
        repository.parent / "system.toml",
        "[watch]\nsettle_ms = 1\nbatch_ms = 1\nmax_wait_s = 1\ngit_wait_s = 1\n",
    )
    user = write(
        config / "storysync" / "config.toml", "[watch]\nbatch_ms = 2\nmax_wait_s = 2\ngit_wait_s = 2\n"
    )
    project = write(repository / "storysync.toml", "[watch]\nmax_wait_s = 3\ngit_wait_s = 3\n")
    loaded = load(
        repository,
        {"XDG_CONFIG_HOME": str(config), "STORYSYNC_WATCH__GIT_WAIT_S": "4"},
        system_file=system,
        flags={"watch.reconcile_minutes": 5},
    )
    watch = loaded.settings.watch
    assert (watch.settle_ms, watch.batch_ms, watch.max_wait_s) == (1, 2, 3)
    assert (watch.git_wait_s, watch.reconcile_minutes) == (4, 5)
    assert loaded.origins == {
        "watch.settle_ms": f"{system}:2",
        "watch.batch_ms": f"{user}:2",
        "watch.max_wait_s": f"{project}:2",
        "watch.git_wait_s": "STORYSYNC_WATCH__GIT_WAIT_S",
        "watch.reconcile_minutes": "--watch",
    }


def test_the_file_is_found_upward_but_not_above_the_repository(repository: Path) -> None:
    write(repository.parent / "storysync.toml", "[backup]\ndaily = 1\n")
    below = repository / "a" / "b"
    below.mkdir(parents=True)
    assert load(below).settings.backup.daily == 7
    write(repository / "storysync.toml", "[backup]\ndaily = 2\n")
    assert load(below).settings.backup.daily == 2
    write(repository / "a" / "storysync.toml", "[backup]\ndaily = 3\n")
    assert load(below).settings.backup.daily == 3


def test_pyproject_counts_when_it_has_our_table(repository: Path) -> None:
    file = write(
        repository / "pyproject.toml", "[project]\nname = 'x'\n\n[tool.storysync.backup]\ndaily = 3\n"
    )
    loaded = load(repository)
    assert loaded.settings.backup.daily == 3
    assert loaded.origin("backup.daily") == f"{file}:5"


def test_pyproject_of_others_is_not_ours_to_judge(repository: Path) -> None:
    write(repository / "pyproject.toml", "this is = not [ TOML\n")
    assert load(repository).settings == Settings()


def test_a_named_file_replaces_the_one_found(repository: Path) -> None:
    write(repository / "storysync.toml", "[backup]\ndaily = 2\n")
    other = write(repository / "other.toml", "[backup]\ndaily = 4\n")
    assert load(repository, config=Path("other.toml")).settings.backup.daily == 4
    assert load(repository, {"STORYSYNC_CONFIG": str(other)}).settings.backup.daily == 4
    assert "there is no settings file" in refused(repository, config=Path("missing.toml"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[watch]\nsettle = 3", "unknown setting `watch.settle` in {file}:2; did you mean `settle_ms`?"),
        ("settle_ms = 3", "unknown setting `settle_ms` in {file}:1; did you mean `watch.settle_ms`?"),
        ("[nonsense]\nx = 1", "unknown setting `nonsense` in {file}:1"),
        ("[watch]\n\nsettle_ms = 'x'", "setting `watch.settle_ms` in {file}:3: expected a number, got text"),
        ("[watch]\nsettle_ms = -1", "setting `watch.settle_ms` in {file}:2: expected a number > 0"),
        ("watch = 3", "setting `watch` in {file}:1: expected a table, written `[watch]`"),
        ("projects = 3", "setting `projects` in {file}:1: expected tables, written `[[projects]]`"),
        ("[project]\nid = 'A B'", "setting `project.id` in {file}:2: expected up to 48 of a-z, 0-9 and -"),
        (
            "[project]\ncreated_on = 'May'",
            "setting `project.created_on` in {file}:2: expected a date, as 2026-03-01",
        ),
        ("[[projects]]\nid = 'a'", "`projects[0]` in {file}:1 lacks `path`"),
        (
            "[reading]\ntimezone = 'Mars'",
            "setting `reading.timezone` in {file}:2: no time zone is called 'Mars'",
        ),
        (
            "[[projects]]\npath = '.'\n\n[[projects]]\npath = 'x'\nid = 'Bad Id'",
            "setting `projects[1].id` in {file}:6: expected up to 48 of a-z, 0-9 and -",
        ),
        (
            "[reading.statuses]\n'at QA' = 'nope'",
            "setting `reading.statuses.at QA` in {file}:2: expected one of draft, backlog, todo,",
        ),
        ("[watch\n", "{file}:1:7: invalid TOML: "),
        ("[a]\nb = ", "{file}:2: invalid TOML: "),
    ],
)
def test_a_mistake_in_a_file_is_named_with_its_line(repository: Path, text: str, said: str) -> None:
    file = write(repository / "storysync.toml", text)
    assert refused(repository).startswith(said.format(file=file))


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        (
            "STORYSYNC_WATCH__SETTLE",
            "3",
            "unknown setting `watch.settle` in STORYSYNC_WATCH__SETTLE; did you mean",
        ),
        ("STORYSYNC_WATCH__SETTLE_MS", "soon", "in STORYSYNC_WATCH__SETTLE_MS: expected a number, got text"),
        ("STORYSYNC_WATCH", "3", "setting `watch` in STORYSYNC_WATCH: expected a table"),
        (
            "STORYSYNC_READING__STATUSES",
            "{x = ",
            "cannot read STORYSYNC_READING__STATUSES: it takes a TOML value",
        ),
        ("SQLITE_TIMEOUT", "long", "setting `sqlite.timeout` in SQLITE_TIMEOUT: expected a number"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(
    repository: Path, variable: str, value: str, said: str
) -> None:
    assert said in refused(repository, {variable: value})


def test_variables_take_numbers_truths_lists_and_tables(repository: Path) -> None:
    settings = load(
        repository,
        {
            "STORYSYNC_BACKUP__DAILY": "3",
            "STORYSYNC_CANCELLED_SATISFIES": "true",
            "STORYSYNC_READING__IGNORE": "a, b",
            "STORYSYNC_READING__EXCLUDE": '["c,d"]',
            "STORYSYNC_READING__STATUSES": '{"shipped it" = "done"}',
            "STORYSYNC_LOG__LEVEL": "",
        },
    ).settings
    assert settings.backup.daily == 3
    assert settings.cancelled_satisfies
    assert settings.reading.ignore == ("a", "b")
    assert settings.reading.exclude == ("c,d",)
    assert settings.reading.statuses == {"shipped it": "done"}
    assert settings.log.level == "info"


def test_variables_of_other_programs_are_honoured_below_ours(repository: Path) -> None:
    borrowed = {"DATABASE_URL": "sqlite:////a.db", "SQLITE_TIMEOUT": "2.5", "SQLITE_CACHE_SIZE": "-100"}
    settings = load(repository, borrowed).settings
    assert (settings.database.url, settings.sqlite.timeout, settings.sqlite.cache_size) == (
        "sqlite:////a.db",
        2.5,
        -100,
    )
    ours = load(repository, {**borrowed, "STORYSYNC_DATABASE__URL": "sqlite:////b.db"})
    assert ours.settings.database.url == "sqlite:////b.db"
    assert ours.origin("database.url") == "STORYSYNC_DATABASE__URL"


def test_paths_are_relative_to_the_file_that_names_them(repository: Path) -> None:
    write(
        repository / "storysync.toml",
        "state_dir = 'state'\n[database]\nurl = 'sqlite+aiosqlite:///data/x.db'\n"
        "[backup]\ndirectory = '~/b'\n"
        "[[projects]]\npath = '../other'\n[[projects]]\npath = '{home}/stories'\n",
    )
    below = repository / "below"
    below.mkdir()
    settings = load(below).settings
    assert settings.state_dir == str(repository / "state")
    assert settings.database.url == f"sqlite:///{repository}/data/x.db"
    assert settings.backup.directory == str(Path.home() / "b")
    assert [project.path for project in settings.projects] == [
        str(repository.parent / "other"),
        str(Path.home() / "stories"),
    ]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("x.db", "sqlite:////base/x.db"),
        ("/y/../x.db", "sqlite:////x.db"),
        ("sqlite:///x.db", "sqlite:////base/x.db"),
        ("sqlite:////x.db", "sqlite:////x.db"),
        ("sqlite+aiosqlite:///x y.db", "sqlite:////base/x%20y.db"),
        ("sqlite:///{project}/x.db?a=1", "sqlite:////base/{project}/x.db?a=1"),
        ("postgresql+asyncpg://me@host/db", "postgresql://me@host/db"),
    ],
)
def test_database_urls_are_mapped_to_our_drivers(given: str, meant: str) -> None:
    assert absolute_url(given, Path("/base")) == meant


def test_the_default_database_lies_in_the_state_folder(tmp_path: Path) -> None:
    assert database_url(Settings(), {"XDG_STATE_HOME": "/s"}) == "sqlite:////s/storysync/storysync.db"
    systemd = {"XDG_STATE_HOME": "/s", "STATE_DIRECTORY": "/var/lib/storysync:/other"}
    assert database_url(Settings(), systemd) == "sqlite:////var/lib/storysync/storysync.db"
    assert database_url(Settings(state_dir="/mine"), systemd) == "sqlite:////mine/storysync.db"
    assert database_url(Settings(), {}).endswith("/.local/state/storysync/storysync.db")


def test_a_project_is_described_by_its_own_file_wherever_one_stands(repository: Path) -> None:
    write(
        repository / "storysync.toml",
        "[project]\nid = 'mine'\npath = 'stories'\n[reading]\n"
        "timezone = 'Europe/Berlin'\nstatuses = {a = 'done'}\n",
    )
    root = repository / "stories"
    root.mkdir()
    elsewhere = repository.parent / "elsewhere"
    write(elsewhere / "storysync.toml", "[reading]\nid_scope = 'folder'\n")
    for cwd in (repository, elsewhere):
        settings = project_settings(root, load(cwd))
        assert (settings.id, settings.path) == ("mine", str(root))
        assert settings.reading.timezone == "Europe/Berlin"
        assert settings.reading.id_scope == "project", "a file elsewhere says nothing about this project"
    assert project_settings(repository, load(repository)).id is None, "`path` says which folder is meant"


def test_a_listed_project_has_the_last_word_about_its_reading(repository: Path) -> None:
    root = repository.parent / "listed"
    write(
        root / "storysync.toml", "[reading]\ntimezone = 'Europe/Paris'\nstatuses = {a = 'done', b = 'done'}\n"
    )
    (root / ".git").mkdir()
    write(
        repository / "storysync.toml",
        "[reading]\nid_scope = 'folder'\nstatuses = {c = 'done'}\n"
        "[[projects]]\npath = '../listed'\nid = 'special'\n[projects.reading.statuses]\nb = 'review'\n",
    )
    settings = project_settings(root, load(repository))
    assert settings.id == "special"
    assert settings.reading.statuses == {"a": "done", "b": "review", "c": "done"}
    assert (settings.reading.timezone, settings.reading.id_scope) == ("Europe/Paris", "folder")


def test_a_project_knows_its_entry_in_the_list_above_it_from_anywhere(repository: Path) -> None:
    write(repository / "storysync.toml", "[[projects]]\npath = 'stories'\nid = 'special'\n")
    assert project_settings(repository / "stories", load(repository.parent)).id == "special"


def test_a_project_table_belongs_into_the_project(repository: Path) -> None:
    system = write(repository.parent / "system.toml", "[project]\nid = 'x'\n")
    assert "belongs into a project's own storysync.toml" in refused(repository, system_file=system)
    assert "belongs into" in refused(repository, {"STORYSYNC_PROJECT__ID": "x"})


def test_without_a_path_the_settings_say_what_to_work_on(repository: Path) -> None:
    with pytest.raises(UsageError, match="no project"):
        default_roots(load(repository))
    file = write(repository / "storysync.toml", "")
    assert default_roots(load(repository)) == [repository]
    file.write_text("[project]\npath = 'stories'\n")
    assert default_roots(load(repository)) == [repository / "stories"]
    file.write_text("[[projects]]\npath = 'a'\n[[projects]]\npath = 'b'\n")
    assert default_roots(load(repository)) == [repository / "a", repository / "b"]


def test_a_folder_that_lists_projects_stands_for_them(repository: Path) -> None:
    assert roots_of(repository) == [repository]
    write(repository / "storysync.toml", "[[projects]]\npath = 'a'\n")
    assert roots_of(repository) == [repository / "a"]
    assert roots_of(repository / "a") == [repository / "a"]


def test_an_unreadable_or_foreign_file_is_one_line(repository: Path) -> None:
    (repository / "storysync.toml").write_bytes(b"a = '\xff'")
    assert "is not UTF-8" in refused(repository)
    (repository / "storysync.toml").unlink()
    (repository / "storysync.toml").mkdir()
    assert "cannot read the settings file" in refused(repository)


def test_settings_can_be_written_out_and_read_again() -> None:
    assert msgspec.convert(msgspec.to_builtins(Settings()), Settings) == Settings()
