"""The service under a real systemd: start, reload, stop, and what ends it by force."""

from __future__ import annotations

import json
import time

import pytest

from support.machine import PROGRAM, Machine
from support.service import DATABASE, SETTINGS, STORIES, UNIT, Service, wait

pytestmark = [pytest.mark.systemd, pytest.mark.long]

STOP_S = 10.0


def test_start_is_ready_and_says_what_it_does(service: Service) -> None:
    assert service.shown("ActiveState") == "active"
    assert service.shown("StatusText").startswith("following 1 project")
    assert service.shown("NRestarts") == "0"
    told = service.machine.run(PROGRAM, "service", "status")
    assert "active (running), enabled" in told and "following 1 project" in told


def test_ready_comes_after_the_first_scan(service: Service) -> None:
    service.systemctl("stop", UNIT)
    service.story("A-2")
    service.systemctl("start", UNIT)
    assert service.stories() == ["A-1", "A-2"]  # without a wait


def test_installing_again_changes_nothing_and_restarts_nothing(service: Service) -> None:
    before = service.pid
    settings = service.machine.run("cat", SETTINGS)
    told = service.install()
    assert service.pid == before
    assert service.machine.run("cat", SETTINGS) == settings
    assert f"kept      {SETTINGS}" in told and "write" not in told


def test_removing_keeps_settings_and_database(service: Service) -> None:
    told = service.machine.run(PROGRAM, "service", "uninstall")
    assert f"kept      {SETTINGS}" in told and "kept      /var/lib/storysync" in told
    assert service.shown("LoadState") == "not-found"
    assert service.machine.run("ls", SETTINGS, DATABASE)
    assert "nothing to do" in service.machine.run(PROGRAM, "service", "uninstall")
    done = service.machine.ask(PROGRAM, "service", "status")
    assert (done.returncode, "not installed" in done.stdout) == (1, True)


def test_reload_takes_new_settings_without_a_restart(service: Service) -> None:
    before = service.pid
    service.machine.run("sh", "-c", "mkdir -p /srv/more && chown keeper /srv/more")
    text = service.machine.run("cat", SETTINGS)
    service.machine.write(SETTINGS, text + '[[projects]]\npath = "/srv/more"\n')
    service.systemctl("reload", UNIT)
    assert service.pid == before
    wait(lambda: "2 projects" in service.shown("StatusText"), lambda: service.shown("StatusText"))


def test_reload_with_wrong_settings_fails_and_the_old_ones_stay(service: Service) -> None:
    """Row 41 of the fault matrix."""
    before = service.pid
    text = service.machine.run("cat", SETTINGS)
    service.machine.write(SETTINGS, text + "[watch]\nsetle_ms = 5\n")
    done = service.machine.ask("systemctl", "reload", UNIT)
    assert done.returncode != 0
    assert "setle_ms" in service.journal()
    assert (service.shown("ActiveState"), service.pid) == ("active", before)
    service.machine.write(SETTINGS, text)
    service.story("A-2")
    service.await_story("A-2")
    service.systemctl("reload", UNIT)


def test_kill_9_is_followed_by_a_restart_in_sync(service: Service) -> None:
    service.change("RestartSec=200ms")
    before = service.pid
    service.story("A-2")
    service.systemctl("kill", "--signal=KILL", UNIT)
    service.story("A-3")
    wait(lambda: service.pid not in (0, before) and service.shown("ActiveState") == "active", service.journal)
    service.await_story("A-3")
    assert service.shown("NRestarts") == "1"
    service.verified()
    service.machine.run("rm", f"{STORIES}/A-3.md")
    wait(lambda: service.stories() == ["A-1", "A-2"], service.journal)


def test_stop_under_load_is_clean_and_quick(service: Service) -> None:
    """Row 40 of the fault matrix."""
    with service.storm():
        wait(lambda: len(service.stories()) > 100, service.journal)
        began = time.monotonic()
        service.systemctl("stop", UNIT)
        took_s = time.monotonic() - began
    assert took_s <= STOP_S
    assert (service.shown("Result"), service.shown("ExecMainStatus")) == ("success", "0")
    assert "daemon.stopped" in service.journal()
    service.systemctl("start", UNIT)
    service.story("A-9")
    service.await_story("A-9")
    service.verified()


def test_crash_loop_ends_and_the_last_error_is_found(service: Service) -> None:
    """Row 42 of the fault matrix."""
    service.systemctl("stop", UNIT)
    service.machine.run("sh", "-c", f"rm {DATABASE}*; sqlite3 {DATABASE} 'CREATE TABLE other (x)'")
    service.machine.run("chown", "storysync:storysync", DATABASE)
    service.change("RestartSec=100ms")
    service.systemctl("start", UNIT, check=False)
    service.await_state("failed")
    assert service.shown("NRestarts") == "5"
    assert "database of another program" in service.journal("-p", "err")
    done = service.machine.ask(PROGRAM, "service", "status")
    assert done.returncode == 1
    assert "failed" in done.stdout and "database of another program" in done.stdout
    assert "systemctl reset-failed storysync" in done.stdout


def test_a_mistake_in_the_settings_is_named_by_the_journal(service: Service) -> None:
    service.machine.write(SETTINGS, "[databse]\n")
    service.change("RestartSec=100ms")
    service.systemctl("restart", UNIT, check=False)
    service.await_state("failed")
    assert "databse" in service.journal("-p", "err")
    assert "databse" in service.machine.run(PROGRAM, "service", "status", check=False)


def test_journal_has_the_priority_of_each_line(service: Service) -> None:
    service.machine.run("mv", STORIES, f"{STORIES}.away")
    wait(lambda: "root.lost" in service.journal(), service.journal)
    service.machine.run("mv", f"{STORIES}.away", STORIES)
    wait(lambda: "root.returned" in service.journal(), service.journal)
    levels = {}
    for line in service.machine.journal(UNIT, "-o", "json", "--output-fields=MESSAGE,PRIORITY").splitlines():
        entry = json.loads(line)
        levels[entry["MESSAGE"].split()[0]] = entry["PRIORITY"]
    assert levels["root.lost"] == "3"
    assert levels["root.returned"] == levels["sync.done"] == levels["daemon.started"] == "6"


def test_the_installed_unit_is_what_systemd_likes(machine: Machine, service: Service) -> None:
    done = machine.ask("systemd-analyze", "verify", "--man=no", UNIT)
    assert (done.stdout, done.stderr) == ("", "")
    assert service.shown("DynamicUser") == "no"
    assert machine.run("stat", "-c", "%U:%G %a", "/var/lib/storysync").strip() == "storysync:storysync 750"
