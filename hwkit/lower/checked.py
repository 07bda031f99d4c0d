"""Runs a pass under its contract: a legal graph out, and not one integer changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from weakref import WeakKeyDictionary

import numpy as np

from hwkit.errors import BitExactnessError
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.types import Array, TensorType
from hwkit.ir.verify import verify

_GOLDEN_SAMPLES = 2
_GOLDEN_STEPS = 5
"""Of a graph with states: their samples are successive."""
_GOLDEN_SEED = 1
_COMPARED = ("name", "nodes", "tensors", "inputs", "outputs", "metadata", "states")

_results: WeakKeyDictionary[Graph, Mapping[str, Array]] = WeakKeyDictionary()
"""On golden inputs, of the graphs that are alive."""


def golden_inputs(graph: Graph, samples: int | None = None) -> dict[str, Array]:
    """Deterministic random integers over the full range of every input, batch first: two samples,
    or five steps of a graph with states."""
    if samples is None:
        samples = _GOLDEN_STEPS if graph.states else _GOLDEN_SAMPLES
    rng = np.random.default_rng(_GOLDEN_SEED)
    return {name: _random(rng, graph.tensors[name], samples) for name in graph.inputs}


def _random(rng: np.random.Generator, tensor: TensorType, samples: int) -> Array:
    dtype = tensor.dtype
    values = rng.integers(dtype.low, dtype.high + 1, (samples, *tensor.shape))
    return values.astype(dtype.container)


def apply(graph: Graph, step: Callable[[Graph], Graph]) -> Graph:
    """``step(graph)``, verified, and equal to ``graph`` on golden vectors: in its outputs
    and in what its states become.

    Raises ``GraphError`` for an illegal result and ``BitExactnessError`` (naming the output, the
    index, the integer before and after) for a changed one. A pass that has nothing to do gives
    ``graph`` itself. Not for passes that move integers on purpose, or that change the type of an
    output: those say and count it themselves.
    """
    result = verify(step(graph))
    before = _golden_results(graph)
    if _unchanged(graph, result):
        return graph
    if _takes(graph) == _takes(result):
        after = _golden_results(result)
    else:  # the type of an input is wider now
        after = run(result, golden_inputs(graph), result.results)
    for old, new in zip(graph.results, result.results, strict=True):
        first_difference(old, before[old], after[new])
    return result


def _golden_results(graph: Graph) -> Mapping[str, Array]:
    """What ``graph`` makes of its golden inputs. What comes out of one pass goes into the next, so
    they are remembered."""
    found = _results.get(graph)
    if found is None:
        found = _results[graph] = run(graph, golden_inputs(graph), graph.results)
    return found


def _takes(graph: Graph) -> tuple[object, ...]:
    """All that golden inputs depend on."""
    return (bool(graph.states), *((name, graph.tensors[name]) for name in graph.inputs))


def _unchanged(old: Graph, new: Graph) -> bool:
    """Whether a pass had nothing to do: a graph of the same parts."""
    same = all(getattr(old, name) == getattr(new, name) for name in _COMPARED)
    return (
        same
        and old.constants.keys() == new.constants.keys()
        and all(value is new.constants[name] for name, value in old.constants.items())
    )


def first_difference(name: str, expected: Array, got: Array) -> None:
    """Raises ``BitExactnessError`` at the first index where two integer arrays differ."""
    different = np.argwhere(expected.astype(np.int64) != got.astype(np.int64))
    if len(different):
        index = tuple(int(i) for i in different[0])
        raise BitExactnessError(name, index, int(expected[index]), int(got[index]))
