"""The strings of tensors that cross a link (``docs/protocol.md``): one tensor behind the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hwkit.ir.graph import Graph
from hwkit.ir.storage import WHOLE_BYTES
from hwkit.ir.types import Array


def input_strings(graph: Graph, given: Mapping[str, Array]) -> list[bytes]:
    """All inputs of each sample. Example: s8 inputs [[1]] and [[2]] give ``[b"\\x01\\x02"]``."""
    count = len(given[graph.inputs[0]])
    return [
        b"".join(WHOLE_BYTES.pack(given[n][k], graph.tensors[n].dtype) for n in graph.inputs)
        for k in range(count)
    ]


def outputs_in(graph: Graph, answers: Sequence[bytes]) -> dict[str, Array]:
    """The outputs in their strings, one for each sample: batch first, in their containers."""
    found, at = {}, 0
    for name in graph.outputs:
        tensor = graph.tensors[name]
        size = WHOLE_BYTES.bytes_of(tensor)
        parts = [WHOLE_BYTES.unpack(answer[at : at + size], tensor) for answer in answers]
        empty = np.zeros((0, *tensor.shape), tensor.dtype.container)
        found[name] = np.stack(parts) if parts else empty
        at += size
    return found
