"""The module around the adders of an unrolled core: stages, handshakes, states."""

from __future__ import annotations

from typing import Any

from hwkit.ir.graph import Graph
from hwkit.ir.types import IntType
from hwkit.targets.rtl.netlist import packed

_TOP = """\
// Made by hwkit.
// One inference each cycle, {stages} cycles after it entered: the network's adders between
// registers that all advance together, unless a result waits at the end.{states_note}

module hwk_core (
    input wire clk,
    input wire rst,
    input wire [{source_bits}-1:0] s_data,
    input wire [{inputs}-1:0] s_valid,
    output wire [{inputs}-1:0] s_ready,
    output wire [{sink_bits}-1:0] m_data,
    output wire [{outputs}-1:0] m_valid,
    input wire [{outputs}-1:0] m_ready
);

reg [{stages}-1:0] full;
{taken}
wire advance = done || !full[{stages}-1];
{enter}

always @(posedge clk)
    if (rst) full <= {stages}'d0;
    else if (advance) full <= {shifted};

{stages_text}
{results}{state_text}endmodule
"""

_ONE_TAKER = """\
wire done = m_ready[0];
assign m_valid = full[{stages}-1];"""

_TAKERS = """\
reg [{outputs}-1:0] taken;
wire [{outputs}-1:0] has = taken | m_ready;
wire done = &has;
assign m_valid = {{{outputs}{{full[{stages}-1]}}}} & ~taken;
always @(posedge clk)
    if (rst) taken <= {outputs}'d0;
    else if (full[{stages}-1]) taken <= done ? {outputs}'d0 : has;"""

_STAGE = """\
wire [{bits}-1:0] next{number};
reg [{bits}-1:0] stage{number};
hwk_core_stage{number} logic{number} (.model_inp({before}), .model_out(next{number}));
always @(posedge clk) if (advance) stage{number} <= next{number};
"""

_STATES = """\
wire [{bits}-1:0] update;
{assigned}always @(posedge clk)
    if (rst) state <= {bits}'h{initial:x};
    else if (advance && {arrives}) state <= update;
"""


def bits(interval: Any) -> int:
    """Bits that da4ml stores an integer of ``interval`` in."""
    from da4ml.types import minimal_kif

    return int(sum(minimal_kif(interval)))


def top(pipeline: Any, graph: Graph) -> str:
    """The Verilog module ``hwk_core`` of a pipeline that ``unrolled_trace.trace`` began."""
    stages = len(pipeline.solutions)
    sinks = [dtype for name in graph.outputs for dtype in _types(graph, name)]
    states = [dtype for state in graph.states for dtype in _types(graph, state.tensor)]
    inputs, outputs = len(graph.inputs), len(graph.outputs)
    text, last = [], f"stage{stages - 1}"
    for number, stage in enumerate(pipeline.solutions):
        before = f"stage{number - 1}" if number else "{state, s_data}" if states else "s_data"
        width = sum(bits(interval) for interval in stage.out_qint)
        text.append(_STAGE.format(number=number, bits=width, before=before))
    takers = _ONE_TAKER if outputs == 1 else _TAKERS
    note = " The states are the\n// last one's when the next one enters." if states else ""
    return _TOP.format(
        stages=stages,
        states_note=note,
        inputs=inputs,
        outputs=outputs,
        source_bits=sum(t.bits for name in graph.inputs for t in _types(graph, name)),
        sink_bits=sum(dtype.bits for dtype in sinks),
        taken=takers.format(stages=stages, outputs=outputs),
        enter=_entry(inputs, stages, sum(dtype.bits for dtype in states)),
        shifted="enter" if stages == 1 else f"{{full[{stages}-2:0], enter}}",
        stages_text="\n".join(text),
        results=_assigned(pipeline.out_qint[: len(sinks)], sinks, "m_data", last, 0),
        state_text=_states(pipeline, graph, len(sinks), states) if states else "",
    )


def _types(graph: Graph, name: str) -> list[IntType]:
    """The type of every integer of a tensor."""
    tensor = graph.tensors[name]
    return [tensor.dtype] * tensor.elements


def _entry(inputs: int, stages: int, state_bits: int) -> str:
    """When an inference enters: all its inputs are there and, with states, none is on its way."""
    free = f" && full[{stages}-2:0] == {stages - 1}'d0" if state_bits and stages > 1 else ""
    lines = [f"reg [{state_bits}-1:0] state;"] if state_bits else []
    lines += [
        f"wire free = advance{free};",
        "wire enter = free && &s_valid;",
        f"assign s_ready = {{{inputs}{{enter}}}};" if inputs > 1 else "assign s_ready = free;",
    ]
    return "\n".join(lines)


def _states(pipeline: Any, graph: Graph, first: int, types: list[IntType]) -> str:
    """The registers, which take the next values as the last stage does."""
    stages = len(pipeline.solutions)
    initial: list[int] = []
    for state in graph.states:
        initial += map(int, graph.constants[state.initial].ravel())
    word = width = 0
    for value, dtype in zip(initial, types, strict=True):
        word |= packed([value], dtype.bits) << width
        width += dtype.bits
    skipped = sum(bits(interval) for interval in pipeline.out_qint[:first])
    values = pipeline.out_qint[first:]
    return _STATES.format(
        bits=width,
        assigned=_assigned(values, types, "update", f"next{stages - 1}", skipped),
        initial=word,
        arrives="enter" if stages == 1 else f"full[{stages}-2]",
    )


def _assigned(intervals: Any, types: list[IntType], port: str, stored: str, first: int) -> str:
    """Each integer of ``port``, stored from bit ``first`` of ``stored`` on in as few bits as it
    needs, extended to the graph's type."""
    from da4ml.types import minimal_kif

    lines, at = [], 0
    for interval, dtype in zip(intervals, types, strict=True):
        signed, _, fraction = minimal_kif(interval)
        width = bits(interval)
        if width:
            high = f"{stored}[{first + width - 1}]" if signed else "1'b0"
            parts = [f"{stored}[{first + width - 1}:{first}]"]
            if extension := dtype.bits - width + fraction:
                parts.insert(0, f"{{{extension}{{{high}}}}}")
            if fraction < 0:
                parts.append(f"{-fraction}'d0")
            value = f"{{{', '.join(parts)}}}"
        else:
            value = f"{dtype.bits}'d0"
        lines.append(f"assign {port}[{at + dtype.bits - 1}:{at}] = {value};\n")
        first += width
        at += dtype.bits
    return "".join(lines)
