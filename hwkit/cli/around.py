"""What is there: tools and boards."""

from __future__ import annotations

import json

import click

from hwkit.cli.group import hwkit
from hwkit.cli.options import (
    example,
    json_option,
)
from hwkit.cli.terminal import print_json


@hwkit.command(**example("hwkit doctor --json"))
@json_option
def doctor(as_json: bool) -> None:
    """Every tool, emulator, runtime and board: present and version, or how to get it."""
    from hwkit.flow import doctor as flow

    found = flow.examine()
    if as_json:
        print_json(found)
        return
    for tool in found["tools"]:
        state = tool["version"] or f"missing: {tool['remedy']}"
        click.echo(f"{tool['name']:<22}{tool['lane']:<10}{state}")
    for board in found["boards"]:
        state = "ready" if board["ready"] else f"needs {', '.join(board['missing'])}"
        click.echo(f"{board['name']:<22}{'board':<10}{state}")


@hwkit.group(invoke_without_command=True, **example("hwkit boards show virtual_m4"))
@json_option
@click.pass_context
def boards(context: click.Context, as_json: bool) -> None:
    """The boards that hwkit knows."""
    from hwkit import boards as known

    if context.invoked_subcommand is not None:
        return
    rows = [known.load(name) for name in known.names()]
    if as_json:
        print_json(
            [
                {"name": b.name, "title": b.title, "target": b.target, "evidence": b.evidence}
                for b in rows
            ]
        )
        return
    for board in rows:
        click.echo(f"{board.name:<20}{board.target:<8}{board.evidence:<11}{board.title}")


@boards.command("show", **example("hwkit boards show virtual_m4"))
@click.argument("name")
@json_option
def boards_show(name: str, as_json: bool) -> None:
    """Everything known of one board, and from where."""
    from hwkit import boards as known
    from hwkit.record import to_json

    record = to_json(known.load(name))
    if as_json:
        print_json(record)
        return
    for key, value in record.items():
        if value is not None:
            click.echo(
                f"{key}: {json.dumps(value, indent=2) if isinstance(value, dict) else value}"
            )
