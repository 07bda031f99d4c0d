"""The table of the fastest kernels, from the rows of all."""

from __future__ import annotations

from typing import Any

from benchmarks.alternatives import LAYERS, fastest
from hwkit.ir.counts import macs
from hwkit.ir.ops import Conv2d, Dense, DepthwiseConv2d
from hwkit.targets.mcu.explain.single import single


def row(layer: str, board: str, kernel: str, cycles: int) -> dict[str, Any]:
    return {
        "layer": layer,
        "input": "8x8x8",
        "board": board,
        "kernel": kernel,
        "cycles": cycles,
        "cycles_per_mac": f"{cycles / 100:.3f}",
        "evidence": "simulated",
    }


def test_the_fastest_of_each_core() -> None:
    rows = [
        row("a", "virtual_m0", "v6m/one", 300),
        row("a", "virtual_m0", "ref/one", 900),
        row("a", "virtual_m4", "dsp/one", 200),
        row("a", "virtual_m4", "dsp/two", 99),
        row("b", "virtual_m0", "ref/one", 400),
    ]
    found = fastest(rows)
    assert list(found[0].values()) == ["a", "8x8x8", "3.000", "0.990", "two", "simulated"]
    assert found[1] == {"layer": "b", "input": "8x8x8", "m0": "4.000", "evidence": "simulated"}


def test_each_is_one_layer() -> None:
    for case in LAYERS:
        graph = case.graph()
        (op,) = graph.nodes
        assert isinstance(op, Conv2d | DepthwiseConv2d | Dense)
        assert single(graph, op).macs == macs(graph, op)
    assert len({case.name for case in LAYERS}) == len(LAYERS)
