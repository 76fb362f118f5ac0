"""`storysync service`."""

from __future__ import annotations

import grp
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from storysync.cli import output
from storysync.cli.options import current_folder, with_json, with_paths
from storysync.errors import StorysyncError, UsageError
from storysync.state import absolute_path

if TYPE_CHECKING:
    from storysync.jobs.service import Place, Step, Wishes

Command = TypeVar("Command", bound=Callable[..., Any])

with_kind = click.option(
    "--user/--system",
    "as_user",
    default=None,
    help="The service of this user, or of the machine; default: of the machine for root.",
)
with_dry_run = click.option("--dry-run", is_flag=True, help="Show the steps and change nothing.")


@click.group()
def command() -> None:
    """Install, remove or look at storysync as a service of systemd."""


@command.command()
@with_paths
@with_kind
@click.option("--network", is_flag=True, help="Let it reach a PostgreSQL server over TCP.")
@click.option("--stories-group", metavar="GROUP", default="", help="A group that may read the stories.")
@click.option("--backups", metavar="DIR", help="Where backups go, outside of the state directory.")
@click.option("--database-url-file", metavar="FILE", help="A file with the database URL, as a credential.")
@click.option("--no-start", is_flag=True, help="Enable it for the next boot only.")
@with_dry_run
def install(
    paths: tuple[str, ...],
    as_user: bool | None,
    network: bool,
    stories_group: str,
    backups: str | None,
    database_url_file: str | None,
    no_start: bool,
    dry_run: bool,
) -> int:
    """Write the unit and its settings, and start it.

    PATH is a folder of stories, for settings that are not there yet; settings that are there stay as they
    are. Run it again after an upgrade, or to add an option.
    """
    from storysync.jobs import service

    place = _place(as_user)
    if place.user and (network or stories_group or backups or database_url_file):
        raise UsageError(
            "these options are for the service of the machine; one of a user has no sandbox to open",
            hint="write settings instead, as backup.directory",
        )
    here = current_folder()
    wishes = service.Wishes(
        program=_program(),
        roots=tuple(_root(path, here) for path in paths),
        network=network,
        stories_group=stories_group,
        backups=absolute_path(backups, here) if backups else None,
        credentials=absolute_path(database_url_file, here) if database_url_file else None,
        start=not no_start,
    )
    _refuse_what_is_not_there(wishes)
    _may(place, dry_run=dry_run, words="install " + " ".join(paths))
    if not place.user and not dry_run:
        service.refuse_closed_program(wishes.program)
    kept = place.settings.exists()
    _go(service.installation(place, wishes), dry_run=dry_run)
    if kept and paths:
        output.say(f"kept      {place.settings}; add folders there as [[projects]], then reload")
    output.say(f"settings: {place.settings}\ndatabase: in {place.state}, unless they name another")
    output.say(f"next:\n{_next(place, wishes)}")
    return 0


@command.command()
@with_kind
@with_dry_run
def uninstall(as_user: bool | None, dry_run: bool) -> int:
    """Stop the service and remove its files; settings, database and backups stay."""
    from storysync.jobs import service

    place = _place(as_user)
    _may(place, dry_run=dry_run, words="uninstall")
    _go(service.removal(place), dry_run=dry_run)
    for path in (place.settings, place.state):
        if path.exists():
            output.say(f"kept      {path}")
    return 0


@command.command()
@with_kind
@with_json
def status(as_user: bool | None, as_json: bool) -> int:
    """Show what the service does, its last error, and the next commands.

    Exit codes: 0 it runs, 1 it does not.
    """
    from storysync.cli import service_status

    return service_status.show(_place(as_user), as_json=as_json)


def _place(as_user: bool | None) -> Place:
    from storysync.jobs import service

    if as_user is None:
        as_user = os.geteuid() != 0
    return service.user_place(os.environ, Path.home()) if as_user else service.SYSTEM


def _may(place: Place, *, dry_run: bool, words: str) -> None:
    """Raises UsageError for a user without the right, NoServiceManager where there is no systemd."""
    from storysync.adapters.service_manager import require_systemd

    if dry_run:
        return
    require_systemd()
    if not place.user and os.geteuid() != 0:
        again = f"sudo {_program()} service {words}".strip()
        raise UsageError(
            "only root can change the services of the machine",
            hint=f"run `{again} --system`, or use --user for a service of your own",
        )


def _go(steps: Iterable[Step], *, dry_run: bool) -> None:
    """Each step is told when it is done. Raises StorysyncError at the first that fails."""
    idle = True
    for step in steps:
        if not step.needed:
            continue
        idle = False
        if dry_run:
            output.say(f"would     {step}")
        else:
            try:
                step.carry_out()
            except OSError as error:
                raise StorysyncError(f"cannot {step}: {error.strerror}") from error
            output.say(f"done      {step}")
    if idle:
        output.say("nothing to do")


def _program() -> Path:
    """The script of the interpreter that runs now. Raises UsageError when it has none."""
    script = Path(sys.executable).parent / "storysync"
    if not os.access(script, os.X_OK):
        raise UsageError(
            f"there is no program {script}",
            hint="install storysync into an environment: `pip install storysync`",
        )
    return script


def _root(path: str, here: Path) -> Path:
    root = absolute_path(path, here)
    if not root.is_dir():
        raise UsageError(f"{root} is not a folder", hint="name the folder of a project's stories")
    return root


def _refuse_what_is_not_there(wishes: Wishes) -> None:
    """Raises UsageError for what systemd would give up the service over, in words of its own."""
    if wishes.stories_group:
        try:
            grp.getgrnam(wishes.stories_group)
        except KeyError:
            raise UsageError(
                f"there is no group {wishes.stories_group!r}", hint="name the group that may read the stories"
            ) from None
    if wishes.backups is not None and not wishes.backups.is_dir():
        raise UsageError(
            f"the folder {wishes.backups} is not there",
            hint="install without --backups first, which makes the user storysync; then"
            f" `install -d -o storysync -g storysync -m 750 {wishes.backups}`, and install with it",
        )
    if wishes.credentials is not None and not wishes.credentials.is_file():
        raise UsageError(
            f"there is no file {wishes.credentials}", hint="write the database URL into it, for root to read"
        )


def _next(place: Place, wishes: Wishes) -> str:
    lines = ["storysync service status" + (" --user" if place.user else ""), place.journal()]
    if place.user:
        lines.append("loginctl enable-linger   # to run it without a login")
    elif wishes.roots:
        lines.append("usermod --append --groups storysync NAME   # who may ask the database")
    return "\n".join(f"  {line}" for line in lines)
