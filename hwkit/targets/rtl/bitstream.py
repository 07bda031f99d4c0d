"""What goes around a core for one board: top module, constraints, synthesis script, commands."""

from __future__ import annotations

from collections.abc import Mapping

from hwkit import resources
from hwkit.boards import Board, FpgaBoard, FpgaPins
from hwkit.errors import ConfigError
from hwkit.ir.graph import Graph
from hwkit.target import BuildPlan, Kind
from hwkit.targets.rtl import pins as constraints
from hwkit.targets.rtl import pll
from hwkit.targets.rtl.core import Core
from hwkit.targets.rtl.shell import frame_log2, shell_files
from hwkit.toolchain import nextpnr, yosys

TOP = "top"
DEVICE = "hwk_device"
HARNESS = "tb/hwk_board.cpp"
CLOCK = "clock.xdc"
"""The only constraint of a Vivado project without pins."""

BAUD_TOLERANCE = 0.02
"""Of the bit rate: a receiver that samples ten bits in their middle bears twice this."""

_SERIAL = ("hwk_serial.v", "hwk_uart_rx.v", "hwk_uart_tx.v")

_TOP = """\
// {title}. Generated.
module top (
    input  wire clock_pin,
    input  wire uart_rx,
    output wire uart_tx,
    output wire led{more_ports}
);
  wire clk, locked, lit;

{clock}
  hwk_serial #(.DIVIDER({divider}), .RESET_LOG2({reset_log2})) serial (
      .clk(clk), .locked(locked), .rx(uart_rx), .tx(uart_tx), .led(lit)
  );
  assign led = {led};
{more}endmodule
"""

_VIVADO = """\
# Vivado project of {part}: vivado -mode batch -source project.tcl. Generated.
create_project -force hwkit vivado -part {part}
add_files [list {sources}]
{images}add_files -fileset constrs_1 {constraints}
set_property top {top} [current_fileset]
{options}launch_runs synth_1
wait_on_run synth_1
{implement}"""

_IMPLEMENT = """\
launch_runs impl_1 -to_step write_bitstream
wait_on_run impl_1
open_run impl_1
report_utilization -file utilization.rpt
report_timing_summary -file timing.rpt
"""

_WITHOUT_PINS = """\
# To be wired in a block design: synthesised by itself, its timing against clock.xdc.
set_property -name {STEPS.SYNTH_DESIGN.ARGS.MORE OPTIONS} -value {-mode out_of_context} \\
  -objects [get_runs synth_1]
"""

_OUT_OF_CONTEXT = """\
open_run synth_1
report_utilization -file utilization.rpt
report_timing_summary -file timing.rpt
"""


def section(board: Board) -> FpgaBoard:
    """The board's FPGA section; ``ConfigError`` for a board that has none."""
    if board.fpga is None:
        raise ConfigError(f"board {board.name}: no FPGA; take rtl_sim or ulx3s_85f")
    return board.fpga


def board_plan(core: Core, graph: Graph, board: Board) -> BuildPlan:
    """``core`` in its shell on ``board``: all files, and the commands that make a bitstream of
    them (none where a simulator is built).

    The first word of a command is a tool's own name; ``toolchain.yosys.find_program`` finds it.
    """
    fpga = section(board)
    kind: Kind = "simulator" if fpga.flow == "verilator" else "hardware"
    files = {**core.files, **shell_files(core, graph, fpga.clock_hz, frame_log2(fpga), kind)}
    commands: tuple[tuple[str, ...], ...] = ()
    if fpga.flow == "verilator":
        harness = resources.folder("hls") / HARNESS
        files[HARNESS] = harness.read_bytes()
        return BuildPlan(files, commands)
    top = DEVICE
    if fpga.pins is not None:
        top = TOP
        files |= _top_files(board, fpga, fpga.pins)
    sources = verilog_sources(files)
    files["synth.ys"] = yosys.script(fpga.flow, fpga.device, top, sources).encode()
    commands = (("yosys", "-q", "-l", "yosys.log", "synth.ys"),)
    if fpga.flow == "vivado":
        files["project.tcl"] = _vivado(fpga, top, sources, sorted(set(files) - set(sources)))
        if fpga.pins is None:
            clock = f"create_clock -period {1e9 / fpga.clock_hz:.3f} [get_ports clk]\n"
            files[CLOCK] = clock.encode()
    else:
        commands += nextpnr.commands(fpga, top)
    return BuildPlan(files, commands)


def verilog_sources(files: Mapping[str, bytes]) -> list[str]:
    """The Verilog files among the names of ``files``, sorted."""
    return sorted(name for name in files if name.endswith((".v", ".sv")))


def flash_command(board: Board, artifact: str) -> list[str] | None:
    """What writes the bitstream to the board; None for a board without a programmer."""
    programmer = section(board).programmer
    if programmer is None:
        return None
    return [programmer.tool, "-b", programmer.target, artifact]


def _top_files(board: Board, fpga: FpgaBoard, pins: FpgaPins) -> dict[str, bytes]:
    suffix, write = constraints.FORMATS[fpga.flow]
    folder = resources.folder("hls") / "rtl" / "shell"
    files = {f"shell/{name}": (folder / name).read_bytes() for name in _SERIAL}
    files["top.v"] = _top(board, fpga, pins).encode()
    files[f"{TOP}.{suffix}"] = write(fpga, pins).encode()
    return files


def _top(board: Board, fpga: FpgaBoard, pins: FpgaPins) -> str:
    return _TOP.format(
        title=board.title,
        more_ports=",\n    output wire high" if pins.high else "",
        clock=pll.verilog(fpga),
        divider=divider(fpga),
        # About a millisecond: a PLL locks and memories can be read.
        reset_log2=max(8, (fpga.clock_hz // 1000).bit_length()),
        led="!lit" if pins.led_low else "lit",
        more="  assign high = 1'b1;\n" if pins.high else "",
    )


def divider(fpga: FpgaBoard) -> int:
    """Clock cycles of a bit on the serial line. Example: 12 MHz and 115,200 baud give 104.

    ``ConfigError`` when the clock makes no such rate.
    """
    cycles = round(fpga.clock_hz / fpga.baud)
    if cycles < 4 or abs(fpga.clock_hz / cycles / fpga.baud - 1) > BAUD_TOLERANCE:
        raise ConfigError(
            f"part {fpga.part}: {fpga.clock_hz} Hz make no {fpga.baud} baud; nearest: "
            f"{fpga.clock_hz // max(cycles, 4)}"
        )
    return cycles


def _vivado(fpga: FpgaBoard, top: str, sources: list[str], others: list[str]) -> bytes:
    images = " ".join(name for name in others if name.endswith((".hex", ".mem", ".dat")))
    with_pins = fpga.pins is not None
    return _VIVADO.format(
        part=fpga.part,
        sources=" ".join(sources),
        images=f"add_files [list {images}]\n" if images else "",
        constraints=f"{TOP}.xdc" if with_pins else CLOCK,
        top=top,
        options="" if with_pins else _WITHOUT_PINS,
        implement=_IMPLEMENT if with_pins else _OUT_OF_CONTEXT,
    ).encode()
