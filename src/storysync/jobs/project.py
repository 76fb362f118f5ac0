"""Which project a folder is."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from storysync.adapters import git
from storysync.core.file_names import is_looked_at
from storysync.errors import UsageError
from storysync.settings import ProjectSettings

_MAX_SLUG = 48


@dataclass(frozen=True)
class Project:
    """A set of stories with one vocabulary, and the folder that holds them (absolute, links resolved)."""

    id: str
    root: Path
    settings: ProjectSettings


def resolve_project(settings: ProjectSettings) -> Project:
    """The project of a root folder. Raises UsageError when it or its reading settings cannot be used."""
    _known_words(settings)
    path = Path(settings.path)
    try:
        root = path.resolve(strict=True)
        if not root.is_dir():
            raise UsageError(f"{path} is a file, not a folder", hint="name the folder that holds the stories")
        with os.scandir(root):
            pass
        str(root).encode()
    except UnicodeEncodeError:
        raise UsageError(
            f"the path of the folder {os.fsencode(path)!r} is not UTF-8",
            hint="rename the folders on the way to it",
        ) from None
    except FileNotFoundError:
        what = "file" if is_looked_at(path.name) else "folder"
        raise UsageError(f"there is no {what} {path}", hint="check the path") from None
    except PermissionError:
        raise UsageError(
            f"the folder {path} cannot be read", hint="give storysync the right to read and enter it"
        ) from None
    except OSError as error:
        raise UsageError(f"the folder {path} cannot be used: {error.strerror}") from error
    return Project(settings.id or default_id(root), root, settings)


def _known_words(settings: ProjectSettings) -> None:
    """Refuse a pinned dialect and fields that nothing of ours reads; settings themselves know no dialects."""
    reading = settings.reading
    if not reading.dialect and not reading.fields:
        return
    # The readers take 60 ms to load, which a check that reads nothing must not pay.
    from storysync.core.fields import CANONICAL, known_field
    from storysync.core.registry import NAMES

    wrong = [("dialect", reading.dialect, list(NAMES))] if reading.dialect not in ("", *NAMES) else []
    wrong += [
        (f"fields.{name}", target, sorted(CANONICAL))
        for name, target in reading.fields.items()
        if not known_field(target)
    ]
    for key, value, known in wrong:
        close = get_close_matches(value, known, 1, 0.5)
        guess = f"; did you mean {close[0]!r}?" if close else ""
        raise UsageError(
            f"setting `reading.{key}` of the project at {settings.path}: there is no {value!r}{guess}",
            hint=f"use one of {', '.join(known)}",
        )


def default_id(root: Path) -> str:
    """A slug of the git top level's folder name, and of the sub-folder when the root lies below it."""
    top = git.top_level(root)
    if top is None:
        return slug(root.name)
    below = root.relative_to(top).as_posix()
    return slug(top.name if below == "." else f"{top.name}-{below}")


def slug(name: str) -> str:
    """`[a-z0-9][a-z0-9-]{0,47}`; `stories` when nothing of the name is left."""
    text = re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")
    return text[:_MAX_SLUG].rstrip("-") or "stories"
