"""The .tflite schema's own classes: what writes files, and cuts them."""

from __future__ import annotations

import struct
from types import ModuleType
from typing import Any

from hwkit.errors import FormatError, ToolMissing
from hwkit.importers.tflite.cut import FilePart


def schema() -> ModuleType:
    """The .tflite schema's Python classes; ``ToolMissing`` without ai-edge-litert."""
    try:
        from ai_edge_litert import schema_py_generated
    except ImportError:
        raise ToolMissing("ai-edge-litert", "pip install 'hwkit[edge]'") from None
    module: ModuleType = schema_py_generated
    return module


def packed(root: Any) -> bytes:
    """The file's bytes for a ``ModelT`` of the schema."""
    import flatbuffers  # comes with the schema's package

    builder = flatbuffers.Builder(1024)
    builder.Finish(root.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def part_bytes(model: bytes, part: FilePart) -> bytes:
    """``part`` of a model as a file of its own: its operators between its borders; tensors keep
    their indices, and what nothing reads any more loses its bytes."""
    try:
        root = schema().ModelT.InitFromPackedBuf(model, 0)
        graph = root.subgraphs[0]
        graph.operators = [graph.operators[k] for k in part.operators]
        graph.inputs, graph.outputs = list(part.inputs), list(part.outputs)
        used = {int(k) for op in graph.operators for k in (*op.inputs, *op.outputs)}
        needed = {graph.tensors[k].buffer for k in used if k >= 0}
        for other in root.subgraphs[1:]:
            needed |= {tensor.buffer for tensor in other.tensors}
        for index, tensor in enumerate(graph.tensors):
            if index not in used and tensor.buffer not in needed:
                tensor.buffer = 0
        for number, buffer in enumerate(root.buffers):
            if number not in needed:
                buffer.data = None
    except (struct.error, IndexError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(f"a .tflite whose tables cannot be read ({error})") from error
    root.signatureDefs = None
    root.metadata = None
    root.metadataBuffer = None
    return packed(root)
