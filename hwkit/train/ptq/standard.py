"""Modules of ``torch.nn`` in the few forms that the quantizer knows."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from torch import fx, nn

from hwkit.train.ptq import pieces
from hwkit.train.ptq.kinds import KINDS


class NotHandled(Exception):
    """What is called has no place in the tables; ``remedy`` says what to write instead."""

    def __init__(self, remedy: str) -> None:
        super().__init__(remedy)
        self.remedy = remedy or "use layers of torch.nn, or split the network there"


def _shape(node: fx.Node) -> tuple[int, ...]:
    meta = node.meta.get("tensor_meta")
    if not hasattr(meta, "shape"):
        raise NotHandled("it gives several tensors; take one")
    return tuple(meta.shape)


_NOTHING = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout)

_OF_SEVERAL = (
    pieces.Add, pieces.Subtract, pieces.Multiply, pieces.MatMul, pieces.Join, pieces.Outputs,
)  # fmt: skip


def standard(module: nn.Module, node: fx.Node) -> nn.Module | None:
    """``module`` as ``node`` calls it, or an equal one of a class in ``kinds.KINDS``; None where
    it does nothing in evaluation mode."""
    if isinstance(module, _NOTHING):
        return None
    if not node.args and not node.kwargs:
        return module  # It reads nothing.
    known = type(module) in _RULES or isinstance(module, tuple(KINDS))
    if isinstance(module, _OF_SEVERAL) or not known:
        return module
    if len(node.args) != 1 or node.kwargs:
        raise NotHandled("give it one tensor, by position")
    before, after = _shape(node.all_input_nodes[0]), _shape(node)
    rule = _RULES.get(type(module))
    if rule is not None:
        return rule(module, before, after)
    base = next(
        (k for k in KINDS if isinstance(module, k) and type(module).forward is k.forward), None
    )
    if base is not None and base is not type(module):
        module = copy.copy(module)
        module.__class__ = base
    if getattr(module, "inplace", False):
        module.inplace = False
    return module


def averaged(before: tuple[int, ...], after: tuple[int, ...]) -> nn.Module:
    """An adaptive average as one of fixed windows, from shapes (N, C, ...)."""
    kernel = windows(before, after)
    if set(after[2:]) == {1}:
        return nn.AdaptiveAvgPool1d(1) if len(kernel) == 1 else nn.AdaptiveAvgPool2d(1)
    return nn.AvgPool1d(kernel) if len(kernel) == 1 else nn.AvgPool2d(kernel)


def maximum(before: tuple[int, ...], after: tuple[int, ...]) -> nn.Module:
    """An adaptive maximum as one of fixed windows."""
    kernel = windows(before, after)
    return nn.MaxPool1d(kernel[0]) if len(kernel) == 1 else nn.MaxPool2d(kernel)


def windows(before: tuple[int, ...], after: tuple[int, ...]) -> tuple[int, ...]:
    """Sizes of the windows that turn ``before`` into ``after``; 8 rows to 2 take 4."""
    if len(before) not in (3, 4) or any(b % a for b, a in zip(before[2:], after[2:], strict=True)):
        raise NotHandled(
            f"{before[2:]} to {after[2:]} takes windows of several sizes; use one size"
        )
    return tuple(b // a for b, a in zip(before[2:], after[2:], strict=True))


def upsampled(
    mode: str, before: tuple[int, ...], after: tuple[int, ...], aligned: bool = False
) -> nn.Module:
    """Nearest or bilinear interpolation to whole multiples of rows and columns; ``aligned``: the
    corners lie on the corners."""
    if len(before) != 4 or any(a % b for a, b in zip(after[2:], before[2:], strict=True)):
        raise NotHandled(f"{before[2:]} to {after[2:]}: only maps, to whole multiples")
    factors = tuple(float(a // b) for a, b in zip(after[2:], before[2:], strict=True))
    if mode == "nearest":
        return nn.UpsamplingNearest2d(scale_factor=factors)
    if mode in ("bilinear", "linear") and not aligned:
        return pieces.Bilinear(factors)
    raise NotHandled(f"mode {mode!r:.20}; use nearest, or bilinear without align_corners")


def padded(sides: list[int], mode: str, value: float) -> nn.Module:
    """Zeros around maps."""
    if mode != "constant" or value or min(sides) < 0:
        raise NotHandled(f"padding by {mode} {value} {sides}; pad with zeros")
    return pieces.Padded(sides)


def _zero_pad(m: Any, before: tuple[int, ...], after: tuple[int, ...]) -> nn.Module:
    return padded(list(m.padding), "constant", float(getattr(m, "value", 0.0)))


def _flat(m: Any, before: tuple[int, ...], after: tuple[int, ...]) -> nn.Module:
    return reshaped(before, after)


def reshaped(before: tuple[int, ...], after: tuple[int, ...]) -> nn.Module:
    """Another shape of the same numbers, of which the batch is no part."""
    if not after or after[0] != before[0]:
        raise NotHandled(f"shape {before} to {after}; keep the batch as first axis")
    return pieces.Reshaped(after[1:])


_Rule = Callable[[Any, tuple[int, ...], tuple[int, ...]], nn.Module]
_RULES: dict[type[nn.Module], _Rule] = {
    nn.AdaptiveAvgPool1d: lambda m, b, a: averaged(b, a),
    nn.AdaptiveAvgPool2d: lambda m, b, a: averaged(b, a),
    nn.AdaptiveMaxPool1d: lambda m, b, a: maximum(b, a),
    nn.AdaptiveMaxPool2d: lambda m, b, a: maximum(b, a),
    nn.Upsample: lambda m, b, a: upsampled(m.mode, b, a, bool(m.align_corners)),
    nn.UpsamplingNearest2d: lambda m, b, a: upsampled("nearest", b, a),
    nn.Flatten: _flat,
    nn.Unflatten: _flat,
    nn.ZeroPad1d: _zero_pad,
    nn.ZeroPad2d: _zero_pad,
    nn.ConstantPad1d: _zero_pad,
    nn.ConstantPad2d: _zero_pad,
}
