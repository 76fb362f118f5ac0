"""Which parts of a root lie on file systems that do not report changes made elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from storysync.adapters.mounts import is_remote, remote_mounts

TABLE = """\
22 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw
30 22 0:40 / /home/ann/share rw,nosuid shared:5 - nfs4 server:/export rw,vers=4.2
31 22 0:41 / /home/ann/with\\040space rw - fuse.sshfs ann@host: rw
32 30 0:42 / /home/ann/share/local rw - tmpfs tmpfs rw
33 22 0:43 / /mnt rw - nfs server:/old rw
34 22 0:44 / /mnt rw - xfs /dev/vdb rw
35 22 0:45 / /home/ann/stories/team rw - cifs //server/team rw
36 22 0:46 / /home/ann/stories2 rw - 9p host rw
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    file = tmp_path / "mountinfo"
    file.write_text(TABLE)
    return file


@pytest.mark.parametrize(
    ("root", "parts"),
    [
        (
            "/home/ann",
            {"share": "nfs4", "with space": "fuse.sshfs", "stories/team": "cifs", "stories2": "9p"},
        ),
        ("/home/ann/share/a", {"": "nfs4"}),
        ("/home/ann/share", {"": "nfs4"}),
        ("/home/ann/share/local", {}),
        ("/home/ann/shared", {}),
        ("/home/ann/with space/x", {"": "fuse.sshfs"}),
        ("/home/ann/stories", {"team": "cifs"}),
        ("/mnt/x", {}),
        ("/srv", {}),
    ],
)
def test_the_parts_of_a_root(table: Path, root: str, parts: dict[str, str]) -> None:
    assert remote_mounts(Path(root), table) == parts


def test_without_a_table_nothing_is_remote(tmp_path: Path) -> None:
    assert remote_mounts(Path("/home"), tmp_path / "none") == {}


def test_this_machine_has_a_table_that_can_be_read(tmp_path: Path) -> None:
    assert set(remote_mounts(tmp_path).values()) <= set(remote_mounts(Path("/")).values())


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "vboxsf", "virtiofs", "fuse.rclone"])
def test_remote_kinds(kind: str) -> None:
    assert is_remote(kind)


@pytest.mark.parametrize("kind", ["ext4", "btrfs", "overlay", "tmpfs", "fuseblk", "zfs", "fusectl"])
def test_local_kinds(kind: str) -> None:
    assert not is_remote(kind)
