"""What docs/deploy.md tells people to write is what supervisors, shells and storysync itself take."""

from __future__ import annotations

import configparser
import re
import subprocess
from pathlib import Path

import pytest

from storysync.cli.main import cli
from storysync.settings_load import load_settings

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
COMMAND = "/opt/storysync/bin/storysync run --config /etc/storysync/storysync.toml"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.S)


@pytest.mark.parametrize("script", blocks("sh"))
def test_a_shell_takes_every_script(script: str) -> None:
    done = subprocess.run(["sh", "-n"], input=script, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_supervisor_runs_the_same_command() -> None:
    (ini,) = blocks("ini")
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.read_string(ini)
    assert parsed["program:storysync"]["command"] == COMMAND
    scripts = [script for script in blocks("sh") if re.match(r"#!/bin/sh\nexec 2>&1", script)]
    assert len(scripts) == 2
    assert all(COMMAND in script for script in scripts)
    (openrc,) = [script for script in blocks("sh") if script.startswith("#!/sbin/openrc-run")]
    words = dict(re.findall(r'^(command|command_args)="?([^"\n]*)"?$', openrc, re.M))
    assert f"{words['command']} {words['command_args']}" == COMMAND


def test_the_settings_are_settings(tmp_path: Path) -> None:
    (text,) = blocks("toml")
    file = tmp_path / "storysync.toml"
    file.write_text(text)
    settings = load_settings(tmp_path, {}, config=file, system_file=tmp_path / "none").settings
    assert settings.database.group_readable and len(settings.projects) == 1


def test_every_option_of_install_is_explained() -> None:
    group = cli.get_command(None, "service")  # type: ignore[arg-type]
    install = group.commands["install"]  # type: ignore[union-attr]
    for option in (name for parameter in install.params for name in parameter.opts if name.startswith("--")):
        assert f"`{option}" in PAGE or f" {option}" in PAGE, option
