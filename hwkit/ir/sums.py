"""The sums of weighted ops: weights as rows, the bias, and how large a sum can be.

A sum is ``bias[o] + sum_k rows[o, k] * (x_k - zero_point)``. Partial sums, in whatever order, stay
within the bounds of ``largest_sums``, and borders add nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hwkit.ir.ops import DepthwiseConv2d
from hwkit.ir.traits import Weighted
from hwkit.ir.types import Array, IntType


def rows_of(op: Weighted, weight: Array) -> Array:
    """The weights of each output in a row, int64 (outputs, taps).

    Example: depthwise weights (1, 3, 3, 8) give (8, 9).
    """
    by_output = np.moveaxis(weight, -1, 0) if isinstance(op, DepthwiseConv2d) else weight
    return by_output.reshape(len(by_output), -1).astype(np.int64)


def bias_of(op: Weighted, constants: Mapping[str, Array]) -> Array:
    """The bias of each output, int64 (outputs,); zeros where ``op`` has none."""
    if op.bias is not None:
        return constants[op.bias].astype(np.int64)
    weight = constants[op.weight]
    return np.zeros(weight.shape[-1 if isinstance(op, DepthwiseConv2d) else 0], np.int64)


def folded_bias(rows: Array, bias: Array, zero_point: int) -> Array:
    """The bias of sums over the integers as stored, whose zero point no product takes away.

    Example: row [1, 2], bias 10, zero point -3 gives 19.
    """
    folded: Array = bias.astype(np.int64) - zero_point * rows.astype(np.int64).sum(axis=1)
    return folded


def farthest(dtype: IntType, zero_point: int) -> int:
    """Largest ``|x - zero_point|``. Example: s8 around -128 reaches 255."""
    return max(dtype.high - zero_point, zero_point - dtype.low)


def largest_sums(rows: Array, most: int, bias: Array | int = 0) -> Array:
    """For each output (first axis of ``rows``) the largest magnitude of a sum, bias included, of
    ``|x| <= most``.

    Example: row [1, -2], most 128, bias 5 gives 389.
    """
    flat = rows.reshape(len(rows), -1).astype(np.int64)
    sums: Array = np.abs(flat).sum(axis=1) * most + np.abs(np.asarray(bias, np.int64))
    return sums


def least_and_most(rows: Array, low: int, high: int, bias: Array | int = 0) -> tuple[Array, Array]:
    """For each output the least and the largest sum of ``low <= x <= high``.

    Example: row [2, -1], bias 3 and 0..10 give -7 and 23.
    """
    positive = np.maximum(rows, 0).sum(axis=1)
    negative = np.minimum(rows, 0).sum(axis=1)
    return bias + positive * low + negative * high, bias + positive * high + negative * low
