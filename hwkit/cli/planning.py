"""How a network, and its activations, fit a board."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hwkit.cli.group import hwkit
from hwkit.cli.options import (
    bits_option,
    board_option,
    example,
    input_option,
    json_option,
    memory_options,
    model_argument,
    optional_board_option,
)
from hwkit.cli.terminal import busy, plain, print_json, progress, told_beside

if TYPE_CHECKING:
    from hwkit.flow.fitting import Fit


@hwkit.command(**example("hwkit plan model.hwk --board virtual_m0 --sram 20kB --input streamed"))
@model_argument
@board_option
@memory_options
@bits_option
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
    bits: int | None,
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
        streamed, every = given == "streamed", front or plot is not None
        found = flow(load(model, bits), board, sram, streamed, with_front=every)
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
    if len(chosen["arena_regions"]) > 1:
        parts = (f"{size:,} B in {name}" for name, size in chosen["arena_regions"].items())
        moved = sum(one["size_bytes"] for one in chosen["arena_moves"])
        waits = f"{chosen['arena_wait_cycles']:,} cycles of waiting, estimated"
        click.echo(plain(f"  {', '.join(parts)}; {waits}; {moved:,} B copied between them"))
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


@hwkit.command(**example("hwkit narrow model.hwk -i calibration.npy --bitops 0.5 -o narrower.hwk"))
@model_argument
@input_option(required=True)
@click.option("-o", "--out", metavar="M.hwk", required=True, type=click.Path(path_type=Path))
@click.option(
    "--bitops",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="SHARE",
    help="At most this share of the network's BitOPs: multiplications times widths.",
)
@optional_board_option
@memory_options
@click.option(
    "--lambda",
    "lam",
    type=click.FloatRange(0, 1),
    default=0.6,
    show_default=True,
    help="How much lost entropy counts beside saved BitOPs.",
)
@json_option
def narrow(
    model: Path,
    inputs: tuple[str, ...],
    out: Path,
    bitops: float | None,
    board: str | None,
    sram: str | None,
    given: str | None,
    lam: float,
    as_json: bool,
) -> None:
    """Feature maps of 4 and 2 bits, chosen by what real inputs show (QuantMCU), without training.

    Integers change: try the result on labelled data.
    """
    from hwkit.files import check_writable
    from hwkit.flow.arrays import load_inputs
    from hwkit.flow.models import load
    from hwkit.flow.narrowing import Limits
    from hwkit.flow.narrowing import narrow as flow

    check_writable(out)
    graph = load(model)
    with busy(f"{model.name}: narrowing"):
        limits = Limits(bitops, board, sram, given == "streamed")
        found = flow(graph, load_inputs(graph, inputs), limits, lam)
    found.graph.save(str(out))
    if as_json:
        print_json("narrow", found.to_json())
        return
    for one in found.maps:
        left = "" if one.snr_db is None else f", {one.snr_db:.1f} dB"
        entropy = f"{one.entropy:.2f} -> {one.entropy_after:.2f} bits of entropy{left}"
        click.echo(plain(f"  {one.before} -> {one.after}  {one.layer:<28} {entropy}"))
    share = found.bitops / max(found.bitops_before, 1)
    click.echo(f"{found.bitops:,} BitOPs ({share:.3f} of before)")
    told_beside(out, f"{out}: {len(found.graph.nodes)} nodes")


@hwkit.command(**example("hwkit fit model.hwk --board ulx3s_25f --board ./my_board.toml"))
@model_argument
@click.option(
    "--board",
    "boards",
    multiple=True,
    metavar="B",
    help="Only this one, a name or a file ./my_board.toml; may be given again.",
)
@json_option
def fit(model: Path, boards: tuple[str, ...], as_json: bool) -> None:
    """Which boards take a network, at which rate, and why the others do not.

    Nothing is built and nothing simulated: arena and weights are exact, all else is estimated.
    Exit code 1 when no board takes it.
    """
    from hwkit.flow.fitting import fit as flow
    from hwkit.flow.models import load

    tell, found = progress(), []
    for one in flow(load(model), boards):
        found.append(one)
        tell(f"{len(found)} boards asked, {one.board}")
    tell("")
    if as_json:
        print_json("fit", {"model": str(model), "boards": [one.to_json() for one in found]})
    else:
        _answers(found)
    if not any(one.takes for one in found):
        raise click.exceptions.Exit(1)


_WORDS = {
    "weight_bytes": "B weights",
    "flash_bytes": "B flash",
    "arena_bytes": "B arena",
    "ram_bytes": "B RAM",
    "lut": "LUT",
    "ff": "FF",
    "bram": "BRAM",
    "dsp": "DSP",
}


def _answers(found: Sequence[Fit]) -> None:
    """A line for each board that takes the network, the fastest first; then those that refuse."""
    taking = [one for one in found if one.takes]
    for one in sorted(taking, key=lambda one: (one.us is None, one.us or 0, one.board)):
        size, rate, evidence = one.size, "", "takes it"
        if size is not None:
            evidence = "estimated"
        if one.us:
            rate = f"{1e6 / one.us:,.0f}/s" if one.us < 1e5 else f"{1e6 / one.us:.2f}/s"
        figures = {} if size is None else size.figures
        takes = ", ".join(f"{n:,} {_WORDS[key]}" for key, n in figures.items())
        click.echo(plain(f"{one.board:<20} {rate:>12}  {evidence:<9}  {takes}".rstrip()))
    for one in found:
        if not one.takes:
            click.echo(plain(f"{one.board:<20} {'no':>12}  {one.why}"))
