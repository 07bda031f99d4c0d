"""Where the time of each layer goes on a board, and what would help."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from hwkit.boards import Optimize
from hwkit.errors import ConfigError
from hwkit.flow.build import lower
from hwkit.ir.graph import Graph
from hwkit.target import Account, Explains, Explanation


def explain(graph: Graph, board: str, optimize: Optimize | None = None) -> Explanation:
    """The account of every layer of ``graph`` as ``hwkit deploy`` builds it for ``board``.

    ``ConfigError`` for a board that has no kernels to choose from, and where nothing can be
    measured. Example: ``explain(graph, "virtual_m4").layers[0].per_mac``.
    """
    target, lowered = lower(graph, board, optimize=optimize)
    if not isinstance(target, Explains):
        raise ConfigError(
            f"board {board}: its layers are not told apart; choose a microcontroller, or see "
            "'hwkit profile'"
        )
    return target.explain(lowered)


def to_json(found: Explanation) -> dict[str, Any]:
    """``board`` that measured, ``unit``, ``layers``: each with ``per_mac`` beside
    ``best_per_mac`` and the ``changes`` that would help, ``saves`` in that unit. ``estimated``
    has what is no count of that board: ``flash_wait_cycles`` by layer, None where unknown."""
    return {
        "board": found.board,
        "evidence": "simulated",
        "unit": found.unit,
        "layers": [_layer(of) for of in found.layers],
        "total": {
            "macs": sum(of.macs for of in found.layers),
            "time": sum(of.time for of in found.layers),
        },
        "estimated": {"flash_wait_cycles": [of.flash_wait for of in found.layers]},
    }


def _layer(of: Account) -> dict[str, Any]:
    told = asdict(of) | {"per_mac": of.per_mac}
    del told["flash_wait"]
    return told
