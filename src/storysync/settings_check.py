"""Floor 0: compares one layer of settings with the structs, so that an error names key, file and line."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Literal, get_args, get_origin

import msgspec

from storysync.errors import SettingsError
from storysync.settings import Frozen, Settings
from storysync.settings_files import Key, Layer, dotted_key


@cache
def fields_of(struct: type[Frozen]) -> dict[str, msgspec.structs.FieldInfo]:
    """The settings of one table, by name."""
    return {field.name: field for field in msgspec.structs.fields(struct)}


def struct_of(kind: Any) -> tuple[type[Frozen] | None, bool]:
    """(the struct that a field holds, or None; whether it holds a list of them)."""
    if isinstance(kind, type) and issubclass(kind, Frozen):
        return kind, False
    for part in get_args(kind):
        if isinstance(part, type) and issubclass(part, Frozen):
            return part, getattr(kind, "__origin__", None) is tuple
    return None, False


def checked(values: dict[str, Any], struct: type[Frozen], layer: Layer, key: Key = ()) -> dict[str, Any]:
    """A copy of one table's values. Raises SettingsError for an unknown key or a wrong value."""
    known = fields_of(struct)
    for name in values:
        if name not in known:
            raise _unknown((*key, name), known, layer)
    missing = [name for name, field in known.items() if field.required and name not in values]
    if missing:
        where = dotted_key(key)
        raise SettingsError(
            f"`{where}` in {layer.place(key)} lacks `{missing[0]}`", hint=f"add `{missing[0]} = …` to it"
        )
    return {name: _value(value, known[name].type, layer, (*key, name)) for name, value in values.items()}


def _value(value: Any, kind: Any, layer: Layer, key: Key) -> Any:
    struct, many = struct_of(kind)
    if struct and many:
        if not isinstance(value, list | tuple) or not all(isinstance(item, dict) for item in value):
            raise _wrong(key, layer, f"expected tables, written `[[{dotted_key(key)}]]`")
        return [checked(item, struct, layer, (*key, index)) for index, item in enumerate(value)]
    if struct:
        if not isinstance(value, dict):
            raise _wrong(key, layer, f"expected a table, written `[{dotted_key(key)}]`")
        return checked(value, struct, layer, key)
    if get_origin(kind) is dict and isinstance(value, dict):
        return {word: _value(item, get_args(kind)[1], layer, (*key, word)) for word, item in value.items()}
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise _wrong(key, layer, explained(error, kind)) from error
    if key[-1] == "timezone":
        _known_zone(value, layer, key)
    return value


_WORDS = {
    "float": "a number", "int": "a whole number", "str": "text", "bool": "true or false",
    "array": "a list", "object": "a table", "null": "nothing",
}  # fmt: skip

_PATTERNS = {
    r"^[a-z0-9][a-z0-9-]{0,47}$": "up to 48 of a-z, 0-9 and -, beginning with a letter or digit",
    r"^\d{4}-\d{2}-\d{2}$": "a date, as 2026-03-01",
}


def explained(error: msgspec.ValidationError, kind: Any) -> str:
    """What msgspec found, in the words of TOML: "expected a number > 0, got text"."""
    text = str(error).partition(" - at ")[0]
    if text.startswith("Invalid enum value"):
        return f"expected one of {', '.join(_choices(kind))}; got{text.removeprefix('Invalid enum value')}"
    for pattern, words in _PATTERNS.items():
        if repr(pattern) in text:
            return f"expected {words}"
    text = re.sub(r"`(\w+)(?: \| null)?`", lambda found: _WORDS.get(found[1], found[1]), text)
    return text[:1].lower() + text[1:].removesuffix(".0")


def _choices(kind: Any) -> list[str]:
    """The words of a Literal, also inside of an optional or annotated type."""
    if get_origin(kind) is Literal:
        return [str(word) for word in get_args(kind)]
    return [word for part in get_args(kind) for word in _choices(part)]


def _wrong(key: Key, layer: Layer, why: str) -> SettingsError:
    return SettingsError(
        f"setting `{dotted_key(key)}` in {layer.place(key)}: {why}",
        hint="see docs/settings.md for what it takes",
    )


def _unknown(key: Key, known: dict[str, msgspec.structs.FieldInfo], layer: Layer) -> SettingsError:
    from difflib import get_close_matches

    name = str(key[-1])
    close = [known_key for known_key in all_keys() if known_key.rpartition(".")[2] == name]
    close = close or get_close_matches(name, known, 1, 0.5)
    guess = f"; did you mean `{close[0]}`?" if close else ""
    return SettingsError(
        f"unknown setting `{dotted_key(key)}` in {layer.place(key)}{guess}",
        hint="use one of those known here: " + ", ".join(known),
    )


def _known_zone(name: str, layer: Layer, key: Key) -> None:
    if name == "UTC":
        return
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (OSError, ValueError, LookupError) as error:
        raise _wrong(key, layer, f"no time zone is called {name!r}, as in Europe/Berlin") from error


def all_keys(struct: type[Frozen] = Settings, prefix: str = "") -> list[str]:
    """Every dotted key that can be set; the fields of a list's tables are written `projects[].path`."""
    found: list[str] = []
    for name, field in fields_of(struct).items():
        inner, many = struct_of(field.type)
        if inner is None:
            found.append(prefix + name)
        else:
            found += all_keys(inner, f"{prefix}{name}{'[]' if many else ''}.")
    return found
