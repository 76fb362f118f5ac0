"""The unit file, judged by systemd's own tools. Nothing is started."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).resolve().parents[1] / "systemd"
UNIT = SYSTEMD / "storysync.service"
EXPOSURE_LIMIT = 1.0

needs_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed (package `systemd`)"
)
needs_sysusers = pytest.mark.skipif(
    shutil.which("systemd-sysusers") is None, reason="systemd-sysusers is not installed (package `systemd`)"
)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that exists here: `verify` wants to find it."""
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/usr/local/bin/storysync", sys.executable))
    return copy


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True)


@needs_analyze
def test_systemd_accepts_the_unit_in_silence(unit: Path) -> None:
    done = run("systemd-analyze", "verify", "--man=no", unit)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


@needs_analyze
def test_verify_would_complain_about_an_unknown_key(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("UMask=", "UMaks="))
    assert "UMaks" in run("systemd-analyze", "verify", "--man=no", unit).stderr


@needs_analyze
def test_it_is_hardened(unit: Path) -> None:
    done = run("systemd-analyze", "security", "--offline=true", "--no-pager", unit)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found is not None, done.stdout + done.stderr
    assert float(found[1]) <= EXPOSURE_LIMIT


@needs_sysusers
def test_systemd_accepts_the_user(tmp_path: Path) -> None:
    done = run("systemd-sysusers", "--dry-run", f"--root={tmp_path}", SYSTEMD / "storysync.sysusers.conf")
    assert done.returncode == 0, done.stderr
    assert "Creating user 'storysync'" in done.stderr + done.stdout or "Would create user" in done.stderr


def test_unit_and_daemon_agree() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(UNIT)
    service = unit["Service"]
    assert service["Type"] == "notify"
    assert service["ExecStart"] == "/usr/local/bin/storysync run"
    assert service["User"] == service["Group"] == service["StateDirectory"] == "storysync"
    assert int(service["WatchdogSec"]) >= 30
