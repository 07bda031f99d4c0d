"""Every kernel of every variant against the interpreter, integer by integer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from hwkit.errors import AccumulatorOverflow
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.targets.mcu.emit import to_device
from hwkit.targets.mcu.layers import calls
from tests.examples import more
from tests.firmware.kernels import cases, cases16
from tests.firmware.kernels.driver import Driver

_EXAMPLES = {
    "conv2d": (cases.conv2d(), 300),
    "conv2d_into_int8": (cases.conv2d_into_int8(), 300),
    "conv2d_3x3": (cases.conv2d_3x3(), 200),
    "conv2d_3x3_into_int8": (cases.conv2d_3x3_into_int8(), 120),
    "conv2d_on_a_line": (cases.conv2d_on_a_line(), 200),
    "depthwise_on_a_line": (cases.depthwise_on_a_line(), 150),
    "add_on_a_line": (cases.add_on_a_line(), 80),
    "dense_into_int8": (cases.dense_into_int8(), 200),
    "depthwise": (cases.depthwise(), 200),
    "depthwise_1d": (cases.depthwise_1d(), 80),
    "depthwise_3x3": (cases.depthwise_3x3(), 300),
    "depthwise_3x3_into_int8": (cases.depthwise_3x3_into_int8(), 80),
    "dense": (cases.dense(), 200),
    "add": (cases.add(), 200),
    "sum_pool": (cases.sum_pool(), 100),
    "pool": (cases.pool(), 150),
    "requantize": (cases.requantize(), 200),
    "wide": (cases.wide(), 200),
    "elementwise": (cases.elementwise(), 150),
    "softmax": (cases.softmax(), 150),
    "conv2d_16": (cases.conv2d(cases.sixteen, cases.any_width), 200),
    "depthwise_16": (cases.depthwise(cases.sixteen, cases.any_width), 150),
    "depthwise_1d_16": (cases.depthwise_1d(cases.sixteen, cases.any_width), 60),
    "dense_16": (cases.dense(cases.sixteen, cases.any_width), 150),
    "long_16": (cases16.weighted(), 250),
    "add_16": (cases.add(cases.sixteen, cases.any_width), 150),
    "sum_pool_16": (cases.sum_pool(cases.sixteen, cases.any_width), 80),
    "pool_16": (cases.pool(cases.sixteen), 120),
    "requantize_16": (cases.requantize(cases.any_width, cases.any_width), 250),
    "elementwise_16": (cases.elementwise(cases.any_width), 120),
    "softmax_16": (cases.softmax(cases.s16), 100),
}


def check_examples(driver: Driver, graphs: st.SearchStrategy[Graph], examples: int) -> None:
    """``check`` for so many of ``graphs``."""

    @settings(
        derandomize=True,
        deadline=None,
        max_examples=more(examples),
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(graphs, st.data())
    def property_holds(graph: Graph, data: st.DataObject) -> None:
        check(driver, graph, data)

    property_holds()


def check(driver: Driver, graph: Graph, data: st.DataObject) -> None:
    x = {name: data.draw(cases.integers(t.shape, t.dtype)) for name, t in _inputs(graph)}
    (op,) = graph.nodes
    try:
        expected = run(graph, {name: value[None] for name, value in x.items()})["y"][0]
    except AccumulatorOverflow:
        reject()
    for overlapping in (False, True):
        got = driver.layer(graph, op, x, overlapping)
        assert np.array_equal(got, expected), (
            f"{op}\n{x}\noverlapping {overlapping}\nexpected {expected}\ngot {got}"
        )


def _inputs(graph: Graph):
    return [(name, graph.tensors[name]) for name in graph.inputs]


@pytest.mark.parametrize("name", sorted(_EXAMPLES))
def test_kernel_equals_interpreter(driver: Driver, name: str) -> None:
    check_examples(driver, *_EXAMPLES[name])


@settings(derandomize=True, deadline=None, max_examples=60, database=None)
@given(st.data())
def _in_place(driver: Driver, data: st.DataObject) -> None:
    graph = data.draw(cases.add())
    (op,) = graph.nodes
    x = {name: data.draw(cases.integers(t.shape, t.dtype)) for name, t in _inputs(graph)}
    if graph.tensors["y"].dtype.bits > 8:
        reject()
    try:
        expected = run(graph, {name: value[None] for name, value in x.items()})["y"][0]
    except AccumulatorOverflow:
        reject()
    inputs = [to_device(x[name], graph.tensors[name].dtype) for name in op.inputs]
    (call,) = calls(graph, op)
    for shared in (0, 1):
        answer = driver.call(call, inputs, bytes(len(inputs[0])), in_place=shared)
        assert answer.output == to_device(expected, graph.tensors["y"].dtype)


def test_add_over_either_of_its_inputs(driver: Driver) -> None:
    _in_place(driver)
