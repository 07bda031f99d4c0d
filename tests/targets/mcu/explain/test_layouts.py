"""A layer on a map that lies otherwise makes the same integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwkit.ir.interpret import run
from hwkit.ir.ops import Padding
from hwkit.ir.types import Array
from hwkit.targets.mcu.explain.alone import image
from hwkit.targets.mcu.explain.layouts import exchanged, in_blocks
from hwkit.targets.mcu.explain.single import Single
from tests.firmware.single import SAME, dense, depthwise, window
from tests.targets.mcu.explain.test_variants import of

_ZERO_POINT = -5
"""Of the layers of ``tests.firmware.single``."""


def computed(single: Single, x: Array) -> Array:
    """The layer's output for one map."""
    graph = image([single])
    found: Array = run(graph, {graph.inputs[0]: x[np.newaxis]})["y0"][0]
    return found


def random_map(single: Single) -> Array:
    return np.random.default_rng(3).integers(-128, 128, single.source.shape).astype(np.int8)


def blocks_of(x: Array, down: int, across: int, height: int, width: int) -> Array:
    """The map in blocks of pixels; what it lacks is the zero point."""
    full = np.full((height * down, width * across, x.shape[2]), _ZERO_POINT, np.int8)
    seen = x[: full.shape[0], : full.shape[1]]
    full[: seen.shape[0], : seen.shape[1]] = seen
    split = full.reshape(height, down, width, across, -1).transpose(0, 2, 1, 3, 4)
    return split.reshape(height, width, -1)


pads = st.integers(0, 3)


@given(
    st.tuples(st.integers(4, 9), st.integers(4, 9), st.integers(1, 3)),
    st.tuples(st.integers(1, 4), st.integers(2, 4)),
    st.tuples(st.integers(1, 3), st.integers(2, 3)),
    st.tuples(pads, pads, pads, pads),
)
def test_blocks_of_pixels(
    shape: tuple[int, int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    pad: tuple[int, int, int, int],
) -> None:
    layer = of(window(shape, 2, kernel, stride=stride, pad=Padding(*pad)))
    blocks = in_blocks(layer)
    assert blocks is not None
    assert blocks.op.stride == (1, 1) and blocks.result == layer.result  # type: ignore[union-attr]
    x = random_map(layer)
    seen = blocks_of(x, *stride, *blocks.source.shape[:2])
    assert np.array_equal(computed(blocks, seen), computed(layer, x))


def test_what_has_no_blocks() -> None:
    assert in_blocks(of(window((8, 8, 4), 4, (3, 3), pad=SAME))) is None
    assert in_blocks(of(window((8, 8, 4), 4, (1, 1), stride=(2, 2)))) is None
    assert in_blocks(of(window((9, 9, 4), 4, (3, 3), stride=(2, 2), dilation=(2, 2)))) is None
    assert in_blocks(of(depthwise((8, 8, 4), stride=2))) is None


@pytest.mark.parametrize(
    "graph",
    [
        window((9, 6, 2), 3, (4, 2), stride=(2, 1), pad=Padding(1, 2, 0, 1)),
        depthwise((9, 1, 4), kernel=(5, 1), pad=Padding()),
    ],
    ids=["conv", "one column"],
)
def test_rows_as_columns(graph: object) -> None:
    layer = of(graph)  # type: ignore[arg-type]
    turned = exchanged(layer)
    assert turned is not None and turned.macs == layer.macs
    x = random_map(layer)
    got = computed(turned, x.transpose(1, 0, 2))
    assert np.array_equal(got.transpose(1, 0, 2), computed(layer, x))


def test_what_is_alike_both_ways() -> None:
    assert exchanged(of(window((8, 8, 4), 4, (3, 3), pad=SAME))) is None
    assert exchanged(of(dense(8, 4))) is None
