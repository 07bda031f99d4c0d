"""Small networks as one pipeline: every weight its own adders, a whole inference each cycle.

da4ml turns the network into adder trees and cuts them into stages; the module around them has the
handshakes of every core. An inference enters when all its inputs are there; a sink that waits stops
the whole pipeline. States are registers beside the last stage; with them one inference is under way
at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from importlib import resources as packages
from typing import Any

from hwkit import resources
from hwkit.errors import ToolMissing, UnsupportedOp
from hwkit.ir.graph import Graph
from hwkit.targets.rtl import unrolled_top
from hwkit.targets.rtl.core import Core, Stream
from hwkit.targets.rtl.unrolled_arith import TARGET
from hwkit.targets.rtl.unrolled_trace import trace

ADDERS_PER_STAGE = 5
"""Adders in a chain between two registers."""

_PRIMITIVES = ("binop", "multiplier", "mux", "negative", "shift_adder")


@dataclass(frozen=True, slots=True)
class Unrolled:
    """A core that takes and gives a whole sample a beat, and what it is made of.

    ``lut`` is da4ml's estimate (each bit of an adder one LUT); ``ff`` counts the registers.
    """

    core: Core
    lut: int
    ff: int


def version() -> str:
    """Of da4ml; ``ToolMissing`` where it is not installed."""
    try:
        return metadata.version("da4ml")
    except metadata.PackageNotFoundError as error:
        raise ToolMissing("da4ml", "pip install 'hwkit[fpga]'") from error


def unroll(graph: Graph, adders_per_stage: int = ADDERS_PER_STAGE) -> Unrolled:
    """The core of a graph, with every input and output a whole sample a beat.

    Raises ``UnsupportedOp`` for an op or rounding without a form, ``ToolMissing`` without da4ml.
    """
    version()
    from da4ml.trace.pipeline import to_pipeline

    circuit = trace(graph, adders_per_stage)
    if not any(unrolled_top.bits(interval) for interval in circuit.out_qint):
        raise UnsupportedOp(graph.name, TARGET, "its output is always 0; leave it out")
    pipeline = to_pipeline(circuit, adders_per_stage, retiming=False, verbose=False)
    stages = len(pipeline.solutions)
    core = Core(
        files=_files(pipeline, graph),
        sources=_streams(graph, graph.inputs),
        sinks=_streams(graph, graph.outputs),
        interval_cycles=stages if graph.states else 1,
        latency_cycles=stages,
    )
    kept = (interval for stage in pipeline.solutions for interval in stage.out_qint)
    registers = sum(map(unrolled_top.bits, kept)) + _state_bits(graph)
    return Unrolled(core, round(circuit.cost), registers + stages)


def _streams(graph: Graph, names: Sequence[str]) -> tuple[Stream, ...]:
    tensors = (graph.tensors[name] for name in names)
    return tuple(Stream(t.elements, t.dtype, t.elements) for t in tensors)


def _state_bits(graph: Graph) -> int:
    tensors = (graph.tensors[state.tensor] for state in graph.states)
    return sum(tensor.elements * tensor.dtype.bits for tensor in tensors)


def _files(pipeline: Any, graph: Graph) -> dict[str, bytes]:
    from da4ml.codegen.rtl.verilog.comb import comb_logic_gen, table_mem_gen

    files: dict[str, str] = {"hwk_core.v": unrolled_top.top(pipeline, graph)}
    tables: dict[str, str] = {}
    for number, stage in enumerate(pipeline.solutions):
        name = f"hwk_core_stage{number}"
        # hwk_table finds its image wherever the core is simulated; da4ml's own does not.
        files[f"{name}.v"] = comb_logic_gen(stage, name).replace(
            " lookup_table #(", " hwk_table #("
        )
        tables |= table_mem_gen(stage)
    text = "".join(files.values())
    library = packages.files("da4ml.codegen.rtl.verilog") / "source"
    for name in _PRIMITIVES:
        if f" {name} #(" in text:
            lines = (library / f"{name}.v").read_text().splitlines(keepends=True)
            files[f"{name}.v"] = "".join(x for x in lines if not x.startswith("`timescale"))
    if tables:
        folder = resources.folder("hls") / "rtl"
        for path in (folder / "hwk_rom.v", folder / "unrolled" / "hwk_table.v"):
            files[f"rtl/{path.name}"] = path.read_text()
        files |= {f"rtl/{name}": content for name, content in tables.items()}
    return {name: content.encode() for name, content in files.items()}
