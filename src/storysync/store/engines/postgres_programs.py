"""`pg_dump` and `pg_restore`: where they are, whether they suit a server, and how they are run."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from storysync.errors import StoreError
from storysync.store.engines.postgres import Connection

NAMES = ("pg_dump", "pg_restore")
DEBIAN = Path("/usr/lib/postgresql")
"""Where it keeps a folder for each version that is installed."""
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)(\S*)")
_PR_SET_PDEATHSIG = 1
_LOOK_S = 0.2
_KILLED = (-signal.SIGKILL, -signal.SIGTERM)


@dataclass(frozen=True)
class Programs:
    """Programs of one major version that are in one folder or, `folder` None, in PATH."""

    dump: Path
    restore: Path
    version: str
    """As `18.4`."""

    @property
    def major(self) -> int:
        return int(re.split(r"\D", self.version)[0])


class ProgramFailed(StoreError):
    """A program ended with an error; the message is the first line that it said."""

    def __init__(self, message: str, *, killed: bool) -> None:
        super().__init__(message)
        self.killed = killed
        """By somebody, or for want of memory: it says nothing of what it read."""


def find(folder: str | None, major: int, debian: Path | None = None) -> Programs:
    """The programs for a server of this major version. Raises StoreError when there are none new enough.

    In `folder` if one is given; else in PATH, else where Debian keeps those of each version.
    """
    found = list(_candidates(folder, debian or DEBIAN))
    for one in found:
        if one.major >= major:
            return one
    hint = (
        f"install the client programs of PostgreSQL {major} (Debian: postgresql-client-{major})"
        " or name their folder with the setting `backup.pg_bin`"
    )
    if found:
        newest = max(found, key=lambda one: one.major)
        raise StoreError(
            f"{newest.dump} has version {newest.version}, older than the server, PostgreSQL {major}",
            hint=hint,
        )
    place = f"in {folder}, the setting `backup.pg_bin`" if folder else "in PATH"
    raise StoreError(
        f"there is no pg_dump with its pg_restore {place}; backups of PostgreSQL {major} need them", hint=hint
    )


def _candidates(folder: str | None, debian: Path) -> Iterator[Programs]:
    if folder:
        yield from _in(str(Path(folder).expanduser()))
        return
    yield from _in(None)
    versions = [one for one in debian.glob("*/bin") if one.parent.name.isdecimal()]
    for one in sorted(versions, key=lambda one: int(one.parent.name), reverse=True):
        yield from _in(str(one))


def _in(path: str | None) -> Iterator[Programs]:
    """The pair of a folder, or of PATH; nothing unless both are there and run."""
    dump, restore = (shutil.which(name, path=path) for name in NAMES)
    if dump is None or restore is None:
        return
    with suppress(OSError):  # of another processor, or not to be run by us
        told = subprocess.run([dump, "--version"], capture_output=True, text=True, check=False)
        version = _VERSION.search(told.stdout)
        if version is not None:
            yield Programs(Path(dump).absolute(), Path(restore).absolute(), version[1] + version[2])


# -- running -----------------------------------------------------------------------------------------


class Running:
    """A program that runs until it ends, or until the block of `running` does."""

    def __init__(self, process: subprocess.Popen[bytes], told: IO[bytes], secrets: Sequence[str]) -> None:
        self.process = process
        self._told, self._secrets = told, secrets
        self.position: Callable[[], int] = lambda: 0
        """How far it has read, in bytes, where that is known."""

    def finish(self, look: Callable[[], None] = lambda: None) -> None:
        """Wait for its end; `look` is called meanwhile. Raises ProgramFailed."""
        while True:
            try:
                status = self.process.wait(_LOOK_S)
            except subprocess.TimeoutExpired:
                look()
            else:
                break
        if status:
            raise ProgramFailed(self._reason(status), killed=status in _KILLED)

    def _reason(self, status: int) -> str:
        name = Path(str(self.process.args[0])).name if isinstance(self.process.args, list) else "it"
        self._told.seek(0)
        lines = [line.strip() for line in self._told.read().decode(errors="replace").splitlines()]
        errors = [line for line in lines if "error: " in line] or [line for line in lines if line]
        ended = f"ended by signal {-status}" if status < 0 else f"ended with code {status}"
        reason = f"{name}: " + (errors[0].rpartition(f"{name}: error: ")[2] if errors else ended)
        for secret in filter(None, self._secrets):
            reason = reason.replace(secret, "***")
        return reason


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    stdin: IO[bytes] | int = subprocess.DEVNULL,
    stdout: int = subprocess.DEVNULL,
    environment: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
    secrets: Sequence[str] = (),
) -> Iterator[Running]:
    """Run a program that dies with the block, and with this process. Raises StoreError when it cannot begin.

    Its error output is kept for `Running.finish`, without `secrets`.
    """
    given = without_ours(os.environ) if environment is None else environment
    with tempfile.TemporaryFile() as told:
        try:
            process = subprocess.Popen(
                [str(part) for part in command], stdin=stdin, stdout=stdout, stderr=told, cwd="/",
                env=dict(given), pass_fds=pass_fds, preexec_fn=_dying_with(os.getpid()),
            )  # fmt: skip
        except OSError as error:
            raise StoreError(f"cannot run {command[0]}: {error.strerror}") from error
        try:
            yield Running(process, told, secrets)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _dying_with(parent: int) -> Callable[[], None]:
    """What a child does before it becomes the program: ask the kernel to be killed when we die."""
    prctl: Final = ctypes.CDLL(None).prctl  # looked up before the fork

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # we have died already
            os._exit(1)

    return ask


# -- how they connect --------------------------------------------------------------------------------


def without_ours(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment without what libpq takes from it; messages are in English."""
    return {name: value for name, value in environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


@contextmanager
def connecting_as(connection: Connection, application: str) -> Iterator[tuple[dict[str, str], list[int]]]:
    """The environment in which a program connects to the very server of a connection, as the same user.

    Secrets lie in files in memory, whose descriptors the program must inherit: arguments and environment
    show in lists of processes.
    """
    info = connection.info
    environment = without_ours(os.environ)
    secret: dict[str, str] = {}
    for option in connection.pgconn.info:
        if not option.val:
            continue
        if option.dispchar == b"*":
            secret[option.keyword.decode()] = option.val.decode()
        elif option.envvar and option.keyword not in (b"service", b"passfile"):
            environment[option.envvar.decode()] = option.val.decode()
    # Of several servers in the URL the one that answered, where it answered.
    environment |= {"PGHOST": info.host, "PGPORT": str(info.port), "PGAPPNAME": application}
    environment.pop("PGHOSTADDR", None)
    if info.hostaddr and not info.host.startswith(("/", "@")):
        environment["PGHOSTADDR"] = info.hostaddr
    files: list[int] = []
    try:
        environment["PGPASSFILE"] = os.devnull
        if info.password:
            files.append(_in_memory(f"*:*:*:*:{_escaped(info.password)}\n"))
            environment["PGPASSFILE"] = f"/proc/self/fd/{files[-1]}"
        if "sslpassword" in secret:
            files.append(_in_memory(f"[storysync]\nsslpassword={secret['sslpassword']}\n"))
            environment |= {"PGSERVICE": "storysync", "PGSERVICEFILE": f"/proc/self/fd/{files[-1]}"}
        yield environment, files
    finally:
        for descriptor in files:
            os.close(descriptor)


def _escaped(password: str) -> str:
    return password.replace("\\", "\\\\").replace(":", "\\:")


def _in_memory(text: str) -> int:
    descriptor = os.memfd_create("storysync")
    os.fchmod(descriptor, 0o600)
    os.write(descriptor, text.encode())
    return descriptor
