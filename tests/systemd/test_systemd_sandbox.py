"""What the service may and may not do on its machine, and who may look at its database."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.machine import PROGRAM, Machine
from support.service import DATABASE, SETTINGS, STATE, STORIES, UNIT, Service, wait

pytestmark = [pytest.mark.systemd, pytest.mark.long]

PROBE = Path(__file__).with_name("probe.py").read_text()
ASK_PLAIN = f"file:{DATABASE}?mode=ro"


def probed(service: Service) -> dict[str, str]:
    """What the probe was told, run by the service's own user in its own sandbox."""
    service.machine.write("/usr/local/lib/probe.py", PROBE)
    service.change("ExecStartPre=/opt/storysync/bin/python /usr/local/lib/probe.py")
    service.restart()
    found: dict[str, str] = json.loads(service.machine.run("cat", f"{STATE}/probe.json"))
    return found


def test_it_writes_nowhere_but_in_its_state_directory(service: Service) -> None:
    """Row 45 of the fault matrix, with the test of the other owner."""
    service.machine.run("chmod", "777", STORIES)  # what modes allow, the sandbox refuses
    service.machine.run("chmod", "666", f"{STORIES}/A-1.md", SETTINGS)
    told = probed(service)
    allowed = {name for name, what in told.items() if what == "done"}
    assert allowed == {f"{STATE}/x", "/tmp/x", "stories are read"}, told
    assert told[f"{STORIES}/A-1.md"] == told[SETTINGS] == "Read-only file system"
    assert service.machine.ask("test", "-e", "/tmp/x").returncode == 1  # a /tmp of its own


def test_stories_of_another_owner_in_their_repository_are_only_read(service: Service) -> None:
    git = ("git", "-C", STORIES, "-c", "user.name=k", "-c", "user.email=k@example.org")
    service.machine.run(*git, "init", "--quiet", user="keeper")
    service.story("A-2")
    service.machine.run(*git, "add", ".", user="keeper")
    service.machine.run(*git, "commit", "--quiet", "-m", "two", user="keeper")
    service.machine.run("chmod", "-R", "a-w", STORIES)
    before = listed(service.machine)
    service.restart()
    service.await_story("A-2")
    service.machine.run("chmod", "-R", "u+w", STORIES)
    service.machine.run("rm", f"{STORIES}/A-2.md", user="keeper")
    wait(lambda: service.stories() == ["A-1"], service.journal)
    service.machine.run(*git, "checkout", "--quiet", ".", user="keeper")
    service.await_story("A-2")
    service.verified()
    after = listed(service.machine)
    assert [line for line in after if ".git" not in line] == before_without_git(before)
    assert "storysync" not in service.machine.run("find", STORIES, "-user", "storysync")


def listed(machine: Machine) -> list[str]:
    return sorted(machine.run("find", STORIES, "-printf", "%p %U\\n").splitlines())


def before_without_git(lines: list[str]) -> list[str]:
    return [line for line in lines if ".git" not in line]


def test_stories_of_a_group_need_the_drop_in(service: Service) -> None:
    machine = service.machine
    machine.run("groupadd", "--force", "writers")
    machine.run("chgrp", "writers", STORIES)
    machine.run("chmod", "750", STORIES)
    service.story("A-2")
    service.change("Restart=no")
    service.systemctl("restart", UNIT, check=False)
    assert service.shown("ActiveState") == "failed"
    assert STORIES in service.journal("-p", "err")
    assert STORIES in service.machine.run(PROGRAM, "service", "status", check=False)
    service.install("--stories-group", "writers")
    service.await_story("A-2")


def test_backups_are_made_and_verified_within_the_sandbox(service: Service) -> None:
    service.machine.run(PROGRAM, "backup", "create", "--config", SETTINGS, user="storysync")
    (backup,) = service.ask("backup", "list")
    assert backup["state"] == "good" and backup["verified_at"]
    modes = service.machine.run("find", f"{STATE}/backups", "-printf", "%U:%m %P\\n").splitlines()
    assert {line.split()[0].partition(":")[2] for line in modes} == {"750", "640"}, modes


def test_backups_elsewhere_need_the_drop_in(service: Service) -> None:
    folder = "/srv/backups/storysync"
    service.machine.run("install", "-d", "-o", "storysync", "-g", "storysync", "-m", "750", folder)
    service.install("--backups", folder)
    service.machine.run(PROGRAM, "backup", "create", "--config", SETTINGS, user="root")
    wait(lambda: ".json" in service.machine.run("ls", folder), service.journal)


def test_a_member_of_the_group_asks_whether_it_runs_or_not(service: Service) -> None:
    machine = service.machine
    machine.run("usermod", "--append", "--groups", "storysync", "stranger")
    try:
        for end in ("nothing", "stop", "kill"):
            if end != "nothing":
                service.systemctl("start", UNIT)
                service.systemctl(*(("stop",) if end == "stop" else ("kill", "--signal=KILL")), UNIT)
                wait(lambda: service.shown("MainPID") == "0", service.journal)
            before = machine.run("ls", "-lA", STATE) if end != "nothing" else ""
            assert "A-1" in machine.run(PROGRAM, "list", "--config", SETTINGS, user="stranger"), end
            plain = machine.run("sqlite3", ASK_PLAIN, "SELECT id FROM stories", user="stranger")
            assert plain.split() == ["A-1"], end
            assert before in ("", machine.run("ls", "-lA", STATE)), end
            if end == "nothing":
                service.change("Restart=no")
    finally:
        machine.run("gpasswd", "--delete", "stranger", "storysync")


def test_others_are_told_that_they_may_not_ask(service: Service) -> None:
    done = service.machine.ask(PROGRAM, "list", "--config", SETTINGS, user="stranger")
    assert done.returncode == 5
    assert "Permission denied" in done.stderr or "may not read" in done.stderr
