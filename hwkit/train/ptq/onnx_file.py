"""A float ``.onnx`` as a PyTorch network: one module a node.

The file is run once by ONNX's own reference evaluator on a sample: that gives every shape, the
values of what is computed from shapes alone, and what the network must give.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from hwkit.errors import ConfigError, UnsupportedOp
from hwkit.files import read_file
from hwkit.importers.qonnx.file import MAX_FILE_BYTES, Node, OnnxModel, read_onnx
from hwkit.importers.qonnx.rewrite import alive
from hwkit.ir.types import Array
from hwkit.train.ptq.drawing import Drawing
from hwkit.train.ptq.onnx_ops import OPS, OnnxCall, padding_of
from hwkit.train.ptq.standard import NotHandled
from hwkit.train.ptq.trace import first_line

READER = "the reader of float ONNX files"
_CLOSE = 1e-3
_QUANTIZERS = frozenset({"Quant", "IntQuant", "QuantizeLinear", "DequantizeLinear", "QLinearConv"})


def load_onnx(path: Path, sample: Tensor) -> nn.Module:
    """The network in the float file ``path``, for samples like ``sample`` (1, ...).

    Raises ``FormatError`` for what is no ONNX file, ``ConfigError`` for one that is quantized
    already, has several inputs or outputs or does not take ``sample``, ``UnsupportedOp`` naming a
    node that has no PyTorch module here.
    """
    model = read_onnx(path)
    quantized = next((n for n in model.nodes if n.op_type in _QUANTIZERS), None)
    if quantized is not None:
        raise ConfigError(
            f"{path}: {quantized.op_type} says that it is quantized; use 'hwkit import'"
        )
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ConfigError(
            f"{path}: {len(model.inputs)} inputs and {len(model.outputs)} outputs; give it one each"
        )
    values = _executed(path, model, sample)
    network = _network(model, values)
    wanted = torch.from_numpy(np.asarray(values[model.outputs[0]], np.float32))
    with torch.no_grad():
        got = network(sample)
    if got.shape != wanted.shape or (got - wanted).abs().max() > _CLOSE * (1 + wanted.abs().max()):
        raise ConfigError(f"{path}: PyTorch computes something else than ONNX; export it again")
    return network


def _executed(path: Path, model: OnnxModel, sample: Tensor) -> Mapping[str, Any]:
    import onnx
    from onnx.reference import ReferenceEvaluator

    proto = onnx.load_model_from_string(read_file(path, MAX_FILE_BYTES, "give an existing .onnx"))
    name = next(iter(model.inputs))
    proto = _with_pads(proto, model, name, tuple(sample.shape))
    try:  # The evaluator raises whatever an op of its own or of numpy's raises.
        evaluator = ReferenceEvaluator(proto)
        values: Mapping[str, Any] = evaluator.run(None, {name: sample.numpy()}, intermediate=True)
    except Exception as error:
        raise ConfigError(
            f"{path}: does not run on a sample of shape {tuple(sample.shape[1:])} "
            f"({first_line(error)}); give data of its input's shape"
        ) from error
    return values


def _with_pads(proto: Any, model: OnnxModel, name: str, shape: tuple[int, ...]) -> Any:
    """``auto_pad`` as numbers: ONNX's evaluator takes batch and channels for rows and columns."""
    import onnx

    named = {node.outputs[0]: node for node in model.nodes}
    padded = [n for n in proto.graph.node if any(a.name == "auto_pad" for a in n.attribute)]
    if not padded:
        return proto
    for dim, size in zip(_input(proto, name).type.tensor_type.shape.dim, shape, strict=False):
        dim.dim_value = size
    inferred = onnx.shape_inference.infer_shapes(proto)
    shapes = {
        v.name: tuple(d.dim_value for d in v.type.tensor_type.shape.dim)
        for v in (*inferred.graph.value_info, *inferred.graph.input)
    }
    for node in padded:
        found = shapes.get(node.input[0], ())
        own = named[node.output[0]]
        weight = model.constants.get(node.input[1]) if len(node.input) > 1 else None
        sizes = () if weight is None else weight.shape[2:]
        kernel = own.attribute("kernel_shape", list(sizes))
        if len(found) not in (3, 4) or 0 in found or not kernel:
            continue
        p = padding_of(own, found, tuple(kernel))
        kept = [a for a in node.attribute if a.name not in ("auto_pad", "pads")]
        del node.attribute[:]
        node.attribute.extend(kept)
        pads = [p.top, p.left, p.bottom, p.right] if len(found) == 4 else [p.left, p.right]
        node.attribute.append(onnx.helper.make_attribute("pads", pads))
    return proto


def _input(proto: Any, name: str) -> Any:
    return next(i for i in proto.graph.input if i.name == name)


def _network(model: OnnxModel, values: Mapping[str, Any]) -> nn.Module:
    source = next(iter(model.inputs))
    drawing = Drawing()
    known = {source: drawing.input("x")}
    moving = _moving(model, source)
    for node in alive(model.nodes, model.outputs):
        if node.outputs[0] in moving:
            _add(drawing, known, node, model, values)
    return drawing.network(known[model.outputs[0]], "Onnx")


def _moving(model: OnnxModel, source: str) -> set[str]:
    """Tensors that depend on the values of the input, not on its shape alone."""
    moving = {source}
    for node in model.nodes:
        if node.op_type != "Shape" and not moving.isdisjoint(node.inputs):
            moving.update(node.outputs)
    return moving


def _add(
    drawing: Drawing,
    known: dict[str, fx.Node],
    node: Node,
    model: OnnxModel,
    values: Mapping[str, Any],
) -> None:
    rule = OPS.get(node.op_type)
    if rule is None:
        raise UnsupportedOp(
            node.name, READER, f"ONNX op {node.op_type!r:.40}; it knows {', '.join(sorted(OPS))}"
        )
    inputs = [known.get(name) for name in node.inputs]
    constants = {
        i: _constant(model, values, n) for i, n in enumerate(node.inputs) if inputs[i] is None
    }
    shapes = [np.shape(values[n]) if n in values else () for n in node.inputs]
    call = OnnxCall(
        node, tuple(shapes), tuple(np.shape(values[o]) for o in node.outputs), constants
    )
    try:
        parts: list[nn.Module | None] = rule(call)
    except NotHandled as error:
        raise UnsupportedOp(node.name, READER, error.remedy) from error
    reads, wish = tuple(i for i in inputs if i is not None), _wish(node)
    if len(node.outputs) > 1 and node.op_type == "Split":
        for output, part in zip(node.outputs, parts, strict=True):
            known[output] = drawing.call(wish, part, *reads)
        return
    found: tuple[fx.Node, ...] = reads
    for part in parts:
        found = (drawing.call(wish, part, *found),)
    known[node.outputs[0]] = found[0]


def _constant(model: OnnxModel, values: Mapping[str, Any], name: str) -> Array | None:
    if name == "":
        return None
    value = model.constants.get(name, values.get(name))
    return None if value is None else np.asarray(value)


def _wish(node: Node) -> str:
    """The path of the layer whose parameters a node reads, or its own name."""
    named = [n for n in node.inputs if n.endswith((".weight", "/weight"))]
    if named:
        return named[0][: -len(".weight")]
    text = (node.name or node.outputs[0]).strip("/").replace("/", "_")
    return ".".join(f"_{part}" if part[:1].isdigit() else part for part in text.split("."))
