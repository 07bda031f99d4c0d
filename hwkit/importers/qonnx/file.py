"""Reads an ONNX file into plain nodes and arrays, with everything that a hostile file could do to
memory bounded first."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from hwkit.errors import FormatError, GraphError, ToolMissing
from hwkit.files import opened, read_file
from hwkit.ir.types import S8, U8, Array, IntType, Shape

MAX_FILE_BYTES = 512 << 20
MAX_DATA_BYTES = 1 << 30
"""Of a data file beside the model."""
MAX_NODES = 5_000
MAX_ELEMENTS = 1 << 27
"""Largest constant, as in ``ir.verify``: 128 million integers."""
MAX_INPUT_ELEMENTS = 1 << 24
"""Largest sample, and largest map that may be flattened."""

OPSET = "~opset"
"""Attribute that tells a node the version of ONNX's operators that its file is of."""

_REMEDY = "export the model again"
_WIDEST = 8
"""Bytes of the widest element."""
_INTEGER_INPUTS = {2: U8, 3: S8, 4: IntType(16, False), 5: IntType(16, True)}
"""By ONNX's number of the type."""
_OWN_DOMAINS = ("", "ai.onnx")
_SCOPES = "pkg.torch.onnx.name_scopes"


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One ONNX node. ``module`` is the path of the PyTorch module that it came from, or empty."""

    name: str
    op_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    module: str = ""
    domain: str = ""

    def attribute(self, key: str, default: Any) -> Any:
        """The attribute ``key`` if it has the type of ``default`` (ints for a list)."""
        value = self.attributes.get(key, default)
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        if default is not None and type(value) is not type(default):
            raise GraphError(self.name, f"attribute {key!r} is {value!r:.40}; {_REMEDY}")
        return value


@dataclass(frozen=True, slots=True, eq=False)
class OnnxModel:
    """Nodes in order, constants by name (all finite), inputs with their shape, batch first.

    ``integer_inputs`` are those of integers, ``opset`` is the version of ONNX's own operators;
    ``batch_axes`` tells of tensors that do not have the batch first where the file has it, -1
    where it has none.
    """

    name: str
    nodes: tuple[Node, ...]
    constants: Mapping[str, Array]
    inputs: Mapping[str, Shape]
    outputs: tuple[str, ...]
    integer_inputs: Mapping[str, IntType] = field(default_factory=dict)
    opset: int = 17
    batch_axes: Mapping[str, int] = field(default_factory=dict)


def read_onnx(path: Path) -> OnnxModel:
    """The model in ``path``.

    Raises ``ConfigError`` when the file cannot be opened, ``FormatError`` when it is cut short or
    no ONNX, ``GraphError`` naming a constant that holds NaN or infinite values.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # no types
    except ImportError as error:
        raise ToolMissing("onnx", "pip install 'onnx>=1.17,<1.22'") from error
    model = onnx.ModelProto()
    try:
        model.ParseFromString(read_file(path, MAX_FILE_BYTES, "give an existing .onnx"))
    except (DecodeError, UnicodeDecodeError) as error:
        raise FormatError(f"{path}: not an ONNX file or cut short; {_REMEDY}") from error
    graph = model.graph
    if not graph.node or not graph.output:
        raise FormatError(f"{path}: holds no ONNX graph with nodes and outputs; {_REMEDY}")
    imported = {opset.domain for opset in model.opset_import}
    if missing := {node.domain for node in graph.node} - imported:
        name = min(missing, key=repr) or "ai.onnx"
        raise FormatError(f"{path}: no opset for {name!r:.40}, is it cut short? {_REMEDY}")
    if len(graph.node) > MAX_NODES:
        raise FormatError(f"{path}: {len(graph.node)} nodes are more than {MAX_NODES}")
    _check_external(graph, path)
    constants = {_text(t.name, path): _array(t, path) for t in graph.initializer}
    nodes = []
    for index, proto in enumerate(graph.node):
        node = _node(proto, index, path)
        if node.op_type == "Constant":
            constants[node.outputs[0]] = _constant(node)
        else:
            nodes.append(node)
    inputs = {_text(i.name, path): i for i in graph.input}
    free = {name: i for name, i in inputs.items() if name not in constants}
    _check_order(nodes, {*constants, *inputs})
    for name, value in constants.items():
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise GraphError(name, "holds NaN or infinite values; train again and export")
    outputs = tuple(_text(o.name, path) for o in graph.output)
    return OnnxModel(
        name=_text(graph.name, path) or path.stem,
        nodes=tuple(nodes),
        constants=constants,
        inputs={name: _shape(i, path) for name, i in free.items()},
        outputs=outputs,
        integer_inputs=_integer_inputs(free),
        opset=max((o.version for o in model.opset_import if o.domain in _OWN_DOMAINS), default=1),
    )


def _integer_inputs(inputs: Mapping[str, Any]) -> dict[str, IntType]:
    kinds = {name: i.type.tensor_type.elem_type for name, i in inputs.items()}
    return {name: _INTEGER_INPUTS[k] for name, k in kinds.items() if k in _INTEGER_INPUTS}


def _check_order(nodes: list[Node], defined: set[str]) -> None:
    """Every node reads what is there already and writes what is not: no cycles."""
    defined.add("")
    for node in nodes:
        if missing := [name for name in node.inputs if name not in defined]:
            raise GraphError(node.name, f"reads {missing[0]!r:.60}, which nothing computes before")
        if clash := [name for name in node.outputs if name and name in defined]:
            raise GraphError(node.name, f"computes {clash[0]!r:.60}, which is there already")
        defined.update(node.outputs)


def _check_external(graph: Any, path: Path) -> None:
    """Many constants may name the same bytes of a data file: their elements count together."""
    tensors = [*graph.initializer, *(a.t for node in graph.node for a in node.attribute)]
    elements = sum(abs(prod(t.dims)) for t in tensors if t.data_location == t.EXTERNAL)
    if elements > MAX_ELEMENTS:
        raise FormatError(
            f"{path}: {elements} values in files beside it are more than {MAX_ELEMENTS}; split it"
        )


def _external(tensor: Any, path: Path) -> bytes:
    """The part of a file beside the model that holds a tensor's values; ``FormatError`` for a file
    that is elsewhere, or led elsewhere by a link, and for a part that is too long or not there."""
    from onnx.external_data_helper import ExternalDataInfo

    info = ExternalDataInfo(tensor)
    beside = path.parent / Path(info.location).name
    folder = Path(os.path.realpath(path.parent))
    outside = beside.is_symlink() and Path(os.path.realpath(beside)).parent != folder
    if info.location != beside.name or outside:
        raise FormatError(
            f"{path}: data file {info.location!r:.60} is not beside it; copy it there"
        )
    with opened(beside, MAX_DATA_BYTES, "export the model again, in one file") as stream:
        size = os.fstat(stream.fileno()).st_size
        start = int(info.offset or 0)
        length = int(info.length or size - start)
        if not 0 <= start <= start + length <= size or length > _WIDEST * prod(tensor.dims):
            raise FormatError(
                f"{path}: constant {tensor.name!r:.60} is said to be {length} bytes at {start} of "
                f"{info.location!r:.60}, which has {size}; {_REMEDY}"
            )
        stream.seek(start)
        return stream.read(length)


def _array(tensor: Any, path: Path) -> Array:
    """The tensor's values; data in a file beside the model are read from its folder alone."""
    from onnx import TensorProto, numpy_helper

    dims = tuple(tensor.dims)
    if any(d < 0 for d in dims) or prod(dims) > MAX_ELEMENTS:
        raise FormatError(f"{path}: constant {tensor.name!r} has shape {dims}; {_REMEDY}")
    try:
        if tensor.data_location == TensorProto.EXTERNAL:
            data = _external(tensor, path)
            tensor = TensorProto(name=tensor.name, dims=dims, data_type=tensor.data_type)
            tensor.raw_data = data
        array = np.asarray(numpy_helper.to_array(tensor))
        return array.astype(np.float32) if tensor.data_type == TensorProto.BFLOAT16 else array
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise FormatError(
            f"{path}: constant {tensor.name!r} does not hold {dims} values; {_REMEDY}"
        ) from error


def _text(value: Any, path: Path) -> str:
    """A name; protobuf hands out bytes where it is no UTF-8."""
    if not isinstance(value, str):
        raise FormatError(f"{path}: the name {value!r:.40} is no text; {_REMEDY}")
    return value


def _node(proto: Any, index: int, path: Path) -> Node:
    from onnx import AttributeProto, helper

    op_type = _text(proto.op_type, path)
    name = _text(proto.name, path) or f"{op_type}_{index}"
    if not proto.output:
        raise FormatError(f"{path}: node {name!r} has no output; {_REMEDY}")
    attributes: dict[str, Any] = {}
    for attribute in proto.attribute:
        if attribute.type == AttributeProto.TENSOR:
            attributes[attribute.name] = _array(attribute.t, path)
            continue
        try:
            value = helper.get_attribute_value(attribute)
        except ValueError as error:
            raise FormatError(f"{path}: node {name!r} is damaged; {_REMEDY}") from error
        listed = not isinstance(value, (int, float, bytes, str)) and hasattr(value, "__len__")
        attributes[_text(attribute.name, path)] = list(value) if listed else value
    inputs, outputs = (
        tuple(_text(n, path) for n in names) for names in (proto.input, proto.output)
    )
    _require_sizes(name, attributes)
    return Node(name, op_type, inputs, outputs, attributes, _module(proto), proto.domain)


def _require_sizes(name: str, attributes: Mapping[str, Any]) -> None:
    """Steps and sizes of windows are above 0, of whatever operator: runtimes divide by them, and
    ONNX Runtime's process ends there."""
    for key in _SIZES & attributes.keys():
        values = attributes[key]
        if any(
            isinstance(v, int) and v < 1 for v in (values if isinstance(values, list) else [values])
        ):
            raise GraphError(name, f"attribute {key!r} is {values!r:.40}; {_REMEDY}")


_SIZES = frozenset({"strides", "dilations", "kernel_shape", "blocksize", "group"})


def _constant(node: Node) -> Array:
    for key in ("value", "value_float", "value_int", "value_floats", "value_ints"):
        if key in node.attributes:
            return np.asarray(node.attributes[key])
    raise GraphError(node.name, f"is a constant without a number; {_REMEDY}")


def _module(proto: Any) -> str:
    """Path of the module: both of PyTorch's exporters leave it, in different places.

    ``/layer1/layer1.0/conv1/Conv`` (scopes joined by slashes) gives ``layer1.0.conv1``.
    """
    for entry in proto.metadata_props:
        if entry.key == _SCOPES and isinstance(entry.value, str):
            scopes = re.findall(r"'([^']*)'", entry.value)
            return scopes[-2] if len(scopes) > 1 else ""
    path = ""
    for part in proto.name.split("/")[1:-1]:
        inside = part.startswith(f"{path}.") and path != ""
        path = part if inside or not path else f"{path}.{part}"
    return path


def _shape(info: Any, path: Path) -> Shape:
    """Shape with the batch first; a free batch is 1."""
    dims = info.type.tensor_type.shape.dim
    sizes = [d.dim_value if d.dim_value > 0 else (1 if i == 0 else 0) for i, d in enumerate(dims)]
    if len(sizes) < 2 or 0 in sizes or prod(sizes) > MAX_INPUT_ELEMENTS:
        raise FormatError(
            f"{path}: input {info.name!r} has shape {sizes}; export with a fixed example input "
            "whose first axis is the batch"
        )
    return tuple(sizes)
