"""What several commands take, spelled and explained in one way."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from storysync.app import App
from storysync.cli import output
from storysync.errors import UsageError
from storysync.store.reader import Reader

Command = TypeVar("Command", bound=Callable[..., Any])

with_paths = click.argument("paths", nargs=-1, metavar="[PATH]...")
with_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
with_one_project = click.option(
    "--project", "-p", metavar="NAME", help="Id of the project; default: a slug of the folder's name."
)
with_projects = click.option(
    "--project", "-p", "projects", multiple=True, metavar="NAME", help="Only this project; may be repeated."
)


def with_app(command: Command) -> Command:
    """`--database` and `--config`; pass both to `load`."""
    database = click.option(
        "--database",
        metavar="URL",
        help="A path, sqlite:///FILE or postgresql://…; default: a file in the state folder.",
    )
    config = click.option(
        "--config", metavar="FILE", help="Settings file to use instead of the one found upward."
    )
    return database(config(command))


def load(database: str | None, config: str | None) -> App:
    """The app with all settings, as seen from the current folder. Raises SettingsError."""
    flags = {"database.url": database} if database is not None else {}
    return App.load(current_folder(), os.environ, flags=flags, config=Path(config) if config else None)


@contextmanager
def asking(app: App, projects: Sequence[str] = ()) -> Iterator[Reader]:
    """One state of the databases of these projects, or of all; warns of those that cannot be read."""
    with app.reader(projects) as reader, reader.snapshot():
        for project, error in reader.missing.items():
            output.warn(f"project {project} is left out: {error}")
        yield reader


def current_folder() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise UsageError("the current folder is gone", hint="change to another folder") from error


def near(path: Path) -> str:
    """A path as short as it can be clicked: relative when it lies below the current folder."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
