"""The content of a file of `pg_dump -Fc` played into a database over one connection, in its transaction.

`pg_restore` turns the file into a script and connects to nothing; what it writes is read as it comes:
statements, and rows for COPY. So a restore can be part of a transaction that does more.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import psycopg

from storysync.errors import DatabaseAway, StoreError
from storysync.store.archive import BackupDamaged, Step
from storysync.store.engines import postgres
from storysync.store.engines.postgres_programs import ProgramFailed, Programs, Running, running

_COPY = re.compile(rb"COPY (?P<table>.+) FROM stdin;\n")
_END = b"\\.\n"
_META = re.compile(rb"\\(un)?restrict \w+\n")
"""What psql alone understands, around a script."""
_SINCE_17 = b"SET transaction_timeout = 0;\n"
_SCHEMA = re.compile(rb'^CREATE SCHEMA "?([a-z_][a-z0-9_]*)"?;\n', re.MULTILINE)
_BLOCK = 1 << 18
_GRANT = re.compile(rb"(GRANT|REVOKE|ALTER DEFAULT PRIVILEGES) .*;\n")
_ENTRY_OF_GRANT = re.compile(r"\d+; \d+ \d+ (DEFAULT )?ACL ")
_NEWER = "unsupported version"
_NOT_ITS_FAULT = ("42501", "25006")
"""SQLSTATEs that say nothing of the file: a missing right, a server that takes no writes."""


def replay(
    connection: postgres.Connection, programs: Programs, file: Path, step: Step, *, into: str | None
) -> str:
    """Run all of the file's statements, and return the name of its schema.

    The connection has a transaction open, of which this is a part; its settings are changed (search path,
    timeouts). `into`: a schema that is there and empty, whose name must be the file's; None makes it. Owner
    is whoever the connection is, rights are those that this role gives by default. Raises BackupDamaged for
    a file that is damaged or not one of pg_dump, StoreError when it cannot be played here.
    """
    try:
        with _script(programs, file, ["--no-owner", "--no-acl", "--no-tablespaces"]) as (child, stream):
            return _Replay(connection, child, file, step, into).run(stream)
    except ProgramFailed as error:
        raise _of_the_file(error) from error
    except psycopg.Error as error:
        raise _of_the_server(error) from error


def grants(programs: Programs, file: Path) -> list[bytes]:
    """The statements of the file that grant rights. Raises as `replay`."""
    try:
        with _script(programs, file, ["--list"]) as (child, stream):
            listed = stream.read().decode(errors="replace").splitlines(keepends=True)
            child.finish()
        wanted = "".join(line for line in listed if _ENTRY_OF_GRANT.match(line))
        if not wanted:
            return []
        listing = os.memfd_create("storysync")
        try:
            os.write(listing, wanted.encode())
            chosen = ["--no-owner", f"--use-list=/proc/self/fd/{listing}"]
            with _script(programs, file, chosen, pass_fds=[listing]) as (child, stream):
                found = [line for line in stream if _GRANT.fullmatch(line)]
                child.finish()
                return found
        finally:
            os.close(listing)
    except ProgramFailed as error:
        raise _of_the_file(error) from error


@contextmanager
def _script(
    programs: Programs, file: Path, options: list[str], pass_fds: Iterable[int] = ()
) -> Iterator[tuple[Running, IO[bytes]]]:
    """`pg_restore` as it writes its script. It reads through a descriptor, whose position tells how far."""
    target = [] if "--list" in options else ["--file=-"]
    command: list[str | Path] = [programs.restore, *target, *options]
    with (
        file.open("rb") as source,
        running(command, stdin=source, stdout=subprocess.PIPE, pass_fds=tuple(pass_fds)) as child,
    ):
        stream = child.process.stdout
        assert stream is not None
        child.position = lambda: os.lseek(source.fileno(), 0, os.SEEK_CUR)
        yield child, stream


class _Replay:
    def __init__(
        self, connection: postgres.Connection, child: Running, file: Path, step: Step, into: str | None
    ) -> None:
        self._connection, self._child, self._into = connection, child, into
        self._step, self._size = step, file.stat().st_size
        self._with_timeout = connection.info.server_version >= 170000
        self._schema = ""

    def run(self, stream: IO[bytes]) -> str:
        statements: list[bytes] = []
        for line in stream:
            copy = _COPY.fullmatch(line)
            if copy is not None:
                self._execute(statements)
                statements = []
                self._copy(copy["table"], stream)
            elif not _META.fullmatch(line) and (self._with_timeout or line != _SINCE_17):
                statements.append(line)
        self._child.finish()  # before the rest is run, which may have been cut off
        self._execute(statements)
        return self._schema

    def _execute(self, statements: list[bytes]) -> None:
        script = b"".join(statements)
        if not self._schema:
            script = self._in_schema(script)
        self._connection.execute(script)
        self._tell()

    def _in_schema(self, script: bytes) -> bytes:
        """The first part, which makes the schema and all of its tables."""
        found = _SCHEMA.search(script)
        self._schema = found[1].decode() if found else "public"  # which is not made: every database has it
        if self._into is None:
            return script
        if self._schema != self._into:
            raise StoreError(
                f"the backup holds the schema {self._schema}, not {self._into}",
                hint=f"restore it with `?schema={self._schema}` in the database URL, or with --to",
            )
        return _SCHEMA.sub(b"", script, count=1)

    def _copy(self, table: bytes, stream: IO[bytes]) -> None:
        # Frozen, rows are visible as soon as their table is: also for a reader whose snapshot is older,
        # which would find the new table empty.
        with (
            self._connection.cursor() as cursor,
            cursor.copy(b"COPY " + table + b" FROM stdin WITH (FREEZE)") as copy,
        ):
            for block in self._rows(stream):
                copy.write(block)
                self._tell()

    def _rows(self, stream: IO[bytes]) -> Iterator[bytes]:
        lines: list[bytes] = []
        size = 0
        for line in stream:
            if line == _END:
                yield b"".join(lines)
                return
            lines.append(line)
            size += len(line)
            if size >= _BLOCK:
                yield b"".join(lines)
                lines, size = [], 0
        self._child.finish()
        raise BackupDamaged("it ends in the middle of its rows")

    def _tell(self) -> None:
        self._step(min(self._child.position(), self._size), self._size)


def _of_the_file(error: ProgramFailed) -> StoreError:
    if error.killed:
        return StoreError(f"the backup could not be read: {error}")
    if _NEWER in str(error):
        return StoreError(
            f"the backup was made by a newer pg_dump: {error}",
            hint="name the folder of the newer programs with the setting `backup.pg_bin`",
        )
    return BackupDamaged(f"the backup cannot be read: {error}")


def _of_the_server(error: psycopg.Error) -> StoreError:
    told = postgres.first_line(error)
    if postgres.is_gone(error):
        return DatabaseAway(f"the connection was lost while the backup was restored: {told}")
    state = error.sqlstate or ""
    if state in _NOT_ITS_FAULT or state[:2] in ("40", "53", "55", "57", "58"):
        return StoreError(f"the backup could not be restored: {told}")
    return BackupDamaged(f"the backup cannot be restored: {told}")
