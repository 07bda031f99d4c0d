"""What a network's maps hold on calibration data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from hwkit.errors import ConfigError
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import Interpreter
from hwkit.ir.types import Array
from hwkit.lower.narrow.sites import Site

_SAMPLES = 32
"""That are run at a time: their maps are all kept until they are counted."""


def histograms(graph: Graph, found: Iterable[Site], feeds: Mapping[str, Array]) -> dict[str, Array]:
    """By site, how often each integer of its type was seen: (levels,) int64, ascending.

    ``feeds`` as for the interpreter, first axis the batch. ``ConfigError`` for an empty batch.
    """
    found = tuple(found)
    samples = min((len(value) for value in feeds.values()), default=0)
    if not samples:
        raise ConfigError("calibration: there are no samples; give a few hundred real inputs")
    interpreter = Interpreter(graph)
    names = tuple(name for site in found for name in site.tensors)
    counts = {site.name: np.zeros(site.dtype.high - site.dtype.low + 1, np.int64) for site in found}
    for start in range(0, samples, _SAMPLES):
        chunk = {name: value[start : start + _SAMPLES] for name, value in feeds.items()}
        seen = interpreter.tensors(chunk, names)
        for site in found:
            for name in site.tensors:
                levels = seen[name].astype(np.int64).ravel() - site.dtype.low
                counts[site.name] += np.bincount(levels, minlength=len(counts[site.name]))
    return counts
