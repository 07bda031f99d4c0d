"""What the interpreter says: the numbers that the device must print, and how good they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hwkit.flow.mlperf.samples import File, integers
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.types import Array
from hwkit.targets.mcu.package.networks import Network, results_of

_DECIMALS = 3
_FINE_DECIMALS, _FINE_SCALE = 6, 1 / 512
_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Quality:
    """``top1`` in percent (null for an autoencoder, which has no classes), ``auc`` the area under
    the curve, of several classes the mean of each against the rest; null where a class is
    missing."""

    top1: float | None
    auc: float | None


def answers(network: Network, graph: Graph, samples: Sequence[bytes]) -> list[tuple[float, ...]]:
    """The numbers of ``m-results-[...]`` for each sample, by the interpreter on the lowered
    ``graph``."""
    found: list[tuple[float, ...]] = []
    for first in range(0, len(samples), _AT_ONCE):
        part = samples[first : first + _AT_ONCE]
        x = integers(network, graph, part)
        y = run(graph, {graph.inputs[0]: x})[graph.outputs[0]].reshape(len(part), -1)
        found += [_printed(network, graph, *pair) for pair in zip(y, part, strict=True)]
    return found


def _printed(network: Network, graph: Graph, y: Array, sample: bytes) -> tuple[float, ...]:
    kind = results_of(graph, network)
    if kind == "scores":
        whole = y.astype(np.int64)
        return tuple(map(float, whole - whole.min() + 1))
    known = graph.tensors[graph.outputs[0]].quantization
    assert known is not None  # or they were scores, or refused
    scale = np.float32(known.scale[0])
    reals = (y.astype(np.int32) - known.zero_point).astype(np.float32) * scale
    if kind == "probabilities":
        decimals = _DECIMALS if known.scale[0] >= _FINE_SCALE else _FINE_DECIMALS
        return tuple(float(f"{float(value):.{decimals}f}") for value in reals)
    squares = (reals - np.frombuffer(sample, "<f4")) ** 2
    # One after the other, as the device adds.
    mean = np.add.accumulate(squares, dtype=np.float32)[-1] / np.float32(len(squares))
    return (float(f"{float(mean):.{_DECIMALS}f}"),)


def quality(
    network: Network, files: Sequence[File], told: Mapping[str, Sequence[Sequence[float]]]
) -> Quality:
    """How good the numbers ``told`` of each file's windows are, reckoned as the runner does: shares
    of their sum, the mean over windows, the largest wins."""
    labels = np.array([file.label for file in files])
    means = np.array([np.mean([_shares(one) for one in told[file.name]], axis=0) for file in files])
    if network.autoencodes:
        return Quality(None, _area(labels == 1, means[:, 0]))
    top1 = 100.0 * float(np.mean(np.argmax(means, axis=1) == labels))
    kinds = [1] if network.outputs == 2 else range(network.outputs)
    areas = [_area(labels == kind, means[:, kind]) for kind in kinds]
    known = [area for area in areas if area is not None]
    return Quality(top1, float(np.mean(known)) if len(known) == len(areas) else None)


def _shares(values: Sequence[float]) -> Array:
    array = np.array(values)
    return array if len(array) == 1 else array / array.sum()


def _area(positive: Array, scores: Array) -> float | None:
    """Share of pairs of a positive and a negative whose scores are in order, ties half: the area
    under the receiver's curve (Hanley and McNeil, Radiology 143, 1982). None without such pairs."""
    yes, no = np.sort(scores[positive]), np.sort(scores[~positive])
    if not len(yes) or not len(no):
        return None
    below = np.searchsorted(no, yes, "left") + np.searchsorted(no, yes, "right")
    return float(below.sum() / (2.0 * len(yes) * len(no)))
