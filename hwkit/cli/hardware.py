"""A board: build for it, measure on it, bring it up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hwkit.cli.group import hwkit
from hwkit.cli.options import (
    artifact_option,
    bits_option,
    board_argument,
    board_option,
    example,
    json_option,
    memory_options,
    model_argument,
    optimize_option,
    port_option,
    store_option,
)
from hwkit.cli.terminal import busy, plain, print_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hwkit.flow.shape import Shape
    from hwkit.ir.graph import Graph
    from hwkit.profile.measurement import Measurement

_MAX_REPEATS = 100_000


@hwkit.command(**example("hwkit deploy model.hwk --board virtual_m4 -o build"))
@model_argument
@board_option
@click.option("-o", "--out", required=True, metavar="DIR", type=click.Path(path_type=Path))
@click.option("--flash", is_flag=True, help="Write it to the connected board.")
@click.option(
    "--package",
    "packages",
    multiple=True,
    type=click.Choice(
        ["library", "arduino", "zephyr", "mlperf_tiny", "mlperf_tiny_ic02", "tflm", "axi_stream"]
    ),
    help="Leave the model as a C library, an Arduino library, a Zephyr module, a firmware for the "
    "runner of MLPerf Tiny (microcontrollers), a TFLM project (host_tflm) or a core with "
    "AXI4-Stream ports (FPGA) in DIR too; may be given "
    "again.",
)
@click.option(
    "--frames-per-second",
    metavar="N",
    type=click.IntRange(1, 10**9),
    help="FPGA: fold for this rate at the board's clock, or refuse with the best one.",
)
@click.option(
    "--lut", metavar="N", type=click.IntRange(1, 10**9), help="FPGA: fold into so many LUTs."
)
@optimize_option
@memory_options
@bits_option
@json_option
def deploy(
    model: Path,
    board: str,
    out: Path,
    flash: bool,
    packages: tuple[str, ...],
    frames_per_second: int | None,
    lut: int | None,
    optimize: Any,
    sram: str | None,
    given: Any,
    bits: int | None,
    as_json: bool,
) -> None:
    """Emit and build; DIR holds sources, artifact and deploy.json."""
    from hwkit.boards import FoldingGoal
    from hwkit.flow.build import deploy as flow
    from hwkit.flow.models import load

    with busy(f"{board}: building"):
        goal = FoldingGoal(frames_per_second, lut)
        facts = flow(
            load(model, bits),
            board,
            out,
            packages,
            goal,
            flashed=flash,
            optimize=optimize,
            sram=sram,
            input=given,
        )
    if as_json:
        print_json("deploy.json", facts)
        return
    click.echo(plain(f"{out}/{facts['artifact']}: {', '.join(_figures(facts))}"))


_RESOURCES = ("lut", "ff", "bram", "dsp")


def _figures(facts: Mapping[str, Any]) -> list[str]:
    """What a build takes, and for an FPGA its clock and rate, where the board's facts have it."""
    known = {key: value for key, value in facts.items() if value is not None}
    told = [f"{key} {value}" for key, value in known.items() if key.endswith("_bytes")]
    told += [f"{key} {known[key]:,}" for key in _RESOURCES if key in known]
    told += [f"{key} {known[key] / 1e6:.1f} MHz" for key in ("fmax_hz", "clock_hz") if key in known]
    if "clock_hz" in known and "interval_cycles" in known:
        told.append(f"{known['clock_hz'] / known['interval_cycles']:,.0f} inferences/s")
    return told


@hwkit.command(**example("hwkit profile model.hwk --board virtual_m4 --repeats 5"))
@model_argument
@board_option
@click.option(
    "--repeats",
    default=10,
    show_default=True,
    type=click.IntRange(1, _MAX_REPEATS),
    help="Inferences that count; figures are medians.",
)
@click.option(
    "--within",
    type=click.FloatRange(0, 0.5, min_open=True),
    metavar="0.02",
    help="In place of --repeats: until the 95 % interval of the median is within this share of it.",
)
@click.option(
    "--nearest",
    is_flag=True,
    help="Predict layers that were never measured from the nearest shape, and say how far off.",
)
@store_option
@optimize_option
@memory_options
@bits_option
@port_option
@artifact_option
@click.option(
    "--estimate",
    is_flag=True,
    help="For a microcontroller that is not here: its core's cycle model, its flash's wait states.",
)
@json_option
def profile(
    model: Path,
    board: str,
    repeats: int,
    within: float | None,
    nearest: bool,
    store: Any,
    optimize: Any,
    sram: str | None,
    given: Any,
    bits: int | None,
    port: str | None,
    artifact: Path | None,
    estimate: bool,
    as_json: bool,
) -> None:
    """Per layer and total: cycles, instructions, microseconds; stored with full context."""
    from hwkit.flow.models import load
    from hwkit.flow.profiling import profile as flow
    from hwkit.report.beside import notes

    shape: Shape = {"optimize": optimize, "sram": sram, "input": given}
    if estimate:
        if port is not None or artifact is not None:
            raise click.UsageError("--estimate asks no board: leave --port and --artifact out")
        _estimated(load(model, bits), board, repeats, store, shape, as_json)
        return
    with busy(f"{board}: profiling"):
        taken = flow(
            load(model, bits),
            board,
            repeats=repeats,
            within=within,
            nearest=nearest,
            store=store,
            port=port,
            artifact_folder=artifact,
            **shape,
        )
    if as_json:
        print_json("profile", taken.to_json())
        return
    click.echo(f"{board}, {taken.evidence} by {taken.identity.name}, median of {taken.repeats}")
    _print_layers(taken)
    for line in notes(taken):
        click.echo(plain(line))


def _estimated(
    graph: Graph, board: str, repeats: int, store: Path | None, shape: Shape, as_json: bool
) -> None:
    from hwkit.flow.estimating import estimate

    with busy(f"{board}: estimating"):
        found = estimate(graph, board, repeats=repeats, store=store, **shape)
    if as_json:
        print_json("profile", found.to_json())
        return
    beside, taken = found.simulated, found.estimated
    click.echo(f"{board}, estimated: {taken.identity.name}, at {(taken.clock_hz or 0) / 1e6:g} MHz")
    click.echo(plain(taken.identity.cost_model))
    click.echo(
        f"{beside.board}, simulated, without waiting for flash: {beside.total.cycles} cycles"
    )
    _print_layers(taken)


def _print_layers(taken: Measurement) -> None:
    known = (row.instructions is row.cycles is row.us is None for row in taken.layers)
    apart = not all(known)
    if not apart:
        click.echo("this board times whole inferences, not layers")
    called = () if taken.call is None else (taken.call,)
    for row in (*(taken.layers if apart else ()), *called, taken.total):
        found = (row.macs, row.instructions, row.cycles, row.us)
        figures = ["-" if value is None else f"{value:.0f}" for value in found]
        if row.us is not None:
            figures[3] = f"{row.us:.1f}"
        place = "" if row.index < 0 else row.index
        kind = "" if row is taken.total else row.op
        click.echo(
            f"{place:>3} {plain(row.name):<28.28} {kind:<16} {figures[0]:>10} MACs "
            f"{figures[1]:>10} instr {figures[2]:>10} cycles {figures[3]:>10} us"
        )


@hwkit.command(**example("hwkit explain model.hwk --board virtual_m4"))
@model_argument
@board_option
@optimize_option
@json_option
def explain(model: Path, board: str, optimize: Any, as_json: bool) -> None:
    """Per layer: cost beside the core's best, why, and what would help."""
    from hwkit.flow.explain import explain as flow
    from hwkit.flow.explain import to_json
    from hwkit.flow.models import load

    with busy(f"{board}: measuring layers and others like them"):
        found = flow(load(model), board, optimize)
    if as_json:
        print_json("explain", to_json(found))
        return
    total = sum(of.time for of in found.layers)
    click.echo(f"{board}, simulated by {found.board}: {total} {found.unit}")
    for of in found.layers:
        costs = "" if of.per_mac is None else f"{of.per_mac:.2f} a MAC"
        best = "" if of.best_per_mac is None else f", best {of.best_per_mac:.2f}"
        click.echo(
            f"{of.index:>3} {plain(of.name):<28.28} {of.op:<16} {of.time:>10} "
            f"{100 * of.time / total:>5.1f} %  {costs}{best}"
        )
        for change in of.changes:
            saved = 100 * change.saves / of.time
            click.echo(f"{'':<8}{change.reason}: {plain(change.text)} (saves {saved:.0f} %)")
        if of.flash_wait:
            more = 100 * of.flash_wait / of.time
            click.echo(f"{'':<8}flash: {board} waits for it (estimated: {more:.0f} % more)")


@hwkit.command(**example("hwkit bringup nucleo_l4r5zi --flash --port /dev/ttyACM0"))
@board_argument
@port_option
@click.option("--flash", is_flag=True, help="Write the image to the connected board first.")
@json_option
def bringup(board: str, port: str | None, flash: bool, as_json: bool) -> int:
    """Link, info, memory test, kernel golden vectors, clock: which fails, and what to look at."""
    from hwkit.flow.bringup import Step
    from hwkit.flow.bringup import bringup as flow

    def tell(step: Step) -> None:
        if not as_json:
            click.echo(f"{step.name:<8}{step.status:<9}{step.detail}")
            if step.look_at:
                click.echo(f"{'':<17}look at: {step.look_at}")

    result = flow(board, port, flash=flash, tell=tell)
    if as_json:
        print_json("bringup", result.to_json())
    return result.exit_code
