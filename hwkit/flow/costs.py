"""The shared cost table in a profile: what was known before, and what is kept for the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Unpack

from hwkit.errors import ConfigError
from hwkit.flow.build import lower
from hwkit.flow.shape import Shape
from hwkit.ir.graph import Graph
from hwkit.profile.book import CostBook, layer_costs
from hwkit.profile.measurement import Figures, Measurement
from hwkit.profile.nearest import nearest as from_nearest
from hwkit.profile.prediction import Figure, Prediction
from hwkit.profile.store.costs import LayerCost
from hwkit.target import CostKey, KeysCosts, Lowered, PredictsCycles, Target


def keys_of(target: Target[Any], lowered: Lowered[Any]) -> Mapping[str, CostKey]:
    """By layer; none where the target's layers have no cost of their own."""
    return target.cost_keys(lowered) if isinstance(target, KeysCosts) else {}


def with_prediction(
    taken: Measurement,
    target: Target[Any],
    lowered: Lowered[Any],
    book: CostBook,
    nearest: bool = False,
) -> Measurement:
    """``taken`` beside what was known before it, whose layers ``book`` knows after it.

    Where the whole was timed apart from its layers, layers that nobody had measured count as they
    were measured now; where it is their sum they don't, or it would predict itself.
    """
    if isinstance(target, PredictsCycles):
        value = target.predicted_cycles(lowered)
        measured = (taken.whole or taken.total).cycles
        return replace(taken, prediction=Prediction("timing model", "cycles", value, measured))
    keys = keys_of(target, lowered)
    if not keys:
        return taken
    before = book.known(keys.values())
    rows = [*taken.layers, *([] if taken.call is None else [taken.call])]
    new = layer_costs(
        taken.board, taken.evidence, taken.model, rows, keys, taken.repeats, taken.drift
    )
    table = before
    if taken.whole is not None:
        table = {cost.key.digest: cost for cost in new} | before
    figure: Figure = "us" if taken.total.cycles is None else "cycles"
    whole: Figures = taken.whole or taken.total
    found = _sum(keys, table, figure, book.all() if nearest else ())
    names = [layer.name for layer in taken.layers]
    if any(name not in keys and _takes_time(taken, name) for name in names):
        found = replace(found, value=None, low=None, high=None)
    measured = whole.us if figure == "us" else whole.cycles
    known = sum(key.digest in before for key in keys.values())
    book.keep(new)
    return replace(taken, prediction=replace(found, measured=measured, known=known))


def _takes_time(taken: Measurement, name: str) -> bool:
    return any(row.name == name and (row.cycles or row.us) for row in taken.layers)


def predicted(
    graph: Graph,
    board: str,
    book: CostBook | None = None,
    nearest: bool = False,
    **shape: Unpack[Shape],
) -> Prediction:
    """What an inference of ``graph`` takes on ``board`` by the cost table alone: nothing is built
    and nothing runs, but for choosing kernels on a microcontroller. ``value`` is None while the
    table lacks a layer that ``nearest`` (if asked for) finds no neighbour of.

    ``ConfigError`` where layers have no cost of their own. Example: ``predicted(graph,
    "host_litert", nearest=True).value`` in microseconds.
    """
    target, lowered = lower(graph, board, **shape)
    if isinstance(target, PredictsCycles):
        return Prediction("timing model", "cycles", target.predicted_cycles(lowered))
    keys = keys_of(target, lowered)
    if not keys:
        raise ConfigError(
            f"board {board}: its layers have no cost of their own; take a microcontroller or "
            "host_litert"
        )
    book = book or CostBook()
    table = book.known(keys.values())
    figure: Figure = "cycles" if lowered.board.mcu is not None else "us"
    return _sum(keys, table, figure, book.all() if nearest else ())


def _sum(
    keys: Mapping[str, CostKey],
    table: Mapping[str, LayerCost],
    figure: Figure,
    neighbours: Sequence[LayerCost],
) -> Prediction:
    """The layers' figures added up."""
    value, low, high = 0.0, 0.0, 0.0
    whole_interval, complete, near, errors = True, True, 0, list[float | None]()
    models = set()
    for key in keys.values():
        cost = table.get(key.digest)
        took = None if cost is None else cost.figure(figure)
        if cost is None or took is None:
            found = from_nearest(key, neighbours, figure)
            if found is None:
                complete = False
                continue
            near, took, whole_interval = near + 1, found.value, False
            errors.append(found.error)
            models.add(found.like.model)
        else:
            models.add(cost.model)
            of = cost.spread.get(figure)
            if of is None or of.low is None or of.high is None:
                whole_interval = False
            else:
                low, high = low + of.low, high + of.high
        value += took
    known = sum(key.digest in table for key in keys.values())
    told = [error for error in errors if error is not None]
    return Prediction(
        "costs",
        figure,
        (int(value) if value == int(value) else round(value, 3)) if complete else None,
        layers=len(keys),
        known=known,
        low=round(low, 3) if whole_interval and complete else None,
        high=round(high, 3) if whole_interval and complete else None,
        nearest=near,
        nearest_error=max(told) if errors and len(told) == len(errors) else None,
        models=tuple(sorted(models)),
    )
