"""Installing and removing the service: which files, which commands, in which order.

A plan is a list of steps that can be shown (`--dry-run`) or carried out; done twice it changes nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from storysync.adapters import service_manager
from storysync.errors import StorysyncError, UsageError

UNIT = "storysync.service"
_MADE = "# Made by `storysync service install`. Changes belong into a file of your own: `{edit}`.\n"
_PROGRAM = {False: "/usr/local/bin/storysync", True: "%h/.local/bin/storysync"}
_DROP_INS = ("network", "stories-group", "backups-elsewhere", "credentials")


@dataclass(frozen=True)
class Place:
    """Where a service of one kind keeps its files."""

    user: bool
    units: Path
    settings: Path
    state: Path
    """The folder of the default database."""
    sysusers: Path | None

    @property
    def unit(self) -> Path:
        return self.units / UNIT

    @property
    def drop_ins(self) -> Path:
        return self.units / f"{UNIT}.d"

    def systemctl(self, *words: str) -> tuple[str, ...]:
        return ("systemctl", *(("--user",) if self.user else ()), *words)

    def journal(self) -> str:
        return f"journalctl {'--user ' if self.user else ''}-u storysync"


SYSTEM = Place(
    False,
    Path("/etc/systemd/system"),
    Path("/etc/storysync/storysync.toml"),
    Path("/var/lib/storysync"),
    Path("/etc/sysusers.d/storysync.conf"),
)


def user_place(environ: Mapping[str, str], home: Path) -> Place:
    """Of the user who asks, by the XDG variables as storysync and systemd read them."""
    config = _folder(environ.get("XDG_CONFIG_HOME"), home / ".config")
    state = _folder(environ.get("XDG_STATE_HOME"), home / ".local" / "state")
    return Place(
        True, config / "systemd" / "user", config / "storysync" / "config.toml", state / "storysync", None
    )


@dataclass(frozen=True)
class Wishes:
    """What one may choose at installation."""

    program: Path
    """The `storysync` that the service runs, absolute."""
    roots: tuple[Path, ...] = ()
    network: bool = False
    stories_group: str = ""
    backups: Path | None = None
    credentials: Path | None = None
    """A file with the database URL."""
    start: bool = True


@dataclass(frozen=True)
class Write:
    path: Path
    text: str
    mode: int = 0o644

    def __str__(self) -> str:
        return f"write {self.path}"

    @property
    def needed(self) -> bool:
        try:
            return self.path.read_text(encoding="utf-8") != self.text
        except (FileNotFoundError, NotADirectoryError):
            return True

    def carry_out(self) -> None:
        service_manager.write_file(self.path, self.text, self.mode)


@dataclass(frozen=True)
class Remove:
    path: Path

    def __str__(self) -> str:
        return f"remove {self.path}"

    @property
    def needed(self) -> bool:
        return self.path.is_file() or (self.path.is_dir() and not any(self.path.iterdir()))

    def carry_out(self) -> None:
        if self.path.is_dir():
            self.path.rmdir()
        else:
            self.path.unlink()


@dataclass(frozen=True)
class Run:
    command: tuple[str, ...]
    needed: bool = True

    def __str__(self) -> str:
        return f"run {' '.join(self.command)}"

    def carry_out(self) -> None:
        service_manager.run(self.command)


Step = Write | Remove | Run


def installation(place: Place, wishes: Wishes) -> Iterator[Step]:
    """The steps in their order. Raises UsageError for wishes that lead to a service that cannot start.

    Each step is judged when its turn comes: whether to restart depends on what was written before.
    """
    settings_there = place.settings.exists()
    if not settings_there and not wishes.roots:
        raise UsageError(
            f"there is no {place.settings}, and no folder of stories was named",
            hint="name them, as in `storysync service install /srv/stories`",
        )
    writes = [Write(place.unit, _unit_text(place, wishes)), *_drop_ins(place, wishes)]
    changed = any(write.needed for write in writes)
    if place.sysusers is not None:
        yield Write(place.sysusers, data("storysync.sysusers.conf"))
        yield Run(("systemd-sysusers", str(place.sysusers)))
    if not settings_there:
        yield Write(place.settings, settings_text(place, wishes.roots))
    yield from writes
    yield Run(place.systemctl("daemon-reload"))
    yield Run(place.systemctl("enable", UNIT))
    if wishes.start:
        yield Run(place.systemctl("restart" if changed else "start", UNIT))


def removal(place: Place) -> Iterator[Step]:
    """The steps in their order; settings, database, backups and the user stay."""
    there = place.unit.exists()
    yield Run(place.systemctl("disable", "--now", UNIT), needed=there)
    for name in _DROP_INS:
        yield Remove(place.drop_ins / f"{name}.conf")
    yield Remove(place.drop_ins)
    yield Remove(place.unit)
    if place.sysusers is not None:
        yield Remove(place.sysusers)
    yield Run(place.systemctl("daemon-reload"), needed=there)


def settings_text(place: Place, roots: Sequence[Path]) -> str:
    """The settings that a new service starts with."""
    reload = " ".join(place.systemctl("reload", "storysync"))
    lines = [f"# Settings of the storysync service; after a change: {reload}", ""]
    if not place.user:
        url = json.dumps(f"sqlite:///{place.state / 'storysync.db'}")
        lines += ["[database]", f"url = {url}", "group_readable = true", ""]
    for root in roots:
        lines += ["[[projects]]", f"path = {json.dumps(str(root), ensure_ascii=False)}", ""]
    return "\n".join(lines)


def refuse_closed_program(program: Path) -> None:
    """Raises UsageError when a user of no privileges, as the service has, could not run it."""
    real = program.resolve()
    for path in {*program.parents, *real.parents, real}:
        if not path.stat().st_mode & 0o001:
            raise UsageError(
                f"the user storysync may not run {program}: {path} is closed to others",
                hint="install storysync where all may run it: `python3 -m venv /opt/storysync`, then"
                " `/opt/storysync/bin/pip install storysync`",
            )


def data(name: str) -> str:
    """A file of `systemd/`: packaged in the wheel, else the checkout's own."""
    package = Path(str(files("storysync")))
    for folder in (package / "_data" / "systemd", package.parent.parent / "systemd"):
        if (folder / name).is_file():
            return (folder / name).read_text(encoding="utf-8")
    raise StorysyncError(f"{name} is missing from this installation", hint="install storysync again")


def _unit_text(place: Place, wishes: Wishes) -> str:
    text = data("storysync-user.service" if place.user else UNIT)
    edit = " ".join(place.systemctl("edit", "storysync"))
    return _MADE.format(edit=edit) + text.replace(_PROGRAM[place.user], _in_unit(wishes.program))


def _drop_ins(place: Place, wishes: Wishes) -> Iterator[Write]:
    if wishes.network:
        yield _drop_in(place, "network")
    if wishes.stories_group:
        yield _drop_in(place, "stories-group", "stories", wishes.stories_group, "=")
    if wishes.backups is not None:
        yield _drop_in(place, "backups-elsewhere", "/srv/backups/storysync", _in_unit(wishes.backups))
    if wishes.credentials is not None:
        yield _drop_in(place, "credentials", "/etc/storysync/database-url", _in_unit(wishes.credentials))


def _drop_in(place: Place, name: str, example: str = "", chosen: str = "", before: str = "") -> Write:
    text = data(f"drop-ins/{name}.conf")
    if example:
        text = text.replace(before + example, before + chosen)
    return Write(place.drop_ins / f"{name}.conf", text)


def _in_unit(path: Path) -> str:
    """A path as a unit file takes it. Raises UsageError for one that would need more than `%` doubled."""
    text = os.fspath(path)
    if not text.isprintable() or set(text) & set(" \"'\\$;:"):
        raise UsageError(f"{text!r} cannot stand in a unit file", hint="use a path without blanks and quotes")
    return text.replace("%", "%%")


def _folder(given: str | None, default: Path) -> Path:
    return Path(given) if given and given.startswith("/") else default
