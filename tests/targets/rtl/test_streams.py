"""Cores of several inputs, outputs and states: every integer of every step, every cycle."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.targets.rtl.simulate import Simulation, simulate
from tests.targets.rtl import together
from tests.targets.rtl.networks import branches, feeds_of, loop, wires

STEPS = 50


GRAPHS: tuple[Callable[[], Graph], ...] = (branches, wires, loop)
CASES = [
    (graph, together.random_folding(graph, seed)[0])
    for graph in (make() for make in GRAPHS)
    for seed in (0, 1)
]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return together.build([made for _, made in CASES], tmp_path_factory.mktemp("cores"))


@cache
def simulated(program: Path, k: int, seed: int) -> Simulation:
    """One simulation serves several tests."""
    graph, made = CASES[k]
    core, feeds = together.tapped(made, k), feeds_of(graph, STEPS, k)
    arguments = [f"+select={k}"]
    return simulate(core, program, tuple(feeds.values()), seed=seed, taps=True, arguments=arguments)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("k", range(len(CASES)))
def test_every_integer_of_every_step(program: Path, k: int, seed: int) -> None:
    graph, made = CASES[k]
    seen = simulated(program, k, seed)
    wanted = run(graph, feeds_of(graph, STEPS, k), keep=[*graph.outputs, *made.taps])
    for name, y in zip(graph.outputs, seen.y, strict=True):
        np.testing.assert_array_equal(y, wanted[name].reshape(STEPS, -1), name)
    for tensor, (name, _) in together.tapped(made, k).taps.items():
        np.testing.assert_array_equal(seen.seen[name][1], wanted[tensor].reshape(-1), tensor)


@pytest.mark.parametrize("k", range(len(CASES)))
def test_predicted_cycles_are_the_simulated_ones(program: Path, k: int) -> None:
    _, made = CASES[k]
    seen = simulated(program, k, 0)
    assert seen.latency_cycles == made.latency_cycles
    assert seen.interval_cycles == made.interval_cycles


def test_an_inference_that_needs_the_last_ones_end_waits_for_it() -> None:
    for graph, made in CASES[4:]:
        first = min(stream.beats for stream in made.sources)
        assert graph.name == "loop" and made.interval_cycles > made.latency_cycles - first
