"""A model: import, inspect, predict, verify."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hwkit.cli.group import hwkit
from hwkit.cli.options import (
    artifact_option,
    bits_option,
    board_option,
    example,
    input_option,
    json_option,
    memory_options,
    model_argument,
    optimize_option,
    optional_board_option,
    port_option,
    samples_options,
)
from hwkit.cli.terminal import busy, plain, print_json, told_beside


@hwkit.command("import", **example("hwkit import model.tflite -o model.hwk"))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-o", "--out", metavar="M.hwk", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Exit 1 if integers differ from the file's own.")
@click.option("-n", "samples", type=click.IntRange(1), help="Random inputs to compare on.")
@click.option(
    "--carry",
    multiple=True,
    metavar="IN=OUT",
    help="The input IN is a state, the output OUT its next value.",
)
@input_option(required=False)
@json_option
def import_(
    file: Path,
    out: Path | None,
    check: bool,
    samples: int | None,
    inputs: tuple[str, ...],
    carry: tuple[str, ...],
    as_json: bool,
) -> int:
    """Quantized ONNX (QONNX, QDQ, QCDQ, QOperator) or .tflite to an integer graph, beside the
    file's own execution."""
    from hwkit.errors import ConfigError
    from hwkit.files import check_writable
    from hwkit.flow.carry import carried
    from hwkit.flow.source import import_file
    from hwkit.importers.parts import DEVIATION, told

    if out is None and not check:
        raise ConfigError("nothing to do: give -o M.hwk, or --check")
    if out is not None:
        check_writable(out)
    with busy(f"{file.name}: importing"):
        graph, proof = import_file(file, samples, inputs, required=check)
        graph = carried(graph, carry)
    if out is not None:
        graph.save(str(out))
    if as_json:
        facts = {"nodes": len(graph.nodes), **(proof.to_json() if proof else {})}
        facts["float_deviation"] = graph.metadata.get(DEVIATION)
        print_json("import", facts)
    else:
        if out is not None:
            told_beside(out, f"{out}: {len(graph.nodes)} nodes")
        if proof is not None:
            told_beside(out, f"{file}: {proof.line()}")
        for line in told(graph):
            told_beside(out, line)
    if not check or proof is None or proof.exact:
        return 0
    if not as_json:
        proof.check()
    return 1


@hwkit.command(**example("hwkit inspect model.hwk"))
@model_argument
@json_option
def inspect(model: Path, as_json: bool) -> None:
    """Per layer: op, shape, bits, MACs, weight bytes; inputs, outputs and states by name; totals;
    peak activation bytes."""
    from hwkit.flow.models import inspect as flow
    from hwkit.flow.models import load
    from hwkit.importers.parts import told
    from hwkit.importers.proof import counted

    graph = load(model)
    facts = flow(graph)
    if as_json:
        print_json("inspect", facts)
        return
    for row in facts["layers"]:
        shape = "x".join(str(n) for n in row["output_shape"])
        bits = "-" if row["weight_bits"] is None else row["weight_bits"]
        click.echo(
            f"{row['index']:>3} {plain(row['name']):<28.28} {row['op']:<16} {shape:<12} "
            f"{row['output_type']:<4} w{bits:<3} {row['macs']:>11} MACs {row['weight_bytes']:>8} B"
        )
    for what in ("inputs", "outputs", "states"):
        for row in facts[what]:
            shape = "x".join(map(str, row["shape"]))
            click.echo(plain(f"{what[:-1]:<7}{row['name']}: {shape}, {row['type']}"))
    for line in (counted(graph), *told(graph)):
        if line:
            click.echo(plain(line))
    total = facts["total"]
    click.echo(
        f"total {total['macs']} MACs, {total['weight_bytes']} B of weights, "
        f"{facts['peak_activation_bytes']} B of activations at the peak"
        + (f", {facts['state_bytes']} B of them states" if facts["states"] else "")
    )


@hwkit.command(**example("hwkit predict model.hwk -i x.npy -o y.npy --board virtual_m4"))
@model_argument
@input_option(required=True)
@click.option(
    "-o",
    "--output",
    "outputs",
    required=True,
    multiple=True,
    metavar="[NAME=]y.npy",
    help="Where the output goes; several by name, or all of them as .npz.",
)
@optional_board_option
@click.option(
    "--steps/--reset-each",
    default=True,
    help="Networks with state: the first axis is time (default), or every sample begins at the "
    "initial state.",
)
@click.option(
    "--integers", is_flag=True, help="Of a network with float parts the integer part alone."
)
@optimize_option
@memory_options
@bits_option
@port_option
@artifact_option
def predict(
    model: Path,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    board: str | None,
    steps: bool,
    integers: bool,
    optimize: Any,
    sram: str | None,
    given: Any,
    bits: int | None,
    port: str | None,
    artifact: Path | None,
) -> None:
    """Integers in, integers out; the first axis is the batch. Of a network with float parts the
    whole is computed, these on the host, unless --integers is given."""
    from hwkit.flow.arrays import INTEGERS, NUMBERS, load_inputs, output_files, save_outputs
    from hwkit.flow.models import load
    from hwkit.flow.whole import predict as flow
    from hwkit.flow.whole import whole_of

    graph = load(model, bits)
    whole = None if integers else whole_of(graph)
    files = output_files(whole or graph, outputs)
    with busy(f"{board or 'interpreter'}: predicting"):
        feeds = load_inputs(whole or graph, inputs, NUMBERS if whole else INTEGERS)
        results = flow(
            graph,
            whole,
            feeds,
            board,
            port,
            artifact,
            reset_each=not steps,
            optimize=optimize,
            sram=sram,
            input=given,
        )
    save_outputs(files, results)


@hwkit.command(**example("hwkit verify model.hwk --board virtual_m4 -n 100"))
@model_argument
@board_option
@samples_options("Random inputs; of a network with state, successive steps.")
@input_option(required=False)
@click.option(
    "--source",
    "original",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The file that the model was imported from: its own execution against the board.",
)
@optimize_option
@memory_options
@bits_option
@port_option
@artifact_option
@json_option
def verify(
    model: Path,
    board: str,
    samples: int,
    seed: int,
    inputs: tuple[str, ...],
    original: Path | None,
    optimize: Any,
    sram: str | None,
    given: Any,
    bits: int | None,
    port: str | None,
    artifact: Path | None,
    as_json: bool,
) -> int:
    """Board against interpreter: exit 0 only if every integer is equal."""
    from hwkit.errors import ConfigError
    from hwkit.flow.models import load
    from hwkit.flow.source import given_inputs
    from hwkit.flow.source import verify as flow

    if original is not None and bits is not None:
        raise ConfigError("--source compares the file as it is; leave --bits out")
    graph = load(model, bits)
    with busy(f"{board}: verifying"):
        result = flow(
            graph,
            board,
            original,
            given_inputs(graph, inputs),
            samples=samples,
            seed=seed,
            port=port,
            artifact_folder=artifact,
            optimize=optimize,
            sram=sram,
            input=given,
        )
    if as_json:
        print_json("verify", result.to_json())
        return 0 if result.exact else 1
    click.echo(
        f"{board}: {result.inputs} inputs, {result.integers} integers, "
        f"{result.differing} differing"
        + (f" by {result.largest} at most" if result.largest else "")
        + f", {result.moved} moved by lowering"
        + (f", {result.ties} ties" if original is not None else "")
    )
    if result.deviation:
        click.echo(plain(result.deviation))
    result.check()
    return 0
