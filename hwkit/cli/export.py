"""A graph as a file for others' tools."""

from __future__ import annotations

from pathlib import Path

import click

from hwkit.cli.group import hwkit
from hwkit.cli.options import example, json_option, model_argument, samples_options
from hwkit.cli.terminal import busy, print_json, told_beside


@hwkit.command(**example("hwkit export model.hwk --to onnx -o model.onnx"))
@model_argument
@click.option(
    "--to",
    required=True,
    type=click.Choice(["qonnx", "onnx", "tflite"]),
    help="QONNX, integer ONNX, or int8 .tflite.",
)
@click.option("-o", "--out", required=True, metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--form",
    type=click.Choice(["integer", "qdq", "qop"]),
    help="Of ONNX: exact integer operators (default), QuantizeLinear around float operators, or "
    "QLinearConv and its kind.",
)
@click.option(
    "--runtime",
    type=click.Choice(["tflm", "litert"]),
    help="Of .tflite: whose rounding it is written for; by default that which moves less.",
)
@samples_options("Random inputs to compare on.")
@click.option("--check", is_flag=True, help="Exit 1 if an integer differs.")
@json_option
def export(
    model: Path,
    to: str,
    out: Path,
    form: str | None,
    runtime: str | None,
    samples: int,
    seed: int,
    check: bool,
    as_json: bool,
) -> int:
    """A graph as QONNX, ONNX or .tflite, its own runtime compared with the interpreter."""
    from hwkit.flow.export import export as flow
    from hwkit.flow.models import load

    graph = load(model)
    with busy(f"{out.name}: exporting"):
        made = flow(graph, to, out, form, runtime, samples=samples, seed=seed)
    if as_json:
        print_json("export", made.to_json())
    else:
        told_beside(out, f"{out}: {made.form}, {made.bytes} bytes")
        for entry in made.compared:
            told_beside(out, entry.line())
        for reason in made.missing:
            told_beside(out, f"not compared: {reason}")
        if made.rounded:
            told_beside(out, f"rounded otherwise: {', '.join(made.rounded)}")
    return 0 if made.exact or not check else 1
