"""QuantMCU's patch classes, by the interpreter: which patches hold outliers, and what comes out
where these alone keep 8 bits.

No firmware takes such a branch: both branches are computed on the whole image here, and each patch
of the stage's result is taken from its own, which is what tiles would compute. The result itself
keeps 8 bits, as both branches write it. Halos that patches compute twice are not counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from hwkit.ir.counts import bitops
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import Interpreter, run
from hwkit.ir.types import Array
from hwkit.lower.fuse_requantize import fuse_requantize
from hwkit.lower.narrow.vdpc import PHI, ordinary, outlying, parts

_BATCH = 100


@dataclass(frozen=True, slots=True)
class Classed:
    """``accuracy`` in percent, the ``share`` of patches that keep 8 bits, and the mean BitOPs of an
    image."""

    accuracy: float
    share: float
    bitops: int


def classed(
    eight: Graph, narrow: Graph, result: str, count: int, calibration: Array, x: Array, y: Array,
    phi: float = PHI,
) -> Classed:  # fmt: skip
    """The layers up to ``result`` in ``count`` by ``count`` patches, in ``eight`` where their part
    of the image holds outliers, else in ``narrow``; the layers behind it in ``narrow``."""
    eight = fuse_requantize(eight)
    (source,), (output,) = narrow.inputs, narrow.outputs
    dtype = narrow.tensors[source].dtype
    counts = np.bincount(calibration.astype(np.int64).ravel() - dtype.low, minlength=256)
    bounds = ordinary(counts, dtype, phi)
    right, outliers, rest = 0, 0, behind(narrow, result)
    for k in range(0, len(x), _BATCH):
        images = x[k : k + _BATCH]
        classes = outlying(images, count, bounds)
        wide, merged = (
            Interpreter(graph).tensors({source: images}, (result,))[result]
            for graph in (eight, narrow)
        )
        merged = merged.copy()
        for at, row, column in _patches(merged, count):
            chosen = classes[:, *at]
            merged[chosen, row, column] = wide[chosen, row, column]
        scores = run(rest, {result: merged})[output].reshape(len(images), -1)
        right += int(np.sum(scores.argmax(1) == y[k : k + _BATCH]))
        outliers += int(classes.sum())
    share = outliers / (len(x) * count * count)
    stage = [bitops(graph) - bitops(behind(graph, result)) for graph in (eight, narrow)]
    mean = share * stage[0] + (1 - share) * stage[1] + bitops(rest)
    return Classed(100 * right / len(x), share, round(mean))


def behind(graph: Graph, name: str) -> Graph:
    """The layers after the one that makes ``name``, which becomes the input."""
    k = next(k for k, op in enumerate(graph.nodes) if op.output == name)
    return replace(graph, nodes=graph.nodes[k + 1 :], inputs=(name,))


def _patches(maps: Array, count: int) -> Iterator[tuple[tuple[int, int], slice, slice]]:
    for i, row in enumerate(parts(maps.shape[1], count)):
        for j, column in enumerate(parts(maps.shape[2], count)):
            yield (i, j), row, column
