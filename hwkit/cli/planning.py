"""How a network's activations fit a board."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hwkit.cli.group import hwkit
from hwkit.cli.options import board_option, example, json_option, memory_options, model_argument
from hwkit.cli.terminal import busy, plain, print_json


@hwkit.command(**example("hwkit plan model.hwk --board virtual_m0 --sram 20kB --input streamed"))
@model_argument
@board_option
@memory_options
@click.option("--front", is_flag=True, help="All plans worth having, not only the one that fits.")
@click.option(
    "--plot",
    metavar="F.svg",
    type=click.Path(path_type=Path),
    help="The arena over time, the tiles and the front as a picture.",
)
@json_option
def plan(
    model: Path,
    board: str,
    sram: str | None,
    given: str | None,
    front: bool,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Memory for activations: what is computed in which tiles, for how much more work."""
    from hwkit.files import check_writable, write_whole
    from hwkit.flow.models import load
    from hwkit.flow.planning import plan as flow
    from hwkit.report.plan_picture import picture

    if plot is not None:
        check_writable(plot)
    with busy(f"{board}: planning"):
        found = flow(
            load(model), board, sram, given == "streamed", with_front=front or plot is not None
        )
    facts = found.to_json()
    if plot is not None:
        write_whole(plot, picture(found.chosen, found.front).encode())
    if as_json:
        print_json("plan", facts)
        return
    _show(facts["plan"], facts["other_bytes"])
    for one in facts.get("front", []) if front else []:
        click.echo(_figures(one))
    if plot is not None:
        click.echo(plain(f"{plot}: arena, tiles and front"))


def _show(chosen: dict[str, Any], other_bytes: int) -> None:
    click.echo(f"{_figures(chosen)}; {other_bytes:,} B of variables beside it")
    for stage in chosen["stages"]:
        tile = f"{stage['rows']} rows a turn, {stage['turns']} turns"
        if stage["computed_again"]:
            tile += f", {len(stage['computed_again'])} maps computed again"
        layers = f"{stage['first']} to {stage['last']} ({stage['layers']} layers)"
        click.echo(plain(f"  {layers}: {tile}; {stage['halo_bytes']:,} B kept between turns"))


def _figures(one: dict[str, Any]) -> str:
    share = one["macs"] / one["plain_macs"] if one["plain_macs"] else 1
    return (
        f"{one['arena_bytes']:,} B of activations, {one['macs']:,} MACs ({share:.3f}x), "
        f"{len(one['stages'])} stages"
    )
