"""Post-training quantization."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from hwkit.cli.group import hwkit
from hwkit.cli.options import example, json_option
from hwkit.cli.terminal import plain, print_json, progress


@hwkit.command(
    **example("hwkit quantize nets.digits:Cnn --state cnn.pt --calibration train.npz -o runs/cnn")
)
@click.argument("model", metavar="MODEL")
@click.option(
    "--state", type=click.Path(path_type=Path), help="State dict of the module (torch.save)."
)
@click.option(
    "--calibration",
    metavar="DATA",
    help=".npy, .npz with x (and y), a folder of images or .npy, or package.module:factory.",
)
@click.option(
    "--shape", metavar="CxHxW", help="Of a sample, without DATA: it is made from batch norms."
)
@click.option("-o", "--out", required=True, metavar="RUN", type=click.Path(path_type=Path))
@click.option("--test", metavar="DATA", help="Labelled samples for the accuracies.")
@click.option("--weights", default=8, show_default=True, help="Bits, 2 to 8.")
@click.option("--activations", default=8, show_default=True, help="Bits, 2 to 8.")
@click.option("--ends", type=int, help="Bits of the weights of the first and the last layer.")
@click.option(
    "--plan",
    metavar="PLAN.json",
    type=click.Path(path_type=Path),
    help="Weight bits of single layers, from 'hwkit allocate'.",
)
@click.option(
    "--method",
    "methods",
    multiple=True,
    metavar="NAME",
    help="Ranges: minmax, percentile, mse, kl. Rounding: nearest, learned, gptq, gpfq. Also "
    "[no-]equalize, [no-]correct. Without it what serves the output best is taken.",
)
@click.option(
    "--scheme",
    type=click.Choice(["asymmetric", "symmetric", "power_of_two"]),
    default="asymmetric",
    show_default=True,
    help="Activations: with zero points, without, or scales that are shifts.",
)
@click.option(
    "--samples",
    default=512,
    show_default=True,
    type=click.IntRange(2),
    help="Calibration samples taken, at random where there are more.",
)
@click.option(
    "--steps",
    default=400,
    show_default=True,
    type=click.IntRange(1),
    help="Of learned rounding, for each block.",
)
@click.option(
    "--streaming",
    metavar="STEPS",
    is_flag=False,
    flag_value="1",
    default="0",
    type=click.IntRange(0),
    help="A recurrent network takes STEPS (by default 1) in a call and keeps its states between "
    "calls; DATA has sequences (N, steps, ...).",
)
@click.option(
    "--carry",
    multiple=True,
    metavar="IN=OUT",
    help="Of an .onnx of one call: the input IN is a state, the output OUT its next value.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@json_option
def quantize(model: str, out: Path, calibration: str | None, as_json: bool, **options: Any) -> None:
    """Post-training quantization; MODEL is package.module:factory, a float .onnx or .tflite."""
    from hwkit.flow.quantizing import quantize as flow
    from hwkit.importers.proof import counts_line

    facts = flow(model, calibration, out, progress(), **options)
    if as_json:
        print_json("train.json", facts)
        return
    for line in _table(facts):
        click.echo(plain(line))
    if source := facts["source"]:
        click.echo(f"{out / 'model.onnx'}: {counts_line(source)}")


def _table(facts: dict[str, Any]) -> Iterator[str]:
    for step in facts["steps"]:
        kept = "" if step["kept"] else "  not kept"
        yield f"{step['name']:<44} {step['output_db']:6.1f} dB{kept}"
    yield ""
    yield f"{'layer':<36} {'kind':<16} weights values   here  alone: weights  values"
    for row in facts["layers"]:
        bits = f"{row['weight_bits'] or '-':>7} {row['value_bits']:>6}"
        alone = "-" if row["weights"] is None else f"{row['weights']:.1f}"
        figures = f"{row['here']:6.1f} {alone:>15} {row['values']:7.1f}"
        yield f"{row['name']:<36} {row['kind']:<16} {bits} {figures}  {row['advice']}".rstrip()
    yield ""
    if facts["dropped"]:
        yield f"left out behind the integers: {facts['dropped']}"
    accuracy = facts["accuracy"]
    if facts["accuracy_on"]:
        yield (
            f"accuracy on {facts['test_images']} {facts['accuracy_on']} samples: float "
            f"{accuracy['float']:.4f}, fake-quantized {accuracy['fake_quantized']:.4f}, integer "
            f"{accuracy['integer']:.4f}"
        )
    yield f"signal to noise at the output: {facts['output_db']:.1f} dB"
