"""Comparisons, logic, choice and repetition, as ONNX defines them: ``f(node, *inputs)`` of arrays.

What exporters compute of shapes is folded by them, and the reference execution runs them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from math import prod
from typing import Any

import numpy as np

from hwkit.importers.qonnx.file import Node
from hwkit.ir.types import Array

MOST = 1 << 16
"""Numbers that a constant computed here has at most."""


def _expand(node: Node, x: Array, shape: Array) -> Array:
    sizes = np.broadcast_shapes(x.shape, tuple(int(n) for n in shape.flat))
    if prod(sizes) > MOST and x.size < prod(sizes):
        raise ValueError(f"a constant of shape {sizes}")
    return np.array(np.broadcast_to(x, sizes))


def _tile(node: Node, x: Array, repeats: Array) -> Array:
    if x.size * prod(int(n) for n in repeats.flat) > MOST * max(x.size, 1):
        raise ValueError(f"{repeats.tolist()} repeats")
    return np.tile(x, [int(n) for n in repeats.flat])


def _range(node: Node, start: Array, limit: Array, step: Array) -> Array:
    first, end, by = (v.reshape(-1)[0] for v in (start, limit, step))
    if by == 0 or (end - first) / by > MOST:
        raise ValueError(f"a range from {first} to {end} in steps of {by}")
    return np.arange(first, end, by, dtype=start.dtype)


def _product(node: Node, x: Array, *axes: Array) -> Array:
    given = [int(a) for a in axes[0].flat] if axes and axes[0].size else node.attribute("axes", [])
    keep = bool(node.attribute("keepdims", 1))
    return np.asarray(np.prod(x, axis=tuple(given) or None, keepdims=keep), x.dtype)


def _triangle(node: Node, x: Array, *k: Array) -> Array:
    place = int(k[0].flat[0]) if k and k[0].size else 0
    return np.asarray(np.triu(x, place) if node.attribute("upper", 1) else np.tril(x, place))


def _modulo(node: Node, a: Array, b: Array) -> Array:
    if (b == 0).any():
        raise ValueError("division by 0")
    return np.asarray(np.fmod(a, b) if node.attribute("fmod", 0) else np.mod(a, b))


COMPARISONS: dict[str, Callable[[Node, Array, Array], Array]] = {
    "Greater": lambda node, a, b: np.asarray(a > b),
    "GreaterOrEqual": lambda node, a, b: np.asarray(a >= b),
    "Less": lambda node, a, b: np.asarray(a < b),
    "LessOrEqual": lambda node, a, b: np.asarray(a <= b),
    "Equal": lambda node, a, b: np.asarray(a == b),
}

LOGIC: dict[str, Callable[[Node, Array, Array], Array]] = {
    "And": lambda node, a, b: np.logical_and(a, b),
    "Or": lambda node, a, b: np.logical_or(a, b),
    "Xor": lambda node, a, b: np.logical_xor(a, b),
}

PLAIN: dict[str, Callable[..., Any]] = {
    **COMPARISONS,
    **LOGIC,
    "Not": lambda node, x: np.logical_not(x),
    "Where": lambda node, c, a, b: np.asarray(np.where(np.asarray(c, bool), a, b)),
    "Min": lambda node, *given: np.asarray(reduce(np.minimum, given)),
    "Max": lambda node, *given: np.asarray(reduce(np.maximum, given)),
    "Expand": _expand,
    "Tile": _tile,
    "Range": _range,
    "Mod": _modulo,
    "ReduceProd": _product,
    "Trilu": _triangle,
}
