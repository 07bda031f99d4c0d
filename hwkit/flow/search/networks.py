"""One network of a search: its shape on the board, before it is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hwkit.allocate.budget import Budget
from hwkit.errors import ConfigError
from hwkit.files import write_whole
from hwkit.flow.search.space import Value
from hwkit.flow.tuning.device import OnBoard, graph_of, on_board
from hwkit.flow.tuning.steps import Steps
from hwkit.ir import serialize
from hwkit.ir.feeds import random_feeds
from hwkit.record import to_json
from hwkit.target import Evidence
from hwkit.train.recipe import Recipe

_SEED = 0


@dataclass(slots=True)
class Network:
    """A network that was looked at: its ``number`` in that order, what was ``chosen``, what it
    takes on the board, whether that ``holds`` the budget, and its accuracy after each rung (0..1,
    on held-out samples; the last of integers). ``predicted_cycles`` are the sum of its blocks as
    they were measured in others, where all were."""

    number: int
    recipe: Recipe
    chosen: Mapping[str, Value]
    figures: Mapping[str, float]
    evidence: Evidence
    holds: bool
    rungs: list[float] = field(default_factory=list)
    predicted_cycles: float | None = None

    @property
    def accuracy(self) -> float:
        """The latest, 0 before any training."""
        return self.rungs[-1] if self.rungs else 0.0

    @property
    def title(self) -> str:
        return f"network {self.number}"


def costs(steps: Steps, recipe: Recipe, board: str) -> OnBoard:
    """What the shape of ``recipe`` takes on ``board``: built and measured with random weights."""
    from hwkit.train.data import shape_of
    from hwkit.train.pipeline import versions
    from hwkit.train.untrained import untrained

    shape = [to_json(recipe.blocks), to_json(recipe.quantization), list(shape_of(recipe))]

    def make(out: Path) -> None:
        write_whole(out / "model.hwk", serialize.to_bytes(untrained(recipe)))

    graph = graph_of(steps.done("untrained", [shape, versions()], make))
    feeds = random_feeds(graph, 1, _SEED)
    return on_board(steps, graph, board, feeds[graph.inputs[0]])


def check_known(figures: Mapping[str, float], budget: Budget, board: str) -> None:
    """``ConfigError`` where ``budget`` limits what ``board`` gives no figure of."""
    for key in budget.limits():
        if key not in figures:
            known = ", ".join(figures) or "nothing"
            raise ConfigError(
                f"board {board}: {key} is not known there ({known} is); limit something else"
            )


def within(figures: Mapping[str, float], budget: Budget) -> bool:
    """Whether ``figures`` hold ``budget``."""
    return all(figures[key] <= limit for key, limit in budget.limits().items())
