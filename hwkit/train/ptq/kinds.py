"""What each module is to the quantizer: one table, to which new layers are added.

A module's kind says where quantizers go and nothing else; what a layer computes is PyTorch's
matter, and what becomes of it in integers the importer's.
"""

from __future__ import annotations

from enum import Enum, auto

import brevitas.nn as qnn
from torch import nn

from hwkit.train.ptq import pieces


class Kind(Enum):
    """Where a module's output gets its quantizer.

    ``WEIGHTED``: weights of its own; reads integers, gives sums. ``FUNCTION``: a table of one
    quantized input. ``COMBINES``: reads integers, gives values on another grid. ``CLAMPS``,
    ``SCALES``: join the quantizer behind them, and so does what they read where they alone read
    it. ``MOVES``: gives what it was given. ``JOINS``: one quantizer behind it serves all parts.
    ``ENDS``: several outputs, each with a quantizer of its own.
    """

    WEIGHTED = auto()
    FUNCTION = auto()
    COMBINES = auto()
    CLAMPS = auto()
    SCALES = auto()
    MOVES = auto()
    JOINS = auto()
    ENDS = auto()


WEIGHTED: dict[type[nn.Module], type[nn.Module]] = {
    nn.Conv1d: qnn.QuantConv1d,
    nn.Conv2d: qnn.QuantConv2d,
    nn.ConvTranspose1d: qnn.QuantConvTranspose1d,
    nn.ConvTranspose2d: qnn.QuantConvTranspose2d,
    nn.Linear: qnn.QuantLinear,
}
"""Layers with weights and the Brevitas layer that takes the place of each."""

_KINDS: dict[Kind, tuple[type[nn.Module], ...]] = {
    Kind.WEIGHTED: tuple(WEIGHTED),
    Kind.FUNCTION: (
        nn.Sigmoid, nn.Tanh, nn.Hardswish, nn.Hardsigmoid, nn.SiLU, nn.GELU, nn.ELU, nn.Mish,
        nn.LeakyReLU, nn.PReLU, nn.Softmax, nn.LogSoftmax, nn.Softplus, nn.Softsign, nn.SELU,
        nn.CELU, pieces.Curve,
    ),
    Kind.COMBINES: (
        pieces.Add, pieces.Subtract, pieces.Multiply, pieces.Mean, pieces.MatMul,
        pieces.Constant, pieces.Input, pieces.Bilinear, nn.LayerNorm, nn.AvgPool1d, nn.AvgPool2d,
        nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d,
    ),
    Kind.CLAMPS: (nn.ReLU, nn.ReLU6, nn.Hardtanh),
    Kind.SCALES: (pieces.Affine, nn.BatchNorm1d, nn.BatchNorm2d),
    Kind.MOVES: (
        nn.MaxPool1d, nn.MaxPool2d, nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.Flatten,
        nn.UpsamplingNearest2d, pieces.Reshaped, pieces.Permuted, pieces.Padded, pieces.Part,
    ),
    Kind.JOINS: (pieces.Join,),
    Kind.ENDS: (pieces.Outputs,),
}  # fmt: skip

KINDS: dict[type[nn.Module], Kind] = {m: kind for kind, of in _KINDS.items() for m in of}
"""The kind of each module class that can be quantized."""

JOIN_QUANTIZER = frozenset({Kind.CLAMPS, Kind.SCALES, Kind.MOVES, Kind.JOINS})
"""What reads sums as they are: the quantizer goes behind it, not before."""
