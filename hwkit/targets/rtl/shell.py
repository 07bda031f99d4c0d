"""The device around a core: Verilog module ``hwk_device``, which answers the wire protocol.

Sources are in ``hls/rtl/shell``; what belongs to one model (widths, sizes, the answer to INFO, the
self-test's CRC) is written here as its parameters.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

from hwkit import resources
from hwkit.device.protocol import MAX_TENSOR_BYTES
from hwkit.errors import ConfigError
from hwkit.identifiers import one_line
from hwkit.ir import serialize
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.storage import WHOLE_BYTES
from hwkit.ir.types import Array, IntType, TensorType
from hwkit.targets.rtl.core import Core, Stream

_PROTOCOL_VERSION = 1
_LAYERS = 1
_NAME_BYTES = 63
_INFO = struct.Struct("<HHIIIIII32s")
_SOURCES = ("hwk_crc32.v", "hwk_input_buffer.v", "hwk_output_buffer.v", "hwk_shell.v")

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
  wire input_restart, input_step, input_write, output_restart, output_step, start;
  wire [7:0] input_byte, output_byte;
  wire first_beat, last_beat;
  wire [{source_high}:0] s_data;
  wire s_valid, s_ready;
  wire [{sink_high}:0] m_data;
  wire m_valid, m_ready;

  hwk_shell #(
      .FRAME_LOG2({frame_log2}),
      .PAYLOAD_BYTES({payload_bytes}),
      .INPUT_BYTES({input_bytes}),
      .OUTPUT_BYTES({output_bytes}),
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
      .start(start), .first_beat(first_beat), .last_beat(last_beat)
  );

  hwk_input_buffer #(
      .ELEMENTS({source.elements}), .BITS({source.dtype.bits}), .BYTES({source_bytes}),
      .BEATS({source.beats})
  ) source (
      .clk(clk), .rst(rst),
      .restart(input_restart), .step(input_step), .write(input_write), .byte_in(input_byte),
      .start(start), .first(first_beat),
      .s_data(s_data), .s_valid(s_valid), .s_ready(s_ready)
  );

  hwk_core core (
      .clk(clk), .rst(rst),
      .s_data(s_data), .s_valid(s_valid), .s_ready(s_ready),
      .m_data(m_data), .m_valid(m_valid), .m_ready(m_ready)
  );

  hwk_output_buffer #(
      .ELEMENTS({sink.elements}), .BITS({sink.dtype.bits}), .SIGNED({sink_signed}),
      .BYTES({sink_bytes}), .BEATS({sink.beats})
  ) sink (
      .clk(clk), .rst(rst),
      .start(start), .m_data(m_data), .m_valid(m_valid), .m_ready(m_ready), .last(last_beat),
      .restart(output_restart), .step(output_step), .byte_out(output_byte)
  );
endmodule
"""


def element_bytes(dtype: IntType) -> int:
    """Bytes of an integer on the link: 1 up to 8 bits, 2 up to 16, else 4."""
    return WHOLE_BYTES.of(dtype).bits // 8


def to_device(x: Array, dtype: IntType) -> bytes:
    """One sample as the link carries it: C order, little-endian.

    Example: ``to_device(np.array([-1]), IntType(12, True)) == b"\\xff\\xff"``.
    """
    return WHOLE_BYTES.pack(x, dtype)


def from_device(data: bytes, tensor: TensorType) -> Array:
    """The inverse of ``to_device``, in the tensor's shape and container."""
    return WHOLE_BYTES.unpack(data, tensor)


def selftest_input(tensor: TensorType) -> Array:
    """The input that the shell makes for its self-test, batch of one; see ``hwk_shell.v``.

    Example: for u8 the first integers are 114, 0, 237.
    """
    register, values = 0xFFFFFFFF, []
    size = element_bytes(tensor.dtype)
    for _ in range(tensor.elements):
        value = 0
        for k in range(size):
            for _ in range(8):
                register = register >> 1 ^ (0xEDB88320 if register & 1 else 0)
            value |= (register & 0xFF) << (8 * k)
        value &= (1 << tensor.dtype.bits) - 1
        values.append(value - (1 << tensor.dtype.bits) if value > tensor.dtype.high else value)
    return np.array(values, tensor.dtype.container).reshape(1, *tensor.shape)


def shell_files(core: Core, graph: Graph, clock_hz: int, frame_log2: int) -> dict[str, bytes]:
    """``hwk_device.v`` and the shell's sources, by path in the build folder.

    The frame's memory takes ``2**frame_log2`` bytes, of which a payload may fill half; tensors
    that are longer go over the link in parts.
    ``ConfigError`` when the input or the output is longer than the protocol has.
    """
    source, sink = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    for what, tensor in (("input", source), ("output", sink)):
        size = WHOLE_BYTES.bytes_of(tensor)
        if size > MAX_TENSOR_BYTES:
            raise ConfigError(
                f"{graph.name}: {what} of {size} bytes; the link takes at most {MAX_TENSOR_BYTES}"
            )
    folder = resources.folder("hls") / "rtl" / "shell"
    files = {f"shell/{name}": (folder / name).read_bytes() for name in _SOURCES}
    files["hwk_device.v"] = _device(core, graph, clock_hz, frame_log2).encode()
    return files


def _device(core: Core, graph: Graph, clock_hz: int, frame_log2: int) -> str:
    payload_bytes = 1 << (frame_log2 - 1)
    info = _info(graph, payload_bytes, clock_hz)
    constants = info + struct.pack("<I", _selftest_crc32(graph))
    return _DEVICE.format(
        name=one_line(graph.name),
        frame_log2=frame_log2,
        payload_bytes=payload_bytes,
        input_bytes=_stream_bytes(core.source),
        output_bytes=_stream_bytes(core.sink),
        info_bytes=len(info),
        constant_bytes=len(constants),
        constant_bits=8 * len(constants),
        constants=constants[::-1].hex(),
        source=core.source,
        source_bytes=element_bytes(core.source.dtype),
        source_high=core.source.beat_bits - 1,
        sink=core.sink,
        sink_bytes=element_bytes(core.sink.dtype),
        sink_high=core.sink.beat_bits - 1,
        sink_signed=int(core.sink.dtype.signed),
    )


def _stream_bytes(stream: Stream) -> int:
    return stream.size * element_bytes(stream.dtype)


def _info(graph: Graph, payload_bytes: int, clock_hz: int) -> bytes:
    """The answer to INFO; the core is one layer, without arena or stack."""
    source, sink = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    fixed = _INFO.pack(
        _PROTOCOL_VERSION,
        payload_bytes,
        _LAYERS,
        WHOLE_BYTES.bytes_of(source),
        WHOLE_BYTES.bytes_of(sink),
        0,
        clock_hz,
        0,
        bytes.fromhex(serialize.digest(graph)),
    )
    return fixed + graph.name.encode()[:_NAME_BYTES]


def _selftest_crc32(graph: Graph) -> int:
    name, output = graph.inputs[0], graph.outputs[0]
    y = run(graph, {name: selftest_input(graph.tensors[name])})[output]
    return zlib.crc32(to_device(y[0], graph.tensors[output].dtype))
