"""What survives a power cut: names of files that are on the disk when it is said that they are."""

from __future__ import annotations

import os
from pathlib import Path

_BLOCK = 1 << 20


def flush_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_through(file: Path) -> None:
    """Read a file from end to end. Raises OSError for what its device does not give."""
    with file.open("rb", buffering=0) as stream:
        while stream.read(_BLOCK):
            pass


def remove(file: Path) -> None:
    """Remove a file if it is there and can be removed; whoever makes it anew finds out if it cannot."""
    try:
        file.unlink(missing_ok=True)
    except OSError:
        return
