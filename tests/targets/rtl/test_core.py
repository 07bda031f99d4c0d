"""Cores in simulation: every integer, every cycle, whatever the folding and the back-pressure."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from hwkit import boards
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.targets.rtl.core import Core
from hwkit.targets.rtl.cost import family
from hwkit.targets.rtl.folding import candidates, search
from hwkit.targets.rtl.network import network
from hwkit.targets.rtl.plan import core_of, fpga, part_resources
from hwkit.targets.rtl.simulate import Simulation, simulate
from tests.conformance.graphs import inputs_for
from tests.targets.rtl import networks, together

pytestmark = pytest.mark.slow

SAMPLES = 6
BOARD = boards.load("rtl_sim")
PART, FAMILY = part_resources(BOARD), family(fpga(BOARD))
GRAPHS = (networks.resnet8(8, 4), networks.mixed(), networks.int8())
INTERVALS = (1, 2000)


def core(graph: Graph, interval_cycles: int) -> Core:
    net = network(graph)
    found = search(candidates(net), PART, FAMILY, interval_cycles, "part")
    return core_of(graph, net, found, "part")


CASES = [(graph, core(graph, cycles)) for graph in GRAPHS for cycles in INTERVALS]
CASES += [(graph, core(graph, 1)) for graph in (networks.pointwise(), networks.moved())]
CASES += [(networks.signs(), core(networks.signs(), cycles)) for cycles in INTERVALS]
CASES += [(graph, core(graph, 1)) for graph in (networks.bordered(), networks.bordered(1))]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return together.build([made for _, made in CASES], tmp_path_factory.mktemp("cores"))


@cache
def simulated(program: Path, k: int, seed: int) -> Simulation:
    """One simulation serves several tests; with ``seed`` 0 it sees what passes between layers."""
    graph, made = CASES[k]
    x = inputs_for(graph, SAMPLES, 3)
    core, arguments = together.tapped(made, k), [f"+select={k}"]
    return simulate(core, program, (x,), seed=seed, taps=seed == 0, arguments=arguments)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("k", range(len(CASES)))
def test_every_integer(program: Path, k: int, seed: int) -> None:
    graph, _ = CASES[k]
    x = inputs_for(graph, SAMPLES, 3)
    expected = run(graph, {graph.inputs[0]: x})[graph.outputs[0]]
    np.testing.assert_array_equal(simulated(program, k, seed).y[0], expected.reshape(SAMPLES, -1))


@pytest.mark.parametrize("k", range(len(CASES)))
def test_every_integer_between_the_layers(program: Path, k: int) -> None:
    graph, made = CASES[k]
    x = inputs_for(graph, SAMPLES, 3)
    mine = together.tapped(made, k)
    seen = simulated(program, k, 0).seen
    expected = run(graph, {graph.inputs[0]: x}, keep=list(mine.taps))
    assert mine.taps
    for tensor, (name, stream) in mine.taps.items():
        times, values = seen[name]
        np.testing.assert_array_equal(values, expected[tensor].reshape(-1))
        assert len(times) == SAMPLES * stream.beats


@pytest.mark.parametrize("k", range(len(CASES)))
def test_predicted_cycles_are_the_simulated_ones(program: Path, k: int) -> None:
    _, made = CASES[k]
    seen = simulated(program, k, 0)
    assert seen.latency_cycles == made.latency_cycles
    assert seen.interval_cycles == made.interval_cycles


@pytest.mark.parametrize("k", range(len(CASES)))
def test_no_fifo_is_deeper_than_it_needs_to_be(program: Path, k: int) -> None:
    fifos = simulated(program, k, 0).fifos
    mine = [held for name, held in fifos.items() if f".core_{k}." in name]
    assert mine
    for most, depth in mine:
        # A deep FIFO has some beats on their way through its output register.
        assert most <= depth and (depth <= 16 or most >= depth - 2)


def test_a_faster_folding_is_faster() -> None:
    for graph in GRAPHS:
        fast, slow = (core(graph, cycles) for cycles in INTERVALS)
        assert fast.interval_cycles < slow.interval_cycles <= INTERVALS[1]
