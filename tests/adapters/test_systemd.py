from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from storysync.adapters.systemd import Notifier


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """What systemd binds for a service; the working folder keeps its address short."""
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.settimeout(5)
        bound.bind("notify")
        yield bound


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda notifier: notifier.ready("following 2 projects"), "READY=1\nSTATUS=following 2 projects"),
        (lambda notifier: notifier.status("busy"), "STATUS=busy"),
        (lambda notifier: notifier.ping(), "WATCHDOG=1"),
        (lambda notifier: notifier.extend_timeout(1.5), "EXTEND_TIMEOUT_USEC=1500000"),
        (lambda notifier: notifier.reloading(5_000_999), "RELOADING=1\nMONOTONIC_USEC=5000"),
        (lambda notifier: notifier.stopping(), "STOPPING=1"),
        (lambda notifier: notifier.status("one\nREADY=1"), "STATUS=one"),
    ],
)
def test_messages(manager: socket.socket, call: object, message: str) -> None:
    assert call(Notifier("notify"))  # type: ignore[operator]
    assert manager.recv(4096).decode() == message


def test_an_abstract_address() -> None:
    name = f"storysync-test-{os.getpid()}-{secrets.token_hex(4)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.settimeout(5)
        bound.bind("\0" + name)
        assert Notifier("@" + name).ping()
        assert bound.recv(100) == b"WATCHDOG=1"


def test_without_a_manager_nothing_is_sent() -> None:
    assert not Notifier.from_environment({}).ready("x")


def test_a_manager_that_is_gone_is_no_error(tmp_path: Path) -> None:
    assert not Notifier(str(tmp_path / "gone")).ping()


@pytest.mark.parametrize(
    ("environ", "watchdog_s"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_interval(environ: dict[str, str], watchdog_s: float | None) -> None:
    assert Notifier.from_environment(environ).watchdog_s == watchdog_s


def test_watchdog_waits_for_long_work_until_the_next_sign_of_life(manager: socket.socket) -> None:
    one = Notifier("notify", 60.0)
    one.expect_silence(90.0)
    assert manager.recv(100) == b"EXTEND_TIMEOUT_USEC=90000000", "at the start no sign is awaited"
    one.ready("")
    one.ping()
    one.expect_silence(90.0)
    one.ping()
    one.ping()
    assert [manager.recv(100) for _ in range(5)] == [
        b"READY=1\nSTATUS=",
        b"WATCHDOG=1",
        b"EXTEND_TIMEOUT_USEC=90000000\nWATCHDOG_USEC=90000000",
        b"WATCHDOG=1\nWATCHDOG_USEC=60000000",
        b"WATCHDOG=1",
    ]


def test_long_work_without_a_watchdog(manager: socket.socket) -> None:
    one = Notifier("notify")
    one.ready("")
    one.expect_silence(1.0)
    assert [manager.recv(100) for _ in range(2)] == [b"READY=1\nSTATUS=", b"EXTEND_TIMEOUT_USEC=1000000"]
