"""`storysync init`."""

from __future__ import annotations

import shlex
import shutil
from importlib.resources import files
from pathlib import Path

import click

from storysync.cli import output
from storysync.cli.init_template import TEMPLATE
from storysync.cli.options import current_folder
from storysync.errors import StorysyncError, UsageError
from storysync.settings_files import FILE_NAME
from storysync.state import absolute_path


@click.command()
@click.option(
    "--sample", metavar="DIR", help="Copy the sample stories into DIR instead, a new or empty folder."
)
def command(sample: str | None) -> int:
    """Write a commented storysync.toml here, or copy sample stories.

    An existing file or a folder with anything in it is never changed.
    """
    if sample is not None:
        _copy_samples(absolute_path(sample, current_folder()), sample)
        return 0
    path = current_folder() / FILE_NAME
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError:
        raise UsageError(
            f"{path} exists and was left as it is", hint="edit it, or move it away first"
        ) from None
    output.say(f"wrote {path}\nnext:\n  storysync sync\n  storysync list")
    return 0


def samples_folder() -> Path:
    """The sample stories: packaged in the wheel, else the checkout's own."""
    package = Path(str(files("storysync")))
    for folder in (package / "_data" / "sample_stories", package.parent.parent / "sample_stories"):
        if folder.is_dir():
            return folder
    raise StorysyncError(
        "the sample stories are missing from this installation", hint="install storysync again"
    )


def _copy_samples(target: Path, named: str) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target} is not an empty folder; nothing was copied", hint="name a new folder")
    source = samples_folder()
    shutil.copytree(source, target, dirs_exist_ok=True)
    output.say(
        f"copied the sample stories to {target}\nnext:\n"
        f"  cd {shlex.quote(named)}\n  storysync sync\n  storysync ready\n  storysync blocked"
    )
