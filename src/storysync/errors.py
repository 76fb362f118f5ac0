"""Floor 0: the errors that every floor shares.

A bad story is never an exception: it is a `Problem` value (see `core.story`). Exceptions are for work
that cannot go on. `str(error)` says what happened, `hint` what the user can do, `exit_code` what the
command line returns.
"""

from __future__ import annotations


class StorysyncError(Exception):
    """What happened, in one line; `hint` is what to do about it."""

    exit_code = 1
    hint = ""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        if hint is not None:
            self.hint = hint


class UsageError(StorysyncError):
    """The arguments cannot be carried out as they are."""

    exit_code = 2


class SettingsError(UsageError):
    """A setting is unknown, mistyped or out of range; the message names its key and origin."""


class NotFound(StorysyncError):
    """A named story, project or backup does not exist."""

    exit_code = 3


class Ambiguous(NotFound):
    """A partial id fits several stories; the message names the candidates."""


class WaitTimeout(StorysyncError):
    """Something awaited did not happen in time."""

    exit_code = 3


class StoreError(StorysyncError):
    """The database cannot be used."""

    exit_code = 5


class DatabaseAway(StoreError):
    """The server of the database does not answer, or no longer; nothing is wrong with what was asked."""

    hint = "is the server running, and are the address and the password in the URL right?"


class DatabaseRefuses(DatabaseAway):
    """The server is there and does not let this user in."""

    hint = "check user, password and database in the URL; the password may be in PGPASSWORD or ~/.pgpass"


class Conflict(StoreError):
    """The server gave up a transaction in favour of another one; repeated whole, it can succeed."""

    hint = "run it again"


class ForeignDatabase(StoreError):
    """The file is not a storysync database; it is left untouched."""

    hint = "choose another path with --database"


class NoDatabase(ForeignDatabase):
    """The file is no database at all, and nothing in it says that it was one of ours."""


class Damaged(StoreError):
    """The database is one of ours, and what lies there contradicts itself; no lock, right or full disk."""

    hint = "`storysync doctor` says what to do"


class SchemaBehind(StoreError):
    """The database is older than this program."""

    hint = "run `storysync db upgrade`"


class SchemaAhead(StoreError):
    """The database was written by a newer storysync."""

    hint = "upgrade storysync, or use another database with --database"


class RowRefused(StoreError):
    """A value or row that the schema does not take."""


class Locked(StorysyncError):
    """Another storysync holds the lock of this database; the message names its process."""

    exit_code = 6
    hint = "wait until it ends, or stop it; a running `storysync run` does what `storysync sync` asks"


class RootLost(StorysyncError):
    """The folder of a known project is not there; nothing was deleted."""

    exit_code = 4
    hint = "mount or restore it; if it was moved, sync the new place with --moved"
