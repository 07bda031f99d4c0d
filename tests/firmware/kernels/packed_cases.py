"""Layers whose integers are packed, over all pairs of widths, and how each tensor lies."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st

from hwkit.ir.graph import Graph
from hwkit.ir.ops import Op, Rescale
from hwkit.ir.storage import Storage
from hwkit.ir.traits import Weighted
from hwkit.ir.types import S8, S16, Array, IntType
from hwkit.ir.verify import verify
from hwkit.targets.mcu.capabilities import STORED
from hwkit.targets.mcu.stored import PACKED, has_form
from tests.firmware.kernels import broadcast_cases, cases, large_cases
from tests.firmware.kernels.driver import Driver
from tests.firmware.kernels.examples import Examples


def _narrow() -> st.SearchStrategy[IntType]:
    """Mostly 4 and 2 bits; what lies in a byte too."""
    widths = [*[4] * 4, *[2] * 3, 1, 3, 8]
    return st.sampled_from([IntType(bits, True) for bits in widths])


def _to_narrow() -> st.SearchStrategy[IntType]:
    return st.sampled_from([S8, S16]) | _narrow()


@st.composite
def _narrowed(draw: st.DrawFn, graphs: st.SearchStrategy[Graph]) -> Graph:
    """A layer from s8 to the whole of s8, as the fastest kernels want it, in fewer bits."""
    graph, source, to = draw(graphs), draw(_narrow()), draw(_narrow())
    (op,) = graph.nodes
    assert isinstance(op, Weighted) and isinstance(op.rescale, Rescale)
    tensors = dict(graph.tensors)
    tensors["x"], tensors["y"] = (
        replace(tensors["x"], dtype=source),
        replace(tensors["y"], dtype=to),
    )
    op = replace(
        op,
        input_zero_point=int(np.clip(op.input_zero_point, source.low, source.high)),
        rescale=replace(op.rescale, low=to.low, high=to.high),
    )
    return verify(graph.with_nodes((op,), tensors))


EXAMPLES: dict[str, Examples] = {
    "conv2d": Examples(cases.conv2d(_narrow), 40),
    "conv2d_16": Examples(cases.conv2d(cases.sixteen, _narrow), 12),
    "conv2d_from_int8": Examples(_narrowed(cases.conv2d_into_int8()), 30),
    "conv2d_4x4": Examples(cases.conv2d_4x4(), 6),
    "conv2d_3x3_from_int8": Examples(_narrowed(cases.conv2d_3x3_into_int8()), 15),
    "conv2d_on_a_line": Examples(_narrowed(cases.conv2d_on_a_line()), 20),
    "depthwise": Examples(cases.depthwise(_narrow), 30),
    "depthwise_1d": Examples(cases.depthwise_1d(_narrow), 12),
    "depthwise_from_int8": Examples(_narrowed(cases.depthwise_3x3_into_int8()), 15),
    "dense": Examples(cases.dense(_narrow), 30),
    "dense_from_int8": Examples(_narrowed(cases.dense_into_int8()), 20),
    "add": Examples(cases.add(_narrow), 20),
    "sum_pool": Examples(cases.sum_pool(_narrow), 15),
    "pool": Examples(cases.pool(_narrow), 20),
    "requantize": Examples(cases.requantize(_to_narrow, _narrow), 20),
    "elementwise": Examples(cases.elementwise(_narrow), 30),
    "moved": Examples(broadcast_cases.moved(_narrow), 20),
    **large_cases.EXAMPLES,
}


@dataclass(frozen=True)
class Packed:
    """``driver`` with packed tensors: three of four, by what is in them."""

    driver: Driver

    def layer(
        self, graph: Graph, op: Op, values: Mapping[str, Array], overlapping: bool = False
    ) -> Array:
        """As ``Driver.layer``."""
        state = zlib.crc32(b"".join(value.tobytes() for value in values.values()))
        return self.driver.packed_layer(graph, op, values, _stored(graph, state), overlapping)


def _stored(graph: Graph, state: int) -> Mapping[str, Storage]:
    stored = {}
    for name in (*graph.inputs, *graph.outputs):
        widths = PACKED if state % 4 and has_form(graph, graph.nodes[0]) else STORED
        stored[name] = widths.of(graph.tensors[name].dtype)
        state //= 4
    return stored
