"""The service manager of this machine, asked by `systemctl`; files for it, written whole or not at all."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from storysync.errors import StorysyncError

BOOTED = Path("/run/systemd/system")
"""There when systemd runs this machine: sd_booted(3)."""
_SHOWN = (
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "StatusText",
    "MainPID",
    "NRestarts",
    "Result",
)
_ANSWER_S = 120.0


class NoServiceManager(StorysyncError):
    """This machine, or this session, is not run by systemd."""

    hint = "see docs/deploy.md: supervisord, runit, s6 and OpenRC can run `storysync run` as well"


def require_systemd() -> None:
    """Raises NoServiceManager."""
    if not BOOTED.is_dir():
        raise NoServiceManager("systemd does not run this machine")


def run(command: Sequence[str]) -> str:
    """What the command prints. Raises StorysyncError with its own words when it fails, or is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER_S, check=False)
    except FileNotFoundError as error:
        raise NoServiceManager(f"there is no program {command[0]} here") from error
    except subprocess.TimeoutExpired as error:
        raise StorysyncError(f"`{' '.join(command)}` did not end within {_ANSWER_S:g} s") from error
    if done.returncode != 0:
        told = " ".join((done.stderr or done.stdout).split()) or f"exit code {done.returncode}"
        look = "storysync service status" + (" --user" if "--user" in command else "")
        raise StorysyncError(f"`{' '.join(command)}` failed: {told}", hint=f"see `{look}`")
    return done.stdout


def unit_state(unit: str, *, user: bool) -> dict[str, str]:
    """Properties of a unit, as `systemctl show` names them; one that is not there has LoadState not-found.

    Raises StorysyncError when the manager cannot be asked.
    """
    manager = ("--user",) if user else ()
    text = run(["systemctl", *manager, "show", unit, "--property", ",".join(_SHOWN)])
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def write_file(path: Path, text: str, mode: int) -> None:
    """Readers see the old text or the new one. Folders above it are made. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with open(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
