"""What layers cost by width of weights and activations, packed in flash and in the arena.

python -m benchmarks.narrow [BOARD ...]
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.csvfile import write
from benchmarks.virtual import Counted, counted
from hwkit import boards
from hwkit.ir.arith import quantize_multiplier
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.counts import macs
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Conv2d, Dense, DepthwiseConv2d, Padding, Rescale, Rounding
from hwkit.ir.types import S32, IntType, Shape
from hwkit.target import Lowered
from hwkit.targets.mcu.call import Pick
from hwkit.targets.mcu.choice.rounds import kernels_that_fit
from hwkit.targets.mcu.lower import McuPlan, plan, section
from hwkit.targets.mcu.structs import tables
from hwkit.targets.mcu.target import TARGET as mcu

BOARDS = ("virtual_m4", "virtual_m0", "virtual_m55", "virtual_rv32")
ACTIVATION_BITS = (8, 4, 2)
WEIGHT_BITS = (8, 4, 2, 1)
LAYERS: dict[str, tuple[Shape, tuple[int, ...]]] = {
    "conv 3x3": ((8, 8, 32), (32, 3, 3, 32)),
    "conv 1x1": ((8, 8, 64), (64, 1, 1, 64)),
    "depthwise 3x3": ((12, 12, 32), (1, 3, 3, 32)),
    "dense": ((128,), (128, 128)),
}
"""Shape of the map and of the weights, outputs first but for depthwise; a stride of 1."""

Row = dict[str, Any]


def chain(kind: str) -> tuple[Graph, list[tuple[int, int] | None]]:
    """Layers of one kind behind each other, and of each the widths of weights and activations,
    None where the activations become narrower. Weights are random, of 4 bits and more without the
    lowest one, as narrow ranges have them; rescales are double roundings by channel. A last layer
    is not counted: what a network gives has whole bytes."""
    shape, weight = LAYERS[kind]
    b, rng = GraphBuilder(kind.replace(" ", "_")), np.random.default_rng(0)
    x = b.input("x", shape, IntType(8, True))
    widths: list[tuple[int, int] | None] = []
    for bits in ACTIVATION_BITS:
        pairs = [*([None] if widths else []), *((w, bits) for w in WEIGHT_BITS)]
        for pair in pairs:
            x = _layer(b, rng, f"layer{len(widths)}", x, weight, pair[0] if pair else 8, bits)
            widths.append(pair)
    x = _layer(b, rng, "last", x, weight, 8, 8)
    return b.build([x]), widths


def _layer(
    b: GraphBuilder,
    rng: np.random.Generator,
    name: str,
    x: str,
    shape: tuple[int, ...],
    weight_bits: int,
    to: int,
) -> str:
    dtype, output = IntType(weight_bits, True), IntType(to, True)
    low = dtype.low + (weight_bits > 2)
    outputs = shape[3] if shape[0] == 1 else shape[0]
    b.constant(f"{name}_w", rng.integers(low, dtype.high + 1, shape), dtype)
    b.constant(f"{name}_b", rng.integers(-50, 51, outputs), S32)
    taps = int(np.prod(shape)) // outputs
    ratio = 2.0**to / (2.0 ** b.tensors[x].dtype.bits * -dtype.low * np.sqrt(taps))
    pairs = [quantize_multiplier(float(ratio * rng.uniform(0.5, 1))) for _ in range(outputs)]
    multipliers, shifts = zip(*pairs, strict=True)
    r = Rescale(multipliers, shifts, Rounding.DOUBLE, output.low, output.high)
    names = (name, x, f"{name}_w", f"{name}_b", f"{name}_y")
    if len(shape) == 2:
        return b.add(Dense(*names, rescale=r), output)
    side = shape[1] // 2
    padding = Padding(side, side, side, side)
    if shape[0] == 1:
        return b.add(DepthwiseConv2d(*names, (1, 1), padding, rescale=r), output)
    return b.add(Conv2d(*names, (1, 1), padding, rescale=r), output)


def _plans(lowered: Lowered[McuPlan]) -> Iterator[Lowered[McuPlan]]:
    """By the rule, then all layers at their second kernel, and so on, own copies; none of the
    plain loops where there is something better."""
    yield lowered
    fitting = [
        [symbol for symbol in of if not symbol.endswith("_ref")] for of in kernels_that_fit(lowered)
    ]
    for k in range(max(map(len, fitting))):
        picks = [Pick((of[k:] or of)[0], False) for of in fitting]
        planned = plan(lowered.graph, section(lowered.board), picks, lowered.plan)
        yield replace(lowered, plan=planned)


def rows(kind: str, board: str) -> list[Row]:
    """For each pair of widths the kernel that took the least time, and the one that did with the
    fewest bytes of weights."""
    graph, widths = chain(kind)
    best: dict[tuple[int, int, str], Row] = {}
    for lowered in _plans(mcu.lower(graph, boards.load(board))):
        with tempfile.TemporaryDirectory() as folder:
            of = counted(graph, mcu.build(mcu.emit(lowered), lowered, Path(folder)))
        counted_layers = [(k, pair) for k, pair in enumerate(widths) if pair is not None]
        for k, pair in counted_layers:
            for goal in ("time", "flash"):
                row = _row(kind, of, k, pair, goal)
                key = (*pair, goal)
                if key not in best or _cost(row) < _cost(best[key]):
                    best[key] = row
    return [best[key] for key in sorted(best, key=lambda key: (-key[1], -key[0], key[2]))]


def _cost(row: Row) -> tuple[int, ...]:
    """What its goal wants least, then the rest."""
    costs = _time(row), row["weights_flash_bytes"]
    return costs if row["goal"] == "time" else costs[::-1]


def _time(row: Row) -> int:
    time: int = row["instructions"] if row["cycles"] == "" else row["cycles"]
    return time


def _row(kind: str, of: Counted, layer: int, pair: tuple[int, int], goal: str) -> Row:
    planned: McuPlan = of.artifact.lowered.plan
    (call,) = planned.layers[layer].calls
    total = macs(of.artifact.lowered.graph, planned.layers[layer].op)
    kernel = planned.kernels[call.kernel]
    instructions = of.layer_instructions[layer]
    cycles = "" if of.layer_cycles is None else of.layer_cycles[layer]
    weights = [t.bytes for t in tables(call.descriptor) if t.purpose == "weights"]
    return {
        "layer": kind,
        "weight_bits": pair[0],
        "activation_bits": pair[1],
        "goal": goal,
        "macs": total,
        "kernel": f"{kernel.variant}/{kernel.name}",
        "instructions": instructions,
        "cycles": cycles,
        "instructions_per_mac": f"{instructions / total:.3f}",
        "cycles_per_mac": "" if isinstance(cycles, str) else f"{cycles / total:.3f}",
        "weights_flash_bytes": sum(weights),
        "scratch_bytes": planned.layers[layer].scratch_bytes,
        **of.context,
    }


def by_width(found: list[Row], column: Callable[[Row], str]) -> list[Row]:
    """A row for each layer, board and goal, a column for each pair of widths: ``w4a4`` and so
    on."""
    table: dict[tuple[str, ...], Row] = {}
    names = ("layer", "board", "goal")
    for row in found:
        line = table.setdefault(
            tuple(row[name] for name in names), {name: row[name] for name in names}
        )
        line[f"w{row['weight_bits']}a{row['activation_bits']}"] = column(row)
    return [{**line, "evidence": found[0]["evidence"]} for line in table.values()]


def main() -> None:
    """Writes results/layers/narrow.csv, and narrow_by_width.csv in cycles (instructions without
    a model) for a multiply-accumulate."""
    found: list[Row] = []
    for board in sys.argv[1:] or BOARDS:
        for kind in LAYERS:
            for row in rows(kind, board):
                print(row, flush=True)
                found.append(row)
    write("layers/narrow", found)
    write(
        "narrow_by_width",
        by_width(found, lambda row: row["cycles_per_mac"] or row["instructions_per_mac"]),
    )


if __name__ == "__main__":
    main()
