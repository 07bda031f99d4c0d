"""Ranges of activations from histograms: extremes, percentiles, least squares, divergence.

Krishnamoorthi (1806.08342) for the first two; least squares over the clipping range as in Nagel et
al. (2106.08295), section 3.1; the divergence of Migacz (TensorRT, GTC 2017), here with the whole
range scaled, both ends alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, fx

from hwkit.ir.types import Array
from hwkit.train.ptq.trace import Network
from hwkit.train.ptq.twin import Grid, Site

BINS = 2048
PERCENTILE = 99.99
"""Share of the values that stay inside, both ends alike."""

_SHRINK = np.linspace(1.0, 0.2, 65)
"""Ranges that least squares and divergence try, as parts of the whole one."""

_NEAR = np.linspace(0.85, 1.15, 31)
"""Beside those, as parts of the best of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """``counts`` float64 in BINS bins of equal width from ``low`` to ``high``, which hold 0."""

    low: float
    high: float
    counts: Array

    @property
    def centers(self) -> Array:
        """Middles of the bins."""
        width = (self.high - self.low) / BINS
        return self.low + width * (np.arange(BINS) + 0.5)


class _Watch(fx.Interpreter):
    """Runs a network and shows what single nodes give."""

    def __init__(self, network: Network, seen: Mapping[str, Callable[[Tensor], None]]) -> None:
        super().__init__(network)
        self.seen = seen

    def run_node(self, n: fx.Node) -> object:
        value = super().run_node(n)
        if n.name in self.seen:
            self.seen[n.name](value)
        return value


def watch(
    network: Network, batches: tuple[Tensor, ...], seen: Mapping[str, Callable[[Tensor], None]]
) -> None:
    """Calls ``seen[node name]`` with the node's values for each batch."""
    watcher = _Watch(network, seen)
    with torch.no_grad():
        for batch in batches:
            watcher.run(batch)


def observe(
    network: Network, sites: tuple[Site, ...], batches: tuple[Tensor, ...]
) -> dict[str, Histogram]:
    """A histogram of the float values at each site, by its path."""
    ends: dict[str, list[float]] = {s.node: [0.0, 0.0] for s in sites}

    def extend(name: str) -> Callable[[Tensor], None]:
        def see(x: Tensor) -> None:
            low, high = torch.aminmax(x)
            ends[name] = [min(ends[name][0], float(low)), max(ends[name][1], float(high))]

        return see

    watch(network, batches, {name: extend(name) for name in ends})
    counts = {name: torch.zeros(BINS) for name in ends}

    def count(name: str) -> Callable[[Tensor], None]:
        low, high = ends[name]

        def see(x: Tensor) -> None:
            counts[name] += torch.histc(x, BINS, low, high if high > low else low + 1.0)

        return see

    watch(network, batches, {name: count(name) for name in ends})
    return {s.path: Histogram(*_ends(ends[s.node]), counts[s.node].double().numpy()) for s in sites}


def _ends(pair: list[float]) -> tuple[float, float]:
    low, high = pair
    return (low, high) if high > low else (low, low + 1.0)


@dataclass(frozen=True, slots=True)
class Style:
    """What grids are like: ``symmetric`` ones have zero point 0 (unsigned where no value is
    negative), ``dyadic`` ones a power of two as scale, which implies the former."""

    symmetric: bool = False
    dyadic: bool = False


def grid(low: float, high: float, bits: int, style: Style) -> Grid:
    """The grid of ``bits`` that reaches from ``low`` to ``high``, 0 being one of its values.

    Example: -1.0 to 1.55 in 8 bits is scale 0.01, zero point 100.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    levels = (1 << bits) - 1
    signed = (style.symmetric or style.dyadic) and low < 0
    if signed:
        scale = max(-low / (1 << bits - 1), high / ((1 << bits - 1) - 1))
    else:
        scale = (high - low) / levels
    scale = max(scale, 1e-10)
    if style.dyadic:
        scale = float(2.0 ** np.ceil(np.log2(scale) - 1e-6))
    zero_point = 0 if signed else int(np.clip(np.rint(-low / scale), 0, levels))
    return Grid(scale, zero_point, bits, signed)


def rounded(values: Array, g: Grid) -> Array:
    """``values`` on the grid, as reals."""
    low = -(1 << g.bits - 1) if g.signed else 0
    integers = np.clip(np.rint(values / g.scale) + g.zero_point, low, low + (1 << g.bits) - 1)
    return g.scale * (integers - g.zero_point)


def extremes(h: Histogram, bits: int, style: Style) -> Grid:
    """From the smallest to the largest value."""
    return grid(h.low, h.high, bits, style)


def percentile(h: Histogram, bits: int, style: Style) -> Grid:
    """What holds PERCENTILE of the values."""
    share = np.cumsum(h.counts) / max(h.counts.sum(), 1)
    outside = (1 - PERCENTILE / 100) / 2
    first = int(np.searchsorted(share, outside))
    last = min(int(np.searchsorted(share, 1 - outside)), BINS - 1)
    edges = np.linspace(h.low, h.high, BINS + 1)
    return grid(float(edges[first]), float(edges[last + 1]), bits, style)


def least_squares(h: Histogram, bits: int, style: Style) -> Grid:
    """The range of least mean squared error; ends are moved together, then each alone, at last in
    finer steps."""
    centers, weights = h.centers, h.counts

    def loss(low: float, high: float) -> float:
        return float(((centers - rounded(centers, grid(low, high, bits, style))) ** 2) @ weights)

    both = min(_SHRINK, key=lambda r: loss(r * h.low, r * h.high))
    low, high = both * h.low, both * h.high
    for _ in range(2):
        high = min((r * h.high for r in _SHRINK), key=lambda v: loss(low, v))
        low = min((r * h.low for r in _SHRINK), key=lambda v: loss(v, high))
    high = min((r * high for r in _NEAR), key=lambda v: loss(low, v))
    low = min((r * low for r in _NEAR), key=lambda v: loss(v, high))
    return grid(low, high, bits, style)


def divergence(h: Histogram, bits: int, style: Style) -> Grid:
    """The range whose values, clipped and rounded, are distributed most like the original ones.

    Counts beyond the range are added to its ends; the divergence is that of Kullback and Leibler
    between them and the same counts spread evenly over the bins of each step.
    """
    centers, best = h.centers, (np.inf, extremes(h, bits, style))
    for r in _SHRINK:
        g = grid(r * h.low, r * h.high, bits, style)
        inside = (centers >= g.low - g.scale / 2) & (centers <= g.high + g.scale / 2)
        if not inside.any():
            continue
        p = np.where(inside, h.counts, 0.0)
        at = np.flatnonzero(inside)
        p[at[0]] += h.counts[: at[0]].sum()
        p[at[-1]] += h.counts[at[-1] + 1 :].sum()
        steps = np.rint(rounded(centers, g) / g.scale).astype(int)
        steps -= steps.min()
        filled = inside & (h.counts > 0)
        mass = np.bincount(steps, np.where(inside, h.counts, 0.0))
        taken = np.bincount(steps, filled.astype(float))
        q = np.where(filled, mass[steps] / np.maximum(taken[steps], 1), 0.0)
        best = min(best, (_divergence(p, q), g), key=lambda pair: pair[0])
    return best[1]


def _divergence(p: Array, q: Array) -> float:
    p, q = p / max(p.sum(), 1e-12), q / max(q.sum(), 1e-12)
    seen = p > 0
    return float((p[seen] * np.log(p[seen] / np.maximum(q[seen], 1e-12))).sum())


RANGES: Mapping[str, Callable[[Histogram, int, Style], Grid]] = {
    "minmax": extremes,
    "percentile": percentile,
    "mse": least_squares,
    "kl": divergence,
}
"""The ways to choose a range, by the name that the command line has for each."""
