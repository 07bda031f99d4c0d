"""States that a file has as inputs and outputs, as commands name them: IN=OUT."""

from __future__ import annotations

from collections.abc import Sequence

from hwkit.errors import ConfigError
from hwkit.flow.whole import whole_of
from hwkit.ir.graph import Graph
from hwkit.lower.states_inside import states_inside


def pairs_of(texts: Sequence[str]) -> dict[str, str]:
    """Inputs with the outputs that they become; ``ConfigError`` for a text that is no pair.

    Example: ``["h=h_next"]`` is ``{"h": "h_next"}``.
    """
    pairs = dict[str, str]()
    for text in texts:
        name, sign, update = text.partition("=")
        if not (name and sign and update) or name in pairs or update in pairs.values():
            raise ConfigError(f"--carry {text!r:.80}: not IN=OUT, or there already; name each once")
        pairs[name] = update
    return pairs


def carried(graph: Graph, texts: Sequence[str]) -> Graph:
    """``graph`` with the inputs and outputs that ``texts`` name as states."""
    pairs = pairs_of(texts)
    if not pairs:
        return graph
    if whole_of(graph) is not None:
        raise ConfigError(f"--carry: {graph.name} has float parts, which keep no states; leave it")
    return states_inside(graph, pairs)
