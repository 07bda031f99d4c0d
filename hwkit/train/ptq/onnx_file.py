"""A float ``.onnx`` as a PyTorch network: one module a node.

The file is run once by ONNX's own reference evaluator on a sample: that gives every shape, the
values of what is computed from shapes alone, and what the network must give.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
from hwkit.train.ptq.onnx_batch import MOVES, POINTWISE, Moved
from hwkit.train.ptq.onnx_ops import OPS, OnnxCall, padding_of
from hwkit.train.ptq.onnx_recurrent import RECURRENT
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
    model = read_float(path)
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ConfigError(
            f"{path}: {len(model.inputs)} inputs and {len(model.outputs)} outputs; give it one "
            "each, or name its states with --carry IN=OUT"
        )
    source, result = next(iter(model.inputs)), model.outputs[0]
    values = executed(path, model, {source: sample.numpy()})
    drawn = draw(model, values, {source: 0}, {source: "x"})
    if drawn.batch[result]:
        raise ConfigError(f"output {result!r:.60}: its batch is axis {drawn.batch[result]}, not 0")
    network = drawn.drawing.network(drawn.nodes[result], "Onnx")
    wanted = torch.from_numpy(np.asarray(values[model.outputs[0]], np.float32))
    with torch.no_grad():
        got = network(sample)
    if got.shape != wanted.shape or (got - wanted).abs().max() > _CLOSE * (1 + wanted.abs().max()):
        raise ConfigError(f"{path}: PyTorch computes something else than ONNX; export it again")
    return network


def read_float(path: Path) -> OnnxModel:
    """The file, which is not quantized yet."""
    model = read_onnx(path)
    quantized = next((n for n in model.nodes if n.op_type in _QUANTIZERS), None)
    if quantized is not None:
        raise ConfigError(
            f"{path}: {quantized.op_type} says that it is quantized; use 'hwkit import'"
        )
    return model


def executed(path: Path, model: OnnxModel, feeds: Mapping[str, Array]) -> Mapping[str, Any]:
    """Every tensor of the file for ``feeds``; ``ConfigError`` where it does not take them."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    proto = onnx.load_model_from_string(read_file(path, MAX_FILE_BYTES, "give an existing .onnx"))
    name = next(iter(feeds))
    proto = _with_pads(proto, model, name, feeds[name].shape)
    try:  # The evaluator raises whatever an op of its own or of numpy's raises.
        values: Mapping[str, Any] = ReferenceEvaluator(proto).run(
            None, dict(feeds), intermediate=True
        )
    except Exception as error:
        found = _by_onnxruntime(proto, feeds) if _has_recurrent(model) else None
        if found is not None:
            return found
        raise ConfigError(
            f"{path}: does not run on a sample of shape {feeds[name].shape[1:]} "
            f"({first_line(error)}); give data of its input's shape"
        ) from error
    return values


def _has_recurrent(model: OnnxModel) -> bool:
    return any(node.op_type in RECURRENT for node in model.nodes)


def _by_onnxruntime(proto: Any, feeds: Mapping[str, Array]) -> Mapping[str, Any] | None:
    """Every tensor as ONNX Runtime computes it: ONNX's own evaluator has no recurrent layers of two
    directions. None where it is not installed or refuses the file."""
    try:
        import onnxruntime
    except ImportError:
        return None
    import onnx

    names = [o for node in proto.graph.node for o in node.output if o]
    shown = {o.name for o in proto.graph.output}
    proto.graph.output.extend(onnx.ValueInfoProto(name=n) for n in names if n not in shown)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        outputs = [o.name for o in session.get_outputs()]
        return dict(zip(outputs, session.run(outputs, dict(feeds)), strict=True)) | dict(feeds)
    except Exception:  # Its own errors share no class.
        return None


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


@dataclass(slots=True)
class Drawn:
    """What is drawn so far: each tensor with its batch first, and the batch's axis in the file."""

    model: OnnxModel
    values: Mapping[str, Any]
    drawing: Drawing
    nodes: dict[str, fx.Node]
    batch: dict[str, int]


def draw(
    model: OnnxModel, values: Mapping[str, Any], batch: Mapping[str, int], names: Mapping[str, str]
) -> Drawn:
    """The file's nodes from its inputs, whose batch is the axis in ``batch`` and which the drawing
    calls as in ``names``; ``values`` as ``executed`` gives them.

    Raises ``UnsupportedOp`` naming a node that has no PyTorch module here.
    """
    drawing = Drawing()
    nodes = {source: drawing.input(names[source]) for source in batch}
    drawn = Drawn(model, values, drawing, nodes, dict(batch))
    moving = _moving(model, set(batch))
    for node in alive(model.nodes, model.outputs):
        if not moving.isdisjoint(node.outputs):
            _add(drawn, node)
    return drawn


def _moving(model: OnnxModel, sources: set[str]) -> set[str]:
    """Tensors that depend on the values of the inputs, not on their shapes alone."""
    moving = set(sources)
    for node in model.nodes:
        if node.op_type != "Shape" and not moving.isdisjoint(node.inputs):
            moving.update(node.outputs)
    return moving


def _add(drawn: Drawn, node: Node) -> None:
    values = drawn.values
    if node.op_type not in OPS and node.op_type not in MOVES:
        known = ", ".join(sorted({*OPS, *MOVES}))
        raise UnsupportedOp(node.name, READER, f"ONNX op {node.op_type!r:.40}; it knows {known}")
    inputs = [drawn.nodes.get(name) for name in node.inputs]
    constants = {
        i: _constant(drawn.model, values, n) for i, n in enumerate(node.inputs) if inputs[i] is None
    }
    shapes = [np.shape(values[n]) if n in values else () for n in node.inputs]
    after = [np.shape(values[o]) if o in values else () for o in node.outputs]
    batches = {drawn.batch[n] for n in node.inputs if n in drawn.batch}
    call = OnnxCall(node, tuple(shapes), tuple(after), constants)
    try:
        parts, batch = _modules(call, batches)
    except NotHandled as error:
        raise UnsupportedOp(node.name, READER, error.remedy) from error
    reads, wish = tuple(i for i in inputs if i is not None), _wish(node)
    if node.op_type in RECURRENT:
        layer = drawn.drawing.call(wish, parts[0], *reads)
        for place, output in enumerate(node.outputs):
            if output:
                drawn.nodes[output] = drawn.drawing.part(layer, place)
                drawn.batch[output] = batch - (place > 0 and batch > 0)
        return
    if len(node.outputs) > 1 and node.op_type == "Split":
        for output, part in zip(node.outputs, parts, strict=True):
            drawn.nodes[output] = drawn.drawing.call(wish, part, *reads)
            drawn.batch[output] = batch
        return
    found: tuple[fx.Node, ...] = reads
    for part in parts:
        found = (drawn.drawing.call(wish, part, *found),)
    drawn.nodes[node.outputs[0]] = found[0]
    drawn.batch[node.outputs[0]] = batch


def _modules(call: OnnxCall, batches: set[int]) -> Moved:
    """The modules of a node, and where the file has the batch behind it."""
    op, batch = call.node.op_type, max(batches)
    plain = not batch and not _moves_batch(call)
    if op in OPS and plain:
        return OPS[op](call), 0
    if op in MOVES:
        return MOVES[op](call, batch)
    if len(batches) > 1 or op not in POINTWISE:
        raise NotHandled("transpose the batch to the first axis before it")
    return OPS[op](call), batch


def _moves_batch(call: OnnxCall) -> bool:
    return call.node.op_type == "Transpose" and call.node.attribute("perm", [1])[0] != 0


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
