"""Namespaces of our own, where limits can be lowered and disks unmounted without harm to anybody."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache

import pytest

USER = ("unshare", "-Ur")
USER_AND_MOUNTS = ("unshare", "-Urm")


@cache
def _works(command: tuple[str, ...], trial: str) -> bool:
    if shutil.which(command[0]) is None or shutil.which("nsenter") is None:
        return False
    return subprocess.run([*command, "sh", "-c", trial], capture_output=True).returncode == 0


def need(space: tuple[str, ...], trial: str) -> None:
    """Skip the test where this machine gives no such namespace, or refuses the trial in it."""
    if not _works(space, trial):
        pytest.skip(f"{' '.join(space)} cannot do: {trial}")


def inside(space: tuple[str, ...], preparation: str, command: list[str]) -> list[str]:
    """The command in a new namespace, after a line of shell. Its process is that of the command."""
    return [*space, "sh", "-c", f'{preparation} && exec "$@"', "sh", *command]


def enter(pid: int, line: str) -> None:
    """Run a line of shell in the namespaces of a process."""
    command = ["nsenter", "-t", str(pid), "-U", "-m", "--preserve-credentials", "sh", "-ec", line]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
