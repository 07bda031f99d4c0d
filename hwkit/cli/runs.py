"""A training run: train, allocate, report, demo."""

from __future__ import annotations

from pathlib import Path

import click

from hwkit.cli.group import hwkit
from hwkit.cli.options import (
    board_option,
    example,
    json_option,
    sensitivity_option,
)
from hwkit.cli.terminal import busy, plain, print_json, progress, told_beside


@hwkit.command(**example("hwkit train digits -o runs/digits"))
@click.argument("recipe", metavar="RECIPE.toml")
@click.option("-o", "--out", required=True, metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--plan",
    metavar="PLAN.json",
    type=click.Path(path_type=Path),
    help="Widths by layer, from 'hwkit allocate'.",
)
@click.option(
    "--start-from",
    metavar="checkpoint.pt",
    type=click.Path(path_type=Path),
    help="Trained weights of another run of the same blocks; no float training then.",
)
@sensitivity_option
@json_option
def train(
    recipe: str,
    out: Path,
    plan: Path | None,
    start_from: Path | None,
    sensitivity: str,
    as_json: bool,
) -> None:
    """Quantization-aware training; RECIPE is a file or the name of a recipe that hwkit ships."""
    from hwkit.flow.training import train as flow
    from hwkit.importers.proof import counts_line

    facts = flow(recipe, out, plan, progress(), start_from=start_from, sensitivity=sensitivity)
    if as_json:
        print_json("train.json", facts)
        return
    accuracy = facts["accuracy"]
    click.echo(
        f"{plain(str(out))}: accuracy float {accuracy['float']:.4f}, fake-quantized "
        f"{accuracy['fake_quantized']:.4f}, integer {accuracy['integer']:.4f}"
    )
    if source := facts["source"]:
        click.echo(f"{out / 'model.onnx'}: {counts_line(source)}")


@hwkit.command(
    **example("hwkit allocate runs/m --board virtual_m4 --budget latency=40ms,flash=18kB -o p.json")
)
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@board_option
@click.option("--budget", required=True, metavar="latency=..,flash=..,sram=..,lut=..")
@click.option("-o", "--out", required=True, metavar="plan.json", type=click.Path(path_type=Path))
@click.option(
    "--widths", metavar="8,4", default="8,4", show_default=True, help="Of weights, on offer."
)
@click.option("--activations", metavar="8,4,2", help="Widths of feature maps on offer; default 8.")
@click.option(
    "--front",
    "resource",
    type=click.Choice(["latency", "flash", "sram", "lut"]),
    help="Also all plans that no other beats in both sensitivity and this.",
)
@json_option
def allocate(
    run: Path,
    board: str,
    budget: str,
    out: Path,
    widths: str,
    activations: str | None,
    resource: str | None,
    as_json: bool,
) -> None:
    """Bits for each layer, from what the board measured; exit 1 if the budget cannot be met."""
    from hwkit.files import check_writable
    from hwkit.flow.loop import allocate as flow
    from hwkit.flow.loop import front as all_plans
    from hwkit.flow.tuning.product import widths_given
    from hwkit.flow.tuning.run import maps_for, widths_for
    from hwkit.record import to_json

    check_writable(out)
    offered = widths_for((board,), widths_given(widths))
    maps = maps_for((), widths_given(activations) or (8,))
    with busy(f"{board}: measuring costs"):
        plan = flow(run, board, budget, out, offered, maps)
        plans = all_plans(run, board, budget, resource, offered, maps) if resource else ()
    if as_json:
        shown = {"front": [to_json(one) for one in plans]} if resource else {}
        print_json("plan.json", to_json(plan) | shown)
        return
    for name, bits in (*plan.weight_bits.items(), *plan.activation_bits.items()):
        click.echo(f"{plain(name):<28} {bits} bits")
    for one in plans:
        figures = ", ".join(f"{key} {value:g}" for key, value in one.predicted.items())
        click.echo(figures)


@hwkit.command(**example("hwkit report runs/demo -o report.html"))
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, metavar="report.html", type=click.Path(path_type=Path))
def report(run: Path, out: Path) -> None:
    """One self-contained HTML file: RUN of 'hwkit demo' or of 'hwkit quantize'."""
    from hwkit.files import check_writable
    from hwkit.flow.reporting import report as flow

    check_writable(out)
    flow(run, out)
    told_beside(out, str(out))


@hwkit.command(**example("hwkit demo -o runs/demo"))
@click.option(
    "-o", "--out", default="runs/demo", show_default=True, type=click.Path(path_type=Path)
)
def demo(out: Path) -> None:
    """All of it on data that ships with a package: train, verify, profile, the loop, the report."""
    from hwkit.flow.demo import demo as flow

    flow(out, lambda line: click.echo(plain(line)))
