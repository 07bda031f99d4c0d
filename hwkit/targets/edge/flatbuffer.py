"""Writes a .tflite file: plain records in, the same bytes every time out.

The schema's own object API does the packing; what is added is the 16-byte alignment of buffers
that the runtimes expect and that the generated code leaves out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

from hwkit.importers.tflite.schema import packed, schema
from hwkit.ir.storage import Storage
from hwkit.ir.types import Array, Shape

__all__ = ["OFFLINE", "FileModel", "FileOperator", "FileTensor", "packed", "schema", "write"]

SCHEMA_VERSION = 3
OFFLINE, _OFFLINE_VERSION = "OfflineMemoryAllocation", 1
"""Of the metadata that holds a memory plan for TFLM."""
_TYPES = {
    "int4": "INT4",
    "int8": "INT8",
    "uint8": "UINT8",
    "int16": "INT16",
    "int32": "INT32",
    "bool": "BOOL",
    "int64": "INT64",
    "float16": "FLOAT16",
    "float32": "FLOAT32",
    "resource": "RESOURCE",
}


@dataclass(frozen=True, slots=True)
class FileTensor:
    """A tensor as the file has it: ``shape`` with the batch, ``dtype`` a numpy name, ``int4`` or
    ``resource`` (the handle of a variable).

    ``scale`` is empty (not quantized), one entry, or one for each index of ``axis``; ``data`` is
    None for activations; ``is_variable``: an operator keeps it from inference to inference.
    """

    name: str
    shape: Shape
    dtype: str
    scale: tuple[float, ...] = ()
    zero_point: int = 0
    axis: int = 0
    data: Array | None = None
    is_variable: bool = False


@dataclass(frozen=True, slots=True)
class FileOperator:
    """An operator: builtin ``code``, tensor names (None: absent), and its options table."""

    code: str
    inputs: tuple[str | None, ...]
    outputs: tuple[str, ...]
    options: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FileModel:
    """A subgraph: tensors in file order, operators in execution order; ``once`` is a second one,
    which a CALL_ONCE names by its index, 1. ``offsets``, if any, has for each tensor where it lies
    in TFLM's arena, -1 where that is TFLM's to choose."""

    name: str
    tensors: tuple[FileTensor, ...]
    operators: tuple[FileOperator, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    once: FileModel | None = None
    offsets: tuple[int, ...] = ()


def write(model: FileModel) -> bytes:
    """The file's bytes; equal models give equal bytes."""
    s = schema()
    root = s.ModelT()
    root.version = SCHEMA_VERSION
    root.description = "hwkit"
    root.buffers = [s.BufferT()]
    models = [model] if model.once is None else [model, model.once]
    codes = sorted({op.code for part in models for op in part.operators})
    root.operatorCodes = [_operator_code(s, code) for code in codes]
    root.subgraphs = [_subgraph(s, part, codes, root.buffers) for part in models]
    root.signatureDefs = [_signature(s, model)]
    if model.offsets:
        numbers = np.array([_OFFLINE_VERSION, 0, len(model.offsets), *model.offsets], np.int32)
        planned = s.MetadataT()
        planned.name, planned.buffer = OFFLINE, len(root.buffers)
        root.buffers.append(_aligned_buffer(s, numbers, "int32"))
        root.metadata = [planned]
    return packed(root)


def _signature(s: ModuleType, model: FileModel) -> Any:
    """By which runtimes and importers call inputs and outputs by name."""
    index = {tensor.name: k for k, tensor in enumerate(model.tensors)}
    signature = s.SignatureDefT()
    signature.signatureKey = "serving_default"
    signature.subgraphIndex = 0
    for names, maps in (("inputs", model.inputs), ("outputs", model.outputs)):
        entries = []
        for name in maps:
            entry = s.TensorMapT()
            entry.name, entry.tensorIndex = name, index[name]
            entries.append(entry)
        setattr(signature, names, entries)
    return signature


def _subgraph(s: ModuleType, model: FileModel, codes: list[str], buffers: list[Any]) -> Any:
    index = {tensor.name: k for k, tensor in enumerate(model.tensors)}
    graph = s.SubGraphT()
    graph.name = model.name
    graph.tensors = [_tensor(s, tensor, buffers) for tensor in model.tensors]
    graph.inputs = [index[name] for name in model.inputs]
    graph.outputs = [index[name] for name in model.outputs]
    graph.operators = [_operator(s, op, codes, index) for op in model.operators]
    return graph


def _operator_code(s: ModuleType, name: str) -> Any:
    code = s.OperatorCodeT()
    code.builtinCode = getattr(s.BuiltinOperator, name)
    # Readers from before 2020 look at the 8-bit field, newer ones take the larger of the two.
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = _VERSIONS.get(name, 1)
    return code


# The version of each op's definition that has the int8 form; 1 where there is none to tell.
_VERSIONS = {
    "ADD": 2,
    "ARG_MAX": 2,
    "AVERAGE_POOL_2D": 2,
    "CONCATENATION": 2,
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 3,
    "FULLY_CONNECTED": 4,
    "GATHER": 2,
    "MEAN": 2,
    "MUL": 2,
    "QUANTIZE": 2,
    "RELU": 2,
    "RESIZE_BILINEAR": 3,
    "RESIZE_NEAREST_NEIGHBOR": 3,
    "SUB": 2,
    "MAXIMUM": 2,
    "MAX_POOL_2D": 2,
    "MINIMUM": 2,
    "PAD": 2,
    "PADV2": 2,
    "SOFTMAX": 2,
    "STRIDED_SLICE": 2,
    "TRANSPOSE": 2,
}


def _tensor(s: ModuleType, tensor: FileTensor, buffers: list[Any]) -> Any:
    t = s.TensorT()
    t.name = tensor.name
    t.shape = list(tensor.shape)
    t.type = getattr(s.TensorType, _TYPES[tensor.dtype])
    t.hasRank = True
    if tensor.scale:
        q = s.QuantizationParametersT()
        q.scale = np.array(tensor.scale, np.float32)
        q.zeroPoint = np.full(len(tensor.scale), tensor.zero_point, np.int64)
        q.quantizedDimension = tensor.axis
        t.quantization = q
    t.buffer = 0
    t.isVariable = tensor.is_variable
    if tensor.data is not None:
        t.buffer = len(buffers)
        buffers.append(_aligned_buffer(s, tensor.data, tensor.dtype))
    return t


def _aligned_buffer(s: ModuleType, data: Array, dtype: str) -> Any:
    if dtype == "int4":
        content = Storage(4).pack(data)
    else:
        content = np.ascontiguousarray(data).astype(np.dtype(dtype).newbyteorder("<")).tobytes()

    class AlignedBuffer(s.BufferT):  # type: ignore[misc, name-defined]  # made at run time
        def Pack(self, builder: Any) -> Any:
            builder.StartVector(1, len(content), 16)
            builder.head -= len(content)
            builder.Bytes[builder.head : builder.head + len(content)] = content
            vector = builder.EndVector()
            s.BufferStart(builder)
            s.BufferAddData(builder, vector)
            return s.BufferEnd(builder)

    return AlignedBuffer()


def _operator(s: ModuleType, op: FileOperator, codes: list[str], index: dict[str, int]) -> Any:
    o = s.OperatorT()
    o.opcodeIndex = codes.index(op.code)
    o.inputs = [-1 if name is None else index[name] for name in op.inputs]
    o.outputs = [index[name] for name in op.outputs]
    if op.options:
        options = getattr(s, f"{op.options}T")()
        for key, value in op.fields.items():
            if not hasattr(options, key):
                raise AttributeError(f"{op.options} has no field {key}")
            setattr(options, key, value)
        o.builtinOptions = options
        o.builtinOptionsType = getattr(s.BuiltinOptions, op.options)
    return o
