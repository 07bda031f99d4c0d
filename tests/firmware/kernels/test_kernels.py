"""Every kernel of every variant against the interpreter, integer by integer."""

from __future__ import annotations

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from hwkit.ir.ops import activations
from hwkit.targets.mcu.emit import to_device
from hwkit.targets.mcu.layers import calls
from tests.firmware.kernels import broadcast_cases, cases, cases16, matmul_cases, real_cases
from tests.firmware.kernels.driver import Driver
from tests.firmware.kernels.examples import Examples, example

EXAMPLES = {
    "conv2d": Examples(cases.conv2d(), 300),
    "conv2d_into_int8": Examples(cases.conv2d_into_int8(), 300),
    "conv2d_3x3": Examples(cases.conv2d_3x3(), 200),
    "conv2d_3x3_into_int8": Examples(cases.conv2d_3x3_into_int8(), 120),
    "conv2d_on_a_line": Examples(cases.conv2d_on_a_line(), 200),
    "depthwise_on_a_line": Examples(cases.depthwise_on_a_line(), 150),
    "add_on_a_line": Examples(cases.add_on_a_line(), 80),
    "dense_on_a_line": Examples(cases.dense_on_a_line(), 200),
    "broadcast_on_a_line": Examples(broadcast_cases.on_a_line(), 120),
    "dense_into_int8": Examples(cases.dense_into_int8(), 200),
    "depthwise": Examples(cases.depthwise(), 200),
    "depthwise_1d": Examples(cases.depthwise_1d(), 80),
    "depthwise_3x3": Examples(cases.depthwise_3x3(), 300),
    "depthwise_3x3_into_int8": Examples(cases.depthwise_3x3_into_int8(), 80),
    "dense": Examples(cases.dense(), 200),
    "add": Examples(cases.add(), 200),
    "sum_pool": Examples(cases.sum_pool(), 100),
    "bilinear": Examples(cases.bilinear(), 100),
    "pool": Examples(cases.pool(), 150),
    "pool_in_words": Examples(cases.pool_in_words(), 100),
    "requantize": Examples(cases.requantize(), 200),
    "wide": Examples(cases.wide(), 200),
    "elementwise": Examples(cases.elementwise(), 150),
    "argmax": Examples(cases.argmax(), 150),
    "softmax": Examples(cases.softmax(), 150),
    "conv2d_16": Examples(cases.conv2d(cases.sixteen, cases.any_width), 200),
    "depthwise_16": Examples(cases.depthwise(cases.sixteen, cases.any_width), 150),
    "depthwise_1d_16": Examples(cases.depthwise_1d(cases.sixteen, cases.any_width), 60),
    "dense_16": Examples(cases.dense(cases.sixteen, cases.any_width), 150),
    "long_16": Examples(cases16.weighted(), 250),
    "add_16": Examples(cases.add(cases.sixteen, cases.any_width), 150),
    "sum_pool_16": Examples(cases.sum_pool(cases.sixteen, cases.any_width), 80),
    "bilinear_16": Examples(cases.bilinear(cases.sixteen, cases.any_width), 60),
    "bilinear_long": Examples(cases16.bilinear(), 60),
    "pool_16": Examples(cases.pool(cases.sixteen), 120),
    "requantize_16": Examples(cases.requantize(cases.any_width, cases.any_width), 250),
    "elementwise_16": Examples(cases.elementwise(cases.any_width), 120),
    "matmul": Examples(matmul_cases.matmul(), 200),
    "matmul_16": Examples(matmul_cases.matmul_16(), 150),
    "softmax_table": Examples(real_cases.softmax_table(cases.any_width), 80),
    "layer_norm": Examples(real_cases.layer_norm(cases.any_width, cases.any_width), 120),
    "softmax_16": Examples(cases.softmax(cases.s16), 100),
}
FOUR_BITS = Examples(cases.conv2d_4x4(), 100)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_kernel_equals_interpreter(driver: Driver, name: str) -> None:
    EXAMPLES[name].check(driver)


@pytest.mark.parametrize("driver", ["dsp"], indirect=True)
def test_products_of_four_bits(driver: Driver) -> None:
    FOUR_BITS.check(driver)


@settings(derandomize=True, deadline=None, max_examples=60, database=None)
@given(st.data())
def _in_place(driver: Driver, data: st.DataObject) -> None:
    graph = data.draw(cases.add())
    if graph.tensors["y"].dtype.bits > 8:
        reject()
    drawn = example(graph, data)
    (op,) = graph.nodes
    inputs = [to_device(drawn.inputs[name], graph.tensors[name].dtype) for name in activations(op)]
    (call,) = calls(graph, op)
    for shared in (0, 1):
        answer = driver.call(call, inputs, bytes(len(inputs[0])), in_place=shared)
        assert answer.output == to_device(drawn.expected, graph.tensors["y"].dtype)


def test_add_over_either_of_its_inputs(driver: Driver) -> None:
    _in_place(driver)
