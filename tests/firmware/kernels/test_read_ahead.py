"""Kernels that the planner lets write over an input, whole or a little before it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from hwkit.errors import AccumulatorOverflow
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import Add, Clamp, Lookup, Requantize
from hwkit.targets.mcu.emit import from_device, to_device
from hwkit.targets.mcu.layers import calls
from hwkit.targets.mcu.lower import tensor_bytes
from tests.firmware.kernels import cases
from tests.firmware.kernels.driver import Driver

_CASES = {"add": cases.add(), "requantize": cases.requantize(), "elementwise": cases.elementwise()}


@pytest.mark.parametrize("name", sorted(_CASES))
def test_an_output_at_or_a_little_before_its_input(driver: Driver, name: str) -> None:
    @settings(
        derandomize=True,
        deadline=None,
        max_examples=60,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(_CASES[name], st.data())
    def holds(graph: Graph, data: st.DataObject) -> None:
        (op,) = graph.nodes
        size = tensor_bytes(graph, "y")
        in_place = isinstance(op, Add | Clamp | Lookup | Requantize)
        if not in_place or size != tensor_bytes(graph, graph.inputs[0]):
            reject()
        x = {
            n: data.draw(cases.integers(graph.tensors[n].shape, graph.tensors[n].dtype))
            for n in graph.inputs
        }
        try:
            expected = run(graph, {n: value[None] for n, value in x.items()})["y"][0]
        except AccumulatorOverflow:
            reject()
        (call,) = calls(graph, op)
        inputs = [to_device(x[n], graph.tensors[n].dtype) for n in call.inputs]
        for ahead_bytes in (0, 4, 16):
            answer = driver.call(call, inputs, bytes(size), ahead_bytes=ahead_bytes)
            assert np.array_equal(from_device(answer.output, graph.tensors["y"]), expected)

    holds()
