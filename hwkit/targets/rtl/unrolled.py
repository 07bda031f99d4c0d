"""Small networks as one pipeline: every weight its own adders, a whole inference each cycle.

da4ml turns the network into adder trees and cuts them into stages; the module around them has the
handshakes of every core. A sink that waits stops the whole pipeline.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from importlib import resources as packages
from typing import Any

from hwkit import resources
from hwkit.errors import ToolMissing, UnsupportedOp
from hwkit.ir.graph import Graph
from hwkit.ir.types import IntType
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
    """The core of a graph of one input and one output.

    Raises ``UnsupportedOp`` for an op or rounding without a form, ``ToolMissing`` without da4ml.
    """
    version()
    from da4ml.trace.pipeline import to_pipeline

    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise UnsupportedOp(graph.name, TARGET, "give a graph of one input and one output")
    circuit = trace(graph, adders_per_stage)
    if not any(_bits(interval) for interval in circuit.out_qint):
        raise UnsupportedOp(graph.name, TARGET, "its output is always 0; leave it out")
    pipeline = to_pipeline(circuit, adders_per_stage, retiming=False, verbose=False)
    source, sink = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    stages = len(pipeline.solutions)
    core = Core(
        files=_files(pipeline, source.dtype, sink.dtype),
        source=Stream(source.elements, source.dtype, source.elements),
        sink=Stream(sink.elements, sink.dtype, sink.elements),
        interval_cycles=1,
        latency_cycles=stages,
    )
    registers = sum(_bits(interval) for stage in pipeline.solutions for interval in stage.out_qint)
    return Unrolled(core, round(circuit.cost), registers + stages)


def _bits(interval: Any) -> int:
    from da4ml.types import minimal_kif

    return int(sum(minimal_kif(interval)))


def _files(pipeline: Any, source: IntType, sink: IntType) -> dict[str, bytes]:
    from da4ml.codegen.rtl.verilog.comb import comb_logic_gen, table_mem_gen

    files: dict[str, str] = {"hwk_core.v": _top(pipeline, source, sink)}
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


_TOP = """\
// One inference each cycle, {stages} cycles after it entered: the network's adders between
// registers that all advance together, unless a result waits at the end.

module hwk_core (
    input wire clk,
    input wire rst,
    input wire [{source_bits}-1:0] s_data,
    input wire s_valid,
    output wire s_ready,
    output wire [{sink_bits}-1:0] m_data,
    output wire m_valid,
    input wire m_ready
);

reg [{stages}-1:0] full;
wire advance = m_ready || !full[{stages}-1];

assign s_ready = advance;
assign m_valid = full[{stages}-1];

always @(posedge clk)
    if (rst) full <= {stages}'d0;
    else if (advance) full <= {shifted};

{stages_text}
{outputs}
endmodule
"""

_STAGE = """\
wire [{bits}-1:0] next{number};
reg [{bits}-1:0] stage{number};
hwk_core_stage{number} logic{number} (.model_inp({before}), .model_out(next{number}));
always @(posedge clk) if (advance) stage{number} <= next{number};
"""


def _top(pipeline: Any, source: IntType, sink: IntType) -> str:
    stages = len(pipeline.solutions)
    inputs, outputs = pipeline.shape
    text = []
    for number, stage in enumerate(pipeline.solutions):
        bits = sum(_bits(interval) for interval in stage.out_qint)
        before = f"stage{number - 1}" if number else "s_data"
        text.append(_STAGE.format(number=number, bits=bits, before=before))
    return _TOP.format(
        stages=stages,
        source_bits=inputs * source.bits,
        sink_bits=outputs * sink.bits,
        shifted="s_valid" if stages == 1 else f"{{full[{stages}-2:0], s_valid}}",
        stages_text="\n".join(text),
        outputs=_outputs(pipeline, sink, f"stage{stages - 1}"),
    )


def _outputs(pipeline: Any, sink: IntType, last: str) -> str:
    """Each output, stored in as few bits as it needs, extended to the graph's type."""
    from da4ml.types import minimal_kif

    lines, first = [], 0
    for place, interval in enumerate(pipeline.out_qint):
        signed, _, fraction = minimal_kif(interval)
        stored = _bits(interval)
        if stored:
            top = f"{last}[{first + stored - 1}]" if signed else "1'b0"
            parts = [f"{last}[{first + stored - 1}:{first}]"]
            if extension := sink.bits - stored + fraction:
                parts.insert(0, f"{{{extension}{{{top}}}}}")
            if fraction < 0:
                parts.append(f"{-fraction}'d0")
            value = f"{{{', '.join(parts)}}}"
        else:
            value = f"{sink.bits}'d0"
        lines.append(f"assign m_data[{(place + 1) * sink.bits - 1}:{place * sink.bits}] = {value};")
        first += stored
    return "\n".join(lines) + "\n"
