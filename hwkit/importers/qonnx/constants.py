"""Constants that a file computes from others: known before its quantizers are read."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hwkit.errors import GraphError
from hwkit.importers.qonnx.file import Node
from hwkit.importers.qonnx.fold import FOLDED, compute
from hwkit.ir.types import Array

_LINEAR = frozenset({"QuantizeLinear", "DequantizeLinear"})


def computed_constants(
    nodes: list[Node], constants: Mapping[str, Array]
) -> tuple[list[Node], dict[str, Array]]:
    """``nodes`` without those that only turn constants into constants, where the file quantizes by
    ONNX's own operators: their weights, scales and zero points may come through ``Cast``,
    ``Reshape`` or ``Transpose``."""
    known = dict(constants)
    if not any(n.op_type in _LINEAR or n.op_type.startswith(("QLinear", "QGemm")) for n in nodes):
        return nodes, known
    kept = []
    for node in nodes:
        given = [known.get(name) for name in node.inputs if name]
        arrays = [v for v in given if v is not None]
        if node.op_type not in FOLDED - {"Shape"} or len(arrays) != len(given) or not arrays:
            kept.append(node)
            continue
        try:
            with np.errstate(all="ignore"):
                known[node.outputs[0]] = np.asarray(compute(node, arrays))
        except (ValueError, IndexError, TypeError, OverflowError) as error:
            raise GraphError(node.name, f"cannot be computed ({error}); export again") from error
    return kept, known
