"""The group that every command joins, and what every command takes."""

from __future__ import annotations

from typing import Any

import click

from hwkit.cli.terminal import HOW_MUCH, Telling


def _version(context: click.Context, parameter: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        from hwkit.revision import called

        click.echo(f"hwkit {called()}")
        context.exit()


def _telling(how_much: Telling) -> Any:
    def callback(context: click.Context, parameter: click.Parameter, asked: bool) -> None:
        if asked:
            HOW_MUCH.set(how_much)

    return callback


_VERBOSE = click.Option(
    ["-v", "--verbose"],
    is_flag=True,
    expose_value=False,
    callback=_telling(Telling.VERBOSE),
    help="Progress, programs that are run and where their logs are, on stderr.",
)
_QUIET = click.Option(
    ["-q", "--quiet"],
    is_flag=True,
    expose_value=False,
    callback=_telling(Telling.QUIET),
    help="No progress, on a terminal either; results and errors alone.",
)


class Command(click.Command):
    """A command with ``--verbose`` and ``--quiet``."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Its own options, and these two before ``--help``."""
        *own, help_option = super().get_params(ctx)
        return [*own, _VERBOSE, _QUIET, help_option]


class Group(click.Group):
    """A group whose commands are of that kind, and which says what a wrong name may have meant."""

    command_class = Command
    group_class = type

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click has it, with the names that are known."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            from hwkit.errors import near

            ctx.fail(f"No such command {args[0]!r}; {near(args[0], self.list_commands(ctx))}.")
        return super().resolve_command(ctx, args)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show version and commit, and leave.",
)
def hwkit() -> None:
    """Quantized networks on FPGAs, microcontrollers and edge runtimes, exact to the integer."""
