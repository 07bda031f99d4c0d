"""What FINN's reports say, by layer of the graph and in total; every figure is an estimate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwkit.errors import FormatError
from hwkit.files import read_json
from hwkit.ir.counts import macs, weight_bytes
from hwkit.target import WHOLE_MODEL, LayerTiming, Lowered
from hwkit.targets.finn.emit import clock_period_ns, fpga
from hwkit.targets.finn.graph import Network
from hwkit.toolchain import isolated

REPORTS = Path("out") / "report"


@dataclass(frozen=True, slots=True)
class Estimates:
    """FINN's: cycles of each layer of the graph (the slowest of the hardware layers that it
    became), of the slowest one, of one inference from input to output; the part's resources."""

    layer_cycles: Mapping[int, int]
    interval_cycles: int
    latency_cycles: int
    resources: Mapping[str, float]


def estimates(lowered: Lowered[Network], out: Path) -> Estimates:
    """Read from the reports in ``out``; ``FormatError`` when they are not FINN's."""
    cycles = read_json(out / REPORTS / "estimate_layer_cycles.json")
    performance = read_json(out / REPORTS / "estimate_network_performance.json")
    resources = read_json(out / REPORTS / "estimate_layer_resources.json")
    try:
        owners = hardware_layers(lowered.plan, out / "network.onnx")
        if set(owners) != set(cycles):
            raise ValueError("of another network")
        layers: dict[int, int] = {}
        for node, layer in owners.items():
            layers[layer] = max(layers.get(layer, 0), int(cycles[node]))
        return Estimates(
            layers,
            int(performance["max_cycles"]),
            int(performance["critical_path_cycles"]),
            {name: float(value) for name, value in resources["total"].items()},
        )
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(
            f"{out / REPORTS}: not FINN's reports ({error!r}); deploy again into an empty folder"
        ) from error


def hardware_layers(network: Network, path: Path) -> dict[str, int]:
    """FINN's nodes by name, and the index of the graph's op that each belongs to.

    A node that FINN added belongs to the op whose tensor it copies or reads next.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # no types

    owners = {node.output: node.layer for node in network.nodes}
    try:
        nodes = onnx.load_from_string(path.read_bytes()).graph.node
    except (OSError, DecodeError) as error:
        raise FormatError(f"{path}: not what FINN built ({error}); deploy again") from error
    found: dict[str, int] = {}
    for node in reversed(nodes):
        copied = node.op_type.startswith("DuplicateStreams")
        known = [owners[name] for name in (*node.output, *node.input[:copied]) if name in owners]
        readers = [
            found[n.name] for n in nodes if set(n.input) & set(node.output) and n.name in found
        ]
        found[node.name] = (known or readers)[0]
    return {node.name: found[node.name] for node in nodes}


def facts(lowered: Lowered[Network], out: Path) -> dict[str, Any]:
    """What ``deploy.json`` tells. ``cycles_per_inference`` is FINN's latency, the sum over all
    layers; ``interval_cycles`` those between two inferences."""
    found = estimates(lowered, out)
    graph, board = lowered.graph, lowered.board
    blocks = int(found.resources.get("BRAM_18K", 0))
    return {
        "evidence": board.evidence,
        "weight_bytes": sum(weight_bytes(graph, op) for op in graph.nodes),
        "lut": int(found.resources.get("LUT", 0)),
        "ff": None,
        "bram": -(-blocks // 2),
        "bram_18k": blocks,
        "dsp": int(found.resources.get("DSP", 0)),
        "fmax_hz": None,
        "cycles_per_inference": found.latency_cycles,
        "interval_cycles": found.interval_cycles,
        "clock_hz": fpga(board).clock_hz,
        "frames_per_s": round(fpga(board).clock_hz / found.interval_cycles, 1),
        "part": fpga(board).part,
        "clock_period_ns": clock_period_ns(board),
        "tools": tools(),
    }


def timings(lowered: Lowered[Network], out: Path) -> list[LayerTiming]:
    """Each layer's cycles, and those of a whole inference: the layers work at the same time."""
    found = estimates(lowered, out)
    graph, us = lowered.graph, clock_period_ns(lowered.board) / 1000
    rows = []
    for index, op in enumerate(graph.nodes):
        cycles = found.layer_cycles.get(index, 0)
        kind = type(op).__name__
        row = LayerTiming(
            index, op.name, kind, macs(graph, op), cycles=cycles, us=round(cycles * us, 6)
        )
        rows.append(row)
    total = sum(row.macs for row in rows)
    latency = found.latency_cycles
    whole = LayerTiming(WHOLE_MODEL, "whole", "", total, cycles=latency, us=round(latency * us, 6))
    return [*rows, whole]


def tools() -> dict[str, str]:
    """Versions of what shapes the project; ``ToolMissing`` without FINN."""
    versions = isolated.get("finn").versions
    return {name: versions[name] for name in ("finn-plus", "qonnx", "onnx", "numpy")}
