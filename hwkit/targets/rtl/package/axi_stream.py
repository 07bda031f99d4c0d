"""A core between AXI4-Stream ports: widths converted, TLAST at the end of each tensor.

A beat of a port holds consecutive integers of its tensor, the first in the lowest bytes, each in
whole bytes (1 up to 8 bits, 2 up to 16, else 4) as numpy and a DMA engine have them: as many as
make four bytes, or fewer where they do not divide the tensor. Bits of an input above its type's are
not looked at; outputs are extended by their sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hwkit.ir.storage import WHOLE_BYTES
from hwkit.ir.types import IntType
from hwkit.targets.rtl.core import Core, Stream
from hwkit.targets.rtl.netlist import Netlist
from hwkit.targets.rtl.rescaled import resized
from hwkit.targets.rtl.verilog import instances, joined, wires

BEAT_BYTES = 4
"""Of a port, at most."""

_MODULE = """\
// {name}: {core} between AXI4-Stream ports. Made by hwkit; README.md says what a beat holds.
module {name} (
    input  wire aclk,
    input  wire aresetn,
{ports}
);
    wire clk = aclk;
    wire rst = !aresetn;

{wires}
    {core} core (
        .clk(clk), .rst(rst),
        .s_data({s_data}), .s_valid({s_valid}), .s_ready({s_ready}),
        .m_data({m_data}), .m_valid({m_valid}), .m_ready({m_ready}));

{instances}
{inputs}{outputs}endmodule
"""

_SLAVE = """\
    input  wire [{last}:0] {name}_tdata,
    input  wire {name}_tvalid,
    output wire {name}_tready,
    input  wire {name}_tlast"""

_MASTER = """\
    output wire [{last}:0] {name}_tdata,
    output wire {name}_tvalid,
    input  wire {name}_tready,
    output wire {name}_tlast"""

_INPUT = """
    // Beats are counted: {name}_tlast is not needed.
    assign {stream}_data = {name}_tdata;
    assign {stream}_valid = {name}_tvalid;
    assign {name}_tready = {stream}_ready;
"""

_OUTPUT = """
    reg [{count_last}:0] {name}_count;
    assign {name}_tdata = {stream}_data;
    assign {name}_tvalid = {stream}_valid;
    assign {stream}_ready = {name}_tready;
    assign {name}_tlast = {name}_count == {beats} - 1;
    always @(posedge clk) begin
        if ({name}_tvalid && {name}_tready) {name}_count <= {name}_tlast ? 0 : {name}_count + 1'b1;
        if (rst) {name}_count <= 0;
    end
"""


@dataclass(frozen=True, slots=True)
class Port:
    """An AXI4-Stream port: ``stream`` is in whole bytes an integer."""

    name: str
    stream: Stream

    @property
    def element_bytes(self) -> int:
        """Bytes of an integer."""
        return self.stream.dtype.bits // 8


def ports(streams: Sequence[Stream], side: str) -> tuple[Port, ...]:
    """The ports of a core's ``streams``: ``s_axis``, or ``s0_axis`` and on where there are several
    (``m`` for the other ``side``).

    Example: 64 integers of four bits are 16 beats of 32 bits.
    """
    made = []
    for k, stream in enumerate(streams):
        dtype = WHOLE_BYTES.of(stream.dtype)
        elements = next(
            n
            for n in (4, 2, 1)
            if n == 1 or (n * dtype.bits <= 8 * BEAT_BYTES and stream.size % n == 0)
        )
        number = str(k) if len(streams) > 1 else ""
        whole = Stream(stream.size, IntType(dtype.bits, stream.dtype.signed), elements)
        made.append(Port(f"{side}{number}_axis", whole))
    return tuple(made)


def wrapper(
    name: str, module: str, core: Core, inputs: Sequence[Port], outputs: Sequence[Port]
) -> str:
    """The Verilog module ``name`` around ``core``, whose module is ``module``."""
    net = Netlist()
    taken, given, results = [], [], []
    for port, stream in zip(inputs, core.sources, strict=True):
        taken.append(net.stream(port.name, port.stream))
        narrow = resized(net, taken[-1], stream.dtype, f"{port.name}_in")
        given.append(net.elements(narrow, stream.elements))
    made = [net.stream(f"{port.name}_core", s) for port, s in zip(outputs, core.sinks, strict=True)]
    for port, source in zip(outputs, made, strict=True):
        beat = net.elements(source, port.stream.elements)
        results.append(resized(net, beat, port.stream.dtype, f"{port.name}_out"))
    sides = [(_SLAVE, port) for port in inputs] + [(_MASTER, port) for port in outputs]
    core_ports = {
        f"{side}_{part}": joined(f"{stream}_{part}" for stream in streams)
        for side, streams in (("s", given), ("m", made))
        for part in ("data", "valid", "ready")
    }
    return _MODULE.format(
        name=name,
        core=module,
        ports=",\n".join(
            form.format(name=port.name, last=port.stream.beat_bits - 1) for form, port in sides
        ),
        wires="\n".join(wires(net)),
        instances="\n".join(instances(net)),
        inputs="".join(
            _INPUT.format(name=port.name, stream=stream)
            for port, stream in zip(inputs, taken, strict=True)
        ),
        outputs="".join(
            _OUTPUT.format(
                name=port.name,
                stream=stream,
                beats=port.stream.beats,
                count_last=max((port.stream.beats - 1).bit_length(), 1) - 1,
            )
            for port, stream in zip(outputs, results, strict=True)
        ),
        **core_ports,
    )
