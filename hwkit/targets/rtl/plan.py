"""The core that a graph becomes on a board: folding, figures, files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil

from hwkit import resources
from hwkit.boards import Board, FpgaBoard, FpgaResources
from hwkit.errors import BudgetInfeasible, ConfigError
from hwkit.ir.graph import Graph
from hwkit.targets.rtl.assemble import assemble, with_depths
from hwkit.targets.rtl.core import Core
from hwkit.targets.rtl.cost import Cost, family, priced, ram_block
from hwkit.targets.rtl.folding import SHELL, Folding, candidates, search
from hwkit.targets.rtl.larger import boards_with_room
from hwkit.targets.rtl.layers import Layer
from hwkit.targets.rtl.netlist import Netlist
from hwkit.targets.rtl.network import Network, network
from hwkit.targets.rtl.shell import frame_log2
from hwkit.targets.rtl.terms import made_of, shell_made_of
from hwkit.targets.rtl.timing import Timing, timing
from hwkit.targets.rtl.verilog import TOP, verilog

REPORT = "folding.json"


@dataclass(frozen=True, slots=True)
class Plan:
    """The core, and for a folded one its layers and their folding.

    ``cost`` is the estimate for core and shell, conversions between layers and all.
    """

    core: Core
    cost: Cost
    layers: tuple[Layer, ...] = ()
    folding: Folding | None = None


def fpga(board: Board) -> FpgaBoard:
    """The board's FPGA section; ``ConfigError`` when it has none."""
    if board.fpga is None:
        raise ConfigError(f"board {board.name!r} has no section [fpga]; add it to its .toml")
    return board.fpga


def folded(graph: Graph, board: Board) -> Plan:
    """The folded core of ``graph`` on ``board``: the cheapest that takes its
    ``frames_per_second``, or the fastest that fits where none does (or the board asks for 0).

    ``UnsupportedOp`` for an op without a circuit, ``BudgetInfeasible`` for a part too small.
    """
    net, of, part = network(graph), family(fpga(board)), fpga(board).part
    folding = _folding(graph, net, board)
    made = designed(graph, net, folding, part)
    core = made.core
    price = priced(made_of(made.netlist.instances), of)
    price += priced(shell_made_of(core.sources, core.sinks, 1 << frame_log2(fpga(board))), of)
    report = _report(net.layers, folding, core, price)
    core = replace(core, files={**core.files, REPORT: report})
    return Plan(core, price, net.layers, folding)


def _without_buffers(graph: Graph, resources: FpgaResources, part: str) -> FpgaResources:
    """What the states, and the shell's buffers of the inputs and the outputs, leave of a part for
    the layers, beyond the ``SHELL`` of small ones; ``BudgetInfeasible`` where they alone are too
    large."""
    states = [state.tensor for state in graph.states]
    kept = [graph.tensors[name] for name in (*graph.inputs, *graph.outputs, *states)]
    bits = sum(tensor.elements * tensor.dtype.bits for tensor in kept)

    def blocks(part: FpgaResources) -> int:
        return max(ceil(bits / ram_block(part).bits) - SHELL.bram, 0)

    if blocks(resources) + SHELL.bram > resources.bram:
        larger = boards_with_room(lambda part: blocks(part) + SHELL.bram <= part.bram)
        remedy = f"{larger[0]} has enough" if larger else "no board here has enough"
        raise BudgetInfeasible(
            f"{part}: buffers of the inputs and outputs, and states, take {bits} bits of RAM "
            f"blocks, which have {resources.bram_bits} for all; {remedy}, or take a smaller input"
        )
    return replace(resources, bram=resources.bram - blocks(resources))


def wanted_cycles(board: Board) -> int | None:
    """Cycles that an inference may take at the board's ``frames_per_second``; None where any
    number will do."""
    section = fpga(board)
    rate = section.frames_per_second
    return max(section.clock_hz // rate, 1) if rate else None


def folding_of(graph: Graph, board: Board) -> Folding:
    """The folding of ``folded`` and its estimate, without making the core."""
    return _folding(graph, network(graph), board)


def _folding(graph: Graph, net: Network, board: Board) -> Folding:
    part = fpga(board).part
    room = _without_buffers(graph, part_resources(board), part)
    return search(candidates(net), room, family(fpga(board)), wanted_cycles(board), part)


@dataclass(frozen=True, slots=True)
class Designed:
    """A core, and the instances that it is made of."""

    netlist: Netlist
    core: Core


def core_of(graph: Graph, net: Network, folding: Folding, part: str) -> Core:
    """The files and figures of one folding; ``part`` is named where it is too slow."""
    return designed(graph, net, folding, part).core


def designed(graph: Graph, net: Network, folding: Folding, part: str) -> Designed:
    """``core_of`` with the netlist."""
    sizes = {name: tensor.elements for name, tensor in graph.tensors.items()}
    roomy, taps = assemble(net, folding.folds, sizes)
    # With no less room than the beats take when there is plenty, no beat moves later.
    netlist, times = _shallower(roomy, timing(roomy, part), part)
    # A FIFO that is not deep is faster by a cycle, so that fewer beats wait in others.
    netlist, times = _shallower(netlist, times, part)
    files: dict[str, bytes] = {
        f"{TOP}.v": verilog(netlist, {name: name for name in taps.values()}),
        **{f"rtl/{name}": text for name, text in modules().items()},
        **{f"rtl/{name}": content for name, content in netlist.images.items()},
    }
    core = Core(
        files=files,
        sources=tuple(netlist.streams[name] for name in netlist.sources),
        sinks=tuple(netlist.streams[name] for name in netlist.sinks),
        interval_cycles=times.interval_cycles,
        latency_cycles=times.latency_cycles,
        taps={
            tensor: (name, netlist.streams[name])
            for tensor, name in taps.items()
            if tensor in sizes
        },
        trailing=1 + len(net.delays),
    )
    return Designed(netlist, core)


def _shallower(net: Netlist, times: Timing, part: str) -> tuple[Netlist, Timing]:
    """``net`` with FIFOs of the depth that they need in ``times``, which are its, and its times."""
    made = with_depths(net, times.occupancy)
    return made, times if made == net else timing(made, part)


def _report(layers: Sequence[Layer], folding: Folding, core: Core, price: Cost) -> bytes:
    """What was chosen for each layer, and the predictions, as JSON."""
    rows = [
        {"layer": layer.name, "simd": fold.simd, "pe": fold.pe, "cycles": layer.cycles(fold)}
        for layer, fold in zip(layers, folding.folds, strict=True)
    ]
    value = {
        "layers": rows,
        "interval_cycles": core.interval_cycles,
        "latency_cycles": core.latency_cycles,
        "estimated": price.figures(),
    }
    return (json.dumps(value, indent=1) + "\n").encode()


def modules() -> Mapping[str, bytes]:
    """The hand-written layers by file name."""
    folder = resources.folder("hls") / "rtl"
    return {path.name: path.read_bytes() for path in sorted(folder.glob("hwk_*.v"))}


def part_resources(board: Board) -> FpgaResources:
    """What the board's part has; ``ConfigError`` when its file does not say."""
    found = fpga(board).resources
    if found is None:
        raise ConfigError(f"board {board.name!r} has no section [fpga.resources]; add it")
    return found
