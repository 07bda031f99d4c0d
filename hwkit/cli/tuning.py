"""The closed loop as one command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hwkit.cli.group import hwkit
from hwkit.cli.options import example, json_option, sensitivity_option
from hwkit.cli.terminal import plain, print_json, progress


@hwkit.command(
    **example("hwkit tune digits --board virtual_m4 --budget latency=1ms,flash=9kB -o runs/tuned")
)
@click.argument("network", metavar="RECIPE|MODEL")
@click.option(
    "--board", "names", required=True, multiple=True, metavar="B", help="May be given again."
)
@click.option(
    "--budget",
    "budgets",
    multiple=True,
    metavar="latency=..,flash=..",
    help="latency, flash, sram, lut; one for all boards, or one for each in their order.",
)
@click.option(
    "--accuracy",
    type=float,
    metavar="-0.5",
    help="The other way round: the cheapest plan that loses at most so many points.",
)
@click.option(
    "--minimise",
    type=click.Choice(["latency", "flash", "sram", "lut"]),
    help="What is cheap, with --accuracy; default lut where the board has them, else flash.",
)
@click.option("--together", is_flag=True, help="One plan for all boards, not one for each.")
@click.option("-o", "--out", required=True, metavar="RUN", type=click.Path(path_type=Path))
@click.option("--widths", metavar="8,4,2", help="On offer; default what the boards store.")
@click.option(
    "--activations",
    metavar="8,4,2",
    help="Widths of feature maps on offer; default 8,4,2 under a budget of sram or lut, else 8.",
)
@click.option(
    "--rounds",
    type=click.IntRange(1),
    default=4,
    show_default=True,
    help="Plans that are tried at most.",
)
@click.option(
    "--baselines/--no-baselines",
    default=True,
    help="All layers at 8, 6 and 4 bits in the report, for comparison.",
)
@click.option("--calibration", metavar="DATA", help="MODEL only: as for 'hwkit quantize'.")
@click.option("--test", metavar="DATA", help="MODEL only: labelled samples.")
@click.option("--state", type=click.Path(path_type=Path), help="MODEL only: its state dict.")
@sensitivity_option
@json_option
def tune(
    network: str,
    names: tuple[str, ...],
    budgets: tuple[str, ...],
    accuracy: float | None,
    minimise: str | None,
    together: bool,
    out: Path,
    widths: str | None,
    activations: str | None,
    rounds: int,
    baselines: bool,
    calibration: str | None,
    sensitivity: str,
    as_json: bool,
    **options: Any,
) -> int:
    """Bits for each layer, until the budget holds on the board: measure, allocate, retrain, build,
    measure again. RECIPE as for 'train', MODEL as for 'quantize'.

    What was done is kept in RUN: started again, it does what is left.
    """
    from hwkit.flow.tuning.product import Wanted, each_budget, tuned, widths_given
    from hwkit.flow.tuning.source import source_of
    from hwkit.record import to_json

    source = source_of(network, calibration, options, sensitivity)
    wanted = Wanted(
        names,
        each_budget(names, budgets),
        accuracy=accuracy,
        minimise=minimise,
        together=together,
        widths=widths_given(widths),
        maps=widths_given(activations),
        rounds=rounds,
        baselines=baselines,
    )
    done = tuned(source, wanted, out, progress())
    if as_json:
        plans = {board: to_json(plan) for board, plan in done.plans.items()}
        assert done.summary.tuning is not None
        tuning = to_json(done.summary.tuning)
        for row, one in zip(tuning["tried"], done.summary.tuning.tried, strict=True):
            row["errors"] = one.errors()
        facts = {"within_budget": done.within_budget, "plans": plans, **tuning}
        print_json("tune", facts | {"steps": dict(done.steps)})
        return 0 if done.within_budget else 1
    assert done.summary.tuning is not None
    for one in done.summary.tuning.tried:
        figures = ", ".join(f"{key} {value:g}" for key, value in one.state.figures().items())
        verdict = {True: "holds", False: "does not hold", None: ""}[one.holds]
        right = "" if one.state.accuracy is None else f"accuracy {one.state.accuracy:.4f}, "
        click.echo(plain(f"{one.title:<12} {one.board}: {right}{figures}  {verdict}".rstrip()))
        if errors := ", ".join(f"{key} {100 * off:+.1f} %" for key, off in one.errors().items()):
            click.echo(plain(f"{'':<12} predicted: {errors}"))
    click.echo(plain(f"{out / 'report.html'}"))
    return 0 if done.within_budget else 1
