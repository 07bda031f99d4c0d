"""The least core: a clamp of every element, one register deep, in any width and beat."""

from __future__ import annotations

from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Clamp
from hwkit.ir.types import IntType
from hwkit.targets.rtl.core import Core, Stream

_CORE = """\
module hwk_core (
    input  wire clk, input wire rst,
    input  wire [{high}:0] s_data, input wire s_valid, output wire s_ready,
    output reg  [{high}:0] m_data, output reg m_valid, input wire m_ready
);
  assign s_ready = !m_valid || m_ready;
  always @(posedge clk) begin
    if (rst) m_valid <= 1'b0;
    else if (s_ready) m_valid <= s_valid;
  end
  genvar e;
  generate
    for (e = 0; e < {elements}; e = e + 1) begin : element
      wire {signed} [{top}:0] x = s_data[e*{bits} +: {bits}];
      always @(posedge clk) if (s_ready)
        m_data[e*{bits} +: {bits}] <= x < {low} ? {low} : x > {above} ? {above} : x;
    end
  endgenerate
endmodule
"""


def graph(size: int, dtype: IntType) -> Graph:
    """``size`` integers clamped to -3 (or 1) .. 5, as far as ``dtype`` goes."""
    b = GraphBuilder("clamp")
    b.input("x", (size,), dtype)
    b.add(Clamp("clamp", "x", "y", _low(dtype), _high(dtype)), dtype)
    return b.build(["y"])


def core(size: int, dtype: IntType, elements: int = 1) -> Core:
    """What computes it, a beat a cycle."""
    stream = Stream(size, dtype, elements)
    low = _low(dtype)
    text = _CORE.format(
        high=stream.beat_bits - 1,
        elements=elements,
        bits=dtype.bits,
        top=dtype.bits - 1,
        signed="signed" if dtype.signed else "",
        low=f"-{dtype.bits}'sd{-low}" if dtype.signed else low,
        above=f"{dtype.bits}'sd{_high(dtype)}" if dtype.signed else _high(dtype),
    )
    return Core({"hwk_core.v": text.encode()}, (stream,), (stream,), stream.beats, stream.beats)


def _low(dtype: IntType) -> int:
    return -3 if dtype.signed else min(1, dtype.high - 1)


def _high(dtype: IntType) -> int:
    return min(5, dtype.high)
