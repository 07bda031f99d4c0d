"""Turns inner tensors of a .tflite into outputs, so that a difference can be located."""

from __future__ import annotations

from collections.abc import Sequence

from hwkit.targets.edge.flatbuffer import schema


def with_outputs(model: bytes, names: Sequence[str]) -> tuple[bytes, list[str]]:
    """The same model with those of ``names`` that it computes as its outputs, and these names.

    ``model`` must be well formed: unpacking does not check offsets.
    """
    import flatbuffers

    root = schema().ModelT.InitFromPackedBuf(model, 0)
    graph = root.subgraphs[0]
    computed = {int(index) for op in graph.operators for index in op.outputs}
    position = {
        tensor.name.decode(): index
        for index, tensor in enumerate(graph.tensors)
        if index in computed
    }
    found = [name for name in names if name in position]
    graph.outputs = [position[name] for name in found]
    root.signatureDefs = None
    builder = flatbuffers.Builder(len(model))
    builder.Finish(root.Pack(builder), b"TFL3")
    return bytes(builder.Output()), found
