"""Floor 0: the places where settings are written, each read into one `Layer`. Nothing is checked here."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, time
from pathlib import Path
from typing import Any

from storysync.errors import SettingsError

FILE_NAME = "storysync.toml"
SYSTEM_FILE = Path("/etc/storysync/config.toml")
Key = tuple[str | int, ...]
"""The way to a value, for example `("projects", 0, "path")`."""


@dataclass(frozen=True)
class Layer:
    """What one file, the environment or the flags say. `values` is nested as in TOML."""

    origin: str
    values: dict[str, Any]
    folder: Path
    """Relative paths in this layer are relative to it."""
    text: str = ""
    table: str = ""
    """The dotted table of the file that holds our settings: '' or 'tool.storysync'."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Dotted key -> the variable or flag that set it, where that is not the origin."""

    def place(self, key: Key) -> str:
        """Where a key was written, for messages: `/x/storysync.toml:3`, or the name of a variable."""
        dotted = dotted_key(key)
        named = [name for known, name in self.names.items() if dotted == known or dotted.startswith(known)]
        if named:
            return max(named, key=len)
        line = line_of(self.text, self.table, key) if self.text else None
        return f"{self.origin}:{line}" if line else self.origin


def dotted_key(key: Key) -> str:
    """`("projects", 0, "path")` as people read it: `projects[0].path`."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".")


def project_layer(start: Path) -> Layer | None:
    """The nearest `storysync.toml`, or `[tool.storysync]`, from `start` up to the folder with `.git`.

    Outside of git the search ends below the home folder, or at `/`.
    """
    home = Path.home()
    for folder in (start, *start.parents):
        found = file_layer(folder / FILE_NAME) or _pyproject_layer(folder / "pyproject.toml")
        if found is not None:
            return found
        if folder == home or _is_top_level(folder):
            break
    return None


def _is_top_level(folder: Path) -> bool:
    try:
        return (folder / ".git").exists()
    except PermissionError:
        return False  # a folder that may not be entered


def user_file(environ: Mapping[str, str]) -> Path:
    """`$XDG_CONFIG_HOME/storysync/config.toml`; a relative XDG folder counts as unset, as its rules say."""
    base = environ.get("XDG_CONFIG_HOME", "")
    folder = Path(base) if base.startswith("/") else Path.home() / ".config"
    return folder / "storysync" / "config.toml"


def file_layer(path: Path) -> Layer | None:
    """One settings file, None when there is none. Raises SettingsError when it cannot be read."""
    text = _text(path)
    if text is None:
        return None
    return Layer(str(path), _parsed(text, path), path.parent, text)


def _pyproject_layer(path: Path) -> Layer | None:
    text = _text(path)
    if text is None or "storysync" not in text:
        return None
    values = _parsed(text, path).get("tool", {}).get("storysync")
    if not isinstance(values, dict):
        return None
    return Layer(str(path), values, path.parent, text, "tool.storysync")


def _text(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if not os.access(path.parent, os.X_OK):
            return None  # a folder that may not be entered has no settings for us
        raise SettingsError(
            f"cannot read the settings file {path}: {os.strerror(error.errno or 0)}",
            hint="name a file, or make it readable",
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"the settings file {path} is not UTF-8", hint="save it as UTF-8") from error


def _parsed(text: str, path: Path) -> dict[str, Any]:
    try:
        return {key: _plain(value) for key, value in tomllib.loads(text).items()}
    except tomllib.TOMLDecodeError as error:
        message, place = str(error), ""
        at = re.search(r" \(at line (\d+), column (\d+)\)$", message)
        if at:
            message, place = message[: at.start()], f":{at[1]}:{at[2]}"
        elif message.endswith(" (at end of document)"):
            message, place = message.removesuffix(" (at end of document)"), f":{text.count(chr(10)) + 1}"
        raise SettingsError(f"{path}{place}: invalid TOML: {message}", hint="mend that line") from error


def _plain(value: Any) -> Any:
    """TOML dates as ISO text; every other value as it is."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, date | time) else value


def line_of(text: str, table: str, key: Key) -> int | None:
    """The line of a key in a TOML text, or of the closest table around it; None when not found.

    tomllib keeps no positions. This reads headers and `key =` at line starts, which is how people write
    settings; a key inside an inline table gets the line of that table.
    """
    wanted: Key = (*(part for part in table.split(".") if part), *key)
    best: tuple[int, int] | None = None
    for number, found in _written_keys(text):
        shared = len(found) if wanted[: len(found)] == found else 0
        if shared > len(wanted) - len(key) and (best is None or shared > best[0]):
            best = (shared, number)
    return best[1] if best else None


_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]")
_ASSIGNED = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r""""([^"]*)"|'([^']*)'|([\w-]+)""")


def _written_keys(text: str) -> Iterator[tuple[int, Key]]:
    """(line, key) of every table header and assignment, in the order of the file."""
    table: Key = ()
    counts: dict[Key, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _within_arrays(_parts(header[2]), counts, opens=header[1] == "[[")
            yield number, table
        elif assigned := _ASSIGNED.match(line):
            yield number, (*table, *_parts(assigned[1]))


def _within_arrays(parts: Key, counts: dict[Key, int], *, opens: bool) -> Key:
    """A header's key, with the current index after the name of each array of tables."""
    found: Key = ()
    for position, part in enumerate(parts):
        found = (*found, part)
        if opens and position == len(parts) - 1:
            counts[found] = counts.get(found, -1) + 1
        if found in counts:
            found = (*found, counts[found])
    return found


def _parts(dotted: str) -> Key:
    return tuple(a or b or c for a, b, c in _PART.findall(dotted))
