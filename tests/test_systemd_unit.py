"""The unit files, judged by systemd's own tools. Nothing is started; tests/systemd does that."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).resolve().parents[1] / "systemd"
UNIT = SYSTEMD / "storysync.service"
USER_UNIT = SYSTEMD / "storysync-user.service"
DROP_INS = sorted(path.name for path in (SYSTEMD / "drop-ins").glob("*.conf"))
EXPOSURE_LIMIT = 1.0
EXPOSURE_LIMIT_ON_A_NETWORK = 1.5

needs_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed (package `systemd`)"
)
needs_sysusers = pytest.mark.skipif(
    shutil.which("systemd-sysusers") is None, reason="systemd-sysusers is not installed (package `systemd`)"
)


def installed(folder: Path, drop_ins: Sequence[str] = ()) -> Path:
    """The unit with a program that exists here, for which `verify` looks, and with some drop-ins."""
    unit = folder / UNIT.name
    unit.write_text(UNIT.read_text().replace("/usr/local/bin/storysync", sys.executable))
    (folder / f"{UNIT.name}.d").mkdir()
    for name in drop_ins:
        shutil.copy(SYSTEMD / "drop-ins" / name, folder / f"{UNIT.name}.d" / name)
    return unit


def run(*command: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environ})


def verified(unit: Path) -> tuple[str, str, int]:
    done = run("systemd-analyze", "verify", "--man=no", unit)
    return done.stdout, done.stderr, done.returncode


def exposure(unit: Path) -> float:
    done = run("systemd-analyze", "security", "--offline=true", "--no-pager", unit)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found is not None, done.stdout + done.stderr
    return float(found[1])


@needs_analyze
@pytest.mark.parametrize("drop_ins", [[], *([name] for name in DROP_INS), DROP_INS])
def test_systemd_accepts_the_unit_with_each_drop_in_in_silence(tmp_path: Path, drop_ins: list[str]) -> None:
    assert verified(installed(tmp_path, drop_ins)) == ("", "", 0)


@needs_analyze
def test_systemd_accepts_the_unit_of_a_user_in_silence(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(USER_UNIT.read_text().replace("%h/.local/bin/storysync", sys.executable))
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    done = run("systemd-analyze", "--user", "verify", "--man=no", unit, XDG_RUNTIME_DIR=str(runtime))
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


@needs_analyze
def test_verify_would_complain_about_an_unknown_key(tmp_path: Path) -> None:
    unit = installed(tmp_path)
    unit.write_text(unit.read_text().replace("UMask=", "UMaks="))
    assert "UMaks" in verified(unit)[1]


@needs_analyze
def test_it_is_hardened(tmp_path: Path) -> None:
    assert exposure(installed(tmp_path)) <= EXPOSURE_LIMIT


@needs_analyze
@pytest.mark.parametrize("drop_ins", [["network.conf"], DROP_INS], ids=["network", "all"])
def test_it_stays_hardened_on_a_network(tmp_path: Path, drop_ins: list[str]) -> None:
    assert exposure(installed(tmp_path, drop_ins)) <= EXPOSURE_LIMIT_ON_A_NETWORK


@needs_analyze
def test_the_drop_in_for_the_network_opens_it(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "open").mkdir()
    opened = exposure(installed(tmp_path / "open", ["network.conf"]))
    assert exposure(installed(tmp_path / "closed")) < opened


@needs_sysusers
def test_systemd_accepts_the_user(tmp_path: Path) -> None:
    done = run("systemd-sysusers", "--dry-run", f"--root={tmp_path}", SYSTEMD / "storysync.sysusers.conf")
    assert done.returncode == 0, done.stderr
    assert "Creating user 'storysync'" in done.stderr + done.stdout or "Would create user" in done.stderr


def service_of(unit: Path) -> configparser.SectionProxy:
    parsed = configparser.ConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read(unit)
    return parsed["Service"]


@pytest.mark.parametrize("unit", [UNIT, USER_UNIT], ids=["system", "user"])
def test_unit_and_daemon_agree(unit: Path) -> None:
    service = service_of(unit)
    program = {UNIT: "/usr/local/bin/storysync", USER_UNIT: "%h/.local/bin/storysync"}[unit]
    assert service["Type"] == "notify"
    assert service["ExecStart"] == f"{program} run"
    assert service["ExecReload"] == f"{program} reload"
    assert int(service["WatchdogSec"]) >= 30
    assert service["WatchdogSignal"] == "SIGABRT"
    assert service["OOMPolicy"] == "continue"  # a backup that needs too much memory ends alone


def test_the_group_may_read_what_it_writes() -> None:
    service = service_of(UNIT)
    assert service["User"] == service["Group"] == service["StateDirectory"] == "storysync"
    assert (service["StateDirectoryMode"], service["UMask"]) == ("0750", "0027")
    assert "Environment=STORYSYNC_DATABASE__GROUP_READABLE=true\n" in UNIT.read_text()
    assert "DynamicUser" not in service
