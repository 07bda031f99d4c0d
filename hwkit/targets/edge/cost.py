"""What layers take in a runtime at each weight width: each in a file of its own, measured once.

A host is noisy: all layers take turns until the interval of each one's median is within 2 % of it,
call included, at most 1,024 times (``profile.until``). A call of the runtime is measured once more
behind them; where it takes another time then, by more than that, all of them are measured again,
and the drift that was left stands beside each figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from hwkit.allocate.cost import CostRow, CostTable, FixedCost
from hwkit.boards import Board, EdgeBoard
from hwkit.errors import ConfigError
from hwkit.ir.graph import Graph
from hwkit.ir.layer_kind import layer_kind
from hwkit.ir.traits import Weighted
from hwkit.lower.weight_bits import weighted_layers, with_weight_bits
from hwkit.profile.book import CostBook
from hwkit.profile.commit import source_commit
from hwkit.profile.statistics import median, spread
from hwkit.profile.store.costs import LayerCost
from hwkit.profile.until import Draw, Drift, Effort, in_turns
from hwkit.target import CALL_NAME, CostKey, Lowered
from hwkit.targets.edge.build import edge_section
from hwkit.targets.edge.emit import MODEL, emit
from hwkit.targets.edge.loaded import load, runtime_called
from hwkit.targets.edge.lower import lower
from hwkit.targets.edge.original import EdgePlan, OriginalFile
from hwkit.targets.edge.supervised import shared_child
from hwkit.targets.edge.timing import call_times, random_inputs, timed_parts

EFFORT = Effort(within=0.02, least=16, most=1024)
WARM_UP = 5
_TIMES = 2
"""How often layers are measured at most where the machine drifts."""


def cost_keys(lowered: Lowered[EdgePlan]) -> dict[str, CostKey]:
    """Of all layers and of a call of the runtime (``CALL_NAME``); none where the runtime's layers
    are not timed alone, or the file is not hwkit's own."""
    board = edge_section(lowered.board)
    if not runtime_called(board.runtime).times_layers or isinstance(lowered.plan, OriginalFile):
        return {}
    build = _build(board)
    found = {}
    for (*before, op), _ in timed_parts(lowered.graph, board):
        kind = layer_kind(lowered.graph, op)
        if before:
            kind["behind"] = [layer_kind(lowered.graph, other) for other in before]
        found[op.name] = CostKey(kind, build)
    call = {"op": "Call", "inputs": [], "constants": [], "output": "s8[1]", "macs": 0}
    return found | {CALL_NAME: CostKey(call, build)}


def _build(board: EdgeBoard) -> dict[str, object]:
    """The runtime, and the machine that it computes on."""
    package = runtime_called(board.runtime).package
    request = {"do": "about", "runtime": board.runtime, "package": package}
    about = shared_child(board.runtime, board).ask(request, b"")[0]["about"]
    facts = {name: about[name] for name in ("version", "host", "cpus")}
    return {"runtime": board.runtime, "threads": board.threads, **facts}


def measure_costs(
    graph: Graph,
    board: Board,
    widths: Sequence[int],
    maps: Sequence[int] = (),
    book: CostBook | None = None,
    effort: Effort = EFFORT,
) -> CostTable:
    """A row for each layer with weights and each of ``widths`` (1..8 bits): microseconds beyond a
    call, and bytes of its weights in the file. ``fixed`` has the call, the other layers and the
    rest of the file.

    ``ConfigError`` for a graph without weights, for ``maps`` (all take a byte an integer) and for a
    runtime whose layers cannot be timed. Example: widths (8, 4) of two layers give four rows.
    """
    if not weighted_layers(graph):
        raise ConfigError(f"{graph.name}: no layer has weights, so no width can be chosen")
    if any(bits != 8 for bits in maps):
        raise ConfigError(
            f"board {board.name}: every map takes a byte an integer there; leave activations out"
        )
    if not runtime_called(edge_section(board).runtime).times_layers:
        raise ConfigError(
            f"board {board.name}: its runtime times no layers; allocate on host_litert"
        )
    stored = {bits: 4 if bits <= 4 else 8 for bits in widths}
    measured = {w: _measured(graph, board, w, book, effort) for w in sorted({*stored.values()})}
    widest = measured[max(measured)]
    layers = weighted_layers(graph)
    rows = [
        measured[w].row(board.name, name, bits, layers)
        for bits, w in stored.items()
        for name in layers
    ]
    widest_rows = [widest.row(board.name, name, 8, layers) for name in layers]
    fixed = FixedCost(
        flash_bytes=widest.file_bytes - sum(row.weight_bytes for row in widest_rows),
        us=sum(cost.us or 0.0 for cost in widest.costs.values())
        - sum(row.us or 0.0 for row in widest_rows),
    )
    return CostTable(board.name, tuple(rows), fixed)


@dataclass(frozen=True, slots=True)
class _Measured:
    """``costs`` by node (and ``CALL_NAME``), bytes of weights by node that has any."""

    costs: Mapping[str, LayerCost]
    weight_bytes: Mapping[str, int]
    file_bytes: int

    def row(self, board: str, layer: str, bits: int, layers: Sequence[str]) -> CostRow:
        """One of ``layers``, with what lowering made of it beside: ``conv/...`` of ``conv``."""
        inside = (f"{layer}/", f"{layer}.")
        own = [
            (self.costs[name], self.weight_bytes.get(name, 0))
            for name in self.costs
            if name == layer or (name not in layers and name.startswith(inside))
        ]
        ends = [(of.low, of.high) for cost, _ in own if (of := cost.spread.get("us")) is not None]
        known = [(low, high) for low, high in ends if low is not None and high is not None]
        sums = (sum(low for low, _ in known), sum(high for _, high in known))
        return CostRow(
            layer,
            bits,
            sum(size for _, size in own),
            us=sum(cost.us or 0.0 for cost, _ in own),
            board=board,
            interval=sums if len(known) == len(own) else None,
        )


def _measured(
    graph: Graph, board: Board, bits: int, book: CostBook | None, effort: Effort
) -> _Measured:
    """The graph with all weights in ``bits``."""
    lowered = lower(with_weight_bits(graph, bits), board)
    keys = cost_keys(lowered)
    found = {} if book is None else book.known(keys.values())
    missing = [name for name, key in keys.items() if key.digest not in found]
    if missing:
        new = _costs(lowered, {name: keys[name] for name in missing}, effort)
        if book is not None:
            book.keep(new)
        found |= {cost.key.digest: cost for cost in new}
    known = lowered.graph.tensors
    return _Measured(
        {name: found[key.digest] for name, key in keys.items()},
        {op.name: known[op.weight].packed_bytes
         for op in lowered.graph.nodes if isinstance(op, Weighted)},
        len(emit(lowered).files[MODEL]),
    )  # fmt: skip


def _costs(
    lowered: Lowered[EdgePlan], keys: Mapping[str, CostKey], effort: Effort
) -> list[LayerCost]:
    """Layers of ``keys``, in their order; again where the machine drifted meanwhile."""
    draws = _draws(lowered, keys)
    for left in reversed(range(_TIMES)):
        taken = in_turns(draws, effort)
        calls = taken[CALL_NAME]
        # Again at the end: most are done by then, and these were long ago.
        again = [*draws[CALL_NAME](effort.least)]
        drift = Drift(CALL_NAME, spread(calls[: effort.least]), spread(again))
        if not left or not drift.is_there(effort.within):
            break
    call = median(calls)
    found = {
        name: spread(some if name == CALL_NAME else [max(0.0, us - call) for us in some])
        for name, some in taken.items()
    }
    commit = source_commit()
    return [
        LayerCost(
            board=lowered.board.name,
            evidence="measured",
            layer=keys[name].layer,
            build=keys[name].build,
            macs=keys[name].layer["macs"],
            us=of.median,
            spread={"us": of},
            repeats=len(taken[name]),
            drift=round(drift.share, 6),
            model=lowered.graph.name,
            source_commit=commit,
        )
        for name, of in found.items()
        if name in keys
    ]


def _draws(lowered: Lowered[EdgePlan], keys: Mapping[str, CostKey]) -> dict[str, Draw]:
    """What samples a call of the runtime, and each layer in ``keys`` with its call, by name. Layers
    that are of one key are one."""
    board = edge_section(lowered.board)
    wanted = {keys[name].digest: name for name in reversed(list(keys))}
    found: dict[str, Draw] = {CALL_NAME: partial(call_times, board)}
    for ops, model in timed_parts(lowered.graph, board):
        if ops[-1].name in wanted.values():
            inputs = random_inputs(lowered.graph, ops[0])
            found[ops[-1].name] = partial(load(board, model).times_us, inputs, warm_up=WARM_UP)
    return found
