"""How much of a root is watched, and in words why the rest is not: the limit to raise, the folder to open."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_SYSCTL = Path("/proc/sys")
_LIMITS = {
    "watches": ("fs.inotify.max_user_watches", "user.max_inotify_watches"),
    "instances": ("fs.inotify.max_user_instances", "user.max_inotify_instances"),
}
"""What is limited -> the sysctl for all users, and that of a container's user namespace."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Folders of one root: how many there are, how many are watched, and those that are refused."""

    expected: int = 0
    registered: int = 0
    missed: Mapping[str, int] = field(default_factory=dict)  # relative path -> errno


def why_missed(missed: Mapping[str, int], expected: int) -> list[str]:
    """One sentence for each kind of refusal; none when nothing is missed."""
    by_number: dict[int, list[str]] = {}
    for path, number in missed.items():
        by_number.setdefault(number, []).append(path)
    return [_sentence(number, sorted(paths), expected) for number, paths in sorted(by_number.items())]


def why_refused(error: OSError) -> str:
    """Why a root cannot be watched at all."""
    if error.errno == errno.ENOSPC:
        return f"the folder is not watched: {_limit('watches')}"
    if error.errno == errno.EMFILE and _may_open_files():
        return f"no folder is watched: {_limit('instances')}"
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return "no folder is watched: this process has too many files open; raise its limit (`ulimit -n`)"
    return f"the folder is not watched: {error.strerror or error}"


def tops(paths: Iterable[str]) -> frozenset[str]:
    """The paths without those that lie below another one of them; only '' when the root is among them."""
    kept: set[str] = set()
    for path in sorted(paths, key=lambda one: one.count("/") if one else -1):
        above = path
        while above and above not in kept:
            above = above.rpartition("/")[0]
        if above not in kept:
            kept.add(path)
    return frozenset(kept)


def sysctl(name: str) -> str:
    """Its present value; `unknown` where /proc/sys is hidden."""
    try:
        return (_SYSCTL / name.replace(".", "/")).read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"


def _sentence(number: int, paths: list[str], expected: int) -> str:
    many = f"{len(paths)} of {expected} folders are" if len(paths) > 1 else f"the folder {paths[0]} is"
    if number == errno.ENOSPC:
        return f"{many} not watched: {_limit('watches')}"
    if number == errno.EACCES:
        first = f" ({paths[0]} is one of them)" if len(paths) > 1 else ""
        return f"{many} not readable{first}; give storysync the right to read and enter"
    return f"{many} not watched: {os.strerror(number)}"


def _limit(what: str) -> str:
    wide, narrow = _LIMITS[what]
    now, inside = sysctl(wide), sysctl(narrow)
    lower = inside.isdigit() and now.isdigit() and int(inside) < int(now)
    also = f" and {narrow} (now {inside})" if lower else ""
    return f"the kernel's limit of inotify {what} is reached; raise {wide} (now {now}){also}"


def _may_open_files() -> bool:
    try:
        os.close(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    except OSError:
        return False
    return True
