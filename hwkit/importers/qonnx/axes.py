"""Along which axis a constant broadcasts, by ONNX's rules: shapes are aligned at their ends.

A constant of shape (3,) beside a map (1, 3, 3, 3) runs along its width, whatever its channels are.
"""

from __future__ import annotations

import numpy as np

from hwkit.errors import GraphError, UnsupportedOp
from hwkit.importers.qonnx.file import Node
from hwkit.importers.qonnx.rounding import IMPORTER
from hwkit.importers.qonnx.values import Real
from hwkit.ir.types import Array, Shape

_AXES = ("the batch", "channels", "rows", "columns")


def along_channels(node: Node, what: str, values: Array, real: Real) -> Array:
    """``values`` beside the activation ``real``: one number, or one for each channel of the
    graph's last axis. Raises ``GraphError`` where they do not fit, ``UnsupportedOp`` naming the
    axis where they differ along another than channels."""
    shape = (1, *real.shape)
    require_fit(node, what, values, shape)
    if values.size == 1 or np.ptp(values) == 0:
        return values.reshape(-1)[:1]
    sizes = (1,) * (len(shape) - values.ndim) + values.shape
    varied = varied_axes(values, len(shape))
    channels = real.layout[-1] + 1
    if varied != [channels]:
        names = " and ".join(axis_name(a, len(shape)) for a in varied)
        wanted = tuple(n if a == channels else 1 for a, n in enumerate(shape))
        raise UnsupportedOp(
            node.name,
            IMPORTER,
            f"a {what} of shape {values.shape}, which differs along {names}; "
            f"give it shape {wanted} to differ by channel",
        )
    flat: Array = np.moveaxis(values.reshape(sizes), channels, 0).reshape(shape[channels], -1)[:, 0]
    return flat[real.order] if real.order is not None else flat


def varied_axes(values: Array, rank: int) -> list[int]:
    """Along which axes of a batch of ``rank`` a constant differs. Example: (3, 1, 1) of unlike
    numbers differs along axis 1 of 4."""
    if values.ndim > rank:
        return []
    sizes = (1,) * (rank - values.ndim) + values.shape
    spread = values.reshape(sizes)
    return [a for a, n in enumerate(sizes) if n > 1 and np.ptp(spread, a).any()]


def require_fit(node: Node, what: str, values: Array, shape: Shape) -> None:
    """Raises ``GraphError`` unless ``values`` broadcast to ``shape`` without changing it."""
    try:
        fits = np.broadcast_shapes(values.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits and not (values.size == 1 and values.ndim <= 4):
        raise GraphError(
            node.name, f"its {what} of shape {values.shape} does not fit {shape}; export again"
        )


def axis_name(axis: int, rank: int) -> str:
    """Example: axis 3 of 4 is columns, axis 2 of 3 as well."""
    return _AXES[axis + (rank == 3 and axis == 2)] if axis < len(_AXES) else f"axis {axis}"
