"""Which files are looked at, by their names alone: what a look at a tree needs, without the readers."""

from __future__ import annotations

SECOND_SOURCES = frozenset(("sprint-status.yaml", "sprint-status.yml"))

_SUFFIXES = (".md", ".markdown")


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
