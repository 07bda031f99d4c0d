"""Successive halving with several objectives: who goes on to the next, longer training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Protocol

from hwkit.flow.search.space import Effort


class Compared(Protocol):
    """What is known of a network: accuracy so far (0..1), and costs."""

    @property
    def accuracy(self) -> float: ...
    @property
    def figures(self) -> Mapping[str, float]: ...


def shares(effort: Effort) -> list[float]:
    """The share of the recipe's epochs in each rung, shortest first; the last is 1."""
    return [effort.halving**-k for k in reversed(range(effort.rungs))]


def count_after(count: int, effort: Effort) -> int:
    """How many of ``count`` go on, at least one. Example: 2 of 6 where one in 3 does."""
    return max(1, ceil(count / effort.halving))


def beats(one: Compared, other: Compared, resources: Sequence[str]) -> bool:
    """Whether ``one`` is nowhere worse than ``other``, and somewhere better."""
    pairs = [(-one.accuracy, -other.accuracy)]
    pairs += [(one.figures[key], other.figures[key]) for key in resources]
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


def front(
    networks: Sequence[int], known: Mapping[int, Compared], resources: Sequence[str]
) -> list[int]:
    """Those of ``networks`` that no other beats, in their order."""
    return [
        n
        for n in networks
        if not any(beats(known[m], known[n], resources) for m in networks if m != n)
    ]


def promoted(
    networks: Sequence[int], known: Mapping[int, Compared], resources: Sequence[str], count: int
) -> list[int]:
    """The ``count`` networks that go on: those that nothing beats, the most accurate first; then
    those that only these beat, and so on."""
    left, chosen = list(networks), list[int]()
    while left and len(chosen) < count:
        best = front(left, known, resources)
        chosen += sorted(best, key=lambda n: (-known[n].accuracy, n))
        left = [n for n in left if n not in best]
    return chosen[:count]
