"""The cost table of a network on a board: every layer at every width, built and run there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hwkit.allocate.cost import CostRow, CostTable, FixedCost
from hwkit.errors import ConfigError
from hwkit.flow import boundary
from hwkit.flow.build import artifact_for
from hwkit.flow.profiling import WARM_UP
from hwkit.flow.training import Say
from hwkit.flow.verify import random_inputs
from hwkit.ir.counts import weight_bits, weight_bytes
from hwkit.ir.graph import Graph
from hwkit.lower.narrow_weights import narrow_weights
from hwkit.profile.campaign import profile_json

WIDTHS = (8, 4)
"""Weight widths that the kernels store: 8 bits, and 4 packed two to a byte."""

_REPEATS = 3


@dataclass(frozen=True, slots=True)
class _Taken:
    """One build on the board: its profile, and the flash and RAM it takes."""

    profile: dict[str, Any]
    flash_bytes: int
    ram_bytes: int | None

    def layer(self, name: str) -> dict[str, Any]:
        return next(row for row in self.profile["layers"] if row["name"] == name)


def measure(graph: Graph, board: str, say: Say, widths: tuple[int, ...] = WIDTHS) -> CostTable:
    """Costs of each layer of ``graph`` with weights, at the width it has and at narrower
    ``widths``, on ``board``.

    Each figure is taken in the whole network with that one layer narrowed: neighbours, caches and
    alignment are as they will be. A layer's flash at a narrower width is its packed size plus what
    the image really grew or shrank by, so that code is in it. Raises ``ConfigError`` on a board
    that gives neither cycles nor time per layer.
    """
    layers = {op.name: bits for op in graph.nodes if (bits := weight_bits(graph, op)) is not None}
    sizes = {op.name: weight_bytes(graph, op) for op in graph.nodes if op.name in layers}
    base = _take(graph, board)
    if not any(row["name"] in layers for row in base.profile["layers"]):
        raise ConfigError(f"board {board}: gives no figure per layer; allocate on another board")
    rows = []
    for done, (name, bits) in enumerate(layers.items(), 1):
        rows.append(_row(name, bits, sizes[name], base))
        for width in sorted((w for w in widths if w < bits), reverse=True):
            taken = _take(narrow_weights(graph, {name: width}), board)
            grown = taken.flash_bytes - base.flash_bytes
            rows.append(_row(name, width, max(0, sizes[name] + grown), taken))
        say(f"cost table: layer {done}/{len(layers)}")
    others = [row for row in base.profile["layers"] if row["name"] not in layers]
    return CostTable(
        board=board,
        rows=tuple(rows),
        fixed=FixedCost(
            flash_bytes=base.flash_bytes - sum(sizes.values()),
            cycles=sum(row["cycles"] or 0 for row in others),
            us=sum(row["us"] or 0.0 for row in others),
        ),
        clock_hz=base.profile["clock_hz"],
    )


def _take(graph: Graph, board: str) -> _Taken:
    target, artifact = artifact_for(graph, board, None)
    x = boundary.enter(graph, artifact.lowered.graph, random_inputs(graph, 1, 0))
    profile = profile_json(artifact.board, target.profile(artifact, x, _REPEATS), WARM_UP)
    flash = artifact.facts.get("flash_bytes")
    if flash is None:
        raise ConfigError(f"board {board}: has no flash figure; allocate on another board")
    return _Taken(profile, flash, artifact.facts.get("ram_bytes"))


def _row(name: str, bits: int, size: int, taken: _Taken) -> CostRow:
    figures = taken.layer(name)
    return CostRow(
        layer=name,
        bits=bits,
        weight_bytes=size,
        cycles=figures["cycles"],
        us=figures["us"],
        sram_bytes=taken.ram_bytes,
        evidence=taken.profile["evidence"],
        board=taken.profile["board"],
    )
