"""`storysync config show`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from storysync.cli import output
from storysync.cli.options import current_folder
from storysync.settings_load import load_settings
from storysync.state import database_url, redacted


@click.group()
def command() -> None:
    """Show the settings and where each comes from."""


@command.command()
@click.option("--origin", is_flag=True, help="Print where each value was set.")
@click.option("--database", metavar="URL", help="As a command would be given it.")
@click.option("--config", metavar="FILE", help="Settings file to use instead of the one found upward.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def show(origin: bool, database: str | None, config: str | None, as_json: bool) -> int:
    """Print every setting as it holds in this folder, one a line, as TOML."""
    flags = {"database.url": database} if database is not None else {}
    loaded = load_settings(current_folder(), os.environ, flags=flags, config=Path(config) if config else None)
    values = msgspec.to_builtins(loaded.settings)
    values["database"]["url"] = redacted(database_url(loaded.settings, os.environ))
    if as_json:
        data = {key: {"value": value, "origin": loaded.origin(plain)} for key, plain, value in _flat(values)}
        output.show_document("settings", data, None)
        return 0
    projects = values.pop("projects")
    lines = [_line(key, value, loaded.origin(plain), origin) for key, plain, value in _flat(values)]
    for index, project in enumerate(projects):
        lines.append("[[projects]]")
        for key, plain, value in _flat(project):
            place = loaded.origins.get(f"projects[{index}].{plain}")
            if place is not None:  # what an entry leaves out is told above, or by the folder's own file
                lines.append(_line(key, value, place, origin))
    output.say("\n".join(lines))
    return 0


def _line(key: str, value: Any, place: str, origin: bool) -> str:
    line = f"{key} = {_toml(value)}" if value is not None else f"# {key} is not set"
    return f"{line}  # {place}" if origin else line


def _flat(values: dict[str, Any], prefix: str = "", plain: str = "") -> Iterator[tuple[str, str, Any]]:
    """Dotted key as in TOML, the same without quotes, and value; of a table of words each word, if any."""
    for key, value in values.items():
        quoted = key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else _toml(key)
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{quoted}.", f"{plain}{key}.")
        else:
            yield prefix + quoted, plain + key, value


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{_toml(key)} = {_toml(item)}" for key, item in value.items() if item is not None)
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return msgspec.json.encode(value).decode()
