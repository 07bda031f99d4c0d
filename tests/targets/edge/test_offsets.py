"""Rescales with an offset on runtimes that have none: rounded into biases, and counted."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.flow.verify import verify
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Op,
    Padding,
    Requantize,
    Rescale,
    Rounding,
    SumPool2d,
)
from hwkit.ir.types import S8, S32, Array, IntType
from hwkit.lower.checked import apply
from hwkit.lower.finer_steps import finer_steps
from hwkit.lower.floor_as_half_up import floor_as_half_up
from hwkit.lower.offset_to_bias import rounded_to_bias
from tests.targets.edge.networks import BOARDS, compare

_SINGLE = (Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.FLOOR)


def _inputs(shape: tuple[int, ...], samples: int = 40) -> Array:
    return np.random.default_rng(7).integers(-128, 128, (samples, *shape)).astype(np.int8)


def _layer(
    kind: type[Conv2d | DepthwiseConv2d | Dense], r: Rescale, bits: int = 8, seed: int = 0
) -> Graph:
    """One layer of 6 outputs with weights of ``bits`` bits."""
    rng = np.random.default_rng(seed)
    b = GraphBuilder("layer")
    shape = {Conv2d: (6, 3, 3, 2), DepthwiseConv2d: (1, 3, 3, 6), Dense: (6, 12)}[kind]
    b.input("x", {Conv2d: (5, 5, 2), DepthwiseConv2d: (5, 5, 6), Dense: (12,)}[kind], S8)
    dtype = IntType(bits, True)
    b.constant("w", rng.integers(dtype.low, dtype.high + 1, shape), dtype)
    b.constant("b", rng.integers(-90, 90, 6), S32)
    op = kind(name="layer", input="x", weight="w", bias="b", output="y", rescale=r)
    if not isinstance(op, Dense):
        op = replace(op, padding=Padding(1, 1, 1, 1), input_zero_point=-9)
    b.add(op, S8)
    return b.build(["y"])


def _moved(before: Graph, after: Graph, x: Array) -> int:
    return int(np.count_nonzero(np.asarray(before.predict(x)) != np.asarray(after.predict(x))))


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("kind", [Conv2d, DepthwiseConv2d, Dense])
@pytest.mark.parametrize("rounding", _SINGLE)
def test_layers(
    kind: type[Conv2d | DepthwiseConv2d | Dense], rounding: Rounding, board: str
) -> None:
    """The runtime gives the lowered graph's integers, and few are not the original's."""
    rng = np.random.default_rng(1)
    multiplier = tuple(int(m) for m in rng.integers(1 << 19, 1 << 20, 6))
    offset = tuple(int(o) for o in rng.integers(-(1 << 28), 1 << 28, 6))
    for bits, most in ((2, 0.01), (8, 0.01)):
        r = Rescale(multiplier, (16 + 3 * bits,) * 6, rounding, -128, 127, 3, offset=offset)
        graph = _layer(kind, r, bits)
        x = _inputs(graph.tensors["x"].shape, 200)
        form = compare(graph, board, x)
        assert form.retargeted == ("layer",)
        integers = 200 * graph.tensors["y"].elements
        assert _moved(graph, form.graph, x) <= most * integers


def test_narrow_weights_make_the_steps_finer() -> None:
    """Weights of 2 bits leave room for 64 times finer steps of the bias."""
    rng = np.random.default_rng(0)
    offset = tuple(int(o) for o in rng.integers(-(1 << 20), 1 << 20, 6))
    graph = _layer(
        Conv2d, Rescale((77777,), (20,), Rounding.HALF_EVEN, -128, 127, offset=offset), 2
    )
    x = _inputs((5, 5, 2), 400)
    grown = apply(graph, partial(finer_steps, largest_weight=127))
    coarse, fine = (rounded_to_bias(g, "test")[0] for g in (graph, grown))
    assert _moved(graph, coarse, x) > 30 * _moved(graph, fine, x)
    (op,) = fine.nodes
    assert isinstance(op, Conv2d)
    assert np.array_equal(fine.constants[op.weight], graph.constants["w"].astype(int) * 32)


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("kind", [Conv2d, DepthwiseConv2d, Dense])
def test_channels_that_only_have_an_offset(
    kind: type[Conv2d | DepthwiseConv2d | Dense], board: str
) -> None:
    """A pruned channel's multiplier is 0, or so small that its bias has no 32 bits."""
    r = Rescale(
        (0, 0, 3 << 10, 1, 1, 1),
        (20, 20, 20, 60, 60, 1),
        Rounding.HALF_EVEN,
        -120,
        127,
        -4,
        offset=(7 << 20, -(1 << 40), 1 << 19, 5 << 58, (1 << 57) - (3 << 59), 1 << 60),
    )
    graph = _layer(kind, r)
    x = _inputs(graph.tensors["x"].shape)
    form = compare(graph, board, x)
    got = np.asarray(form.graph.predict(x))
    for channel in (0, 1, 3, 4, 5):
        assert np.array_equal(got[..., channel], np.asarray(graph.predict(x))[..., channel])
    assert len(set(got[..., 0].ravel())) == 1 and len(set(got[..., 2].ravel())) > 1


def _one(op: Op, shape: tuple[int, ...]) -> Graph:
    b = GraphBuilder("one")
    b.input("x", shape, S8)
    b.add(op, S8)
    return b.build(["y"])


_R = Rescale((5,), (4,), Rounding.HALF_EVEN, -128, 127, 2, offset=(23,))
_TWICE = Rescale((2,), (0,), Rounding.HALF_UP, -1024, 1024)


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("rounding", _SINGLE)
@pytest.mark.parametrize(
    ("op", "shape"),
    [
        (Requantize("op", "x", "y", _R, 3), (4, 4, 3)),
        (Requantize("op", "x", "y", replace(_R, offset=(23, -9, 4)), 3), (7, 3)),
        (Requantize("op", "x", "y", _R, -5), (5,)),
        (SumPool2d("op", "x", "y", (2, 2), (1, 1), input_zero_point=4, rescale=_R), (4, 4, 3)),
        (Add("op", ("x", "x"), "y", (3, 4), (None, _TWICE), rescale=_R), (4, 4, 3)),
        (Add("op", ("x", "x"), "y", (3, 4), (_TWICE, None), rescale=_R), (7,)),
        (Add("op", ("x", "x"), "y", (-3, 4), rescale=_R), (2, 5)),
    ],
)
def test_ops_without_a_bias(
    op: Requantize | SumPool2d | Add, shape: tuple[int, ...], rounding: Rounding, board: str
) -> None:
    """Each becomes a convolution with one."""
    assert op.rescale is not None
    graph = _one(replace(op, rescale=replace(op.rescale, rounding=rounding)), shape)
    x = _inputs(shape, 100)
    form = compare(graph, board, x)
    # A sum in 16 is a tie. Rounded half to even, half of these go up and half down, which no bias
    # does; all else is exact.
    ties = x.size // 12 if rounding is Rounding.HALF_EVEN else 0
    assert _moved(graph, form.graph, x) <= ties


def test_what_moves_is_counted() -> None:
    offset = (40000, 30000, -20000, 70000, 35000, -39999)
    r = Rescale((77777,), (24,), Rounding.HALF_EVEN, -128, 127, offset=offset)
    graph = _layer(Dense, r)
    x = _inputs((12,), 2000)
    for board in BOARDS:
        found = verify(graph, board, x)
        form = compare(graph, board, x)
        assert found.differing == 0
        assert found.moved == _moved(graph, form.graph, x) > 0


def test_an_add_that_no_convolution_gives_is_computed_in_float32() -> None:
    third = Rescale((715827883,), (31,), Rounding.HALF_UP, -(2**31), 2**31 - 1)
    graph = _one(Add("sum", ("x", "x"), "y", (0, 0), (None, third), rescale=_R), (5,))
    x = _inputs((5,), 200)
    for board in BOARDS:
        assert _moved(graph, compare(graph, board, x).graph, x) == 0


@settings(max_examples=60)
@given(
    st.lists(st.integers(1, 1 << 20), min_size=1, max_size=1)
    | st.lists(st.integers(1, 1 << 20), min_size=6, max_size=6),
    st.integers(0, 30),
    st.lists(st.integers(-(1 << 30), 1 << 30), min_size=1, max_size=1)
    | st.lists(st.integers(-(1 << 30), 1 << 30), min_size=6, max_size=6),
)
def test_floor_is_half_up_of_half_a_step_less(
    multiplier: list[int], shift: int, offset: list[int]
) -> None:
    shifts = (shift,) * len(multiplier)
    r = Rescale(tuple(multiplier), shifts, Rounding.FLOOR, -128, 127, offset=tuple(offset))
    graph = apply(_layer(Dense, r), floor_as_half_up)
    (op,) = graph.nodes
    assert isinstance(op, Dense) and op.rescale is not None
    assert op.rescale.rounding is Rounding.HALF_UP
