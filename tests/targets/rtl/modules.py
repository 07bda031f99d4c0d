"""Many modules of ``hls/rtl`` in one simulation, each between two streams.

A case is a module with its parameters, the beats that go in and those that must come out. All
cases of a module are instances in one program, selected by ``+select``; the harness is that of
whole cores, with a beat as one integer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hwkit import resources
from hwkit.ir.types import Array
from hwkit.toolchain import process, verilator
from tests.targets.rtl.together import TOP

RTL = ("argmax", "choose", "constant", "fifo", "fork", "gather", "join", "lookup", "matrix",
       "mul", "narrow", "patch", "product", "rescale", "resize", "rom", "rows", "softmax", "state",
       "sum", "threshold", "widen", "window")  # fmt: skip


@dataclass(frozen=True)
class Case:
    """``into`` and ``out`` are beats (bits as unsigned integers) of one inference after another.

    ``beats_in`` and ``beats_out`` are those of an inference; ``latency`` from its first beat in to
    its last one out and ``cycles`` from one inference to the next, when nobody waits. ``images``
    are a width in bits and words, by the parameter that names their file.
    """

    module: str
    parameters: Mapping[str, int]
    in_bits: int
    out_bits: int
    into: Sequence[int]
    out: Sequence[int]
    beats_in: int = 1
    beats_out: int = 1
    latency: int | None = None
    cycles: float | None = None
    images: Mapping[str, tuple[int, Sequence[int]]] = field(default_factory=dict)


def build(cases: Sequence[Case], folder: Path) -> Path:
    """The program of ``cases``, which must be no wider than 30 bits."""
    wide_in, wide_out = max(c.in_bits for c in cases), max(c.out_bits for c in cases)
    assert max(wide_in, wide_out) <= 30
    parts = []
    for k, case in enumerate(cases):
        values = [f".{name}({value})" for name, value in case.parameters.items()]
        for name, (bits, words) in case.images.items():
            image = f"c{k}_{name.lower()}.hex"
            digits = -(-bits // 4)
            (folder / image).write_text("".join(f"{word:0{digits}x}\n" for word in words))
            values.append(f'.{name}("{image}")')
        widths = {"i": case.in_bits - 1, "o": case.out_bits - 1}
        parts.append(_SLOT.format(k=k, module=case.module, values=", ".join(values), **widths))
    ports = {"i": wide_in - 1, "o": wide_out - 1, "ins": 0, "outs": 0}
    text = TOP.format(**ports, last=len(cases) - 1, parts="".join(parts))
    (folder / "hwk_core.v").write_text(_JOINED + text)
    rtl = resources.folder("hls") / "rtl"
    sources = [rtl / f"hwk_{name}.v" for name in RTL]
    harness = resources.folder("hls") / "tb" / "rtl_core.cpp"
    return verilator.simulator(
        [folder / "hwk_core.v", *sources], "hwk_core", harness, folder / "sim", optimize="-O0",
        cwd=folder,
    )  # fmt: skip


def check(program: Path, cases: Sequence[Case], k: int, seed: int, interrupted: int = 0) -> None:
    """Every beat of case ``k``; without waiting (seed 0) also its latency and its interval. The
    first ``interrupted`` beats go in before, and a reset cuts them short."""
    case, where = cases[k], (cases[k].module, cases[k].parameters)
    y, stamps, _ = _simulated(program, cases, k, seed, interrupted)
    assert y == list(case.out), where
    if seed == 0 and case.latency is not None:
        assert stamps[0, 2] - stamps[0, 0] == case.latency, where
    if seed == 0 and case.cycles is not None:
        ends = stamps[len(stamps) // 2 :, 2]
        assert (ends[-1] - ends[0]) / (len(ends) - 1) == case.cycles, where


def most_held(program: Path, cases: Sequence[Case], k: int) -> int:
    """The most beats that the FIFO of case ``k`` ever held, with waits at random."""
    printed = _simulated(program, cases, k, 1)[2]
    (most,) = re.findall(rf"^fifo \S*\.core_{k}\b\S* (\d+) \d+$", printed, re.MULTILINE)
    return int(most)


def _simulated(
    program: Path, cases: Sequence[Case], k: int, seed: int, interrupted: int = 0
) -> tuple[list[int], Array, str]:
    case, folder = cases[k], program.parent
    names = [str(folder / f"{part}{k}_{seed}") for part in ("x", "y", "stamps")]
    np.array(case.into, "<i4").tofile(names[0])
    wide_in, wide_out = max(c.in_bits for c in cases), max(c.out_bits for c in cases)
    into = f"in:1:{wide_in}:{case.beats_in}:{names[0]}"
    out = f"out:1:{wide_out}:0:{case.beats_out}:{names[1]}"
    inferences = len(case.into) // case.beats_in
    command = [str(program), str(inferences), str(seed), names[2], into, out]
    command += [f"+select={k}", "+fifos"]
    command += [f"+images={folder}", f"+interrupted={interrupted}"]
    printed = process.run(command, folder / f"log{k}_{seed}", cwd=folder, timeout_s=60)
    stamps = np.fromfile(names[2], "<u8").astype(np.int64).reshape(-1, 3)
    mask = np.array([(1 << case.out_bits) - 1], "<i4")
    return (np.fromfile(names[1], "<i4") & mask).tolist(), stamps, printed


_SLOT = """
    wire [{o}:0] data_{k};
    assign m[{k}] = data_{k};
    {module} #({values}) core_{k} (
        .clk(clk), .rst(rst),
        .s_data(s_data[{i}:0]), .s_valid(s_valid[0] && select == {k}), .s_ready(s_ready_of[{k}]),
        .m_data(data_{k}), .m_valid(m_valid_of[{k}]), .m_ready(m_ready[0] && select == {k}));
"""
_JOINED = """
// A fork to two FIFOs, and the sum of what they hold: in each lane six bits, then seven.
module joined #(
    parameter A_DEPTH = 1, parameter B_DEPTH = 1,
    parameter A_SIGNED = 0, parameter B_SIGNED = 0,
    parameter SUBTRACT = 0, parameter signed [63:0] OFFSET = 0
) (
    input wire clk, input wire rst,
    input wire [25:0] s_data, input wire s_valid, output wire s_ready,
    output wire [17:0] m_data, output wire m_valid, input wire m_ready
);
    wire [51:0] both;
    wire [1:0] valid, ready;
    hwk_fork #(.WIDTH(26), .COUNT(2)) fork_ (
        .clk(clk), .rst(rst), .s_data(s_data), .s_valid(s_valid), .s_ready(s_ready),
        .m_data(both), .m_valid(valid), .m_ready(ready));
    wire [11:0] a;
    wire [13:0] b;
    wire a_valid, a_ready, b_valid, b_ready;
    hwk_fifo #(.WIDTH(12), .DEPTH(A_DEPTH)) a_fifo (
        .clk(clk), .rst(rst), .s_data({both[18:13], both[5:0]}), .s_valid(valid[0]),
        .s_ready(ready[0]), .m_data(a), .m_valid(a_valid), .m_ready(a_ready));
    hwk_fifo #(.WIDTH(14), .DEPTH(B_DEPTH)) b_fifo (
        .clk(clk), .rst(rst), .s_data({both[51:45], both[38:32]}), .s_valid(valid[1]),
        .s_ready(ready[1]), .m_data(b), .m_valid(b_valid), .m_ready(b_ready));
    hwk_sum #(.LANES(2), .A_BITS(6), .A_SIGNED(A_SIGNED), .B_BITS(7), .B_SIGNED(B_SIGNED),
              .SUBTRACT(SUBTRACT), .OUT_BITS(9), .OFFSET(OFFSET)) sum (
        .clk(clk), .rst(rst), .a_data(a), .a_valid(a_valid), .a_ready(a_ready),
        .b_data(b), .b_valid(b_valid), .b_ready(b_ready),
        .m_data(m_data), .m_valid(m_valid), .m_ready(m_ready));
endmodule

// A fork to two FIFOs, and the product of what they hold: six bits and seven.
module multiplied #(
    parameter A_SIGNED = 0, parameter B_SIGNED = 0,
    parameter signed [63:0] A_OFFSET = 0, parameter signed [63:0] B_OFFSET = 0
) (
    input wire clk, input wire rst,
    input wire [12:0] s_data, input wire s_valid, output wire s_ready,
    output wire [19:0] m_data, output wire m_valid, input wire m_ready
);
    wire [25:0] both;
    wire [1:0] valid, ready;
    hwk_fork #(.WIDTH(13), .COUNT(2)) fork_ (
        .clk(clk), .rst(rst), .s_data(s_data), .s_valid(s_valid), .s_ready(s_ready),
        .m_data(both), .m_valid(valid), .m_ready(ready));
    wire [6:0] b;
    wire b_valid, b_ready;
    hwk_fifo #(.WIDTH(7), .DEPTH(2)) b_fifo (
        .clk(clk), .rst(rst), .s_data(both[25:19]), .s_valid(valid[1]),
        .s_ready(ready[1]), .m_data(b), .m_valid(b_valid), .m_ready(b_ready));
    hwk_mul #(.A_BITS(6), .A_SIGNED(A_SIGNED), .B_BITS(7), .B_SIGNED(B_SIGNED),
              .A_OFFSET(A_OFFSET), .B_OFFSET(B_OFFSET), .X_BITS(10), .Y_BITS(10),
              .OUT_BITS(20)) mul (
        .clk(clk), .rst(rst), .a_data(both[5:0]), .a_valid(valid[0]), .a_ready(ready[0]),
        .b_data(b), .b_valid(b_valid), .b_ready(b_ready),
        .m_data(m_data), .m_valid(m_valid), .m_ready(m_ready));
endmodule

// A fork to three readers of six, five and five bits, two of them behind FIFOs.
module chosen #(
    parameter S_SIGNED = 0, parameter signed [63:0] FROM = 0
) (
    input wire clk, input wire rst,
    input wire [15:0] s_data, input wire s_valid, output wire s_ready,
    output wire [4:0] m_data, output wire m_valid, input wire m_ready
);
    wire [47:0] all;
    wire [2:0] valid, ready;
    hwk_fork #(.WIDTH(16), .COUNT(3)) fork_ (
        .clk(clk), .rst(rst), .s_data(s_data), .s_valid(s_valid), .s_ready(s_ready),
        .m_data(all), .m_valid(valid), .m_ready(ready));
    wire [4:0] a, b;
    wire a_valid, a_ready, b_valid, b_ready;
    hwk_fifo #(.WIDTH(5), .DEPTH(2)) a_fifo (
        .clk(clk), .rst(rst), .s_data(all[26:22]), .s_valid(valid[1]),
        .s_ready(ready[1]), .m_data(a), .m_valid(a_valid), .m_ready(a_ready));
    hwk_fifo #(.WIDTH(5), .DEPTH(3)) b_fifo (
        .clk(clk), .rst(rst), .s_data(all[47:43]), .s_valid(valid[2]),
        .s_ready(ready[2]), .m_data(b), .m_valid(b_valid), .m_ready(b_ready));
    hwk_choose #(.S_BITS(6), .S_SIGNED(S_SIGNED), .FROM(FROM), .BITS(5)) choose (
        .clk(clk), .rst(rst), .s_data(all[5:0]), .s_valid(valid[0]), .s_ready(ready[0]),
        .a_data(a), .a_valid(a_valid), .a_ready(a_ready),
        .b_data(b), .b_valid(b_valid), .b_ready(b_ready),
        .m_data(m_data), .m_valid(m_valid), .m_ready(m_ready));
endmodule

// TURN beats of a stream and two of a constant in turn.
module turns #(parameter TURN = 1, parameter IMAGE = "") (
    input wire clk, input wire rst,
    input wire [8:0] s_data, input wire s_valid, output wire s_ready,
    output wire [8:0] m_data, output wire m_valid, input wire m_ready
);
    localparam [3:0] ONE = TURN;
    wire [8:0] c;
    wire valid, ready;
    hwk_constant #(.WIDTH(9), .WORDS(3), .IMAGE(IMAGE)) constant (
        .clk(clk), .rst(rst), .m_data(c), .m_valid(valid), .m_ready(ready));
    hwk_join #(.WIDTH(9), .COUNT(2), .BITS(4), .TURNS({4'd2, ONE})) join_ (
        .clk(clk), .rst(rst), .s_data({c, s_data}), .s_valid({valid, s_valid}),
        .s_ready({ready, s_ready}),
        .m_data(m_data), .m_valid(m_valid), .m_ready(m_ready));
endmodule
"""
