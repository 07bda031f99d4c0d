"""States that the host keeps, for targets whose artifact has them as inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from hwkit.ir.graph import Graph
from hwkit.ir.types import Array


@dataclass(slots=True)
class KeptStates:
    """What every state of ``graph`` holds between two calls.

    Example: of a graph whose state ``s`` becomes ``t``, ``feeds(1)`` is ``{"s": [initial]}``;
    after ``keep({"t": [[3]]})`` it is ``{"s": [[3]]}``, and after ``reset()`` the first again.
    """

    graph: Graph
    _held: dict[str, Array] = field(init=False)

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Every state has its initial value."""
        self._held = {s.tensor: self.graph.constants[s.initial] for s in self.graph.states}

    def feeds(self, samples: int) -> dict[str, Array]:
        """Each state's tensor as an input, (samples, *shape): the value that it holds, for the
        first sample; the steps behind it take theirs from each other."""
        return {
            name: np.broadcast_to(value, (samples, *value.shape))
            for name, value in self._held.items()
        }

    def keep(self, found: Mapping[str, Array]) -> None:
        """Takes the states from the last sample of their next values, (samples, *shape) by name;
        none where there are no samples."""
        last = {s.tensor: found[s.update][-1:] for s in self.graph.states}
        self._held |= {name: value[0] for name, value in last.items() if len(value)}
