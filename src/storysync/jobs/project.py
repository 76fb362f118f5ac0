"""Which project a folder is."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from storysync.adapters import git
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
    """The project of a root folder. Raises UsageError when the folder cannot be used as one."""
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
        raise UsageError(f"there is no folder {path}", hint="check the path") from None
    except PermissionError:
        raise UsageError(
            f"the folder {path} cannot be read", hint="give storysync the right to read and enter it"
        ) from None
    except OSError as error:
        raise UsageError(f"the folder {path} cannot be used: {error.strerror}") from error
    return Project(settings.id or default_id(root), root, settings)


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
