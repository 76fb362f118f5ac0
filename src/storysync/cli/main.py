"""The command table, and the one place where errors become words and exit codes.

`--help` prints the table; a command's module is imported only when it is called.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from storysync import __version__
from storysync.cli.stdout import close_stdout
from storysync.cli.table import COMMANDS
from storysync.errors import StorysyncError

INTERRUPTED = 130
_MOST_COLUMNS = 100


class CommandTable(click.Group):
    """A group whose commands are modules, imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"storysync.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        return [
            *(
                CompletionItem(name, help=line)
                for name, line in COMMANDS.items()
                if name.startswith(incomplete)
            ),
            *click.Command.shell_complete(self, ctx, incomplete),
        ]


@click.group(cls=CommandTable, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", "-V", prog_name="storysync", message="%(prog)s %(version)s")
@click.option(
    "--debug", is_flag=True, expose_value=False, help="Show a traceback with every error; stands anywhere."
)
def cli() -> None:
    """Keep a SQL database equal to the story files in git.

    \b
      storysync sync PATH                  files into the database, once
      storysync run PATH                   and keep it so
      storysync list | ready | show ID     ask
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code. Stdout stays empty when it fails."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given or bool(os.environ.get("STORYSYNC_DEBUG"))
    given = [argument for argument in given if argument != "--debug"]
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by who started us (`>&-`)
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - until the end
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    code = _outcome(given, debug=debug)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        close_stdout()
    return code


def _outcome(arguments: list[str], *, debug: bool) -> int:
    try:
        code = cli.main(
            args=arguments, prog_name="storysync", standalone_mode=False, terminal_width=_help_width()
        )
        return code if isinstance(code, int) else 0
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    except BrokenPipeError:
        close_stdout()
        return 0
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        _complain(error.format_message(), _usage_hint(error))
        return error.exit_code
    except StorysyncError as error:
        if debug:
            _traceback()
        _complain(str(error), error.hint)
        return error.exit_code
    except OSError as error:
        if debug:
            _traceback()
        _complain(_told(error), "check the path and its permissions")
        return 1
    except Exception as error:  # noqa: BLE001 - the last place where it can be put into words
        if debug:
            _traceback()
        _complain(
            f"unexpected {type(error).__name__}: {error}",
            "this is a bug; please report it with the output of `storysync --debug …`",
        )
        return 1


def _help_width() -> int:
    """Columns of help texts. click would import shutil to find out, a tenth of the time of `--help`."""
    try:
        columns = int(os.environ.get("COLUMNS") or os.get_terminal_size(sys.stdout.fileno()).columns)
    except (OSError, ValueError):
        columns = _MOST_COLUMNS
    return max(min(columns, _MOST_COLUMNS) - 2, 50)


def _complain(message: str, hint: str) -> None:
    """One line that says what happened, one that says what to do."""
    error, info = ("<3>", "<6>") if _to_journal() else ("", "")
    print(f"{error}storysync: error: {' '.join(message.split())}", file=sys.stderr)
    if hint:
        print(f"{info}hint: {' '.join(hint.split())}", file=sys.stderr)


def _to_journal() -> bool:
    """Whether stderr is the journal of systemd, which understands a priority at the start of a line."""
    named = os.environ.get("JOURNAL_STREAM")
    if not named:
        return False
    try:
        status = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return named == f"{status.st_dev}:{status.st_ino}"


def _usage_hint(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return f"see `{context.command_path} --help`" if context else "see `storysync --help`"


def _told(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return "the disk is full"
    name = f": {error.filename}" if error.filename else ""
    return f"{error.strerror or error}{name}"


def _traceback() -> None:
    import traceback

    traceback.print_exc()


if __name__ == "__main__":
    sys.exit(main())
