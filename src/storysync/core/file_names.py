"""Which files are looked at, by their names alone: what a look at a tree needs, without the readers."""

from __future__ import annotations

SECOND_SOURCES = frozenset(("sprint-status.yaml", "sprint-status.yml"))
MOST_PATH_BYTES = 1500
"""In UTF-8, below the root. A path is part of keys, for which databases have a limit."""

_SUFFIXES = (".md", ".markdown")


def is_too_long(path: str) -> bool:
    """Whether no database could hold a file of this path."""
    return len(path) * 4 > MOST_PATH_BYTES and len(path.encode("utf-8", "replace")) > MOST_PATH_BYTES


def is_markdown(name: str) -> bool:
    """Whether a file of this name may hold a story."""
    return name.lower().endswith(_SUFFIXES)


def is_second_source(path: str) -> bool:
    """Whether a file states the status of stories that are written elsewhere (`sprint-status.yaml`)."""
    return path.rpartition("/")[2].lower() in SECOND_SOURCES


def is_looked_at(name: str) -> bool:
    """Whether a file of this name is looked at at all."""
    lower = name.lower()
    return lower.endswith(_SUFFIXES) or lower in SECOND_SOURCES
