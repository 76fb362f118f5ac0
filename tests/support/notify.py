"""What stands for systemd in tests of what a service tells it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from support.following import PATIENCE_S

QUIET_S = 1.5  # far longer than the daemon takes between two signs


class Manager:
    """Stands for the service manager: a real socket for its datagrams."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.told: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:])

    def close(self) -> None:
        self._socket.close()

    def hear(self, word: str) -> str:
        """Wait for a message that has this in it."""
        deadline = time.monotonic() + PATIENCE_S
        while (left_s := deadline - time.monotonic()) > 0:
            message = self.receive(left_s)
            if word in message:
                return message
        raise AssertionError(f"no {word!r} in {self.told[-20:]}")

    def receive(self, limit_s: float) -> str:
        """The next message; '' when there is none in time."""
        self._socket.settimeout(limit_s)
        try:
            self.told.append(self._socket.recv(8192).decode())
        except TimeoutError:
            return ""
        return self.told[-1]

    def falls_silent(self, meanwhile: Callable[[], object] = str) -> None:
        """Wait until there was no sign of life for a while; `meanwhile` is done again and again."""
        deadline = time.monotonic() + 2 * PATIENCE_S
        silent_since = time.monotonic()
        while time.monotonic() - silent_since < QUIET_S:
            assert time.monotonic() < deadline, "the signs of life go on"
            meanwhile()
            if "WATCHDOG=1" in self.receive(0.2):
                silent_since = time.monotonic()
