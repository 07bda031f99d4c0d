"""The device around a core: Verilog module ``hwk_device``, which answers the wire protocol.

Sources are in ``hls/rtl/shell``; what belongs to one model (sizes, the answer to INFO, the
self-test's CRC) is made here, and ``device`` writes it as their parameters.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Mapping

import numpy as np

from hwkit import resources
from hwkit.boards import FpgaBoard
from hwkit.device.protocol import KINDS, MAX_TENSOR_BYTES, VERSION
from hwkit.errors import ConfigError
from hwkit.identifiers import one_line
from hwkit.ir import serialize
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.storage import WHOLE_BYTES
from hwkit.ir.types import Array, IntType, TensorType
from hwkit.target import Kind
from hwkit.targets.rtl.core import Core
from hwkit.targets.rtl.device import device, element_bytes

_LAYERS = 1
_NAME_BYTES = 63
_INFO = struct.Struct("<HHBBBBIII12sII32s8s")
_FRAME_BYTES = 10
"""Around a payload: header and CRC."""

SELFTEST_STEPS = 4
"""Inferences of the self-test where there are states; one where there are none."""

_SOURCES = (
    "hwk_crc32.v",
    "hwk_input_buffer.v",
    "hwk_output_buffer.v",
    "hwk_shell.v",
    "hwk_span.v",
    "hwk_turns.v",
)


def to_device(x: Array, dtype: IntType) -> bytes:
    """One sample as the link carries it: C order, little-endian.

    Example: ``to_device(np.array([-1]), IntType(12, True)) == b"\\xff\\xff"``.
    """
    return WHOLE_BYTES.pack(x, dtype)


def from_device(data: bytes, tensor: TensorType) -> Array:
    """The inverse of ``to_device``, in the tensor's shape and container."""
    return WHOLE_BYTES.unpack(data, tensor)


def selftest_feeds(graph: Graph) -> dict[str, Array]:
    """The inputs that the shell makes for its self-test, a sample for each step; see
    ``hwk_shell.v``. The sequence goes on from input to input and from step to step.

    Example: for one input of u8 the first integers are 114, 0, 237.
    """
    steps = SELFTEST_STEPS if graph.states else 1
    tensors = {name: graph.tensors[name] for name in graph.inputs}
    feeds: dict[str, list[Array]] = {name: [] for name in tensors}
    register = 0xFFFFFFFF
    for _ in range(steps):
        for name, tensor in tensors.items():
            values = []
            for _ in range(tensor.elements):
                value, register = _drawn(tensor.dtype, register)
                values.append(value)
            feeds[name].append(np.array(values, tensor.dtype.container).reshape(tensor.shape))
    return {name: np.stack(samples) for name, samples in feeds.items()}


def _drawn(dtype: IntType, register: int) -> tuple[int, int]:
    """The next integer of the self-test's sequence, and the register behind it."""
    value = 0
    for k in range(element_bytes(dtype)):
        for _ in range(8):
            register = register >> 1 ^ (0xEDB88320 if register & 1 else 0)
        value |= (register & 0xFF) << (8 * k)
    value &= (1 << dtype.bits) - 1
    return value - (1 << dtype.bits) if value > dtype.high else value, register


def build_digest(core: Core, clock_hz: int) -> str:
    """SHA-256 in hex of what computes: core, shell and the clock that they are made for."""
    state = hashlib.sha256(f"{clock_hz}\0".encode())
    for name, content in sorted({**core.files, **_sources()}.items()):
        state.update(f"{name}\0{len(content)}\0".encode() + content)
    return state.hexdigest()


def frame_log2(fpga: FpgaBoard) -> int:
    """Of the frame's memory: one block of RAM, 512 bytes on iCE40 and 2048 elsewhere."""
    return 9 if fpga.flow == "ice40" else 11


def shell_files(
    core: Core, graph: Graph, clock_hz: int, frame_log2: int, kind: Kind
) -> dict[str, bytes]:
    """``hwk_device.v`` and the shell's sources, by path in the build folder.

    The frame's memory takes ``2**frame_log2`` bytes, of which a payload may fill half; tensors
    that are longer go over the link in parts. ``kind`` is what the design says that it is.
    ``ConfigError`` when the inputs or the outputs are longer than the protocol has, or more than
    the answer to INFO has room for.
    """
    for what, names in (("input", graph.inputs), ("output", graph.outputs)):
        size = sum(_bytes(graph.tensors[name]) for name in names)
        if size > MAX_TENSOR_BYTES:
            raise ConfigError(
                f"{graph.name}: {what} of {size} bytes; the link takes at most {MAX_TENSOR_BYTES}"
            )
    payload_bytes = 1 << (frame_log2 - 1)
    info = _info(core, graph, payload_bytes, clock_hz, kind)
    room = (1 << frame_log2) - payload_bytes - _FRAME_BYTES - 4
    if len(info) > room:
        count = len(graph.inputs) + len(graph.outputs) + len(graph.states)
        raise ConfigError(
            f"{graph.name}: its {count} inputs, outputs and states need {len(info)} bytes to be "
            f"described, {room} are there; join some of them"
        )
    crc32 = struct.pack("<I", _selftest_crc32(graph))
    text = device(core, one_line(graph.name), frame_log2, info, crc32, bool(graph.states))
    return {**_sources(), "hwk_device.v": text.encode()}


def _sources() -> Mapping[str, bytes]:
    folder = resources.folder("hls") / "rtl" / "shell"
    return {f"shell/{name}": (folder / name).read_bytes() for name in _SOURCES}


def _bytes(tensor: TensorType) -> int:
    return tensor.elements * element_bytes(tensor.dtype)


def _info(core: Core, graph: Graph, payload_bytes: int, clock_hz: int, kind: Kind) -> bytes:
    """The answer to INFO; the core is one layer, without arena, stack or serial number."""
    states = tuple(state.tensor for state in graph.states)
    fixed = _INFO.pack(
        VERSION,
        payload_bytes,
        next(number for number, name in KINDS.items() if name == kind),
        len(graph.inputs),
        len(graph.outputs),
        len(states),
        clock_hz,
        0,
        0,
        bytes(12),
        _LAYERS,
        0,
        bytes.fromhex(serialize.digest(graph)),
        bytes.fromhex(build_digest(core, clock_hz))[:8],
    )
    names = (*graph.inputs, *graph.outputs, *states)
    sizes = struct.pack(f"<{len(names)}I", *(_bytes(graph.tensors[name]) for name in names))
    return fixed + sizes + graph.name.encode()[:_NAME_BYTES]


def _selftest_crc32(graph: Graph) -> int:
    outputs = run(graph, selftest_feeds(graph))
    crc32 = 0
    for step in range(len(outputs[graph.outputs[0]])):
        for name in graph.outputs:
            crc32 = zlib.crc32(to_device(outputs[name][step], graph.tensors[name].dtype), crc32)
    return crc32
