"""What a service tells systemd: sd_notify(3), without a library."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping


class Notifier:
    """Datagrams to the service manager. Without an address every call is a no-op; none ever raises:

    a service manager that cannot be reached is no reason to stop working.
    """

    def __init__(self, address: str = "", watchdog_s: float | None = None) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog_s = watchdog_s
        """Seconds within which the manager wants a `ping`; None when it wants none."""
        self._ready = False  # until then no `ping` is awaited
        self._silent = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Notifier:
        """By `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`."""
        usec = environ.get("WATCHDOG_USEC", "")
        meant = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        watchdog_s = int(usec) / 1e6 if usec.isdigit() and int(usec) and meant else None
        return cls(environ.get("NOTIFY_SOCKET", ""), watchdog_s)

    def ready(self, status: str) -> bool:
        self._ready = True
        return self._send("READY=1", f"STATUS={status}")

    def status(self, text: str) -> bool:
        return self._send(f"STATUS={text}")

    def ping(self) -> bool:
        usual = [_watchdog(self.watchdog_s)] if self._silent and self.watchdog_s else []
        self._silent = False
        return self._send("WATCHDOG=1", *usual)

    def extend_timeout(self, seconds: float) -> bool:
        """Ask for that much more time to start or stop."""
        return self._send(f"EXTEND_TIMEOUT_USEC={int(seconds * 1e6)}")

    def expect_silence(self, seconds: float) -> bool:
        """Something takes up to so long without a sign of life, at the start or later. A `ping` ends it."""
        self._silent = self._ready and self.watchdog_s is not None
        more = [_watchdog(seconds)] if self._silent else []
        return self._send(f"EXTEND_TIMEOUT_USEC={int(seconds * 1e6)}", *more)

    def reloading(self, monotonic_ns: int) -> bool:
        return self._send("RELOADING=1", f"MONOTONIC_USEC={monotonic_ns // 1000}")

    def stopping(self) -> bool:
        return self._send("STOPPING=1")

    def _send(self, *lines: str) -> bool:
        """Whether the manager was told. A status of several lines is cut to its first."""
        if not self._address:
            return False
        message = "\n".join(line.partition("\n")[0] for line in lines).encode()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as connection:
            try:
                connection.settimeout(1.0)
                connection.sendto(message, self._address)
            except OSError:
                return False
        return True


def _watchdog(seconds: float) -> str:
    return f"WATCHDOG_USEC={int(seconds * 1e6)}"
