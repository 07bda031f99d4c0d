"""A training run: train, allocate, report, demo."""

from __future__ import annotations

from pathlib import Path

import click

from hwkit.cli.group import hwkit
from hwkit.cli.options import (
    board_option,
    example,
    json_option,
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
@json_option
def train(
    recipe: str, out: Path, plan: Path | None, start_from: Path | None, as_json: bool
) -> None:
    """Quantization-aware training; RECIPE is a file or the name of a recipe that hwkit ships."""
    from hwkit.flow.training import train as flow
    from hwkit.importers.proof import counts_line

    facts = flow(recipe, out, plan, progress(), start_from=start_from)
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
@click.option("--budget", required=True, metavar="latency=..,flash=..")
@click.option("-o", "--out", required=True, metavar="plan.json", type=click.Path(path_type=Path))
@json_option
def allocate(run: Path, board: str, budget: str, out: Path, as_json: bool) -> None:
    """Bits for each layer, from what the board measured; exit 1 if the budget cannot be met."""
    from hwkit.files import check_writable
    from hwkit.flow.loop import allocate as flow
    from hwkit.record import to_json

    check_writable(out)
    with busy(f"{board}: measuring costs"):
        plan = flow(run, board, budget, out)
    if as_json:
        print_json("plan.json", to_json(plan))
        return
    for layer, bits in plan.weight_bits.items():
        click.echo(f"{plain(layer):<28} {bits} bits")


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
