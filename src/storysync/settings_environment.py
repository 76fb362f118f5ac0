"""Floor 0: the variables `STORYSYNC_*` and the three of other programs that are honoured, as one layer."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_origin

import msgspec

from storysync.errors import SettingsError
from storysync.settings import Frozen, Settings
from storysync.settings_check import explained, fields_of, struct_of
from storysync.settings_files import Layer

PREFIX = "STORYSYNC_"
BORROWED: dict[str, tuple[str, ...]] = {
    "DATABASE_URL": ("database", "url"),
    "SQLITE_TIMEOUT": ("sqlite", "timeout"),
    "SQLITE_CACHE_SIZE": ("sqlite", "cache_size"),
}
"""Variables that many programs share; ours win over them."""
RESERVED = frozenset({"STORYSYNC_CONFIG", "STORYSYNC_DEBUG", "STORYSYNC_FAULTS", "STORYSYNC_TESTING"})
"""Read elsewhere; they are no settings."""
CREDENTIALS: dict[str, tuple[str, ...]] = {"database-url": ("database", "url")}
"""Files that systemd's `LoadCredential=` puts into `CREDENTIALS_DIRECTORY`, for the service alone."""


def environment_layer(environ: Mapping[str, str], cwd: Path) -> Layer | None:
    """What the environment sets, None for nothing. Empty variables and credentials count as unset.

    A credential of systemd wins over a variable of other programs, and a variable of ours over both.
    A list is written `a,b` or as TOML, a table as TOML: `STORYSYNC_READING__STATUSES='{shipped="done"}'`.
    """
    values: dict[str, Any] = {}
    names: dict[str, str] = {}
    ours = {
        name: tuple(name.removeprefix(PREFIX).lower().split("__"))
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in RESERVED
    }
    credentials = _credentials(environ)
    texts = {**environ, **credentials}
    for name, key in (BORROWED | {name: CREDENTIALS[name] for name in credentials} | ours).items():
        if texts.get(name):
            _put(values, key, _parsed(texts[name], name, key))
            names[".".join(key)] = f"the credential {name}" if name in credentials else name
    return Layer("the environment", values, cwd, names=names) if values else None


def _credentials(environ: Mapping[str, str]) -> dict[str, str]:
    """Name -> text of those that are there. Raises SettingsError for one that cannot be read."""
    folder = environ.get("CREDENTIALS_DIRECTORY")
    found: dict[str, str] = {}
    for name in CREDENTIALS if folder else ():
        try:
            found[name] = (Path(str(folder)) / name).read_text(encoding="utf-8").strip()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"cannot read the credential {name}: {error}", hint="check LoadCredential= of the unit"
            ) from error
    return found


def _put(values: dict[str, Any], key: tuple[str, ...], value: Any) -> None:
    for part in key[:-1]:
        values = values.setdefault(part, {})
    values[key[-1]] = value


def _parsed(text: str, name: str, key: tuple[str, ...]) -> Any:
    kind = _kind(key)
    if kind is None:
        return text  # the check that follows says that the key is unknown
    struct, _ = struct_of(kind)
    if struct or get_origin(kind) is dict or text.startswith("["):
        return _toml(text, name)
    if get_origin(kind) is tuple:
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        return msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(
            f"setting `{'.'.join(key)}` in {name}: {explained(error, kind)}",
            hint="see docs/settings.md for what it takes",
        ) from error


def _kind(key: tuple[str, ...]) -> Any:
    """The type of the setting at a key, None for an unknown one."""
    struct: type[Frozen] | None = Settings
    kind: Any = None
    for part in key:
        if struct is None or part not in fields_of(struct):
            return None
        kind = fields_of(struct)[part].type
        inner, many = struct_of(kind)
        struct = None if many else inner
    return kind


def _toml(text: str, name: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            f'cannot read {name}: it takes a TOML value, as in \'{{word = "done"}}\' or \'["a", "b"]\'',
            hint="write it in storysync.toml instead",
        ) from error
