"""Networks whose first maps are large: what patch-based inference is for. Weights at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.layers import ACTIVATION, Layers
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Conv2d, Padding, SumPool2d
from hwkit.ir.types import S8


@dataclass(frozen=True, slots=True)
class Block:
    """An inverted bottleneck: 1x1 to ``inner`` channels (none where that is the input's), depthwise
    ``kernel`` x ``kernel`` with ``stride``, 1x1 to ``out`` channels. ``pad`` None is the kernel's
    half."""

    inner: int
    out: int
    stride: int
    kernel: int = 3
    pad: int | None = None


def _around(n: int) -> Padding:
    return Padding(n, n, n, n)


def bottlenecks(
    name: str,
    size: int,
    stem: int,
    blocks: Sequence[Block],
    last: int | None = None,
    *,
    residuals: bool = False,
    always_expand: bool = False,
) -> Graph:
    """``size`` x ``size`` x 3, a 3x3 convolution of stride 2, ``blocks``, a 1x1 convolution to
    ``last`` channels. With ``residuals`` a block of stride 1 that keeps the channels adds its
    input; with ``always_expand`` each block begins with a 1x1 convolution."""
    b = GraphBuilder(name)
    n = Layers(b)
    x = n.conv(b.input("image", (size, size, 3), S8, ACTIVATION), "stem", stem, 3, 2, _around(1))
    for k, block in enumerate(blocks):
        channels, y = b.shape(x)[2], x
        if always_expand or block.inner != channels:
            y = n.conv(y, f"b{k}expand", block.inner, 1)
        pad = block.kernel // 2 if block.pad is None else block.pad
        y = n.depthwise(y, f"b{k}depthwise", block.kernel, block.stride, _around(pad))
        y = n.conv(y, f"b{k}project", block.out, 1)
        same = b.shape(y) == b.shape(x)
        x = n.add(f"b{k}add", x, y) if residuals and same else y
    if last is not None:
        x = n.conv(x, "last", last, 1)
    return b.build([x])


_MOBILENET_V2 = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
                 (6, 160, 3, 2), (6, 320, 1, 1))  # fmt: skip
"""Expansion, channels, blocks, stride of the first."""


def mobilenet_v2(size: int = 224, *, residuals: bool = True) -> Graph:
    """MobileNetV2 1.0 up to its last convolution; 300 M MACs at 224."""
    channels, blocks = 32, []
    for expansion, out, count, stride in _MOBILENET_V2:
        for k in range(count):
            blocks.append(Block(expansion * channels, out, stride if k == 0 else 1))
            channels = out
    return bottlenecks(f"mobilenet_v2_{size}", size, 32, blocks, 1280, residuals=residuals)


def layers_to(graph: Graph, rows: int) -> int:
    """How many layers there are up to the first convolution with so many rows."""
    whole = (op.output for op in graph.nodes if isinstance(op, Conv2d))
    first = next(name for name in whole if graph.tensors[name].shape[0] == rows)
    return 1 + next(k for k, op in enumerate(graph.nodes) if op.output == first)


def mobilenet_v2_035() -> Graph:
    """MobileNetV2 0.35 at 144 as msf-CNN's planner has it: channels rounded down, no residuals,
    a 1x1 convolution in the first block too."""
    width, channels, blocks = 0.35, int(32 * 0.35), []
    for expansion, out, count, stride in _MOBILENET_V2:
        for k in range(count):
            narrow = int(out * width)
            blocks.append(Block(expansion * channels, narrow, stride if k == 0 else 1))
            channels = narrow
    return bottlenecks("mobilenet_v2_035", 144, 11, blocks, int(1280 * width), always_expand=True)


def vww_80() -> Graph:
    """The network for visual wake words at 80 of MCUNetV2 as msf-CNN's planner has it: no
    residuals, and padding of 3 and 1 where kernels have 7 and 5 or 3."""
    plan = ((16, 6, 2, 1, 3), (16, 3, 1, 1, 3), (16, 3, 1, 1, 3), (24, 3, 2, 3, 7),
            (24, 6, 1, 1, 3), (24, 5, 1, 2, 5), (40, 6, 2, 3, 7), (40, 6, 1, 3, 7),
            (48, 6, 1, 1, 3), (48, 4, 1, 1, 3), (96, 5, 2, 2, 5), (96, 5, 1, 1, 3),
            (96, 4, 1, 1, 3), (160, 3, 1, 3, 7))  # fmt: skip
    blocks, channels = [Block(16, 8, 1)], 8
    for out, expansion, stride, pad, kernel in plan:
        blocks.append(Block(expansion * channels, out, stride, kernel, pad))
        channels = out
    return bottlenecks("vww_80", 80, 16, blocks)


def cifar_resnet() -> Graph:
    """ResNet8 of 40, 80 and 160 channels for 32x32x3, 76 M MACs, residuals and all."""
    b = GraphBuilder("cifar_resnet")
    n = Layers(b)
    strided = Padding(0, 1, 0, 1)
    x = n.conv(b.input("image", (32, 32, 3), S8, ACTIVATION), "stem", 40, 3, 1, _around(1))
    y = n.conv(n.conv(x, "s1a", 40, 3, 1, _around(1)), "s1b", 40, 3, 1, _around(1))
    x = n.add("s1", x, y)
    for stage, channels in (("s2", 80), ("s3", 160)):
        y = n.conv(x, f"{stage}a", channels, 3, 2, strided)
        y = n.conv(y, f"{stage}b", channels, 3, 1, _around(1))
        x = n.add(stage, y, n.conv(x, f"{stage}skip", channels, 1, 2))
    pool = SumPool2d("pool", x, "pool.y", (8, 8), (8, 8), input_zero_point=-128,
                     rescale=n.rescale(64, 1))  # fmt: skip
    return b.build([n.conv(b.add(pool, S8, ACTIVATION), "fc", 10, 1)])
