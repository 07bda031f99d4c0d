"""Casts as nodes of an ONNX file that any executor computes exactly, while PyTorch traces.

A ``Quant`` node of QONNX saturates, and its roundings know ``ROUND`` (half to even), ``FLOOR`` and
``HALF_UP``, which is half away from zero. So half up of negative numbers is written as
``Quant(x + step / 2)`` with ``FLOOR``, and wrapping as arithmetic around a ``Quant`` of 32 bits:

    q - period * floor((q - low) / period)

All constants are powers of two (or whole multiples), so float32 loses nothing. The importer reads
both patterns back as what they mean.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hwkit.ir.ops import Overflow, Rounding
from hwkit.train.qfx.fixed import Format

_QUANT = "qonnx.custom_op.general::Quant"
_MODES = {
    Rounding.HALF_EVEN: "ROUND",
    Rounding.FLOOR: "FLOOR",
    Rounding.HALF_UP: "HALF_UP",
}
_WIDE = 32


def quant(x: Tensor, form: Format, fraction: Tensor) -> Tensor:
    """The traced cast of ``x``; ``fraction`` int32, broadcasts against ``x``."""
    steps = [2.0**-digits for digits in fraction.reshape(-1).tolist()]
    y: Tensor = _Quant.apply(x, form, steps, list(fraction.shape))
    return y


class _Quant(torch.autograd.Function):
    """Only its ONNX nodes matter; the tracer asks for the shape alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, form: Format, steps: list[float], shape: list[int]) -> Tensor:
        return x.clone()

    @staticmethod
    def symbolic(g: Any, x: Any, form: Format, steps: list[float], shape: list[int]) -> Any:
        step = torch.tensor(steps).reshape(shape)
        mode = _MODES[form.rounding]
        wraps = form.overflow is Overflow.WRAP
        if wraps and not form.signed:
            x = _typed(g.op("Relu", x), x)
        if form.rounding is Rounding.HALF_UP and (form.signed or wraps):
            x = _typed(g.op("Add", x, _constant(g, step / 2)), x)
            mode = "FLOOR"
        width, signed = (_WIDE, True) if wraps else (form.width, form.signed)
        y = g.op(
            _QUANT,
            x,
            _constant(g, step),
            _constant(g, torch.tensor(0.0)),
            _constant(g, torch.tensor(float(width))),
            rounding_mode_s=mode,
            signed_i=int(signed),
            narrow_i=int(form.symmetric),
        )
        return _wrapped(g, _typed(y, x), form, step) if wraps else _typed(y, x)


def _wrapped(g: Any, q: Any, form: Format, step: Tensor) -> Any:
    period = step * (1 << form.width)
    above = _typed(g.op("Sub", q, _constant(g, step * form.low)), q)
    turns = _typed(g.op("Floor", _typed(g.op("Div", above, _constant(g, period)), q)), q)
    return _typed(g.op("Sub", q, _typed(g.op("Mul", turns, _constant(g, period)), q)), q)


def _constant(g: Any, value: Tensor) -> Any:
    return g.op("Constant", value_t=value)


def _typed(y: Any, x: Any) -> Any:
    y.setType(x.type())
    return y
