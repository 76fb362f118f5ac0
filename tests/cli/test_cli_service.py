"""`storysync service` without a systemd: what is shown, and what is refused. With one: tests/systemd."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from storysync.adapters import service_manager
from storysync.cli.main import main

not_booted = pytest.mark.skipif(service_manager.BOOTED.is_dir(), reason="systemd runs this machine")


def test_dry_run_shows_every_step_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert main(["service", "install", str(tmp_path), "--user", "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert f"would     write {tmp_path}/config/storysync/config.toml" in told
    assert "would     run systemctl --user daemon-reload" in told
    assert not (tmp_path / "config").exists()
    assert main(["service", "uninstall", "--user", "--dry-run"]) == 0
    assert "nothing to do" in capsys.readouterr().out


@not_booted
@pytest.mark.parametrize("words", [("install", "."), ("uninstall",), ("status",)])
def test_without_systemd_the_page_of_other_supervisors_is_named(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["service", *words, "--user"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "systemd does not run this machine" in told.err and "docs/deploy.md" in told.err
    assert "Traceback" not in told.err


def test_root_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(service_manager, "BOOTED", tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert main(["service", "install", str(tmp_path), "--system"]) == 2
    told = capsys.readouterr().err
    assert "only root" in told and f"service install {tmp_path} --system" in told and "sudo " in told


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("install", "absent", "--dry-run"), "is not a folder"),
        (("install", ".", "--user", "--network", "--dry-run"), "has no sandbox"),
        (("install", "--user", "--dry-run"), "no folder of stories was named"),
        (("install", ".", "--system", "--dry-run", "--stories-group", "no-such"), "no group 'no-such'"),
        (("install", ".", "--system", "--dry-run", "--backups", "absent"), "absent is not there"),
        (("install", ".", "--system", "--dry-run", "--database-url-file", "absent"), "there is no file"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    words: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert main(["service", *words]) == 2
    told = capsys.readouterr()
    assert said in told.err and "hint:" in told.err


def test_a_command_that_fails_is_told_in_its_own_words() -> None:
    with pytest.raises(service_manager.StorysyncError, match=r"failed: .*absent"):
        service_manager.run(["ls", "/absent"])
    with pytest.raises(service_manager.StorysyncError) as refused:
        service_manager.run(["false", "--user"])
    assert refused.value.hint == "see `storysync service status --user`"
    with pytest.raises(service_manager.NoServiceManager, match="no program"):
        service_manager.run(["/absent/program"])


def test_a_file_is_written_whole_with_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b.conf"
    service_manager.write_file(file, "one", 0o644)
    service_manager.write_file(file, "two", 0o600)
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("two", 0o600)
    assert [path.name for path in file.parent.iterdir()] == ["b.conf"]
