"""Completion of commands, options, boards and tools in a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from hwkit.cli.group import hwkit
from hwkit.cli.options import example


@hwkit.command(**example("hwkit completion fish | source"))
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """What a shell's start-up file takes to complete hwkit's words: in ~/.bashrc
    eval "$(hwkit completion bash)", in ~/.zshrc the same with zsh, for fish the example's line."""
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(hwkit, {}, "hwkit", "_HWKIT_COMPLETE").source())
