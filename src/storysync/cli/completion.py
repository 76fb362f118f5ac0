"""`storysync completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from storysync.cli import output


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def command(shell: str) -> int:
    """Print the completion script of a shell.

    \b
      eval "$(storysync completion bash)"                                in ~/.bashrc
      eval "$(storysync completion zsh)"                                 in ~/.zshrc
      storysync completion fish > ~/.config/fish/completions/storysync.fish
    """
    from storysync.cli.main import cli

    kind = get_completion_class(shell)
    assert kind is not None  # click.Choice let only these pass
    output.say(kind(cli, {}, "storysync", "_STORYSYNC_COMPLETE").source())
    return 0
