"""Run by the service's own user in its own sandbox: what may it do? Writes `probe.json` into its state."""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import socket
from collections.abc import Callable
from pathlib import Path

STATE = Path(os.environ["STATE_DIRECTORY"])
WRITTEN = (
    "/srv/stories/x", "/srv/stories/A-1.md", "/etc/x", "/usr/x", "/var/x", "/var/lib/x", "/home/keeper/x",
    "/root/x", "/opt/x", "/etc/storysync/storysync.toml", f"{STATE}/x", "/tmp/x",
)  # fmt: skip
CLONE_NEWUSER = 0x10000000


def told(act: Callable[[], object]) -> str:
    try:
        act()
    except OSError as error:
        return str(error.strerror)
    return "done"


def open_for_writing(path: str) -> None:
    Path(path).open("a").close()


def make_namespace() -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def main() -> None:
    found = {path: told(lambda path=path: open_for_writing(path)) for path in WRITTEN}
    found["tcp"] = told(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM).close())
    found["code in memory"] = told(lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC).close())
    found["namespace"] = told(make_namespace)
    found["stories are read"] = told(Path("/srv/stories/A-1.md").read_bytes)
    (STATE / "probe.json").write_text(json.dumps(found))


main()
