"""What a board says about itself, byte for byte, and the sizes that its commands take."""

from __future__ import annotations

import subprocess

from hwkit.device.frame import Frame, FrameReceiver, encode
from hwkit.device.protocol import Command, Status
from tests.firmware.runtime import stub
from tests.firmware.runtime.stub import u32

TIMES = [0x01010101 * n for n in range(1, 40)]


def ask(*requests: tuple[int, bytes], size: int = stub.BYTES, layers: int = 2) -> list[Frame]:
    """The answers of a board with ``platform_stub.c`` to requests one after the other."""
    return stub.answers(stub.counting_program(size, layers), requests)


def test_numbers_of_the_platform() -> None:
    info, stack, memory = ask((Command.INFO, b""), (Command.STACK, b""), (Command.MEMORY_TEST, b""))
    assert info.payload[4] == 2
    assert info.payload[8:16] == u32(0x44332211, 0x08070605)
    assert info.payload[16:32] == u32(0xC4C3C2C1, 0xD4D3D2D1, 0xE4E3E2E1, 0xF4F3F2F1)
    assert stack.payload == u32(0x04030201, 0x08070605)
    assert memory.payload == u32(0x1A1B1C1D, 0x3A3B3C3D, 0x2A2B2C2D)


def test_the_counter_is_four_bytes_and_goes_on() -> None:
    frames = ask((Command.COUNTER, b""), (Command.COUNTER, b""))
    assert [f.payload for f in frames] == [u32(TIMES[0]), u32(TIMES[0] + TIMES[1])]


def test_cycles_of_each_layer_from_the_asked_one_on() -> None:
    x = bytes(range(stub.BYTES))
    frames = ask((Command.RUN, x), *((Command.READ_CYCLES, u32(k)) for k in range(4)))
    assert frames[0].payload == stub.add_one(x)
    assert [f.payload for f in frames[1:]] == [u32(*TIMES[1:3]), u32(TIMES[2]), b"", b""]


def test_cycles_of_a_part_of_the_layers() -> None:
    frames = ask(
        (Command.READ_CYCLES, u32(0)),
        (Command.LOAD_INPUT, u32(0) + bytes(stub.BYTES)),
        (Command.INFER, u32(0)),
        (Command.READ_CYCLES, u32(0)),
    )
    assert [f.payload for f in frames] == [b"", b"", u32(1), u32(TIMES[1])]


def test_more_layers_than_a_frame_has_room_for() -> None:
    run, first, second = ask(
        (Command.RUN, bytes(stub.BYTES)),
        (Command.READ_CYCLES, u32(0)),
        (Command.READ_CYCLES, u32(256)),
        layers=300,
    )
    assert run.status == 0
    cycles = [0x01010101 * n & 0xFFFFFFFF for n in range(2, 302)]
    assert first.payload == u32(*cycles[:256])
    assert second.payload == u32(*cycles[256:])


def test_every_command_refuses_other_sizes() -> None:
    for command, right in (
        (Command.INFER, 4),
        (Command.READ_CYCLES, 4),
        (Command.READ_OUTPUT, 8),
        (Command.READ_LAYER, 8),
        (Command.RUN, stub.BYTES),
    ):
        sizes = [n for n in (0, right - 1, right + 1, right + 4) if n != right]
        frames = ask((Command.RUN, bytes(stub.BYTES)), *((command, bytes(n)) for n in sizes))
        assert [f.status for f in frames[1:]] == [Status.BAD_ARGUMENT] * len(sizes), command
        assert all(f.payload == b"" for f in frames[1:])


def test_input_may_be_loaded_again_from_anywhere_before() -> None:
    x = bytes(range(1, stub.BYTES + 1))
    frames = ask(
        (Command.LOAD_INPUT, u32(0) + bytes(stub.BYTES)),
        (Command.LOAD_INPUT, u32(60) + b"1234"),
        (Command.LOAD_INPUT, u32(60) + b"12345"),
        (Command.LOAD_INPUT, u32(stub.BYTES)),
        (Command.LOAD_INPUT, u32(stub.BYTES + 1)),
        (Command.LOAD_INPUT, u32(0) + x[:20]),
        (Command.LOAD_INPUT, u32(21) + x[21:]),
        (Command.INFER, u32(1)),
        (Command.LOAD_INPUT, u32(20) + x[20:]),
        (Command.INFER, u32(1)),
        (Command.READ_OUTPUT, u32(0, stub.BYTES)),
        (Command.READ_OUTPUT, u32(stub.BYTES, 0)),
        (Command.READ_OUTPUT, u32(stub.BYTES - 1, 1)),
    )
    bad, missing = Status.BAD_ARGUMENT, Status.NO_INPUT
    assert [f.status for f in frames] == [0, 0, bad, 0, bad, 0, bad, missing, 0, 0, 0, 0, 0]
    y = stub.add_one(x)
    assert [f.payload for f in frames[-3:]] == [y, b"", y[-1:]]


def test_an_answer_is_repeated_only_for_the_same_request() -> None:
    """Sequence and payload make a request another one; the counter shows what was executed. The
    number before the last one is late, and not obeyed."""
    info = encode(Frame(Command.INFO, 0, 0, b""))
    again = encode(Frame(Command.COUNTER, 0, 1, b""))
    other = encode(Frame(Command.COUNTER, 0, 2, b""))
    wire = info + again * 3 + other + again
    done = subprocess.run([stub.counting_program()], input=wire, capture_output=True, timeout=60)
    _, *frames = (f for f in FrameReceiver().receive(done.stdout) if f is not None)
    sums = [sum(TIMES[: k + 1]) for k in range(2)]
    assert [f.payload for f in frames] == [u32(sums[0])] * 3 + [u32(sums[1]), b""]
    assert [f.status for f in frames] == [Status.OK] * 4 + [Status.LATE]


def test_the_largest_tensors_of_a_frame() -> None:
    x = bytes(k % 251 for k in range(1024))
    run, layer, output = ask(
        (Command.RUN, x),
        (Command.READ_LAYER, u32(4, 1020)),
        (Command.READ_OUTPUT, u32(0, 1024)),
        size=1024,
    )
    y = stub.add_one(x)
    assert run.payload == y and output.payload == y
    assert layer.payload == u32(1024) + y[4:]
