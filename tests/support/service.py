"""The service in a machine, as people install it: what one does to it, and what it shows."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from support.machine import PROGRAM, Machine

UNIT = "storysync.service"
SETTINGS = "/etc/storysync/storysync.toml"
STATE = "/var/lib/storysync"
DATABASE = f"{STATE}/storysync.db"
STORIES = "/srv/stories"
PATIENCE_S = 60.0
_TEST_DROP_IN = f"/run/systemd/system/{UNIT}.d/zz-test.conf"
_STORM = """n=0; while :; do n=$((n + 1)); k=S-$((n % 900))
printf -- '---\\nid: %s\\nstatus: todo\\n---\\n\\n# %s\\n' $k $n > /srv/stories/$k.md; done"""


def wait(true: Callable[[], object], otherwise: Callable[[], str], patience_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.1)


class Service:
    """The installed service: what one does to it, and what it shows."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def install(self, *options: str) -> str:
        return self.machine.run(PROGRAM, "service", "install", STORIES, *options)

    def story(self, key: str, title: str = "x") -> None:
        """Written by the keeper of the stories, who is not the daemon."""
        path = f"{STORIES}/{key}.md"
        text = f"---\nid: {key}\nstatus: todo\n---\n\n# {title}\n"
        self.machine.run("sh", "-c", f"cat > {path}.new && mv {path}.new {path}", user="keeper", stdin=text)

    def change(self, lines: str) -> None:
        """Add lines to the unit for one test."""
        self.machine.write(_TEST_DROP_IN, f"[Service]\n{lines}\n")
        self.machine.run("systemctl", "daemon-reload")

    def inject(self, faults: str, watchdog_s: int = 4) -> None:
        """Faults for every process that starts from now on."""
        variables = f'Environment=STORYSYNC_TESTING=faults "STORYSYNC_FAULTS={faults}"'
        self.change(f"{variables}\nWatchdogSec={watchdog_s}\nRestartSec=200ms")

    def unchange(self) -> None:
        self.machine.run("rm", "-f", _TEST_DROP_IN)
        self.machine.run("systemctl", "daemon-reload")

    def systemctl(self, *words: str, check: bool = True) -> str:
        return self.machine.run("systemctl", *words, check=check)

    def restart(self) -> None:
        self.systemctl("restart", UNIT)

    def shown(self, name: str) -> str:
        return self.machine.shown(UNIT, name)

    @property
    def pid(self) -> int:
        return int(self.shown("MainPID"))

    def journal(self, *more: str) -> str:
        return self.machine.journal(UNIT, *more)

    def ask(self, *arguments: str, user: str = "storysync") -> Any:
        """The `data` of a command's `--json`."""
        text = self.machine.run(PROGRAM, *arguments, "--config", SETTINGS, "--json", user=user)
        return json.loads(text)["data"]

    def stories(self) -> list[str]:
        return sorted(story["id"] for story in self.ask("list"))

    def await_story(self, key: str) -> None:
        wait(lambda: key in self.stories(), lambda: f"no {key}: {self.stories()}\n{self.journal('-n', '40')}")

    def await_state(self, state: str) -> None:
        wait(lambda: self.shown("ActiveState") == state, lambda: f"not {state}:\n{self.journal('-n', '60')}")

    def verified(self) -> str:
        return self.machine.run(PROGRAM, "verify", "--config", SETTINGS, user="storysync")

    @contextmanager
    def storm(self) -> Iterator[None]:
        """Stories are written as fast as a shell can, while the block runs."""
        self.machine.run("systemd-run", "--quiet", "--unit=storm", "--uid=keeper", "sh", "-c", _STORM)
        try:
            yield
        finally:
            self.systemctl("stop", "storm")
