"""QFX, trainable fixed point: what the forward pass computes is what the hardware will.

``Input`` gives ``Fixed`` tensors, layers pass them on, ``Reals`` ends the network:

    nn.Sequential(
        Input(8, signed=False),
        QfxConv2d(1, 16, 3, Format(4), stride=2, padding=1), Activation(Format(4, signed=False)),
        AveragePool2d(), Activation(Format(4, signed=False)), Flatten(),
        QfxLinear(16, 10, Format(4)), Activation(Format(8)), Reals(),
    )

``calibrate`` sets the binary points, training moves them, ``train.freeze.freeze`` gives the graph.
"""

from hwkit.train.qfx.calibrate import calibrate
from hwkit.train.qfx.cast import Cast
from hwkit.train.qfx.fixed import Fixed, Format
from hwkit.train.qfx.layers import (
    QfxBatchNorm,
    QfxConv2d,
    QfxDepthwiseConv2d,
    QfxLinear,
    folded,
)
from hwkit.train.qfx.maps import (
    Activation,
    Add,
    AveragePool2d,
    Flatten,
    Input,
    MaxPool2d,
    Reals,
)

__all__ = [
    "Activation",
    "Add",
    "AveragePool2d",
    "Cast",
    "Fixed",
    "Flatten",
    "Format",
    "Input",
    "MaxPool2d",
    "QfxBatchNorm",
    "QfxConv2d",
    "QfxDepthwiseConv2d",
    "QfxLinear",
    "Reals",
    "calibrate",
    "folded",
]
