"""Windows that slide over a map, pooling over them, and padding."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from hwkit.ir.ops import NO_PADDING, AvgPool2d, MaxPool2d, Pad, Padding, SumPool2d
from hwkit.ir.types import Array
from hwkit.targets.finn.graph import Builder, Tensor
from hwkit.targets.finn.sums import finish, sum_tensor
from hwkit.targets.finn.thresholding import of_function


@dataclass(frozen=True, slots=True)
class Window:
    """A window that slides over a map; ``zero_point`` is what pads it, ``depthwise`` that each
    channel is used by itself."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: Padding
    dilation: tuple[int, int] = (1, 1)
    zero_point: int = 0
    depthwise: bool = False

    @property
    def is_pixel(self) -> bool:
        """Whether each place of the map is its own window."""
        return self.kernel == self.stride == (1, 1) and self.padding == NO_PADDING

    @property
    def pads(self) -> tuple[int, int, int, int]:
        """Top, left, bottom, right: FINN's order."""
        p = self.padding
        return p.top, p.left, p.bottom, p.right


def windows(b: Builder, w: Window, x: Tensor, y: Tensor) -> Tensor:
    """Im2Col: for each place of ``y`` its window as a row (kernel row, kernel column, channel)."""
    pads = w.pads
    if w.zero_point and any(pads):
        raise b.unsupported(
            f"it pads with its zero point {w.zero_point}, FINN with 0; train without zero points"
        )
    for size, k, around in (
        (x.shape[1], w.kernel[0], pads[::2]),
        (x.shape[2], w.kernel[1], pads[1::2]),
    ):
        if size == 1 and (k > 1 or any(around)):
            raise b.unsupported(f"a window of {k} over one row or column; use a window of 1 there")
    least, most = (min(x.low, 0), max(x.high, 0)) if any(pads) else (x.low, x.high)
    shape = (1, *y.shape[1:3], prod(w.kernel) * x.shape[3])
    return b.node(
        "Im2Col",
        (x.name,),
        b.inner("window", shape, least, most),
        custom=True,
        stride=_within_map(w, x),
        kernel_size=list(w.kernel),
        pad_amount=list(pads),
        input_shape=f"({','.join(map(str, x.shape))})",
        depthwise=int(w.depthwise),
        dilations=list(w.dilation),
    )


def _within_map(w: Window, x: Tensor) -> list[int]:
    """The stride, no longer than the padded map: FINN takes none that is, and there is but one
    window then."""
    return [min(s, x.shape[k + 1] + w.pads[k] + w.pads[k + 2]) for k, s in enumerate(w.stride)]


def _reduced(
    b: Builder, op: SumPool2d | AvgPool2d | MaxPool2d, x: Tensor, kind: str, y: Tensor
) -> None:
    """Window, one axis for its places, and their sum or maximum."""
    zero_point = op.input_zero_point if isinstance(op, SumPool2d) else 0
    sliding = Window(op.kernel, op.stride, op.padding, (1, 1), zero_point, depthwise=True)
    window = windows(b, sliding, x, y)
    places = prod(op.kernel)
    shape = (*y.shape[:3], places, y.shape[3])
    split = b.inner("places", shape, window.low, window.high)
    b.node("Reshape", (window.name, b.indices("shape", shape)), split)
    b.node(kind, (split.name, b.indices("axes", (3,))), b.tensors[y.name], keepdims=0)


def _pool_sums(b: Builder, op: SumPool2d | AvgPool2d, x: Tensor, y: Tensor) -> Tensor:
    places = prod(op.kernel)
    sums = b.inner("sum", y.shape, min(0, places * x.low), max(0, places * x.high))
    _reduced(b, op, x, "ReduceSum", sums)
    return sums


def sum_pool(b: Builder, op: SumPool2d, x: Tensor, y: Tensor) -> None:
    """Sums of windows, and their rescale."""
    places = prod(op.kernel)
    bias = np.full(y.shape[3], -op.input_zero_point * places)
    low, high = (
        np.full(len(bias), min(0, places * x.low)),
        np.full(len(bias), max(0, places * x.high)),
    )
    sums = sum_tensor(b, op.rescale, low, high, bias, y)
    _reduced(b, op, x, "ReduceSum", sums)
    finish(b, op.rescale, sums, low, high, bias, y)


def mean_pool(b: Builder, op: AvgPool2d, x: Tensor, y: Tensor) -> None:
    """Sums of windows, and thresholds that divide them as TFLite does."""
    if op.padding != NO_PADDING:
        raise b.unsupported("a mean with padding divides by fewer places at the borders; unpad it")
    places = prod(op.kernel)

    def mean(a: Array) -> Array:
        # Half away from zero, as TFLite's average.
        rounded = np.where(a > 0, a + places // 2, a - places // 2)
        quotient: Array = np.sign(rounded) * (np.abs(rounded) // places)
        return np.clip(quotient, op.low, op.high)

    of_function(b, _pool_sums(b, op, x, y), y, mean)


def max_pool(b: Builder, op: MaxPool2d, x: Tensor, y: Tensor) -> None:
    """Maxima of windows."""
    if op.padding != NO_PADDING and x.low < 0:
        raise b.unsupported(
            "FINN pads with 0, which can win over negative integers; take the maximum behind a ReLU"
        )
    b.tensor(y.name, y.shape, x.low, x.high)
    _reduced(b, op, x, "ReduceMax", y)


def pad(b: Builder, op: Pad, x: Tensor, y: Tensor) -> None:
    """Zeros around a map."""
    if op.value:
        raise b.unsupported(f"FINN pads with 0, this with {op.value}; train without zero points")
    p = op.padding
    pads = b.indices("pads", (p.top, p.left, p.bottom, p.right))
    value, axes = b.constant("value", np.zeros(1)), b.indices("axes", (1, 2))
    made = b.tensor(y.name, y.shape, min(x.low, 0), max(x.high, 0))
    b.node("Pad", (x.name, pads, value, axes), made, mode="constant")
