"""Quantized ONNX files with recurrent layers, which are float there, without their quantizers.

Weights are what their integers mean; activations pass, and calibration gives them grids anew, those
inside the recurrent layers too.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from hwkit.files import read_file
from hwkit.importers.qonnx.file import MAX_FILE_BYTES, read_onnx
from hwkit.importers.qonnx.float_states import RECURRENT
from hwkit.ir.types import Array

_PAIR = ("QuantizeLinear", "DequantizeLinear")


@contextmanager
def as_float(path: Path) -> Iterator[Path]:
    """``path`` as it is, or, where a recurrent layer stands between quantizers, the same network
    without these in a file of its own, of the same name."""
    kinds = {node.op_type for node in read_onnx(path).nodes}
    if kinds.isdisjoint(_PAIR) or kinds.isdisjoint(RECURRENT):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / path.name
        plain.write_bytes(_without_quantizers(read_file(path, MAX_FILE_BYTES, "give an .onnx")))
        yield plain


def _without_quantizers(data: bytes) -> bytes:
    import onnx

    model = onnx.load_model_from_string(data)
    graph = model.graph
    known = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
    known |= {
        n.output[0]: onnx.numpy_helper.to_array(n.attribute[0].t)
        for n in graph.node
        if n.op_type == "Constant" and n.attribute[0].name == "value"
    }
    same: dict[str, str] = {}
    nodes = []
    for node in graph.node:
        reads = [same.get(name, name) for name in node.input]
        if node.op_type not in _PAIR:
            node.input[:] = reads
            nodes.append(node)
            continue
        output = node.output[0]
        if node.op_type == "DequantizeLinear" and reads[0] in known:
            value = _meant(node, [known[name] for name in reads if name in known])
            graph.initializer.append(onnx.numpy_helper.from_array(value, output))
            known[output] = value
            continue
        same[output] = reads[0]
    shown = {o.name for o in graph.output}
    nodes += [onnx.helper.make_node("Identity", [x], [y]) for y, x in same.items() if y in shown]
    del graph.node[:]
    graph.node.extend(nodes)
    return bytes(model.SerializeToString())


def _meant(node: Any, parts: list[Array]) -> Array:
    """What a constant's integers stand for."""
    x, scale, *point = parts
    axis = next((a.i for a in node.attribute if a.name == "axis"), 1) if x.ndim > 1 else 0
    if scale.size > 1:
        wide = [1] * x.ndim
        wide[axis] = -1
        scale, point = scale.reshape(wide), [p.reshape(wide) for p in point]
    else:  # Of any rank, as the exporter likes.
        scale, point = scale.reshape(()), [p.reshape(()) for p in point]
    zero = point[0].astype(np.float32) if point else np.float32(0)
    return np.asarray((x.astype(np.float32) - zero) * scale, np.float32)
