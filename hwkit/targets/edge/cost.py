"""What layers take in a runtime at each weight width: each in a file of its own, measured once.

A host is noisy: each layer runs until the interval of its median is within 2 % of it, at most 1,024
times (``profile.until``). The first that is measured runs again behind the others; where it became
another's time by more than that, all of them are measured once more, and the drift that was left
stands beside each figure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from hwkit.allocate.cost import CostRow, CostTable, FixedCost
from hwkit.boards import Board, EdgeBoard
from hwkit.errors import ConfigError
from hwkit.ir.graph import Graph
from hwkit.ir.layer_kind import layer_kind
from hwkit.ir.ops import Constant
from hwkit.ir.traits import Weighted
from hwkit.ir.types import Array
from hwkit.lower.weight_bits import weighted_layers, with_weight_bits
from hwkit.profile.book import CostBook
from hwkit.profile.commit import source_commit
from hwkit.profile.statistics import Spread
from hwkit.profile.store.costs import LayerCost
from hwkit.profile.until import Drift, Effort, median_of
from hwkit.target import CALL_NAME, CostKey, Lowered
from hwkit.targets.edge.build import edge_section
from hwkit.targets.edge.emit import MODEL, emit, has_functions, single_layers
from hwkit.targets.edge.loaded import Loaded, load, runtime_called
from hwkit.targets.edge.lower import lower
from hwkit.targets.edge.original import EdgePlan, OriginalFile
from hwkit.targets.edge.supervised import shared_child
from hwkit.targets.edge.timing import call_times, random_inputs, times_beyond

EFFORT = Effort(within=0.02, least=16, most=1024)
WARM_UP = 1
_TIMES = 2
"""How often layers are measured at most where the machine drifts."""


def cost_keys(lowered: Lowered[EdgePlan]) -> dict[str, CostKey]:
    """Of all layers and of a call of the runtime (``CALL_NAME``); none where the runtime's layers
    are not timed alone, or the file is not hwkit's own."""
    board = edge_section(lowered.board)
    if not runtime_called(board.runtime).times_layers or isinstance(lowered.plan, OriginalFile):
        return {}
    build = _build(board)
    found = {
        op.name: CostKey(layer_kind(lowered.graph, op), build)
        for op in lowered.graph.nodes
        if not isinstance(op, Constant)
    }
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
    rows = [
        CostRow(name, bits, measured[w].weight_bytes[name], us=measured[w].us[name],
                board=board.name)
        for bits, w in stored.items()
        for name in weighted_layers(graph)
    ]  # fmt: skip
    own = {name for name in widest.weight_bytes}
    fixed = FixedCost(
        flash_bytes=widest.file_bytes - sum(widest.weight_bytes.values()),
        us=sum(us for name, us in widest.us.items() if name not in own),
    )
    return CostTable(board.name, tuple(rows), fixed)


@dataclass(frozen=True, slots=True)
class _Measured:
    """Microseconds by layer (and ``CALL_NAME``), bytes of weights by layer that has any."""

    us: Mapping[str, float]
    weight_bytes: Mapping[str, int]
    file_bytes: int


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
        {name: float(found[key.digest].us or 0.0) for name, key in keys.items()},
        {op.name: known[op.weight].packed_bytes
         for op in lowered.graph.nodes if isinstance(op, Weighted)},
        len(emit(lowered).files[MODEL]),
    )  # fmt: skip


def _costs(
    lowered: Lowered[EdgePlan], keys: Mapping[str, CostKey], effort: Effort
) -> list[LayerCost]:
    """Layers of ``keys``, in their order; again where the machine drifted meanwhile."""
    board = edge_section(lowered.board)
    for left in reversed(range(_TIMES)):
        call = median_of(partial(call_times, board), effort)
        taken = [(CALL_NAME, *call), *_layers(lowered, keys, call[0].median, effort)]
        drift = Drift(CALL_NAME, call[0], median_of(partial(call_times, board), effort)[0])
        if not left or not drift.is_there(effort.within):
            break
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
            repeats=repeats,
            drift=round(drift.share, 6),
            model=lowered.graph.name,
            source_commit=commit,
        )
        for name, of, repeats in taken
        if name in keys
    ]


def _layers(
    lowered: Lowered[EdgePlan], keys: Mapping[str, CostKey], call: float, effort: Effort
) -> Iterator[tuple[str, Spread, int]]:
    """Microseconds of the layers in ``keys`` beyond a ``call``, and how often each ran. Layers that
    are of one key are measured once."""
    board = edge_section(lowered.board)
    wanted = {keys[name].digest: name for name in reversed(list(keys))}
    for op, model in single_layers(lowered.graph, has_functions(board)):
        if op.name not in wanted.values():
            continue
        loaded, inputs = load(board, model), random_inputs(lowered.graph, op)

        def draw(count: int, loaded: Loaded = loaded, inputs: Sequence[Array] = inputs
                 ) -> list[float]:  # fmt: skip
            return times_beyond(call, loaded, inputs, count, WARM_UP)

        yield op.name, *median_of(draw, effort)
