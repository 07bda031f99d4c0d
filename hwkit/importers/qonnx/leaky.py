"""``LeakyRelu`` and ``PRelu`` of sums: a slope that stays pending until a quantizer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwkit.errors import UnsupportedOp
from hwkit.importers.qonnx.arrange import facing
from hwkit.importers.qonnx.axes import along_channels
from hwkit.importers.qonnx.context import Context
from hwkit.importers.qonnx.file import Node
from hwkit.importers.qonnx.integers import settle
from hwkit.importers.qonnx.rounding import IMPORTER
from hwkit.importers.qonnx.values import Real, Table
from hwkit.ir.types import Array


def prelu(ctx: Context, node: Node) -> None:
    """``PRelu`` with a constant slope, one or one for each channel."""
    real, numbers = ctx.real(node, 0), ctx.numbers(node, 1)
    if numbers is None:
        raise UnsupportedOp(node.name, IMPORTER, "its slope is no constant; export it as one")
    if numbers.ndim == len(real.shape) and numbers.shape[0] == real.shape[0]:
        numbers = numbers[None]  # (C, 1, 1) beside (N, C, H, W)
    real = facing(ctx, node, real, numbers)
    ctx.put(node, bent(ctx, node, real, along_channels(node, "slope", numbers, real)))


def bent(ctx: Context, node: Node, real: Real, slope: Array) -> Real:
    """``real`` with what is below 0 times ``slope``."""
    if isinstance(real.source, Table) or real.is_clamped or real.slope is not None:
        real = settle(ctx, node, real)
    return replace(real, slope=slope.astype(np.float64))
