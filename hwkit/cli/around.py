"""What is there: tools, boards, places."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from hwkit.cli.group import hwkit
from hwkit.cli.options import (
    board_argument,
    example,
    json_option,
)
from hwkit.cli.terminal import plain, print_json

if TYPE_CHECKING:
    from hwkit.boards import Found


@hwkit.command(**example("hwkit doctor --json"))
@json_option
def doctor(as_json: bool) -> None:
    """Every tool, emulator, runtime and board: present and version, or how to get it."""
    from hwkit.flow import doctor as flow

    found = flow.examine()
    if as_json:
        print_json("doctor", found)
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
    """The boards that hwkit knows, and where each file was found: in the folders of HWKIT_BOARDS,
    in hwkit, in an installed package. The first of a name counts; --board ./FILE.toml takes a
    file as it is."""
    if context.invoked_subcommand is not None:
        return
    from hwkit.boards import find_all

    rows = [_board_row(found) for found in find_all()]
    if as_json:
        print_json("boards", {"boards": rows})
        return
    for row in rows:
        origin = "" if row["origin"] == "hwkit" else f" [{row['origin']}: {row['path']}]"
        line = f"{row['name']:<20}{row['target']:<8}{row['evidence']:<11}{row['title']}{origin}"
        click.echo(plain(line))
        for path in row["hides"]:
            click.echo(plain(f"{'':<20}hides {path}"))


def _board_row(found: Found) -> dict[str, Any]:
    from hwkit.boards import load

    board = load(found.name)
    return {
        "name": board.name,
        "title": board.title,
        "target": board.target,
        "part": board.part,
        "evidence": board.evidence,
        "origin": found.origin,
        "path": str(found.path),
        "hides": [str(path) for path in found.hides],
    }


@boards.command("show", **example("hwkit boards show virtual_m4"))
@board_argument
@json_option
def boards_show(board: str, as_json: bool) -> None:
    """Everything known of one board, and from where; BOARD is a name, a file or a place."""
    from hwkit import boards as known
    from hwkit.record import to_json

    record = to_json(known.load(board))
    if as_json:
        print_json("boards", record)
        return
    for key, value in record.items():
        if value is not None and value != {}:
            text = json.dumps(value, indent=2) if isinstance(value, dict) else plain(value)
            click.echo(f"{key}: {text}")


@hwkit.command(**example("hwkit places"))
@json_option
def places(as_json: bool) -> None:
    """The places of places.toml: boards at their ports, by names of your own; --board takes one."""
    from hwkit.boards.places import load_places, places_file
    from hwkit.record import to_json

    found, path = load_places(), places_file()
    if as_json:
        rows = [to_json(place) for place in found]
        print_json("places", {"file": str(path), "places": rows})
        return
    for place in found:
        click.echo(plain(f"{place.name:<20}{place.board:<20}{place.port}"))
    if not found:
        click.echo(plain(f'no places; write {path}: [bench], board = "NAME", port = "URL"'))
