"""Random graphs as cores in Verilog, each with a random folding: every integer, every cycle.

A simulation takes seconds to compile and no time to run, so many cores share a program.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from hwkit.errors import UnsupportedOp
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import Rounding
from hwkit.ir.types import S8, U8, IntType
from hwkit.lower.checked import apply
from hwkit.lower.fuse_requantize import fuse_requantize
from hwkit.targets.rtl.capabilities import CAPABILITIES
from hwkit.targets.rtl.simulate import simulate
from tests.conformance.graphs import Space, feeds_for, graphs
from tests.targets.rtl import together

pytestmark = pytest.mark.slow

CORES = 12
SAMPLES = 12
RTL = Space(
    ops=tuple(sorted(CAPABILITIES.ops, key=lambda op: op.__name__)),
    roundings=tuple(r for r in Rounding if r is not Rounding.FLOAT32),
    activations=(S8, U8, IntType(4, True), IntType(5, False), IntType(2, False)),
    weight_bits=(2, 3, 4, 8),
    max_ops=5,
    softmax=CAPABILITIES.softmax,
    raw_output=True,
    offsets=True,
    inputs=2,
    outputs=3,
    states=2,
)


@pytest.mark.slow
def test_every_integer_and_cycle_of_random_graphs() -> None:
    accepted = refused = 0

    # Shrinking would compile a program for every step.
    @settings(max_examples=2, phases=[Phase.generate])
    @given(st.lists(graphs(RTL), min_size=CORES, max_size=CORES))
    def some(drawn: list[Graph]) -> None:
        nonlocal accepted, refused
        made = []
        for k, graph in enumerate(drawn):
            fused = apply(graph, fuse_requantize)
            try:
                made.append((fused, together.random_folding(fused, k)[0]))
            except UnsupportedOp as error:
                assert error.target == "rtl" and error.node and "; " in str(error)
        accepted += len(made)
        refused += len(drawn) - len(made)
        with tempfile.TemporaryDirectory() as folder:
            program = together.build([core for _, core in made], Path(folder))
            for k, (graph, core) in enumerate(made):
                x = feeds_for(graph, SAMPLES, k)
                y = run(graph, x, keep=[*graph.outputs, *core.taps])
                feeds = [x[name] for name in graph.inputs]
                mine, arguments = together.tapped(core, k), [f"+select={k}"]
                for seed in (0, 1):
                    seen = simulate(mine, program, feeds, seed=seed, taps=True, arguments=arguments)
                    for tensor, (name, _) in mine.taps.items():
                        np.testing.assert_array_equal(seen.seen[name][1], y[tensor].reshape(-1))
                    for name, got in zip(graph.outputs, seen.y, strict=True):
                        np.testing.assert_array_equal(got, y[name].reshape(SAMPLES, -1), name)
                    if seed == 0:
                        assert seen.latency_cycles == core.latency_cycles
                        assert seen.interval_cycles == pytest.approx(
                            core.interval_cycles, rel=0.05, abs=1
                        )

    some()
    assert accepted > refused
