"""A .tflite with inner tensors as its outputs."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from hwkit.errors import FormatError
from hwkit.targets.edge.flatbuffer import OFFLINE, packed, schema


def with_outputs(model: bytes, names: Sequence[str]) -> tuple[bytes, list[str]]:
    """The same model with those of ``names`` that it computes as its outputs, and these names.

    ``FormatError`` for what cannot be read. Example: of a convolution and a pool, ``["conv"]``
    leaves a model that runs both and gives what is between.
    """
    try:
        root = schema().ModelT.InitFromPackedBuf(model, 0)
        graph = root.subgraphs[0]
        computed = {int(index) for op in graph.operators for index in op.outputs}
        position = {graph.tensors[index].name.decode(): index for index in sorted(computed)}
    except (struct.error, IndexError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(f"a .tflite whose tables cannot be read ({error})") from error
    found = [name for name in names if name in position]
    graph.outputs = [position[name] for name in found]
    root.signatureDefs = None
    # A plan in the file takes it that nobody looks at what is between.
    kept = [one for one in root.metadata or [] if one.name != OFFLINE.encode()]
    root.metadata = kept or None
    return packed(root), found
