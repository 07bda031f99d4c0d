"""Packed integers: every kernel in its packed form against the interpreter, over widths."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwkit.ir.graph import Graph
from hwkit.ir.storage import Storage
from hwkit.ir.types import S8, S16, IntType
from hwkit.targets.mcu.capabilities import STORED
from hwkit.targets.mcu.stored import PACKED, has_form
from tests.examples import more
from tests.firmware.kernels import broadcast_cases, cases
from tests.firmware.kernels.driver import Driver
from tests.firmware.kernels.examples import example


def _narrow() -> st.SearchStrategy[IntType]:
    """Mostly 4 and 2 bits; what lies in a byte too."""
    widths = [*[4] * 4, *[2] * 3, 1, 3, 8]
    return st.sampled_from([IntType(bits, True) for bits in widths])


def _to_narrow() -> st.SearchStrategy[IntType]:
    return st.sampled_from([S8, S16]) | _narrow()


_CASES = {
    "conv2d": (cases.conv2d(_narrow), 150),
    "conv2d_16": (cases.conv2d(cases.sixteen, _narrow), 30),
    "depthwise": (cases.depthwise(_narrow), 100),
    "depthwise_1d": (cases.depthwise_1d(_narrow), 40),
    "dense": (cases.dense(_narrow), 100),
    "add": (cases.add(_narrow), 60),
    "sum_pool": (cases.sum_pool(_narrow), 40),
    "pool": (cases.pool(_narrow), 60),
    "requantize": (cases.requantize(_to_narrow, _narrow), 60),
    "elementwise": (cases.elementwise(_narrow), 120),
    "moved": (broadcast_cases.moved(_narrow), 60),
}


def _stored(graph: Graph, data: st.DataObject) -> Mapping[str, Storage]:
    """Each tensor packed, or with a byte for an integer, as what has no packed form has."""
    widths = [PACKED, PACKED, PACKED, STORED] if has_form(graph, graph.nodes[0]) else [STORED]
    names = (*graph.inputs, *graph.outputs)
    return {
        name: data.draw(st.sampled_from(widths)).of(graph.tensors[name].dtype) for name in names
    }


@pytest.mark.parametrize("name", sorted(_CASES))
def test_packed_form_equals_interpreter(driver: Driver, name: str) -> None:
    strategy, count = _CASES[name]

    @settings(
        derandomize=True,
        deadline=None,
        max_examples=more(count),
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy, st.data())
    def holds(graph: Graph, data: st.DataObject) -> None:
        drawn, stored = example(graph, data), _stored(graph, data)
        (op,) = graph.nodes
        overlapping = data.draw(st.booleans())
        got = driver.packed_layer(graph, op, drawn.inputs, stored, overlapping)
        np.testing.assert_array_equal(got, drawn.expected)

    holds()
