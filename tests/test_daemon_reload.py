"""Changed settings: read anew on SIGHUP or by command, applied whole or not at all."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from storysync.control import RemoteError
from support.following import Following, put


class Configured(Following):
    """A daemon that finds its projects in a settings file."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.file = folder / "storysync.toml"
        self.folder = folder
        state = folder / "state"
        super().__init__([folder / name for name in names], f"sqlite:///{state}/s.db", state)
        self.command = [*self.command[:4], "--config", str(self.file), "--database", self.url]
        self.settings(*names)

    def settings(self, *names: str, more: str = "") -> None:
        listed = "".join(f'[[projects]]\nid = "{name}"\npath = "{self.folder / name}"\n' for name in names)
        self.file.write_text(f"{more}\n{listed}")

    def hang_up(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    def followed(self) -> list[str]:
        return [project["id"] for project in self.ask("status")["projects"]]


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Configured]:
    put(tmp_path / "shop", "S-1.md")
    put(tmp_path / "infra", "I-1.md")
    made = Configured(tmp_path, "shop")
    made.start()
    yield made
    made.end()


def test_projects_come_and_go(daemon: Configured, tmp_path: Path) -> None:
    daemon.settings("shop", "infra")
    told = daemon.ask("reload")
    assert (told["added"], told["removed"]) == (["infra"], [])
    assert daemon.followed() == ["shop", "infra"]
    daemon.wait(lambda: daemon.statuses(tmp_path / "infra") == {"I-1.md": "todo"})
    put(tmp_path / "infra", "I-1.md", "done")
    put(tmp_path / "shop", "S-1.md", "done")
    daemon.wait(lambda: daemon.statuses(tmp_path / "infra") == {"I-1.md": "done"})
    daemon.wait(lambda: daemon.statuses(tmp_path / "shop") == {"S-1.md": "done"})
    daemon.settings("infra")
    assert daemon.ask("reload")["removed"] == ["shop"]
    daemon.wait(lambda: daemon.ask("status")["settled"])
    put(tmp_path / "shop", "S-1.md", "review")
    put(tmp_path / "infra", "I-1.md", "review")
    daemon.wait(lambda: daemon.statuses(tmp_path / "infra") == {"I-1.md": "review"})
    assert daemon.statuses(tmp_path / "shop") == {"S-1.md": "done"}, "nobody follows it any more"
    assert daemon.stop() == 0


def test_everything_that_can_be_set_is_applied_by_a_signal(daemon: Configured, tmp_path: Path) -> None:
    daemon.ask("pause")
    before = daemon.ask("status")
    daemon.settings(
        "shop",
        more="[backup]\nevery_minutes = 5000\n[deletions]\nleast = 1\n[log]\nlevel = 'debug'\n"
        "[health]\nevery_minutes = 4000\n",
    )
    daemon.hang_up()
    daemon.wait(lambda: daemon.logged("daemon.reloaded"))
    after = daemon.ask("status")
    assert (after["pid"], after["state"], after["started_at"]) == (
        before["pid"], "paused", before["started_at"],
    )  # fmt: skip
    asked = daemon.storysync("jobs", "--json", "--config", str(daemon.file))
    every = {one["name"]: one["every_s"] for one in json.loads(asked.stdout)["data"]}
    assert (every["backup"], every["health"]) == (300_000, 240_000)
    daemon.ask("resume")
    daemon.ask("wait_settled", timeout_s=20)
    assert daemon.logged("debug", "trigger=wait")
    assert daemon.stop() == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[backup]\nevery_minutes = 'often'\n", "storysync.toml:2"),
        ("[backup\n", "storysync.toml"),
        ("[watch]\nsettle = 1\n", "settle"),
        ("[[projects]]\npath = '/does/not/exist'\n", "/does/not/exist"),
        ("[sqlite]\ntimeout = 77\n", "needs a restart"),
    ],
)
def test_wrong_settings_leave_everything_as_it_is(
    daemon: Configured, tmp_path: Path, text: str, told: str
) -> None:
    good = daemon.file.read_text()
    daemon.file.write_text(text + ("" if "projects" in text else good))
    with pytest.raises(RemoteError, match=told):
        daemon.ask("reload")
    daemon.hang_up()
    daemon.wait(lambda: daemon.logged("reload.refused", told) >= 2)
    assert told in daemon.ask("status")["settings_error"]
    assert daemon.followed() == ["shop"]
    put(tmp_path / "shop", "S-1.md", "done")
    daemon.wait(lambda: daemon.statuses(tmp_path / "shop") == {"S-1.md": "done"})
    daemon.file.write_text(good)
    daemon.ask("reload")
    assert daemon.ask("status")["settings_error"] == ""


def test_reload_command_fails_for_a_wrong_file_and_says_where(daemon: Configured) -> None:
    good = daemon.file.read_text()
    done = daemon.storysync("reload", "--config", str(daemon.file))
    assert (done.returncode, done.stdout, done.stderr) == (0, "no setting has changed\n", "")
    daemon.file.write_text(good + "[health]\nevery_minutes = -1\n")
    done = daemon.storysync("reload", "--config", str(daemon.file))
    assert (done.returncode, done.stdout) == (1, "")
    assert "the settings are not applied" in done.stderr and "storysync.toml:" in done.stderr
    assert "Traceback" not in done.stderr + daemon.told()
    daemon.file.write_text(good + "[health]\nevery_minutes = 7\n")
    done = daemon.storysync("reload", "--config", str(daemon.file))
    assert (done.returncode, done.stdout) == (0, "changed settings: health\n")
    daemon.stop()
    assert daemon.storysync("reload", "--config", str(daemon.file)).returncode == 1


def test_clients_are_answered_through_many_reloads(daemon: Configured) -> None:
    for number in range(6):
        daemon.settings("shop", "infra", more=f"[health]\nevery_minutes = {number + 1}\n")
        daemon.hang_up()
        for _ in range(5):
            assert daemon.ask("status")["pid"] == daemon.pid
    daemon.wait(lambda: daemon.followed() == ["shop", "infra"])
    daemon.settles()
    assert daemon.stop() == 0
    assert "Traceback" not in daemon.told()


def test_run_of_a_job_outlives_a_reload(daemon: Configured) -> None:
    """It is noted by the daemon that came after the one that began it."""
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGUSR1)
    for _ in range(3):
        daemon.ask("reload")
    daemon.wait(lambda: daemon.rows("SELECT 1 FROM backups"))
    daemon.wait(lambda: daemon.rows("SELECT 1 FROM jobs WHERE name = 'backup'"))
    assert daemon.rows("SELECT trigger, state FROM backups ORDER BY id LIMIT 1") == [
        {"trigger": "signal", "state": "good"}
    ]
    assert not daemon.logged("job.failed")
    assert daemon.stop() == 0
