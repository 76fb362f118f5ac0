"""The service of one user, run by that user's own service manager."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.machine import PROGRAM, Machine
from support.service import wait

pytestmark = [pytest.mark.systemd, pytest.mark.long]


class Account:
    """A user whose service manager runs without a login."""

    def __init__(self, machine: Machine, name: str) -> None:
        self._machine, self.name = machine, name
        machine.run("loginctl", "enable-linger", name)
        number = machine.run("id", "-u", name).strip()
        self._runtime = f"/run/user/{number}"
        wait(lambda: machine.ask("test", "-S", f"{self._runtime}/bus").returncode == 0, lambda: "no bus")

    def run(self, *command: str) -> str:
        words = ("env", f"HOME=/home/{self.name}", f"XDG_RUNTIME_DIR={self._runtime}", *command)
        return self._machine.run(*words, user=self.name)


@pytest.fixture
def account(machine: Machine) -> Iterator[Account]:
    machine.run("useradd", "--create-home", "writer")
    account = Account(machine, "writer")
    yield account
    machine.run("loginctl", "terminate-user", "writer", check=False)
    machine.run("loginctl", "disable-linger", "writer")


def test_a_user_installs_a_service_and_removes_it(machine: Machine, account: Account) -> None:
    home = "/home/writer"
    machine.write(f"{home}/notes/N-1.md", "---\nid: N-1\nstatus: todo\n---\n\n# Note\n")
    machine.run("chown", "-R", "writer:writer", f"{home}/notes")
    account.run(PROGRAM, "service", "install", f"{home}/notes")
    told = account.run(PROGRAM, "service", "status")
    assert "active (running), enabled" in told and "following 1 project" in told
    assert "N-1" in account.run(PROGRAM, "list")
    assert account.run("systemctl", "--user", "reload", "storysync") == ""
    verify = account.run("systemd-analyze", "--user", "verify", "--man=no", "storysync.service")
    assert verify == ""
    account.run(PROGRAM, "service", "uninstall")
    modes = account.run("find", f"{home}/.local/state/storysync", "-perm", "/077")
    assert modes == ""  # nothing of it is open to others
    assert "N-1" in account.run(PROGRAM, "list")  # the database stays


def test_only_root_installs_the_service_of_the_machine(machine: Machine) -> None:
    done = machine.ask(PROGRAM, "service", "install", "/srv", "--system", user="keeper")
    assert done.returncode == 2
    assert f"sudo {PROGRAM} service install /srv --system" in done.stderr
