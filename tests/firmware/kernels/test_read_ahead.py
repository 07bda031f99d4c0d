"""Kernels that the planner lets write over an input, whole or a little before it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from hwkit.errors import AccumulatorOverflow
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import Add, Clamp, Lookup, Padding, Requantize
from hwkit.ir.types import S8, S16, IntType
from hwkit.targets.mcu.emit import from_device, to_device
from hwkit.targets.mcu.layers import calls
from hwkit.targets.mcu.lower import tensor_bytes
from tests.firmware.kernels import cases
from tests.firmware.kernels.driver import Driver
from tests.firmware.kernels.examples import check_example, example
from tests.firmware.single import depthwise

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


def test_a_column_from_the_start_of_its_input(driver: Driver) -> None:
    """Depthwise layers of one dimension, channel by channel over their own bytes."""

    @settings(
        derandomize=True,
        deadline=None,
        max_examples=40,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.tuples(st.integers(2, 20), st.integers(1, 9), st.integers(2, 9)),
        st.tuples(st.integers(1, 3), st.integers(0, 8), st.integers(0, 8)),
        st.sampled_from([S8, S16]),
        st.data(),
    )
    def holds(
        sizes: tuple[int, int, int],
        moves: tuple[int, int, int],
        dtype: IntType,
        data: st.DataObject,
    ) -> None:
        steps, channels, taps = sizes
        stride, top, bottom = moves
        if top + bottom >= taps or steps + top + bottom < taps:
            reject()
        pad = Padding(top, bottom, 0, 0)
        shape = (steps, 1, channels)
        graph = depthwise(shape, kernel=(taps, 1), stride=stride, pad=pad, dtype=dtype)
        check_example(driver, example(graph, data))

    holds()


def test_windows_from_the_start_of_their_input(driver: Driver) -> None:
    """Depthwise 3x3 over its own bytes: whole maps, and one or two rows of them as parts have them,
    wide enough for several parts of a row."""

    @settings(
        derandomize=True,
        deadline=None,
        max_examples=30,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.tuples(st.integers(1, 9), st.integers(3, 20), st.integers(1, 9)),
        st.tuples(st.integers(1, 2), st.integers(0, 1), st.integers(0, 1)),
        st.data(),
    )
    def holds(
        sizes: tuple[int, int, int], moves: tuple[int, int, int], data: st.DataObject
    ) -> None:
        rows, width, channels = sizes
        stride, top, bottom = moves
        if rows + top + bottom < 3:
            reject()
        graph = depthwise((rows, width, channels), stride=stride, pad=Padding(top, bottom, 1, 1))
        check_example(driver, example(graph, data))

    holds()
