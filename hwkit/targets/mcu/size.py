"""What a network would take of a microcontroller, before anything is compiled."""

from __future__ import annotations

from dataclasses import dataclass

from hwkit.boards import Board
from hwkit.errors import ConfigError
from hwkit.ir.counts import macs
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Conv2d, Dense, DepthwiseConv2d
from hwkit.lower import legal
from hwkit.target import Size
from hwkit.targets.mcu.build import check_fit
from hwkit.targets.mcu.capabilities import CAPABILITIES
from hwkit.targets.mcu.emit import weight_bytes
from hwkit.targets.mcu.lower import lower, other_bytes, section
from hwkit.toolchain.linker_script import regions

RUNTIME_CODE_BYTES, LAYER_CODE_BYTES = 6000, 560
"""Of flash: what every image has, and each layer that is no dense one (these share a function):
on seven cores from 30 % below to 38 % above the code of the four MLPerf Tiny networks
(``benchmarks/results/mlperf_tiny.csv``)."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Cycles of a multiplication, by the layer that it is in."""

    convolution: float
    depthwise: float
    dense: float


RATES = {
    "cortex-m0plus": Rates(2.74, 8.87, 3.50),
    "cortex-m4": Rates(0.86, 3.69, 1.40),
    "cortex-m7": Rates(0.59, 2.94, 0.99),
    "cortex-m33": Rates(0.80, 3.26, 1.29),
    "cortex-m55": Rates(0.28, 1.82, 0.22),
    "rv32imac": Rates(1.83, 4.99, 3.54),
}
"""By core: a least-squares fit of the simulated cycles of the four MLPerf Tiny networks in 8 bits
(the same file), within 30 % of each; flash without wait states."""


def size(graph: Graph, board: Board) -> Size:
    """Bytes of flash and RAM, the arena and the weights exactly, and a rough time.

    ``UnsupportedOp`` for what no kernel computes, ``ConfigError`` for what does not fit.
    """
    lowered = lower(graph, board)
    legal.check_nodes(lowered.graph, CAPABILITIES, board.name)
    check_fit(lowered)
    mcu, plan = section(board), lowered.plan
    weights, arena = weight_bytes(lowered.graph, plan), plan.memory.arena_bytes
    code = RUNTIME_CODE_BYTES + LAYER_CODE_BYTES * sum(
        not isinstance(layer.op, Dense) and bool(layer.calls) for layer in plan.layers
    )
    room = regions(mcu, "flash")[0].size_bytes
    if weights + code > room:
        raise ConfigError(
            f"board {board.name}: weights of {weights} bytes and an estimated {code} of code need "
            f"{weights + code - room} more than its {room} of flash; use fewer bits or a smaller "
            "model"
        )
    figures = {
        "weight_bytes": weights,
        "flash_bytes": weights + code,
        "arena_bytes": arena,
        "ram_bytes": arena + other_bytes(len(plan.layers)) + mcu.stack_bytes,
    }
    exact = ("weight_bytes", "arena_bytes")
    return Size(figures, exact, _cycles(lowered.graph, mcu.core), mcu.clock_hz)


def _cycles(graph: Graph, core: str) -> int | None:
    """Of an inference; None for a core of which nothing is known, or without multiplications."""
    rates = RATES.get(core)
    if rates is None:
        return None
    total = 0.0
    for op in graph.nodes:
        match op:
            case Conv2d():
                total += macs(graph, op) * rates.convolution
            case DepthwiseConv2d():
                total += macs(graph, op) * rates.depthwise
            case _:
                total += macs(graph, op) * rates.dense
    return round(total) or None
