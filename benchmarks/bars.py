"""What is asked of networks and layers on small cores, beside what is measured.

python -m benchmarks.bars

The networks are those of MLPerf Tiny as they are published: their figures are taken from
results/mlperf_tiny.csv (python -m benchmarks.mlperf_tiny). One-dimensional depthwise layers, as
streaming networks have them, are measured now, each a network of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.csvfile import read, write
from benchmarks.layers import ACTIVATION, Layers
from benchmarks.virtual import BOARD, count
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.counts import macs
from hwkit.ir.graph import Graph
from hwkit.ir.types import S8

IC, VWW, KWS, AD = (
    "ic_resnet8_int8",
    "vww_mobilenet_int8",
    "kws_dscnn_int8",
    "ad_autoencoder_int8",
)

CODE_BYTES = 24_000


@dataclass(frozen=True, slots=True)
class Before:
    """What a network took of virtual_m4 before graphs were optimized and arenas grew for speed
    (commit b26bf4f)."""

    ram_bytes: int
    flash_bytes: int


BEFORE: Mapping[str, Before] = {
    IC: Before(35_632, 92_752),
    VWW: Before(41_916, 253_120),
    KWS: Before(14_532, 36_936),
    AD: Before(3_576, 275_864),
}

CYCLES: Mapping[str, Mapping[str, float]] = {
    "balanced": {IC: 1.05, VWW: 1.08, KWS: 1.58, AD: 1.43},
    "speed": {IC: 0.82, VWW: 1.02, KWS: 1.55, AD: 1.40},
}
"""Of a multiply-accumulate on virtual_m4, at most."""

INSTRUCTIONS: Mapping[str, Mapping[str, float]] = {
    "virtual_m55": {IC: 0.22, VWW: 0.33, KWS: 0.36},
    "virtual_m0": {IC: 2.2, VWW: 3.0, KWS: 3.6},
    "virtual_rv32": {IC: 1.65, VWW: 2.3, KWS: 2.7},
}
"""Of a multiply-accumulate on each board, at most."""

LAYERS: Mapping[tuple[int, int], float] = {(9, 64): 5.0, (29, 64): 2.8}
"""Taps and channels of depthwise layers over 49 steps: cycles of a multiply-accumulate on
virtual_m4, at most."""

_STEPS = 49


def network_rows(measured: list[dict[str, str]]) -> Iterator[dict[str, Any]]:
    """A row for each bar that the ``measured`` rows of mlperf_tiny.csv are held to, and for what
    every build of a network is held to the worst of them."""
    for row in measured:
        network, board, optimize = row["network"], row["board"], row["optimize"]
        who = {"network": network, "board": board, "optimize": optimize}
        if board == BOARD:
            cycles = float(row["cycles"]) / float(row["macs"])
            yield _held(who, "cycles per mac", CYCLES[optimize][network], cycles)
        if board in INSTRUCTIONS and network in INSTRUCTIONS[board]:
            instructions = float(row["instructions"]) / float(row["macs"])
            yield _held(who, "instructions per mac", INSTRUCTIONS[board][network], instructions)
        if board == BOARD and optimize == "balanced":
            before = BEFORE[network]
            ram = int(row["ram_bytes"]) / before.ram_bytes
            flash = int(row["flash_bytes"]) / before.flash_bytes
            yield _held(who, "ram beside before", 1.2, ram)
            yield _held(who, "flash beside before", 1.6, flash)
            if network == VWW:
                yield _held(who, "flash bytes", 130_000, int(row["flash_bytes"]))
    for network in dict.fromkeys(row["network"] for row in measured):
        rows = [row for row in measured if row["network"] == network]
        who = {"network": network, "board": "the worst", "optimize": "the worst"}
        code, growth = (
            max(int(row[name]) for row in rows)
            for name in ("code_bytes", "unexplained_arena_bytes")
        )
        yield _held(who, "code bytes", CODE_BYTES, code)
        yield _held(who, "arena bytes that bought nothing", 0, growth)


def layer_row(taps: int, channels: int) -> dict[str, Any]:
    """A depthwise layer of one dimension, measured."""
    graph = one_dimensional(taps, channels)
    counted = count(graph)
    assert counted.layer_cycles is not None
    who = {"network": graph.name, "board": BOARD, "optimize": "balanced"}
    per_mac = counted.layer_cycles[0] / macs(graph, graph.nodes[0])
    return _held(who, "cycles per mac", LAYERS[taps, channels], per_mac)


def one_dimensional(taps: int, channels: int) -> Graph:
    """Filters of ``taps`` over 49 steps of ``channels``, without padding."""
    b = GraphBuilder(f"depthwise {taps}x1, {_STEPS}x1x{channels}")
    x = b.input("x", (_STEPS, 1, channels), S8, ACTIVATION)
    return b.build([Layers(b).depthwise(x, "layer", (taps, 1))])


def _held(who: Mapping[str, str], figure: str, bar: float, measured: float) -> dict[str, Any]:
    """``measured`` beside ``bar``, the most that it may be; compared before it is rounded."""
    whole = isinstance(measured, int)
    return {
        **who,
        "figure": figure,
        "bar": bar,
        "measured": measured if whole else f"{measured:.3f}",
        "met": "yes" if measured <= bar else "no",
        "evidence": "simulated",
    }


def main() -> None:
    """Writes results/bars.csv."""
    rows = [*network_rows(read("mlperf_tiny")), *(layer_row(*layer) for layer in LAYERS)]
    write("bars", rows)
    for row in rows:
        print(row)


if __name__ == "__main__":
    main()
