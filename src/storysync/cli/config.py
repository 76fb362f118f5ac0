"""`storysync config show`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
import msgspec

from storysync.cli import output
from storysync.cli.options import current_folder
from storysync.settings_load import load_settings
from storysync.state import database_url


@click.group()
def command() -> None:
    """Show the settings and where each comes from."""


@command.command()
@click.option("--origin", is_flag=True, help="Print where each value was set.")
@click.option("--database", metavar="URL", help="As a command would be given it.")
@click.option("--config", metavar="FILE", help="Settings file to use instead of the one found upward.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def show(origin: bool, database: str | None, config: str | None, as_json: bool) -> int:
    """Print every setting as it holds in this folder, as lines of TOML."""
    flags = {"database.url": database} if database is not None else {}
    loaded = load_settings(current_folder(), os.environ, flags=flags, config=Path(config) if config else None)
    values = _flat(msgspec.to_builtins(loaded.settings))
    values["database.url"] = database_url(loaded.settings, os.environ)
    origins = {key: loaded.origin(key) for key in values}
    if as_json:
        data = {key: {"value": value, "origin": origins[key]} for key, value in values.items()}
        output.show_document("settings", data, None)
        return 0
    lines = []
    for key, value in values.items():
        line = f"{key} = {_toml(value)}" if value is not None else f"# {key} is not set"
        lines.append(f"{line}  # {origins[key]}" if origin else line)
    output.say("\n".join(lines))
    return 0


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted keys; tables of words, such as `reading.statuses`, key by key when they have any."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        quoted = key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else _toml(key)
        if isinstance(value, dict) and value:
            found.update(_flat(value, f"{prefix}{quoted}."))
        else:
            found[prefix + quoted] = value
    return found


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{_toml(key)} = {_toml(item)}" for key, item in value.items() if item is not None)
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return msgspec.json.encode(value).decode()
