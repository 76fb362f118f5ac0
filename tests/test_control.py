from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storysync.control import (
    MAX_LINE_BYTES,
    ControlServer,
    NotRunning,
    RemoteError,
    is_live,
    request,
    socket_path,
)
from storysync.errors import NotFound, WaitTimeout

BLOCKED = threading.Event()


def answer(message: dict[str, Any]) -> dict[str, Any]:
    if message["command"] == "refuse":
        raise NotFound("no such thing", hint="name another")
    if message["command"] == "crash":
        raise RuntimeError("a bug")
    if message["command"] == "hang":
        BLOCKED.wait(30)
    return {"echo": message}


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    BLOCKED.clear()
    at = socket_path(tmp_path / "s.db")
    server = ControlServer(at, answer)
    server.start()
    yield at
    BLOCKED.set()
    server.stop()


def raw(path: Path, *lines: bytes) -> list[dict[str, Any]]:
    """The answers to bytes sent as they are, over one connection."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        descriptor = os.open(path.parent, os.O_PATH)
        connection.connect(f"/proc/self/fd/{descriptor}/{path.name}")
        os.close(descriptor)
        stream = connection.makefile("rwb")
        answers = []
        for line in lines:
            stream.write(line + b"\n")
            stream.flush()
            answers.append(json.loads(stream.readline()))
        stream.close()
        return answers


def test_a_request_is_answered(path: Path) -> None:
    assert request(path, {"command": "status", "n": 1}) == {"echo": {"command": "status", "n": 1}}


def test_only_the_owner_may_ask(path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_refusal_keeps_its_words_and_exit_code(path: Path) -> None:
    with pytest.raises(RemoteError, match="no such thing") as refused:
        request(path, {"command": "refuse"})
    assert (refused.value.hint, refused.value.exit_code) == ("name another", 3)


def test_a_bug_is_told_and_the_server_goes_on(path: Path) -> None:
    with pytest.raises(RemoteError, match="internal error: RuntimeError"):
        request(path, {"command": "crash"})
    assert is_live(path)


@pytest.mark.parametrize(
    "line",
    [b"", b"nonsense", b"[]", b"null", b"{}", b'{"command": 3}', b"\xff\x00", b"[" * 100_000, b'{"command":'],
)
def test_malformed_input_is_answered_with_an_error_and_the_connection_lives(path: Path, line: bytes) -> None:
    bad, good = raw(path, line, b'{"command": "status"}')
    assert bad["ok"] is False
    assert bad["exit_code"] == 1
    assert good["ok"] is True


def test_an_endless_line_is_refused(path: Path) -> None:
    (refused,) = raw(path, b"x" * (MAX_LINE_BYTES + 10))
    assert refused["ok"] is False
    assert is_live(path)


def test_a_client_that_goes_away_harms_nobody(path: Path) -> None:
    for _ in range(20):
        with socket.socket(socket.AF_UNIX) as connection:
            descriptor = os.open(path.parent, os.O_PATH)
            connection.connect(f"/proc/self/fd/{descriptor}/{path.name}")
            os.close(descriptor)
            connection.sendall(b'{"command": "status"}\n')
    assert request(path, {"command": "status"})


def test_one_request_that_takes_long_does_not_hold_up_others(path: Path) -> None:
    with pytest.raises(WaitTimeout, match="no answer within"):
        request(path, {"command": "hang"}, timeout_s=0.2)
    assert request(path, {"command": "status"}, timeout_s=10)


def test_nobody_there(tmp_path: Path) -> None:
    path = tmp_path / "s.db.sock"
    assert not is_live(path)
    with pytest.raises(NotRunning, match="no storysync answers"):
        request(path, {"command": "status"})


def test_a_stale_socket_is_replaced_and_the_own_one_removed(tmp_path: Path) -> None:
    path = tmp_path / "s.db.sock"
    with socket.socket(socket.AF_UNIX) as killed:
        descriptor = os.open(tmp_path, os.O_PATH)
        killed.bind(f"/proc/self/fd/{descriptor}/{path.name}")
        os.close(descriptor)
    assert path.exists()
    assert not is_live(path)
    server = ControlServer(path, answer)
    server.start()
    assert is_live(path)
    server.stop()
    assert list(tmp_path.iterdir()) == []


def test_a_path_longer_than_a_socket_address(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30) / ("folder" * 30)
    folder.mkdir(parents=True)
    server = ControlServer(folder / "s.db.sock", answer)
    server.start()
    assert request(folder / "s.db.sock", {"command": "status"})
    server.stop()
    assert not is_live(folder / "s.db.sock")
