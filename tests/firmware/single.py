"""Graphs of one layer with weights, per-channel rescale, and what runs them on a virtual board."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from hwkit import boards
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import (
    NO_PADDING,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Padding,
    Rescale,
    Rounding,
)
from hwkit.ir.types import S8, IntType
from hwkit.target import Artifact
from hwkit.targets.mcu.call import Pick
from hwkit.targets.mcu.lower import McuPlan, plan, section
from hwkit.targets.mcu.target import TARGET as mcu
from tests import sessions
from tests.emulators import skip_without_emulator

SAME = Padding(1, 1, 1, 1)


def conv(
    side: int,
    channels: int,
    outputs: int,
    *,
    kernel: int = 3,
    pad: Padding | None = None,
    bits: int = 8,
    rounding: Rounding = Rounding.DOUBLE,
    offsets: bool = False,
    dtype: IntType = S8,
) -> Graph:
    """A square map, stride 1; 3x3 is padded unless ``pad`` says how."""
    rng, weight = np.random.default_rng(1), IntType(bits, True)
    b = GraphBuilder("conv")
    b.input("x", (side, side, channels), dtype)
    weights = (outputs, kernel, kernel, channels)
    b.constant("w", rng.integers(weight.low, weight.high + 1, weights), weight)
    pad = pad or (SAME if kernel == 3 else Padding())
    r = _rescale(rng, outputs, rounding, offsets, dtype)
    b.add(Conv2d("op", "x", "w", None, "y", (1, 1), pad, (1, 1), -5, rescale=r), dtype)
    return b.build(["y"])


def window(
    shape: tuple[int, int, int],
    outputs: int,
    kernel: tuple[int, int],
    *,
    stride: tuple[int, int] = (1, 1),
    pad: Padding = NO_PADDING,
    dilation: tuple[int, int] = (1, 1),
    bits: int = 7,
) -> Graph:
    """A convolution of any window."""
    rng, weight = np.random.default_rng(1), IntType(bits, True)
    b = GraphBuilder("window")
    b.input("x", shape, S8)
    weights = (outputs, *kernel, shape[2])
    b.constant("w", rng.integers(weight.low, weight.high + 1, weights), weight)
    r = _rescale(rng, outputs, Rounding.DOUBLE, False, S8)
    b.add(Conv2d("op", "x", "w", None, "y", stride, pad, dilation, -5, rescale=r), S8)
    return b.build(["y"])


def dense(
    inputs: int,
    outputs: int,
    *,
    bits: int = 8,
    rounding: Rounding = Rounding.DOUBLE,
    offsets: bool = False,
    dtype: IntType = S8,
) -> Graph:
    """One row."""
    rng, weight = np.random.default_rng(1), IntType(bits, True)
    b = GraphBuilder("dense")
    b.input("x", (inputs,), dtype)
    b.constant("w", rng.integers(weight.low, weight.high + 1, (outputs, inputs)), weight)
    r = _rescale(rng, outputs, rounding, offsets, dtype)
    b.add(Dense("op", "x", "w", None, "y", -5, rescale=r), dtype)
    return b.build(["y"])


def depthwise(
    shape: tuple[int, int, int],
    *,
    kernel: tuple[int, int] = (3, 3),
    stride: int = 1,
    pad: Padding = SAME,
    multiplier: int = 1,
    rounding: Rounding = Rounding.DOUBLE,
    offsets: bool = False,
    dtype: IntType = S8,
    low: int = -128,
) -> Graph:
    """``multiplier`` outputs for each channel, weights from ``low`` on."""
    rng, outputs = np.random.default_rng(1), shape[2] * multiplier
    b = GraphBuilder("depthwise")
    b.input("x", shape, dtype)
    b.constant("w", rng.integers(low, 128, (1, *kernel, outputs)), S8)
    r = _rescale(rng, outputs, rounding, offsets, dtype)
    strides = (stride, stride)
    op = DepthwiseConv2d("op", "x", "w", None, "y", strides, pad, (1, 1), -5, rescale=r)
    b.add(op, dtype)
    return b.build(["y"])


def on_a_line(graph: Graph, zero_point: int = -128) -> Graph:
    """The layer with sums that a staircase serves (``hwkit/targets/mcu/staircase.py``): ratios of
    2**-9 or more, and no weight of -128."""
    (op,) = graph.nodes
    assert isinstance(op, Conv2d | DepthwiseConv2d | Dense) and op.rescale is not None
    b = GraphBuilder(graph.name)
    b.input("x", graph.tensors["x"].shape, graph.tensors["x"].dtype)
    b.constant("w", np.maximum(graph.constants["w"], -127), S8)
    shift = tuple(s - 3 for s in op.rescale.shift)
    r = replace(op.rescale, shift=shift, zero_point=zero_point)
    b.add(replace(op, rescale=r), S8)
    return b.build(["y"])


def _rescale(
    rng: np.random.Generator, outputs: int, rounding: Rounding, offsets: bool, dtype: IntType
) -> Rescale:
    """With ``offsets``, biases of up to eight steps of the output."""
    multipliers = tuple(rng.integers(1 << 30, (1 << 31) - 1, outputs).tolist())
    shifts = tuple(rng.integers(38, 43, outputs).tolist())
    r = Rescale(multipliers, shifts, rounding, dtype.low, dtype.high, 3)
    offset = tuple(rng.integers(-(1 << 41), 1 << 41, outputs).tolist())
    return replace(r, offset=offset) if offsets else r


def artifact(graph: Graph, board_name: str, folder: Path, kernel: str = "") -> Artifact[McuPlan]:
    """The layer's firmware, computed by ``kernel`` or the rule's; skips where the emulator or the
    compiler is missing."""
    board = boards.load(board_name)
    skip_without_emulator(board)
    lowered = mcu.lower(graph, board)
    if kernel:
        planned = plan(lowered.graph, section(board), [Pick(kernel, False)], lowered.plan)
        lowered = replace(lowered, plan=planned)
    return mcu.build(mcu.emit(lowered), lowered, folder)


def check_integers(graph: Graph, board: str, folder: Path, kernel: str = "") -> None:
    """Four samples, the ends of the input's type among them, equal the interpreter's."""
    made = artifact(graph, board, folder, kernel)
    rng, source = np.random.default_rng(2), graph.tensors["x"]
    low, high = source.dtype.low, source.dtype.high
    x = rng.integers(low, high + 1, (4, *source.shape)).astype(source.dtype.container)
    x[0], x[1] = low, high
    assert np.array_equal(sessions.run(made, x), run(graph, {"x": x})["y"])


def check_instructions(
    graph: Graph, most: float, board: str, folder: Path, kernel: str = ""
) -> None:
    """At most ``most`` executed instructions for each multiply-accumulate."""
    made = artifact(graph, board, folder, kernel)
    source = graph.tensors["x"]
    x = np.zeros((1, *source.shape), source.dtype.container)
    ((layer,),) = sessions.profile(made, x, 1)
    assert layer.instructions is not None
    assert layer.instructions <= most * layer.macs, layer.instructions / layer.macs
