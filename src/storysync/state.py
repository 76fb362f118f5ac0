"""Floor 0: where the database and its companions lie, and how paths in settings become absolute."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode

from storysync.errors import SettingsError
from storysync.settings import Settings

DATABASE_NAME = "storysync.db"
DRIVERS = {
    "sqlite+aiosqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgres": "postgresql",
    "postgresql+asyncpg": "postgresql",
    "postgresql+psycopg": "postgresql",
}
"""Schemes that other programs write into `DATABASE_URL` -> the scheme that names our own driver."""

_KEYWORDS = re.compile(r"\b(?:password|dbname)\s*=")

_PLAIN = "/{}"
"""Characters of a path that stay readable in a URL."""


def state_directory(settings: Settings, environ: Mapping[str, str]) -> Path:
    """The folder of the default database: the setting, systemd's, or the user's XDG state folder."""
    if settings.state_dir:
        return Path(settings.state_dir)
    given = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given)
    base = environ.get("XDG_STATE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "state") / "storysync"


def cache_directory(environ: Mapping[str, str]) -> Path | None:
    """The user's folder for what may be lost at any time; None for a user without a home."""
    base = environ.get("XDG_CACHE_HOME", "")
    try:
        folder = Path(base) if base.startswith("/") else Path.home() / ".cache"
    except RuntimeError:
        return None
    return folder / "storysync" if folder.is_absolute() else None


def database_url(settings: Settings, environ: Mapping[str, str]) -> str:
    """The URL of the setting, else `storysync.db` in the state folder."""
    if settings.database.url:
        return settings.database.url
    return "sqlite:///" + quote(str(state_directory(settings, environ) / DATABASE_NAME), safe=_PLAIN)


def absolute_path(text: str, base: Path) -> Path:
    """`~` and `{home}` expanded, relative to `base`, without `.` and `..`; symlinks stay."""
    try:
        path = Path(text.replace("{home}", str(Path.home()))).expanduser()
    except RuntimeError as error:
        raise SettingsError(f"cannot expand the path {text!r}: {error}") from error
    return Path(os.path.normpath(base / path))


def absolute_url(url: str, base: Path) -> str:
    """A database URL with our driver's scheme and an absolute path; a bare path is a SQLite file.

    `sqlite:///x.db` is relative to `base`, `sqlite:////x.db` absolute, as SQLAlchemy writes them.
    """
    scheme, found, rest = url.partition("://")
    if not found and _KEYWORDS.search(url):
        raise SettingsError(
            "a database is named by a URL, not by `host=… password=…`",
            hint="use postgresql://user@host:5432/database; the password in PGPASSWORD or ~/.pgpass",
        )
    if not found and url != ":memory:":
        return "sqlite:///" + quote(str(absolute_path(url, base)), safe=_PLAIN)
    if not found:
        return "sqlite:///:memory:"  # to be refused: no second process could see it
    scheme = DRIVERS.get(scheme.lower(), scheme.lower())
    if scheme != "sqlite" or not rest.startswith("/") or rest in ("/", "/:memory:"):
        return f"{scheme}://{rest}"
    path, mark, options = rest[1:].partition("?")
    return f"sqlite:///{quote(str(absolute_path(unquote(path), base)), safe=_PLAIN)}{mark}{options}"


_HOST = re.compile(r"[^:/]*(:\d*)?(/.*)?|\[.*\](:\d*)?(/.*)?|[^:/]*(:\d*)?(,[^:/]*(:\d*)?)*(/.*)?")
"""What stands before a `?` where no user is named: a host or several, a port, a database."""

_SECRET = ("password", "sslpassword", "oauth_client_secret")
"""Parameters of a URL that are nobody's business."""


def redacted(url: str) -> str:
    """The URL without its passwords, for messages."""
    scheme, found, rest = url.partition("://")
    if not found:
        return url
    before, mark, query = rest.partition("?")
    if "@" in query and "@" not in before and not _HOST.fullmatch(before):  # a password with a `?` in it
        userinfo, _, rest = rest.rpartition("@")
        at, (host, mark, query) = "@", rest.partition("?")
    else:
        userinfo, at, host = before.rpartition("@")
    user, colon, _ = userinfo.partition(":")
    told = f"{scheme}://{user}{':***' if colon else ''}{at}{host}"
    if not mark:
        return told
    pairs = parse_qsl(query, keep_blank_values=True)
    return f"{told}?{urlencode([(k, '***' if k in _SECRET else v) for k, v in pairs], safe='/*,')}"
