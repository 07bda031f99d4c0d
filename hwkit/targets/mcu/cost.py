"""What each layer costs at each weight width, measured in place on the board.

The whole graph is built and run once for each storage of weights (4 and 8 bits), all layers at
that width and with the kernels that are chosen for it then: so every layer is measured with the
very code, shapes and neighbours that it will have. A kernel's time does not depend on the values
of its weights (OHQ, arXiv 2309.01945, measures with synthetic data for the same reason).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hwkit.allocate.cost import CostRow, CostTable, FixedCost, SharedCost
from hwkit.boards import Board
from hwkit.errors import ConfigError
from hwkit.ir.graph import Graph
from hwkit.ir.types import IntType
from hwkit.lower.checked import golden_inputs
from hwkit.lower.weight_bits import weighted_layers, with_weight_bits
from hwkit.target import Artifact, LayerTiming
from hwkit.targets.mcu.build import cached
from hwkit.targets.mcu.choice import choose
from hwkit.targets.mcu.emit import emit
from hwkit.targets.mcu.lower import McuPlan, lower, section
from hwkit.targets.mcu.session import open_session
from hwkit.targets.mcu.structs import tables
from hwkit.targets.mcu.weights import storage_bits
from hwkit.toolchain import elf


def measure_costs(
    graph: Graph, board: Board, widths: Sequence[int] = (8, 4), port: str | None = None
) -> CostTable:
    """A row for each layer with weights and each of ``widths`` (1..8 bits).

    ``weight_bytes`` are the layer's tables and its own code in flash, ``sram_bytes`` the arena,
    ``cycles`` from the firmware's counter; ``shared`` the kernels that only one storage of weights
    needs; ``fixed`` the rest of the image, its other layers and the SRAM beside the arena.

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
    measured = {bits: _measure(graph, board, bits) for bits in sorted(set(stored.values()))}
    rows = [replace(row, bits=bits) for bits in widths for row in measured[stored[bits]].rows]
    shared = {bits: _own_code(bits, measured) for bits in measured}
    widest = max(measured)
    fixed = measured[widest].fixed
    fixed = replace(fixed, flash_bytes=fixed.flash_bytes - shared[widest])
    parts = tuple(
        SharedCost(tuple(b for b in stored if stored[b] == bits), size)
        for bits, size in sorted(shared.items())
    )
    return CostTable(board.name, tuple(rows), fixed, section(board).clock_hz, parts)


def _own_code(bits: int, measured: Mapping[int, _Measured]) -> int:
    """Bytes of the functions that only the image with weights stored in ``bits`` holds; those of
    single layers are in their rows already."""
    others = {name for b, m in measured.items() if b != bits for name in m.functions}
    own = measured[bits].functions
    return sum(size for name, size in own.items() if name not in others)


@dataclass(frozen=True, slots=True)
class _Measured:
    rows: tuple[CostRow, ...]
    fixed: FixedCost
    functions: Mapping[str, int]


def _measure(graph: Graph, board: Board, bits: int) -> _Measured:
    """Every layer's cost with all weights stored in ``bits``."""
    lowered = choose(lower(with_weight_bits(graph, bits), board))
    artifact = cached(emit(lowered), lowered)
    with open_session(artifact) as session:
        (timings,) = session.timed(golden_inputs(lowered.graph, 1), 1, 1)
    image = elf.read(artifact.path)
    weighted = {name for name in weighted_layers(graph)}
    rows = tuple(
        _row(artifact, image, timing, bits) for timing in timings if timing.name in weighted
    )
    cycles = sum(timing.cycles or 0 for timing in timings)
    fixed = FixedCost(
        flash_bytes=image.flash_bytes - sum(row.weight_bytes for row in rows),
        cycles=cycles - sum(row.cycles or 0 for row in rows),
        sram_bytes=image.ram_bytes - artifact.lowered.plan.memory.arena_bytes,
    )
    return _Measured(rows, fixed, _kernels(image))


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
