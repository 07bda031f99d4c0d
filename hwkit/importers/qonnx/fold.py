"""Small arithmetic that exporters leave in the graph, on shapes (``x.view(x.size(0), -1)``,
``ZeroPad2d``) and on constants (``(variance + eps).pow(0.5)``): computed here, in numpy."""

from __future__ import annotations

from math import prod

import numpy as np

from hwkit.errors import GraphError, UnsupportedOp
from hwkit.importers.qonnx.context import Context
from hwkit.importers.qonnx.file import Node
from hwkit.importers.qonnx.plain import MOST, PLAIN
from hwkit.importers.qonnx.rounding import IMPORTER
from hwkit.importers.qonnx.values import Weight
from hwkit.ir.types import Array

MAX_FOLDED = MOST
"""Most numbers that a folded constant may have: shapes and pads have a handful, masks thousands."""

CASTS: dict[int, type] = {
    1: np.float32, 2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32, 9: np.bool_,
    10: np.float16, 11: np.float64,
}  # fmt: skip
"""By ONNX's number of the type; others become int64."""

FOLDED = frozenset(
    {"Shape", "Gather", "Unsqueeze", "Squeeze", "Concat", "Slice", "Cast", "Reshape", "Transpose"}
    | {"ConstantOfShape", "Add", "Sub", "Mul", "Div", "Pow", "Sqrt", "Reciprocal"}
    | {"Neg", "Abs", "Floor", "Ceil", "Exp", "Flatten", *PLAIN}
)


def fold(ctx: Context, node: Node) -> bool:
    """Computes ``node`` if all that it reads are small constants; says whether it did."""
    if node.op_type not in FOLDED or not node.inputs:
        return False
    if node.op_type == "Shape":
        value = ctx.value(node, 0)
        sizes = value.shape if isinstance(value, np.ndarray) else None
        if sizes is None and not isinstance(value, Weight | np.ndarray):
            sizes = (1, *value.shape)
        ctx.put(node, np.array(sizes or (), np.int64))
        return True
    given = [ctx.value(node, i) for i in range(len(node.inputs)) if node.inputs[i]]
    arrays = [v for v in given if isinstance(v, np.ndarray) and v.size <= MAX_FOLDED]
    if len(arrays) != len(given):
        return False
    try:
        with np.errstate(all="ignore"):
            computed = np.asarray(compute(node, arrays))
        if computed.dtype.kind == "f" and not np.isfinite(computed).all():
            raise ValueError("it gives NaN or infinite values")
        ctx.put(node, computed)
    except (ValueError, IndexError, TypeError, OverflowError) as error:
        raise GraphError(node.name, f"cannot be computed ({error}); export again") from error
    return True


def compute(node: Node, given: list[Array]) -> Array:
    """What a node of ``FOLDED`` but ``Shape`` makes of constants; numpy's errors where it can't."""
    first = given[0]
    match node.op_type:
        case "Gather":
            return np.take(first, given[1].astype(np.int64), axis=node.attribute("axis", 0))
        case "Unsqueeze" | "Squeeze":
            axes = (
                tuple(int(a) for a in given[1].flat)
                if len(given) > 1
                else (tuple(node.attribute("axes", [])))
            )
            if node.op_type == "Unsqueeze":
                return np.expand_dims(first, axes)
            return np.squeeze(first, axes or None)
        case "Concat":
            return np.concatenate(given, axis=node.attribute("axis", 0))
        case "Slice":
            return _slice(given)
        case "Cast":
            return first.astype(CASTS.get(node.attribute("to", 1), np.int64))
        case "Reshape":
            return first.reshape([int(n) for n in given[1].flat])
        case "Transpose":
            return first.transpose(node.attribute("perm", []) or None)
        case "ConstantOfShape":
            sizes = [int(n) for n in first.flat]
            if prod(sizes) > MAX_FOLDED:
                raise UnsupportedOp(node.name, IMPORTER, f"a constant of shape {sizes:}; export it")
            value = node.attributes.get("value", np.zeros(1, np.float32))
            return np.full(sizes, value.flat[0], value.dtype)
        case "Div":
            whole = first.dtype.kind in "iu"
            if whole and (given[1] == 0).any():
                raise ValueError("division by 0")
            return _towards_zero(first, given[1]) if whole else first / given[1]
        case "Pow":
            # In the base's type, whatever the exponent has.
            return np.asarray(np.power(first, given[1]), first.dtype)
        case "Sqrt":
            return np.asarray(np.sqrt(first))
        case "Neg" | "Abs" | "Floor" | "Ceil" | "Exp":
            return np.asarray(_OF_ONE[node.op_type](first), first.dtype)
        case "Flatten":
            return first.reshape(prod(first.shape[: node.attribute("axis", 1)]), -1)
        case "Reciprocal":
            return np.asarray(1 / first)
        case "Add":
            return np.add(first, given[1])
        case "Sub":
            return np.subtract(first, given[1])
        case "Mul":
            return np.multiply(first, given[1])
        case _:
            return np.asarray(PLAIN[node.op_type](node, *given))


_OF_ONE = {
    "Neg": np.negative,
    "Abs": np.abs,
    "Floor": np.floor,
    "Ceil": np.ceil,
    "Exp": np.exp,
}


def _towards_zero(first: Array, second: Array) -> Array:
    """ONNX's quotient of integers. Example: -7 / 2 is -3."""
    floor: Array = first // second
    quotient: Array = floor + ((floor < 0) & (floor * second != first))
    return quotient


def _slice(given: list[Array]) -> Array:
    data, starts, ends = given[:3]
    axes = given[3] if len(given) > 3 else np.arange(starts.size)
    steps = given[4] if len(given) > 4 else np.ones(starts.size, np.int64)
    cut = [slice(None)] * data.ndim
    for start, end, axis, step in zip(starts.flat, ends.flat, axes.flat, steps.flat, strict=True):
        stop: int | None = int(end)
        if int(step) < 0 and int(end) < -(1 << 31):
            stop = None
        cut[int(axis)] = slice(int(start), stop, int(step))
    return data[tuple(cut)]
