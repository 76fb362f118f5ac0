"""File systems whose changes the kernel does not report, told by the table of mounts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

MOUNTINFO = Path("/proc/self/mountinfo")
_REMOTE = frozenset((
    "9p", "acfs", "afs", "beegfs", "ceph", "cifs", "coda", "gfs", "gfs2", "lustre", "ncpfs", "nfs", "nfs4",
    "ocfs2", "orangefs", "prl_fs", "smb2", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs",
))  # fmt: skip
_ESCAPE = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    point: str  # absolute
    kind: str  # the type of its file system, for example `nfs4` or `fuse.sshfs`


def is_remote(kind: str) -> bool:
    """Whether others can change files of this type without this kernel's knowledge."""
    return kind in _REMOTE or kind == "fuse" or kind.startswith("fuse.")


def remote_mounts(root: Path, table: Path = MOUNTINFO) -> dict[str, str]:
    """Parts of a root whose changes may go unreported: relative folder ('' for the root) -> type.

    Empty where the table of mounts cannot be read.
    """
    mounts = _mounts(table)
    top = str(root)
    holders = [mount for mount in mounts if _lies_in(top, mount.point)]
    found: dict[str, str] = {}
    if holders:
        # The last of those mounted at the same place hides the others.
        holder = max(reversed(holders), key=lambda mount: len(mount.point))
        if is_remote(holder.kind):
            found[""] = holder.kind
    for mount in mounts:
        if mount.point != top and _lies_in(mount.point, top):
            path = mount.point[len(top) :].lstrip("/")
            found.pop(path, None)
            if is_remote(mount.kind):
                found[path] = mount.kind
    return found


def _mounts(table: Path) -> list[Mount]:
    try:
        lines = table.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(" "), after.split(" ")
        if len(fields) > 4 and kinds[0]:
            point = _ESCAPE.sub(lambda match: chr(int(match[1], 8)), fields[4])
            found.append(Mount(point, kinds[0]))
    return found


def _lies_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
