"""One machine for all tests of this folder, and a new installation of the service for each."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from support import machine as machines
from support.machine import PROGRAM, Machine
from support.service import STATE, STORIES, UNIT, Service

REQUIRED = bool(os.environ.get("STORYSYNC_TEST_SYSTEMD"))
"""Set by `make test-systemd`: the machine is made when it is missing, and that it cannot be is a failure."""


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    obstacle = machines.obstacle()
    if not obstacle and not REQUIRED and not machines.is_made():
        obstacle = "the machine is not made yet; `make test-systemd` does so"
    if obstacle:
        (pytest.fail if REQUIRED else pytest.skip)(obstacle)
    scratch = tmp_path_factory.mktemp("machine")
    layer, built = scratch / "layer", scratch / "built"
    layer.mkdir()
    layer.chmod(0o755)
    built.mkdir()
    machines.add_storysync(layer, built)
    with machines.booted(scratch, layer) as machine:
        machine.run("useradd", "--create-home", "stranger")
        machine.run("useradd", "--create-home", "keeper")
        yield machine


@pytest.fixture
def service(machine: Machine) -> Iterator[Service]:
    """Running, with one story, and without a trace of the tests before."""
    machine.run("sh", "-c", f"rm -rf {STORIES} && mkdir {STORIES} && chown keeper:keeper {STORIES}")
    machine.forget_journal()
    service = Service(machine)
    service.story("A-1")
    service.install()
    service.await_story("A-1")
    yield service
    service.unchange()
    machine.run(PROGRAM, "service", "uninstall")
    service.systemctl("reset-failed", UNIT, check=False)
    machine.run("sh", "-c", f"rm -rf {STATE}/* /etc/storysync /srv/backups")
