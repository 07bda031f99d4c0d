"""The Verilog module ``hwk_device``: shell, buffers and core of one model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hwkit.ir.storage import WHOLE_BYTES
from hwkit.ir.types import IntType
from hwkit.targets.rtl.core import Core, Stream

_DEVICE = """\
// Core and shell of model {name}: a byte stream in, a byte stream out. Generated.
module hwk_device (
    input  wire       clk,
    input  wire       rst,
    input  wire [7:0] rx_data,
    input  wire       rx_valid,
    output wire       rx_ready,
    output wire [7:0] tx_data,
    output wire       tx_valid,
    input  wire       tx_ready,
    output wire       idle
);
  wire input_restart, input_step, input_write, output_restart, output_step, start, clear;
  wire [7:0] input_byte;
  wire [{inputs_high}:0] input_turn, input_at_last, first, s_valid, s_ready;
  wire [{outputs_high}:0] output_turn, output_at_last, last, m_valid, m_ready;
  wire first_beat, last_beat;
  wire [{source_high}:0] s_data;
  wire [{sink_high}:0] m_data;
{byte_wires}

  hwk_shell #(
      .FRAME_LOG2({frame_log2}),
      .PAYLOAD_BYTES({payload_bytes}),
      .INPUT_BYTES({input_bytes}),
      .OUTPUT_BYTES({output_bytes}),
      .STATEFUL({stateful}),
      .INFO_BYTES({info_bytes}),
      .CONSTANT_BYTES({constant_bytes}),
      .CONSTANTS({constant_bits}'h{constants})
  ) shell (
      .clk(clk), .rst(rst),
      .rx_data(rx_data), .rx_valid(rx_valid), .rx_ready(rx_ready),
      .tx_data(tx_data), .tx_valid(tx_valid), .tx_ready(tx_ready), .idle(idle),
      .input_restart(input_restart), .input_step(input_step), .input_write(input_write),
      .input_byte(input_byte),
      .output_restart(output_restart), .output_step(output_step), .output_byte(output_byte),
      .start(start), .clear(clear), .first_beat(first_beat), .last_beat(last_beat)
  );

  hwk_turns #(.COUNT({inputs})) input_turns (
      .clk(clk), .restart(input_restart), .step(input_step), .at_last(input_at_last),
      .turn(input_turn)
  );

  hwk_turns #(.COUNT({outputs})) output_turns (
      .clk(clk), .restart(output_restart), .step(output_step), .at_last(output_at_last),
      .turn(output_turn)
  );

  hwk_span #(.INPUTS({inputs}), .OUTPUTS({outputs})) span (
      .clk(clk), .start(start), .first(first), .last(last),
      .first_beat(first_beat), .last_beat(last_beat)
  );
{sources}
  hwk_core core (
      .clk(clk), .rst(rst || clear),
      .s_data(s_data), .s_valid(s_valid), .s_ready(s_ready),
      .m_data(m_data), .m_valid(m_valid), .m_ready(m_ready)
  );
{sinks}endmodule
"""

_SOURCE = """
  hwk_input_buffer #(
      .ELEMENTS({stream.elements}), .BITS({stream.dtype.bits}), .BYTES({bytes}),
      .BEATS({stream.beats})
  ) source{k} (
      .clk(clk), .rst(rst),
      .restart(input_restart), .step(input_step && input_turn[{k}]),
      .write(input_write && input_turn[{k}]), .byte_in(input_byte), .at_last(input_at_last[{k}]),
      .start(start), .first(first[{k}]),
      .s_data(s_data[{high}:{low}]), .s_valid(s_valid[{k}]), .s_ready(s_ready[{k}])
  );
"""

_SINK = """
  hwk_output_buffer #(
      .ELEMENTS({stream.elements}), .BITS({stream.dtype.bits}), .SIGNED({signed}),
      .BYTES({bytes}), .BEATS({stream.beats})
  ) sink{k} (
      .clk(clk), .rst(rst),
      .start(start), .m_data(m_data[{high}:{low}]), .m_valid(m_valid[{k}]), .m_ready(m_ready[{k}]),
      .last(last[{k}]),
      .restart(output_restart), .step(output_step && output_turn[{k}]),
      .at_last(output_at_last[{k}]), .byte_out(output_byte{k})
  );
"""


def element_bytes(dtype: IntType) -> int:
    """Bytes of an integer on the link: 1 up to 8 bits, 2 up to 16, else 4."""
    return WHOLE_BYTES.of(dtype).bits // 8


def device(
    core: Core, name: str, frame_log2: int, info: bytes, crc32: bytes, stateful: bool
) -> str:
    """The module's text; ``info`` is the answer to INFO, ``crc32`` the self-test's."""
    constants = info + crc32
    return _DEVICE.format(
        name=name,
        frame_log2=frame_log2,
        payload_bytes=1 << (frame_log2 - 1),
        input_bytes=_bytes(core.sources),
        output_bytes=_bytes(core.sinks),
        stateful=int(stateful),
        info_bytes=len(info),
        constant_bytes=len(constants),
        constant_bits=8 * len(constants),
        constants=constants[::-1].hex(),
        inputs=len(core.sources),
        outputs=len(core.sinks),
        inputs_high=len(core.sources) - 1,
        outputs_high=len(core.sinks) - 1,
        source_high=sum(stream.beat_bits for stream in core.sources) - 1,
        sink_high=sum(stream.beat_bits for stream in core.sinks) - 1,
        byte_wires="\n".join(_output_byte(len(core.sinks))),
        sources="".join(_buffers(_SOURCE, core.sources)),
        sinks="".join(_buffers(_SINK, core.sinks)),
    )


def _bytes(streams: Sequence[Stream]) -> int:
    return sum(stream.size * element_bytes(stream.dtype) for stream in streams)


def _buffers(text: str, streams: Sequence[Stream]) -> Iterator[str]:
    """A buffer for each stream, at its place in the port."""
    low = 0
    for k, stream in enumerate(streams):
        high = low + stream.beat_bits - 1
        size, signed = element_bytes(stream.dtype), int(stream.dtype.signed)
        yield text.format(k=k, stream=stream, bytes=size, signed=signed, high=high, low=low)
        low = high + 1


def _output_byte(outputs: int) -> Iterator[str]:
    """The byte of the output whose turn it is."""
    names = [f"output_byte{k}" for k in range(outputs)]
    yield f"  wire [7:0] {', '.join(names)};"
    if outputs == 1:
        yield f"  wire [7:0] output_byte = {names[0]};"
        return
    chosen = (f"{{8{{output_turn[{k}]}}}} & {name}" for k, name in enumerate(names))
    yield f"  wire [7:0] output_byte = {' | '.join(chosen)};"
