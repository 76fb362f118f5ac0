"""Floor 0: finds, checks and merges the settings.

flags > environment > `storysync.toml` found upward > user file > `/etc/storysync/` > defaults. Tables are
merged key by key; a list of a higher layer replaces the lower one's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any

import msgspec

from storysync.errors import SettingsError, UsageError
from storysync.settings import ProjectSettings, Settings
from storysync.settings_check import checked
from storysync.settings_environment import environment_layer
from storysync.settings_files import (
    FILE_NAME,
    SYSTEM_FILE,
    Key,
    Layer,
    dotted_key,
    file_layer,
    project_layer,
    user_file,
)
from storysync.state import absolute_path, absolute_url


@dataclass(frozen=True)
class Loaded:
    """The settings, where each value came from, and what project settings are built from."""

    settings: Settings
    origins: dict[str, str]
    """Dotted key -> origin, for every key that something set; all others are defaults."""
    base: tuple[Layer, ...]
    """System and user file."""
    project_file: Layer | None
    over: tuple[Layer, ...]
    """Environment and flags."""

    def origin(self, key: str) -> str:
        return self.origins.get(key, "default")


def load_settings(
    cwd: Path,
    environ: Mapping[str, str],
    *,
    flags: Mapping[str, Any] | None = None,
    config: Path | None = None,
    system_file: Path = SYSTEM_FILE,
) -> Loaded:
    """All settings as seen from `cwd`. Raises SettingsError naming the key, its origin and the line.

    `flags` maps dotted keys to values (`{"database.url": "sqlite:///x.db"}`). `config`, or the variable
    `STORYSYNC_CONFIG`, names the file to read instead of the one found upward.
    """
    named = config or (Path(environ["STORYSYNC_CONFIG"]) if environ.get("STORYSYNC_CONFIG") else None)
    project = _named_layer(cwd / named.expanduser()) if named else project_layer(cwd)
    base = [layer for layer in (file_layer(system_file), file_layer(user_file(environ))) if layer]
    over = [layer for layer in (environment_layer(environ, cwd), _flag_layer(flags or {}, cwd)) if layer]
    for layer in (*base, *over):
        _refuse_project_table(layer)
    base, over = [_ready(layer) for layer in base], [_ready(layer) for layer in over]
    project = _ready(project) if project else None
    layers = [*base, *([project] if project else []), *over]
    values = merged_all([layer.values for layer in layers])
    return Loaded(msgspec.convert(values, Settings), _origins(layers), tuple(base), project, tuple(over))


def project_settings(root: Path, loaded: Loaded) -> ProjectSettings:
    """The settings of the project whose root is `root` (absolute).

    `[reading]` of system and user file < of the `storysync.toml` found upward from the root (or of the
    file at hand when that lists the root) < environment and flags < its `[[projects]]` entry in either.
    The `[project]` table of a file counts for its own folder (or its `path`) only.
    """
    own = project_layer(root)
    own = _ready(own) if own else None
    own_list = own.values.get("projects", ()) if own else ()
    listed = merged(_entry(own_list, root), _entry(_listed(loaded), root))
    layers = [*loaded.base]
    if loaded.project_file and _lists(loaded.project_file, root):
        layers.append(loaded.project_file)
    layers += [*([own] if own else []), *loaded.over]
    reading = merged_all([layer.values.get("reading", {}) for layer in layers])
    described = _described(own or loaded.project_file, root)
    entry = merged(merged({"reading": reading}, described), listed)
    return msgspec.convert({**entry, "path": str(root)}, ProjectSettings)


def roots_of(folder: Path) -> list[Path]:
    """The roots that a folder named on the command line stands for.

    Itself, unless its own `storysync.toml` lists projects and does not describe the folder as one.
    """
    file = file_layer(folder / FILE_NAME)
    if file is None or "projects" not in file.values or "project" in file.values:
        return [folder]
    return [Path(entry["path"]) for entry in _ready(file).values["projects"]]


def root_around(folder: Path, loaded: Loaded, default: Path) -> Path | None:
    """The root of the project that a folder (links resolved) lies in: what a file named alone belongs to.

    The deepest root around it that settings name, else the folder of the settings file found upward from
    it, else `default`. None when the settings of this place list projects and it lies in none of them.
    """
    own = project_layer(folder)
    own = _ready(own) if own else None
    entries = (*_listed(loaded), *(own.values.get("projects", ()) if own else ()))
    named = [Path(entry["path"]) for entry in entries]
    lists_only = own is not None and "projects" in own.values and "project" not in own.values
    if own and not lists_only:
        named.append(_project_root(own))
    around = [root for root in named if folder.is_relative_to(root.resolve())]
    if around:
        return max(around, key=lambda root: len(root.parts))
    return None if own else default


def default_roots(loaded: Loaded) -> list[Path]:
    """The roots to work on when the command names none. Raises UsageError when nothing says which."""
    file = loaded.project_file
    if file and "project" in file.values and "projects" not in file.values:
        return [_project_root(file)]
    if loaded.settings.projects:
        return [Path(project.path) for project in loaded.settings.projects]
    if file:
        return [_project_root(file)]
    raise UsageError(
        "no project: no PATH was given and there is no storysync.toml here or above",
        hint="name a folder, as in `storysync sync PATH`, or run `storysync init`",
    )


def merged(lower: Mapping[str, Any], higher: Mapping[str, Any]) -> dict[str, Any]:
    """Tables key by key, the higher one winning; neither argument is changed."""
    both = dict(lower)
    for key, value in higher.items():
        below = both.get(key)
        both[key] = merged(below, value) if isinstance(value, dict) and isinstance(below, dict) else value
    return both


def merged_all(tables: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Several tables, lowest first, as one."""
    empty: dict[str, Any] = {}
    return reduce(merged, tables, empty)


def _named_layer(path: Path) -> Layer:
    layer = file_layer(path)
    if layer is None:
        raise SettingsError(f"there is no settings file {path}", hint="check --config or STORYSYNC_CONFIG")
    return layer


def _flag_layer(flags: Mapping[str, Any], cwd: Path) -> Layer | None:
    values: dict[str, Any] = {}
    for dotted, value in flags.items():
        nested = reduce(lambda inner, part: {part: inner}, reversed(dotted.split(".")), value)
        values = merged(values, nested)
    names = {dotted: "--" + dotted.split(".")[0] for dotted in flags}
    return Layer("flags", values, cwd, names=names) if values else None


def _refuse_project_table(layer: Layer) -> None:
    if "project" in layer.values:
        raise SettingsError(
            f"setting `project` in {layer.place(('project',))} belongs into a project's own storysync.toml",
            hint="list projects here as `[[projects]]` with a `path`",
        )


def _ready(layer: Layer) -> Layer:
    """The layer checked, with absolute paths."""
    values = checked(layer.values, Settings, layer)
    base = layer.folder
    if "state_dir" in values:
        values["state_dir"] = str(absolute_path(values["state_dir"], base))
    if "directory" in values.get("backup", {}):
        values["backup"]["directory"] = str(absolute_path(values["backup"]["directory"], base))
    if "url" in values.get("database", {}):
        values["database"]["url"] = absolute_url(values["database"]["url"], base)
    for entry in (*values.get("projects", ()), values.get("project", {})):
        if "path" in entry:
            entry["path"] = str(absolute_path(entry["path"], base))
    return replace(layer, values=values)


def _listed(loaded: Loaded) -> Sequence[dict[str, Any]]:
    """The `[[projects]]` entries as written by the highest layer that has any."""
    layers = (*loaded.base, *([loaded.project_file] if loaded.project_file else []), *loaded.over)
    found: list[Sequence[dict[str, Any]]] = [
        layer.values["projects"] for layer in layers if "projects" in layer.values
    ]
    return found[-1] if found else []


def _entry(entries: Sequence[dict[str, Any]], root: Path) -> dict[str, Any]:
    return next((entry for entry in entries if Path(entry["path"]) == root), {})


def _lists(file: Layer, root: Path) -> bool:
    entries = (*file.values.get("projects", ()), file.values.get("project", {}))
    return any(entry.get("path") == str(root) for entry in entries)


def _described(file: Layer | None, root: Path) -> dict[str, Any]:
    if file is None or "project" not in file.values or _project_root(file) != root:
        return {}
    return dict(file.values["project"])


def _project_root(file: Layer) -> Path:
    return Path(file.values.get("project", {}).get("path", file.folder))


def _origins(layers: Sequence[Layer]) -> dict[str, str]:
    found: dict[str, str] = {}
    for layer in layers:
        if "projects" in layer.values:  # a list replaces the lower one as a whole
            found = {key: place for key, place in found.items() if not key.startswith("projects[")}
        for key in _leaves(layer.values, ()):
            found[dotted_key(key)] = layer.place(key)
    return found


def _leaves(value: Any, key: Key) -> list[Key]:
    """The way to every value; `projects` counts as one, and so does each value of its entries."""
    if key == ("projects",):
        entries = [leaf for index, entry in enumerate(value) for leaf in _leaves(entry, (*key, index))]
        return [key, *entries]
    if not isinstance(value, dict):
        return [key]
    return [leaf for name, inner in value.items() for leaf in _leaves(inner, (*key, name))]
