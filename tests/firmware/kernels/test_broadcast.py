"""The kernels that repeat operands and move integers, against the interpreter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.ir.builder import GraphBuilder
from hwkit.ir.ops import Constant, Rescale, Rounding, SumPool2d
from hwkit.ir.types import S8
from tests.firmware.kernels import broadcast_cases, cases
from tests.firmware.kernels.driver import Driver
from tests.firmware.kernels.examples import Examples, check_example, example

EXAMPLES = {
    "broadcast": Examples(broadcast_cases.broadcast(), 300),
    "prelu": Examples(broadcast_cases.prelu(), 150),
    "moved": Examples(broadcast_cases.moved(), 200),
    "broadcast_16": Examples(broadcast_cases.broadcast(cases.sixteen, cases.any_width), 200),
    "moved_16": Examples(broadcast_cases.moved(cases.sixteen), 120),
}


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_kernel_equals_interpreter(driver: Driver, name: str) -> None:
    EXAMPLES[name].check(driver)


def test_constant(driver: Driver) -> None:
    b = GraphBuilder("constant")
    b.input("x", (1,), S8)
    b.constant("v", np.arange(-5, 5).reshape(2, 5), S8)
    b.add(Constant("op", "v", "y"), S8)
    graph = b.build(["y"])
    got = driver.layer(graph, graph.nodes[0], {})
    assert np.array_equal(got, np.arange(-5, 5).reshape(2, 5))


@settings(derandomize=True, deadline=None, max_examples=100, database=None)
@given(st.data())
def _means(driver: Driver, data: st.DataObject) -> None:
    """Double rounding with multipliers of 2**29 and more, as means have them."""
    b = GraphBuilder("mean")
    b.input("x", (3, 5, 2), S8)
    zero_point = data.draw(st.sampled_from([-128, 127, 3]))
    multiplier = data.draw(
        st.sampled_from([1 << 29, (1 << 30) - 1]) | st.integers(1 << 29, 1 << 30)
    )
    shift = data.draw(st.integers(31, 44))
    r = Rescale((multiplier,), (shift,), Rounding.DOUBLE, -128, 127, -9)
    b.add(SumPool2d("op", "x", "y", (3, 5), (1, 1), input_zero_point=zero_point, rescale=r), S8)
    check_example(driver, example(b.build(["y"]), data))


def test_means_have_smaller_multipliers(driver: Driver) -> None:
    _means(driver)
