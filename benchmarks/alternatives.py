"""What each kernel that can compute a layer costs, on every virtual core.

python -m benchmarks.alternatives

Layers of the shapes that networks of the field have, with random weights that are as large as
trained ones: of the whole of int8 they would be twice that, and their sums too large for kernels
that bound them. All kernels of a layer are layers of one image; that image's last output is
compared with the interpreter's, and every kernel by tests/firmware. results/layers/alternatives.csv
has all of them, the table the fastest one of each core.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.cases import Case
from benchmarks.csvfile import write
from benchmarks.layers import SAME, SAME_STRIDED
from benchmarks.virtual import CORES
from hwkit import boards
from hwkit.device.virtual.cost_models import cost_model
from hwkit.ir.ops import Conv2d, Dense, DepthwiseConv2d
from hwkit.targets.mcu.choice.rounds import that_fit
from hwkit.targets.mcu.explain.alone import counted
from hwkit.targets.mcu.explain.single import single
from hwkit.targets.mcu.stored import storages

WEIGHT_BITS = 7
"""Uniform within -63 .. 63: the magnitude is 32 on average, as of trained weights of 8 bits."""


def _conv(side: int, channels: int, outputs: int, kernel: int, stride: int = 1) -> Case:
    pad = {(3, 1): SAME, (3, 2): SAME_STRIDED}.get((kernel, stride))
    name = f"conv {kernel}x{kernel}{' stride 2' * (stride > 1)} {channels} to {outputs}"
    return Case(
        name,
        (side, side, channels),
        lambda n, x: n.conv(x, "layer", outputs, kernel, stride, *([pad] if pad else [])),
    )


def _depthwise(side: int, channels: int, stride: int = 1) -> Case:
    pad = SAME if stride == 1 else SAME_STRIDED
    name = f"depthwise 3x3{' stride 2' * (stride > 1)} {channels}"
    return Case(name, (side, side, channels), lambda n, x: n.depthwise(x, "layer", 3, stride, pad))


def _column(taps: int, channels: int) -> Case:
    name = f"depthwise {taps}x1 {channels}"
    return Case(name, (49, 1, channels), lambda n, x: n.depthwise(x, "layer", (taps, 1)))


LAYERS = (
    _conv(32, 3, 16, 3),
    _conv(96, 3, 8, 3, 2),
    _conv(32, 16, 16, 3),
    _conv(16, 32, 32, 3),
    _conv(8, 64, 64, 3),
    _conv(32, 16, 32, 3, 2),
    _conv(16, 32, 64, 3, 2),
    _conv(48, 8, 16, 1),
    _conv(24, 16, 32, 1),
    _conv(12, 32, 64, 1),
    _conv(6, 128, 128, 1),
    _depthwise(48, 8),
    _depthwise(24, 32),
    _depthwise(12, 64),
    _depthwise(6, 128),
    _depthwise(48, 16, 2),
    _column(9, 64),
    _column(29, 64),
    Case("dense 640 to 128", (640,), lambda n, x: n.dense(x, "layer", 128)),
)


def rows_of(case: Case, board_name: str) -> Iterator[dict[str, Any]]:
    """A row for each kernel of the board's folders that computes the layer."""
    board = boards.load(board_name)
    assert board.mcu is not None
    graph = case.graph(WEIGHT_BITS)
    (op,) = graph.nodes
    assert isinstance(op, Conv2d | DepthwiseConv2d | Dense)
    layer = single(graph, op)
    kernels = that_fit(graph, op, board.mcu, storages(graph))
    counts = counted([layer] * len(kernels), [kernel.symbol for kernel in kernels], board)
    for n, kernel in enumerate(kernels):
        cycles = None if counts.layer_cycles is None else counts.layer_cycles[n]
        instructions = counts.layer_instructions[n]
        yield {
            "layer": case.name,
            "input": "x".join(map(str, case.shape)),
            "macs": layer.macs,
            "board": board.name,
            "kernel": f"{kernel.variant}/{kernel.name}",
            "instructions": instructions,
            "cycles": "" if cycles is None else cycles,
            "instructions_per_mac": f"{instructions / layer.macs:.3f}",
            "cycles_per_mac": "" if cycles is None else f"{cycles / layer.macs:.3f}",
            "cycle_model": cost_model(board.mcu).version,
            "evidence": board.evidence,
        }


def fastest(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each layer: on each core the least cycles of a multiply-accumulate, and by which
    kernel on the Cortex-M4."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    best: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in rows:
        key = row["layer"], row["input"], row["board"]
        if key not in best or row["cycles"] < best[key]["cycles"]:
            best[key] = row
    for (layer, size, board), row in best.items():
        line = found.setdefault((layer, size), {"layer": layer, "input": size})
        line[board.removeprefix("virtual_")] = row["cycles_per_mac"]
        if board == "virtual_m4":
            line["m4_kernel"] = row["kernel"].partition("/")[2]
        line["evidence"] = line.pop("evidence", row["evidence"])
    return list(found.values())


def main() -> None:
    """Writes results/layers/alternatives.csv and results/alternatives.csv."""
    rows: list[dict[str, Any]] = []
    for case in LAYERS:
        for board in CORES:
            rows += rows_of(case, board)
            print(rows[-1], flush=True)
    write("layers/alternatives", rows)
    write("alternatives", fastest(rows))


if __name__ == "__main__":
    main()
