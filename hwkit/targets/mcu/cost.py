"""What each layer costs at each width, measured in place on the board.

The whole graph is built and run once for each storage of weights and each storage of maps, all
layers at those widths and with the kernels that are chosen for them then: so every layer is
measured with the very code, shapes and neighbours that it will have. A kernel's time does not
depend on the values of its weights (OHQ, arXiv 2309.01945, measures with synthetic data for the
same reason).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from hwkit.allocate.cost import CostRow, CostTable, FixedCost, MapRow, Moment, SharedCost
from hwkit.boards import Board
from hwkit.errors import ConfigError
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Op
from hwkit.ir.types import IntType
from hwkit.lower.checked import golden_inputs
from hwkit.lower.map_bits import first_read, map_sites, with_map_bits
from hwkit.lower.weight_bits import weighted_layers, with_weight_bits
from hwkit.profile.book import CostBook, layer_costs
from hwkit.profile.store.costs import LayerCost
from hwkit.target import Artifact, LayerTiming
from hwkit.targets.mcu.build import cached
from hwkit.targets.mcu.choice import choose
from hwkit.targets.mcu.cost_keys import cost_keys
from hwkit.targets.mcu.emit import emit
from hwkit.targets.mcu.lower import McuPlan, lower, section
from hwkit.targets.mcu.session import open_session
from hwkit.targets.mcu.structs import tables
from hwkit.targets.mcu.weights import storage_bits
from hwkit.toolchain import elf

_WHOLE = 8
"""Bits of maps as they are."""


def measure_costs(
    graph: Graph,
    board: Board,
    widths: Sequence[int] = (8, 4),
    maps: Sequence[int] = (),
    port: str | None = None,
    book: CostBook | None = None,
) -> CostTable:
    """A row for each layer with weights and each of ``widths`` (1..8 bits), and with ``maps`` (8
    and less) for each of these widths of the map that it reads.

    ``weight_bytes`` are the layer's tables and its own code in flash, ``sram_bytes`` the arena
    (with ``maps`` the layer's scratch, beside the ``moments`` of the memory plan), ``cycles`` from
    the firmware's counter; ``shared`` the kernels that only one storage of weights or maps needs;
    ``fixed`` the rest of the image, its other layers and the SRAM beside the arena.

    An image whose layers are all known to ``book`` is built for its bytes and does not run.

    ``port`` would measure a device that holds one image only, and is refused. Raises what
    ``lower``, ``build`` and the session raise.

    Example: widths (8, 4, 3) of a graph with two convolutions give six rows, and the rows of 3
    bits equal those of 4, which store them.
    """
    if port is not None:
        raise ConfigError("costs are measured with several images; flash each and use profile")
    if not weighted_layers(graph):
        raise ConfigError(f"{graph.name}: no layer has weights, so no width can be chosen")
    stored = {bits: storage_bits(IntType(bits, True)) for bits in widths}
    narrow = sorted({_WHOLE, *maps}, reverse=True) if map_sites(graph) else [_WHOLE]
    measured = {
        (w, a): _measure(graph, board, w, a, book)
        for w in sorted(set(stored.values()), reverse=True)
        for a in narrow
    }
    widest = max(w for w, _ in measured)
    base = measured[widest, _WHOLE]
    own = {w: _own_code(w, {w: m for (w, a), m in measured.items() if a == _WHOLE}) for w in
           set(stored.values())}  # fmt: skip
    shared = [
        SharedCost(tuple(b for b in stored if stored[b] == w), size)
        for w, size in sorted(own.items())
    ]
    fixed = replace(base.fixed, flash_bytes=base.fixed.flash_bytes - own[widest])
    table = CostTable(
        board.name,
        tuple(replace(r, bits=b) for b in widths for r in measured[stored[b], _WHOLE].rows),
        fixed,
        section(board).clock_hz,
        tuple(shared),
    )
    return _with_maps(table, graph, measured, widest, stored, narrow) if maps else table


def _own_code(key: int, measured: Mapping[int, _Measured]) -> int:
    """Bytes of the functions that only the image of ``key`` holds; those of single layers are in
    their rows already."""
    others = {name for k, m in measured.items() if k != key for name in m.functions}
    own = measured[key].functions
    return sum(size for name, size in own.items() if name not in others)


@dataclass(frozen=True, slots=True)
class _Measured:
    """``others`` are the cycles of layers without weights, ``scratch`` the bytes of each layer."""

    rows: tuple[CostRow, ...]
    fixed: FixedCost
    functions: Mapping[str, int]
    others: Mapping[str, int]
    scratch: Mapping[str, int]
    plan: McuPlan
    graph: Graph


def _measure(graph: Graph, board: Board, bits: int, maps: int, book: CostBook | None) -> _Measured:
    """Every layer's cost with all weights stored in ``bits``, and all maps in ``maps``."""
    narrow = graph if maps == _WHOLE else with_map_bits(graph, maps)
    lowered = choose(lower(with_weight_bits(narrow, bits), board))
    artifact = cached(emit(lowered), lowered)
    timings = _timings(artifact, book)
    image = elf.read(artifact.path)
    weighted = {name for name in weighted_layers(graph)}
    rows = tuple(
        _row(artifact, image, timing, bits) for timing in timings if timing.name in weighted
    )
    cycles = sum(timing.cycles or 0 for timing in timings)
    plan = artifact.lowered.plan
    fixed = FixedCost(
        flash_bytes=image.flash_bytes - sum(row.weight_bytes for row in rows),
        cycles=cycles - sum(row.cycles or 0 for row in rows),
        sram_bytes=image.ram_bytes - plan.memory.arena_bytes,
    )
    others = {t.name: t.cycles or 0 for t in timings if t.name not in weighted}
    scratch = {layer.op.name: layer.scratch_bytes for layer in plan.layers}
    return _Measured(rows, fixed, _kernels(image), others, scratch, plan, artifact.lowered.graph)


def _timings(artifact: Artifact[McuPlan], book: CostBook | None) -> list[LayerTiming]:
    """The cycles of each layer: as known, or by running the image, and then known."""
    lowered = artifact.lowered
    keys = cost_keys(lowered)
    found = {} if book is None else book.known(keys.values())
    if all(op.name in keys and keys[op.name].digest in found for op in lowered.graph.nodes):
        return [_as_known(found[keys[op.name].digest], k, op)
                for k, op in enumerate(lowered.graph.nodes)]  # fmt: skip
    with open_session(artifact) as session:
        (timings,) = session.timed(golden_inputs(lowered.graph, 1), 1, 1)
        evidence = session.identity.evidence
    if book is not None:
        book.keep(layer_costs(artifact.board.name, evidence, lowered.graph.name, timings, keys))
    return timings


def _as_known(cost: LayerCost, index: int, op: Op) -> LayerTiming:
    counts = (cost.instructions, cost.cycles)
    instructions, cycles = (None if count is None else round(count) for count in counts)
    return LayerTiming(index, op.name, type(op).__name__, cost.macs, instructions, cycles, cost.us)


def _kernels(image: elf.Image) -> dict[str, int]:
    """Sizes of the functions that layers share: the kernels, by name."""
    return {n: size for n, size in image.symbol_bytes.items() if n.startswith("hwk_")}


def _row(artifact: Artifact[McuPlan], image: elf.Image, timing: LayerTiming, bits: int) -> CostRow:
    plan, board = artifact.lowered.plan, artifact.board
    layer = plan.layers[timing.index]
    table_bytes = sum(t.bytes for call in layer.calls for t in tables(call.descriptor))
    return CostRow(
        layer=timing.name,
        bits=bits,
        weight_bytes=table_bytes + image.symbol_bytes[f"layer{timing.index}"],
        cycles=timing.cycles,
        sram_bytes=plan.memory.arena_bytes,
        evidence="measured" if board.evidence == "measured" else "simulated",
        board=board.name,
    )


def _with_maps(
    table: CostTable,
    graph: Graph,
    measured: Mapping[tuple[int, int], _Measured],
    widest: int,
    stored: Mapping[int, int],
    maps: Sequence[int],
) -> CostTable:
    """``table`` with rows by the width of the map that is read, and the maps themselves.

    A layer with weights is charged to the map that it reads; one without to the map that it reads
    first; what packing its output costs a layer that reads the network's input to the map that it
    writes.
    """
    base = measured[widest, _WHOLE]
    site_of = {name: site.name for site in map_sites(graph) for name in site.tensors}
    read = first_read(base.graph, site_of)
    written = {op.name: site_of.get(op.output) for op in base.graph.nodes}
    layers = [row.layer for row in base.rows]
    reads = {name: read[name] for name in layers if name in read}
    rows = []
    for bits in stored:
        for a in maps:
            found = measured[stored[bits], a]
            for row in found.rows:
                own = replace(row, bits=bits, sram_bytes=found.scratch.get(row.layer, 0))
                if row.layer in reads:
                    rows.append(replace(own, activation_bits=a))
                elif a == _WHOLE:
                    rows.append(own)
    charged: dict[str, list[str]] = {}
    for name in base.others:
        if name in read:
            charged.setdefault(read[name], []).append(name)
    moved = sum(base.others[name] for names in charged.values() for name in names)
    of_maps = []
    for site in dict.fromkeys(site_of.values()):
        for a in maps:
            found = measured[widest, a]
            cycles = sum(found.others.get(name, 0) for name in charged.get(site, ()))
            for name in layers:
                if name not in reads and written.get(name) == site:
                    cycles += max(0, _cycles(found.rows, name) - _cycles(base.rows, name))
            of_maps.append(
                MapRow(site, a, cycles, sram_bytes=_map_bytes(found.plan, site_of, site))
            )
    code = [
        SharedCost((a,), sum(size for name, size in measured[widest, a].functions.items()
                             if name not in base.functions), "maps")
        for a in maps
        if a != _WHOLE
    ]  # fmt: skip
    size = {row.map: row.sram_bytes for row in of_maps if row.bits == _WHOLE}
    scratch = {
        name: tuple((a, measured[widest, a].scratch.get(name, 0)) for a in maps)
        for name in base.scratch
    }
    moments = _moments(base, site_of, size, read, scratch)
    fixed = replace(table.fixed, cycles=table.fixed.cycles - moved)
    return replace(
        table,
        rows=tuple(rows),
        fixed=fixed,
        shared=(*table.shared, *code),
        maps=tuple(of_maps),
        reads=reads,
        moments=moments,
    )


def _cycles(rows: Iterable[CostRow], layer: str) -> int:
    return next((row.cycles or 0 for row in rows if row.layer == layer), 0)


def _map_bytes(plan: McuPlan, site_of: Mapping[str, str], site: str) -> int:
    """Of the largest tensor of a site in the arena."""
    return max(
        (p.size_bytes for p in plan.memory.placements if site_of.get(p.tensor) == site), default=0
    )


def _moments(
    base: _Measured,
    site_of: Mapping[str, str],
    size: Mapping[str, int],
    read: Mapping[str, str],
    scratch: Mapping[str, tuple[tuple[int, int], ...]],
) -> tuple[Moment, ...]:
    """Of each step: maps that are alive, and the layer's scratch, by the width of what it reads and
    again by that of what it writes, for it packs the one and unpacks the other. The memory plan
    lets maps overlap; as far as it does that with whole bytes it is taken off everywhere."""
    layers = {row.layer for row in base.rows}
    found: list[Moment] = []
    peak = 0
    for step, layer in enumerate(base.plan.layers):
        name = layer.op.name
        alive = [p for p in base.plan.memory.placements
                 if p.kind != "scratch" and p.first_layer <= step <= p.last_layer]  # fmt: skip
        sites = tuple(dict.fromkeys(site_of[p.tensor] for p in alive if p.tensor in site_of))
        rest = sum(p.size_bytes for p in alive if p.tensor not in site_of)
        peak = max(peak, rest + sum(size[s] for s in sites) + layer.scratch_bytes)
        by = {site_of.get(layer.op.output), None if name in layers else read.get(name)} - {None}
        found += [Moment(sites, "", rest, of, scratch[name]) for of in sorted(filter(None, by))]
        if name in layers:
            found.append(Moment(sites, name, rest))
        elif not by:
            found.append(Moment(sites, "", rest + layer.scratch_bytes))
    over = peak - base.plan.memory.arena_bytes
    return tuple(replace(moment, sram_bytes=moment.sram_bytes - over) for moment in found)
