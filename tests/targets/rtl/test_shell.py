"""The shell speaks the wire protocol as the firmware does, whatever comes down the line."""

from __future__ import annotations

import struct
import subprocess
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit import resources
from hwkit.device.fpga import FpgaSimulation
from hwkit.device.frame import Frame, FrameReceiver, encode, stuff
from hwkit.device.link import Link
from hwkit.device.protocol import MAX_TENSOR_BYTES, Client, Command, Status
from hwkit.device.session import Device
from hwkit.errors import ConfigError, DeviceError
from hwkit.ir import serialize
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.types import S8, IntType
from hwkit.targets.rtl import shell
from hwkit.targets.rtl.bitstream import DEVICE, HARNESS
from hwkit.targets.rtl.core import Core
from hwkit.toolchain import verilator
from tests.targets.rtl import clamps, networks, together

pytestmark = pytest.mark.slow

CLOCK_HZ = 12_000_000
SIZE = 12
PAYLOAD_BYTES = 256


def simulator(folder: Path, size: int, dtype: IntType, elements: int, frame_log2: int = 9) -> Path:
    core, graph = clamps.core(size, dtype, elements), clamps.graph(size, dtype)
    sources = write(
        folder, {**core.files, **shell.shell_files(core, graph, CLOCK_HZ, frame_log2, "simulator")}
    )
    harness = resources.folder("hls") / HARNESS
    return verilator.simulator(
        sources, DEVICE, harness, folder / "board", optimize="-O1", cwd=folder
    )


def write(folder: Path, files: dict[str, bytes]) -> list[Path]:
    """The Verilog files among ``files``, which are written to ``folder``."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return [Path(name) for name in files if name.endswith(".v")]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulator(tmp_path_factory.mktemp("shell"), SIZE, S8, 3)


class Wire:
    """Frames by hand, over a link of its own; unless told otherwise, in a session."""

    def __init__(self, link: Link, begin: bool = True) -> None:
        self.link = link
        self.receiver = FrameReceiver()
        self.sequence = 0xFFFC
        if begin:
            assert self.ask(Command.INFO)[0] == Status.OK

    def send(self, data: bytes) -> Frame:
        """What the board answers to ``data``, which must hold one request."""
        self.link.write(data)
        deadline_s = time.monotonic() + 20
        while data := self.link.read(deadline_s):
            for frame in self.receiver.receive(data):
                assert frame is not None
                return frame
        raise AssertionError("no answer")

    def ask(
        self, command: int, payload: bytes = b"", sequence: int | None = None
    ) -> tuple[int, bytes]:
        """Status and payload of the answer to the next request, or to one of any ``sequence``."""
        if sequence is None:
            sequence = self.sequence = (self.sequence + 1) & 0xFFFF
        answer = self.send(encode(Frame(command, 0, sequence, payload)))
        assert (answer.command, answer.sequence) == (command, sequence)
        return answer.status, answer.payload


@pytest.fixture
def wire(image: Path) -> Iterator[Wire]:
    with FpgaSimulation(image) as board, Link(board.port, 115200) as link:
        yield Wire(link)


def test_after_power_on_every_request_is_late_until_info(image: Path) -> None:
    with FpgaSimulation(image) as board, Link(board.port, 115200) as link:
        wire = Wire(link, begin=False)
        for sequence in (0, 0xFFFF, 1, 255, 256):  # the register of the last number may hold any
            for command in (Command.RUN, Command.RESET, Command.ECHO):
                assert wire.ask(command, bytes(SIZE), sequence) == (Status.LATE, b"")
        assert wire.ask(Command.INFO, sequence=wire.sequence)[0] == Status.OK
        assert wire.ask(Command.ECHO, b"here") == (Status.OK, b"here")


def u32(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def test_what_the_host_reads_about_it(image: Path) -> None:
    with FpgaSimulation(image) as board, Link(board.port, 115200) as link:
        info = Client(link).info()
    assert info.digest.hex() == serialize.digest(clamps.graph(SIZE, S8))
    assert (info.name, info.clock_hz, info.layer_count) == ("clamp", CLOCK_HZ, 1)
    assert (info.input_bytes, info.output_bytes, info.arena_bytes) == (SIZE, SIZE, 0)
    assert info.max_payload_bytes == PAYLOAD_BYTES


@pytest.mark.parametrize(
    ("size", "dtype", "elements", "frame_log2"),
    [
        (6, IntType(1, False), 2, 9),
        (15, IntType(5, True), 5, 9),
        (300, IntType(12, True), 4, 11),
        (8, IntType(20, True), 8, 9),
    ],
    ids=str,
)
def test_integers_of_every_width_go_through(
    size: int, dtype: IntType, elements: int, frame_log2: int, tmp_path: Path
) -> None:
    graph = clamps.graph(size, dtype)
    program = simulator(tmp_path, size, dtype, elements, frame_log2)
    rng = np.random.default_rng(size)
    x = rng.integers(dtype.low, dtype.high + 1, (5, size)).astype(dtype.container)
    expected = run(graph, {"x": x})["y"]
    with FpgaSimulation(program) as board, Link(board.port, 115200) as link:
        device = Device(Client(link), None)
        assert device.instructions() is None
        for sample, row in zip(x, expected, strict=True):
            got = device.infer(shell.to_device(sample, dtype))
            np.testing.assert_array_equal(shell.from_device(got, graph.tensors["y"]), row)
            assert device.cycles() == [size // elements]
        assert device.selftest().passed


@pytest.mark.parametrize(
    ("size", "frame_log2"), [(600, 9), (3072, 9), (2048, 11), (4800, 11), (70_000, 11)]
)
def test_tensors_of_any_size_go_through(size: int, frame_log2: int, tmp_path: Path) -> None:
    graph = clamps.graph(size, S8)
    program = simulator(
        tmp_path, size, S8, max(k for k in range(1, 9) if size % k == 0), frame_log2
    )
    x = np.random.default_rng(size).integers(-128, 128, (2, size)).astype(np.int8)
    expected = run(graph, {"x": x})["y"]
    with FpgaSimulation(program) as board, Link(board.port, 115200) as link:
        device = Device(Client(link), None)
        for sample, row in zip(x, expected, strict=True):
            assert device.infer(sample.tobytes()) == row.tobytes()
        assert device.selftest().passed
        assert device.infer(x[0].tobytes()) == expected[0].tobytes()


@pytest.fixture(scope="module")
def branched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Graph, Core, Path]:
    """Two inputs, three outputs of 1 and 4 bytes an integer, two states, behind a short payload."""
    graph, folder = networks.branches(), tmp_path_factory.mktemp("branched")
    core = together.random_folding(graph, 3)[0]
    files = shell.shell_files(core, graph, CLOCK_HZ, 9, "simulator")
    sources = write(folder, {**core.files, **files})
    harness = resources.folder("hls") / HARNESS
    program = verilator.simulator(sources, DEVICE, harness, folder / "board", cwd=folder)
    return graph, core, program


def stepped(graph: Graph, steps: int) -> list[tuple[bytes, bytes]]:
    """The bytes of all inputs and of all outputs of each step."""
    feeds = networks.feeds_of(graph, steps, 8)
    values = feeds | run(graph, feeds)

    def joined(names: tuple[str, ...], step: int) -> bytes:
        return b"".join(
            shell.to_device(values[name][step], graph.tensors[name].dtype) for name in names
        )

    return [(joined(graph.inputs, k), joined(graph.outputs, k)) for k in range(steps)]


def test_several_tensors_and_states_over_many_steps(branched: tuple[Graph, Core, Path]) -> None:
    graph, core, program = branched
    steps = stepped(graph, 50)
    with FpgaSimulation(program) as board, Link(board.port, 115200) as link:
        device = Device(Client(link), None)
        assert device.identity().kind == "simulator"
        assert device.identity().build == shell.build_digest(core, CLOCK_HZ)[:16]
        info = device.info()
        assert (info.inputs, info.outputs, info.states) == ((216, 30), (240, 3, 60), (60, 3))
        for x, y in steps:
            assert device.infer(x) == y
        device.reset()
        for x, y in steps[:3]:
            assert device.infer(x) == y
        # It ends where it began: at the initial states.
        for _ in range(2):
            assert device.selftest().passed
            for x, y in steps[:2]:
                assert device.infer(x) == y


def test_a_request_that_comes_twice_is_one_step(branched: tuple[Graph, Core, Path]) -> None:
    graph, _, program = branched
    steps = stepped(graph, 4)
    with FpgaSimulation(program) as board, Link(board.port, 115200) as link:
        wire = Wire(link)
        for x, y in steps:
            for at in range(0, len(x), 100):
                load = u32(at) + x[at : at + 100]
                assert wire.ask(Command.LOAD_INPUT, load) == (Status.OK, b"")
                assert wire.ask(Command.LOAD_INPUT, load, wire.sequence) == (Status.OK, b"")
            assert wire.ask(Command.INFER, u32(0)) == (Status.OK, u32(1))
            assert wire.ask(Command.INFER, u32(0), wire.sequence) == (Status.OK, u32(1))
            for at in (0, 100, 239, 242, 200):
                part = wire.ask(Command.READ_OUTPUT, u32(at, min(60, len(y) - at)))
                assert part == (Status.OK, y[at : at + 60])
        assert wire.ask(Command.RESET, b"x") == (Status.BAD_ARGUMENT, b"")
        assert wire.ask(Command.RESET) == (Status.OK, b"")
        assert wire.ask(Command.RESET, sequence=wire.sequence) == (Status.OK, b"")
        assert wire.ask(Command.RUN, steps[0][0])[0] == Status.BAD_ARGUMENT  # its answer is long


def test_loading_in_parts_of_any_size(wire: Wire) -> None:
    x = bytes(range(SIZE))
    y = bytes(min(max(v, -3), 5) & 0xFF for v in range(SIZE))
    assert wire.ask(Command.INFER, u32(0)) == (Status.NO_INPUT, b"")
    assert wire.ask(Command.READ_OUTPUT, u32(0, 1)) == (Status.NO_OUTPUT, b"")
    assert wire.ask(Command.LOAD_INPUT, u32(0) + x[::-1]) == (Status.OK, b"")
    refused = u32(0) + bytes(SIZE + 1), u32(SIZE) + b"x", u32(1) + bytes(SIZE)
    for offset, size in ((0, 5), (3, 2), (5, 0), (5, 3), (8, 1), (9, 3)):
        for wrong in refused:
            assert wire.ask(Command.LOAD_INPUT, wrong)[0] == Status.BAD_ARGUMENT
        part = u32(offset) + x[offset : offset + size]
        assert wire.ask(Command.LOAD_INPUT, part) == (Status.OK, b"")
    assert wire.ask(Command.INFER, u32(0)) == (Status.OK, u32(1))
    assert wire.ask(Command.READ_OUTPUT, u32(0, SIZE)) == (Status.OK, y)
    assert wire.ask(Command.READ_OUTPUT, u32(5, 4)) == (Status.OK, y[5:9])
    assert wire.ask(Command.READ_OUTPUT, u32(SIZE, 0)) == (Status.OK, b"")
    assert wire.ask(Command.READ_CYCLES, u32(0)) == (Status.OK, u32(SIZE // 3))
    assert wire.ask(Command.READ_CYCLES, u32(1)) == (Status.OK, b"")
    # A lost answer: the same request once more.
    assert wire.ask(Command.INFER, u32(0)) == (Status.OK, u32(1))
    assert wire.ask(Command.INFER, u32(0), wire.sequence) == (Status.OK, u32(1))


def test_a_late_request_is_not_obeyed(wire: Wire) -> None:
    ones, twos, y = b"\1" * SIZE, b"\2" * SIZE, b"\2" * SIZE
    assert wire.ask(Command.LOAD_INPUT, u32(0) + ones) == (Status.OK, b"")
    late = wire.sequence
    assert wire.ask(Command.LOAD_INPUT, u32(0) + twos) == (Status.OK, b"")
    for command, payload in ((Command.LOAD_INPUT, u32(0) + ones), (Command.RUN, ones)):
        for behind in (0, 2, 200, -9):
            assert wire.ask(command, payload, (late - behind) & 0xFFFF) == (Status.LATE, b"")
    assert wire.ask(Command.INFER, u32(0)) == (Status.OK, u32(1))
    assert wire.ask(Command.INFO, sequence=late) == (Status.LATE, b"")
    assert wire.ask(Command.READ_OUTPUT, u32(0, SIZE)) == (Status.OK, y)
    # The answer was lost: what is asked again is answered again.
    assert wire.ask(Command.READ_OUTPUT, u32(0, SIZE), wire.sequence) == (Status.OK, y)


def test_a_session_begins_at_any_number_and_from_nothing(wire: Wire) -> None:
    assert wire.ask(Command.RUN, bytes(SIZE))[0] == Status.OK
    for sequence in (wire.sequence + 9, wire.sequence - 256):
        assert wire.ask(Command.RUN, bytes(SIZE), sequence & 0xFFFF)[0] == Status.LATE
        wire.sequence = sequence & 0xFFFF
        assert wire.ask(Command.INFO, sequence=wire.sequence)[0] == Status.OK
        assert wire.ask(Command.READ_OUTPUT, u32(0, 1)) == (Status.NO_OUTPUT, b"")
        assert wire.ask(Command.RUN, bytes(SIZE))[0] == Status.OK


@pytest.mark.parametrize(
    ("command", "payload", "status"),
    [
        (Command.LOAD_INPUT, b"", Status.BAD_ARGUMENT),
        (Command.LOAD_INPUT, b"\0\0\0", Status.BAD_ARGUMENT),
        (Command.LOAD_INPUT, u32(1) + b"x", Status.BAD_ARGUMENT),
        (Command.LOAD_INPUT, u32(1 << 16) + b"x", Status.BAD_ARGUMENT),
        (Command.LOAD_INPUT, u32(1 << 31) + b"x", Status.BAD_ARGUMENT),
        (Command.LOAD_INPUT, u32(0) + bytes(SIZE + 1), Status.BAD_ARGUMENT),
        (Command.INFER, u32(1), Status.BAD_ARGUMENT),
        (Command.INFER, u32(1 << 24), Status.BAD_ARGUMENT),
        (Command.INFER, b"", Status.BAD_ARGUMENT),
        (Command.RUN, bytes(SIZE - 1), Status.BAD_ARGUMENT),
        (Command.RUN, bytes(SIZE + 1), Status.BAD_ARGUMENT),
        (Command.READ_OUTPUT, u32(0, SIZE + 1), Status.BAD_ARGUMENT),
        (Command.READ_OUTPUT, u32(SIZE, 1), Status.BAD_ARGUMENT),
        (Command.READ_OUTPUT, u32(0, 1 << 20), Status.BAD_ARGUMENT),
        (Command.READ_OUTPUT, u32(0xFFFFFFFF, 2), Status.BAD_ARGUMENT),
        (Command.READ_OUTPUT, u32(0), Status.BAD_ARGUMENT),
        (Command.READ_CYCLES, b"", Status.BAD_ARGUMENT),
        (Command.READ_LAYER, u32(0, 1), Status.UNKNOWN_COMMAND),
        (Command.STACK, b"", Status.UNKNOWN_COMMAND),
        (Command.MEMORY_TEST, b"", Status.UNKNOWN_COMMAND),
        (Command.READ_STATE, u32(0, 0), Status.UNKNOWN_COMMAND),
        (Command.WRITE_STATE, u32(0), Status.UNKNOWN_COMMAND),
        (Command.RESET, b"", Status.OK),
        (Command.RESET, b"x", Status.BAD_ARGUMENT),
        (Command.NONE, b"", Status.UNKNOWN_COMMAND),
        (16 + Command.INFO, b"", Status.UNKNOWN_COMMAND),
        (255, b"", Status.UNKNOWN_COMMAND),
    ],
)
def test_refusals(wire: Wire, command: int, payload: bytes, status: Status) -> None:
    assert wire.ask(Command.RUN, bytes(SIZE))[0] == Status.OK
    assert wire.ask(command, payload) == (status, b"")
    assert wire.ask(Command.RUN, bytes(SIZE))[0] == Status.OK


def test_frames_that_are_none(wire: Wire) -> None:
    request = Frame(Command.ECHO, 0, 9, b"abc")
    good = encode(request)
    body = struct.pack("<BBHH", Command.ECHO, 0, 9, 4) + b"abc"
    for data, status in (
        (good[:3] + bytes([good[3] ^ 1]) + good[4:], Status.BAD_CRC),
        (good[:-3] + b"\0", Status.BAD_FRAME),
        (b"\5ab\0", Status.BAD_FRAME),
        (b"\1\1\1\0", Status.BAD_FRAME),
        (encode(Frame(Command.ECHO, 0, 9, bytes(PAYLOAD_BYTES + 1))), Status.BAD_FRAME),
        (stuff(body + u32(zlib.crc32(body))) + b"\0", Status.BAD_FRAME),
    ):
        answer = wire.send(data)
        assert (answer.command, answer.status, answer.sequence) == (Command.NONE, status, 0)
        assert answer.payload == b""
        assert wire.ask(Command.ECHO, b"xyz") == (Status.OK, b"xyz")
    last = Frame(Command.ECHO, 0, wire.sequence + 1, b"abc")
    assert wire.send(b"\0\0\0" + encode(last)) == last


def test_counter_stands_still_only_while_it_is_read(wire: Wire) -> None:
    first, second = (struct.unpack("<I", wire.ask(Command.COUNTER)[1])[0] for _ in range(2))
    assert first < second < first + 1000


@settings(max_examples=25)
@given(data=st.binary(max_size=PAYLOAD_BYTES), zeros=st.integers(0, PAYLOAD_BYTES))
def test_echo_of_anything(image: Path, data: bytes, zeros: int) -> None:
    with FpgaSimulation(image) as board, Link(board.port, 115200) as link:
        wire = Wire(link)
        for payload in (data, bytes(zeros), b"\1" * zeros):
            assert wire.ask(Command.ECHO, payload) == (Status.OK, payload)


@settings(max_examples=25)
@given(garbage=st.binary(max_size=700))
def test_garbage_spoils_at_most_the_frame_that_it_touches(image: Path, garbage: bytes) -> None:
    with FpgaSimulation(image) as board, Link(board.port, 115200) as link:
        link.write(garbage)
        assert Client(link).echo(b"still there") == b"still there"


def test_selftest_input_is_what_the_shell_makes() -> None:
    x = shell.selftest_feeds(clamps.graph(4, IntType(8, False)))["x"]
    assert x.tolist() == [[114, 0, 237, 227]]


def test_too_long_for_the_link() -> None:
    size = MAX_TENSOR_BYTES + 1
    with pytest.raises(
        ConfigError, match="input of 67108865 bytes; the link takes at most 67108864"
    ):
        shell.shell_files(clamps.core(size, S8), clamps.graph(size, S8), CLOCK_HZ, 9, "simulator")


def test_the_serial_line(tmp_path: Path) -> None:
    core, graph = clamps.core(SIZE, S8), clamps.graph(SIZE, S8)
    files = {**core.files, **shell.shell_files(core, graph, CLOCK_HZ, 9, "simulator")}
    folder = resources.folder("hls") / "rtl" / "shell"
    for name in ("hwk_serial.v", "hwk_uart_rx.v", "hwk_uart_tx.v"):
        files[name] = (folder / name).read_bytes()
    sources = write(tmp_path, files)
    harness = Path(__file__).with_name("serial_line.cpp")
    request = Frame(Command.INFO, 0, 3, b"")
    told = shell._info(core, graph, 1 << 8, CLOCK_HZ, "simulator")
    answer = encode(Frame(Command.INFO, 0, 3, told))
    for divider in (4, 13):
        program = verilator.simulator(
            sources,
            "hwk_serial",
            harness.absolute(),
            tmp_path / f"line{divider}",
            flags=(f"-GDIVIDER={divider}",),
            optimize="-O1",
            cwd=tmp_path,
        )
        done = subprocess.run(
            [program, str(divider), str(len(answer))],
            input=encode(request),
            capture_output=True,
            timeout=60,
        )
        assert (done.returncode, done.stdout) == (0, answer)


def test_a_board_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="does not start"):
        FpgaSimulation(tmp_path / "nothing")
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho no memory image >&2\nexit 3\n")
    broken.chmod(0o755)
    with FpgaSimulation(broken) as board:
        assert board.fault() == "no memory image"
