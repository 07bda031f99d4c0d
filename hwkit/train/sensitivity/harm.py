"""What a method of sensitivity finds, and what several of them measure it by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Row:
    """``value`` of ``layer`` at ``bits``."""

    layer: str
    bits: int
    value: float


@dataclass(frozen=True, slots=True)
class Pair:
    """What two layers do together beyond what each does by itself; may be below 0."""

    first: Row
    second: Row
    value: float


@dataclass(frozen=True, slots=True)
class Harm:
    """``title`` says how it was found and in which unit. Of a method that looks at ``pairs``, the
    rows are what each layer does by itself."""

    title: str
    rows: tuple[Row, ...]
    pairs: tuple[Pair, ...] = ()

    def layers(self) -> dict[str, dict[int, float]]:
        """By layer and width, at least 0: what each adds to a sum. Half of what a pair does counts
        for either of its layers, on average over the widths of the other."""
        found: dict[str, dict[int, float]] = {}
        shared: dict[tuple[str, int], dict[str, list[float]]] = {}
        for pair in self.pairs:
            for own, other in ((pair.first, pair.second), (pair.second, pair.first)):
                of = shared.setdefault((own.layer, own.bits), {})
                of.setdefault(other.layer, []).append(pair.value / 2)
        for row in self.rows:
            others = shared.get((row.layer, row.bits), {}).values()
            extra = sum(sum(values) / len(values) for values in others)
            found.setdefault(row.layer, {})[row.bits] = max(0.0, row.value + extra)
        return found

    def of(self, plan: Mapping[str, int]) -> float:
        """The harm of a plan of widths by layer, with its pairs."""
        total = sum(row.value for row in self.rows if plan.get(row.layer) == row.bits)
        for pair in self.pairs:
            if all(plan.get(row.layer) == row.bits for row in (pair.first, pair.second)):
                total += pair.value
        return total


def divergence(reference: Tensor, outputs: Tensor) -> float:
    """Mean over the batch of KL(softmax(reference) || softmax(outputs)), in nats, at least 0.

    Example: equal outputs give 0.
    """
    return max(0.0, float(divergences(reference, outputs)))


def divergences(reference: Tensor, outputs: Tensor) -> Tensor:
    """The same as a tensor of no dimension, that a gradient can be taken of."""
    p = torch.log_softmax(reference.double(), dim=1)
    q = torch.log_softmax(outputs.double(), dim=1)
    return (p.exp() * (p - q)).sum(dim=1).mean()
