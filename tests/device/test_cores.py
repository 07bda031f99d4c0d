"""Every virtual core: it computes, its counts are exact, what it can't know is None."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from hwkit import boards
from hwkit.boards import Board
from hwkit.device.emulator import Emulator
from hwkit.device.qemu import Qemu
from hwkit.device.session import open_board
from hwkit.errors import ConfigError, DeviceError
from hwkit.toolchain import firmware
from tests.device.process import cpu_seconds
from tests.emulators import skip_without_emulator, skip_without_qemu
from tests.firmware.runtime import stub

pytestmark = pytest.mark.slow

ASSEMBLY = Path(__file__).parent / "assembly.c"
X = bytes(range(64))
CORES = ("virtual_m0", "virtual_m4", "virtual_m7", "virtual_m33", "virtual_m55", "virtual_rv32")


def assembly(out: Path, board: Board, kernel: str) -> Path:
    assert board.mcu is not None
    quoted = kernel.replace("\n", "\\n")
    return firmware.build([ASSEMBLY], board.mcu, out, flags=[f'-DKERNEL="{quoted}"']).path


@pytest.mark.parametrize("name", CORES)
def test_the_stub_runs_and_its_counts_repeat(name: str, tmp_path: Path) -> None:
    board = boards.load(name)
    assert board.mcu is not None
    image = stub.virtual_image(tmp_path, board=board).path
    skip_without_emulator(board)
    with open_board(board, image, digest=stub.DIGEST) as device:
        assert device.infer(X) == stub.add_one(X)
        instructions, cycles = device.instructions(), device.cycles()
        assert device.selftest().passed
        assert 50 < device.stack_bytes() < 1000
        device.infer(X)  # a predictor knows its branches by now
        instructions, cycles = device.instructions(), device.cycles()
        device.infer(bytes(64))
        assert (device.instructions(), device.cycles()) == (instructions, cycles)
        counts = device.counts()
    assert instructions is not None and min(instructions) > 0
    assert counts is not None and counts.layer_cycles == cycles
    assert cycles is not None and 2 * sum(cycles) > sum(instructions)
    assert counts.cost_model == f"{board.mcu.cost_model} 1"


@pytest.mark.parametrize("name", ["virtual_m55", "virtual_rv32"])
def test_a_board_in_qemu_answers_at_once_and_waits_idle(name: str, tmp_path: Path) -> None:
    board = boards.load(name)
    image = stub.virtual_image(tmp_path, board=board).path
    skip_without_qemu(board)
    with (
        Qemu(board, image) as qemu,
        open_board(board, None, qemu.port, digest=stub.DIGEST) as device,
    ):
        data = bytes(i % 256 for i in range(device.info().max_payload_bytes))
        start_s = time.monotonic()
        for _ in range(100):
            assert device.echo(data) == data
        assert time.monotonic() - start_s < 2.0  # one delayed ACK each would take 4
        before_s = cpu_seconds(qemu.pid)
        time.sleep(1.0)  # the time over which the load is measured
        assert cpu_seconds(qemu.pid) - before_s < 0.1


@pytest.mark.parametrize("name", ["virtual_m7", "virtual_m33", "virtual_rv32"])
def test_the_same_image_in_qemu(name: str, tmp_path: Path) -> None:
    board = boards.load(name)
    image = stub.virtual_image(tmp_path, board=board).path
    skip_without_qemu(board)
    with (
        Qemu(board, image) as qemu,
        open_board(board, None, qemu.port, digest=stub.DIGEST) as there,
    ):
        assert there.infer(X) == stub.add_one(X)
        there.infer(X)
        in_qemu = (qemu.counts().layer_instructions, there.stack_bytes())
    with open_board(board, image) as here:
        here.infer(X)
        here.infer(X)
        assert (here.instructions(), here.stack_bytes()) == in_qemu


LOOP = "movs r2, #200\n1: adds r3, r3, #1\n subs r2, r2, #1\n bne 1b"


@pytest.mark.parametrize(
    ("kernel", "instructions", "cycles"),
    [
        ("nop", 1, 1),
        (LOOP, 1 + 3 * 200, 1 + 3 * 200 + 199),
        ("ldr r2, [r0]\n ldr r3, [r0, #4]\n str r3, [r0]", 3, 6),
        ("push {r4, r5, r6, r7}\n pop {r4, r5, r6, r7}", 2, 10),
        ("muls r3, r3, r3", 1, 1),
        ("b 1f\n nop\n 1: nop", 2, 3),
        ("mov r3, lr\n bl 1f\n b 2f\n 1: bx lr\n 2: mov lr, r3", 5, 1 + 3 + 2 + 2 + 1),
        ("push {r4, lr}\n bl 1f\n pop {r4}\n pop {r1}\n mov lr, r1\n b 2f\n 1: push {lr}\n"
         " pop {pc}\n 2: nop", 9, 3 + 3 + 2 + 2 + 1 + 2 + 2 + 4 + 1),
    ],
)  # fmt: skip
def test_cortex_m0plus_counts(tmp_path: Path, kernel: str, instructions: int, cycles: int) -> None:
    board = boards.load("virtual_m0")
    with open_board(board, assembly(tmp_path, board, kernel)) as device:
        device.infer(bytes(16))
        counted, modelled = device.instructions(), device.cycles()
    assert counted is not None and modelled is not None
    assert counted[1] - counted[0] == instructions
    assert modelled[1] - modelled[0] == cycles


@pytest.mark.parametrize("kernel", ["adds r0, r0, #1\n ldr r2, [r0]", "sdiv r0, r0, r0"])
def test_cortex_m0plus_refuses_what_it_cannot_do(tmp_path: Path, kernel: str) -> None:
    board = boards.load("virtual_m0")
    words = ".short 0xfb90, 0xf0f0" if kernel.startswith("sdiv") else kernel
    with (
        pytest.raises(DeviceError, match=r"virtual board: .* at pc=0x"),
        open_board(board, assembly(tmp_path, board, words)) as device,
    ):
        device.infer(bytes(16))


RV32_LOOP = "li a2, 200\n1: addi a3, a3, 1\n addi a2, a2, -1\n bnez a2, 1b"


@pytest.mark.parametrize(
    ("kernel", "instructions"),
    [
        ("nop", 1),
        (RV32_LOOP, 1 + 3 * 200),
        ("lw a2, 0(a0)\n c.lw a3, 4(a0)\n sw a2, 0(a0)", 3),
        ("mul a3, a3, a3\n div a3, a3, a3\n c.mv a4, a3", 3),
        ("j 1f\n nop\n 1: nop", 2),
        ("mv t0, ra\n jal 1f\n j 2f\n 1: ret\n 2: mv ra, t0", 5),
    ],
)
def test_rv32_counts(tmp_path: Path, kernel: str, instructions: int) -> None:
    board = boards.load("virtual_rv32")
    with open_board(board, assembly(tmp_path, board, kernel)) as device:
        device.infer(bytes(16))
        counted = device.instructions()
    assert counted is not None
    assert counted[1] - counted[0] == instructions


COPY = """.option push
.option norvc
mv a3, a0
addi a4, a0, 4
addi a5, a4, COUNT
.balign 4
1: lbu a2, 0(a3)
sb a2, 0(a4)
addi a3, a3, 1
addi a4, a4, 1
bltu a4, a5, 1b
.option pop"""


@pytest.mark.parametrize(
    ("name", "more"), [("virtual_rv32", 52 - 5), ("virtual_rv32_e31", 10 * 7 + 3 - 7)]
)
def test_a_copy_takes_what_the_rp2350s_datasheet_says(tmp_path: Path, name: str, more: int) -> None:
    """3.8.7.10: a byte takes 5 cycles, ten take 52. An E31 waits two for each byte, and three where
    the loop ends and had not ended before."""
    board, cycles = boards.load(name), []
    for count in (1, 10):
        folder = tmp_path / str(count)
        folder.mkdir()
        kernel = COPY.replace("COUNT", str(count))
        with open_board(board, assembly(folder, board, kernel)) as device:
            device.infer(bytes(16))
            device.infer(bytes(16))
            modelled = device.cycles()
        assert modelled is not None
        cycles.append(modelled[1])
    assert cycles[1] - cycles[0] == more


@pytest.mark.parametrize(
    ("name", "lost"),
    [
        # Two instructions of each turn together, and two before; the end is not foreseen.
        ("virtual_m7", -200 - 1 + 8),
        # The branch goes beside what sets its flags, and takes two more where it is taken.
        ("virtual_m33", -200 + 2 * 199),
        # The addition goes beside the subtraction, so that the branch is alone: one more if taken.
        ("virtual_m55", -200 + 199),
    ],
)
def test_loops_cost_what_their_branches_do(tmp_path: Path, name: str, lost: int) -> None:
    board = boards.load(name)
    skip_without_emulator(board)
    with open_board(board, assembly(tmp_path, board, LOOP)) as device:
        device.infer(bytes(16))
        device.infer(bytes(16))
        counted, modelled = device.instructions(), device.cycles()
    assert counted is not None and modelled is not None
    assert counted[1] - counted[0] == 1 + 3 * 200
    assert modelled[1] - counted[1] - (modelled[0] - counted[0]) == lost


def test_instructions_at_the_end_of_a_page_are_counted_once(tmp_path: Path) -> None:
    """QEMU looks at the next one there. The jump over the constants takes two, and the return goes
    beside the last one."""
    board = boards.load("virtual_m55")
    skip_without_emulator(board)
    kernel = "b 1f\n .pool\n 1: .rept 3000\n eors r3, r3\n .endr"
    with open_board(board, assembly(tmp_path, board, kernel)) as device:
        device.infer(bytes(16))
        counted, modelled = device.instructions(), device.cycles()
    assert counted is not None and modelled is not None
    assert counted[1] - counted[0] == 1 + 3000
    assert modelled[1] - modelled[0] == 2 + 3000 - 1


CONSOLE_CALL = ".option push\n.option norvc\n{}\n.option pop"


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        ("li a2, 0x30000000\n sw a2, 0(a2)", "write to unmapped address 0x30000000"),
        ("la a2, kernel\n sw a2, 0(a2)", "write to read-only address"),
        ("li a2, 0x70000000\n lw a2, 0(a2)", "read of unmapped address 0x70000000"),
        ("li a2, 0x70000000\n jr a2", "jump to unmapped address 0x70000000"),
        ("jr a0", "jump to non-executable address"),
        (".word 0x00b50553", "exception 2"),  # fadd.s: the core has no floating point
        ("ecall", "exception 8"),
        ("ebreak", "Invalid instruction"),
        (CONSOLE_CALL.format("ebreak\n srai x0, x0, 7"), "Invalid instruction"),
        # SYS_EXIT: the board's console reads and writes, and ends nothing.
        (
            CONSOLE_CALL.format("li a0, 0x18\n slli x0, x0, 0x1f\n ebreak\n srai x0, x0, 7"),
            "Invalid instruction",
        ),
    ],
)
def test_rv32_faults_are_named(tmp_path: Path, kernel: str, message: str) -> None:
    board = boards.load("virtual_rv32")
    with (
        pytest.raises(DeviceError, match=r"virtual board: .* at pc=0x\w{8} lr=0x8") as caught,
        open_board(board, assembly(tmp_path, board, kernel)) as device,
    ):
        device.infer(bytes(16))
    assert message in str(caught.value)


def test_an_rv32_board_answers_at_once_waits_idle_and_resets(tmp_path: Path) -> None:
    board = boards.load("virtual_rv32")
    image = stub.virtual_image(tmp_path, board=board).path
    with Emulator(board, image) as emulator:
        with open_board(board, None, emulator.port, digest=stub.DIGEST) as device:
            data = bytes(i % 256 for i in range(device.info().max_payload_bytes))
            start_s = time.monotonic()
            for _ in range(100):
                assert device.echo(data) == data
            assert time.monotonic() - start_s < 2.0
            device.infer(X)
        before = emulator.counts()
        before_s = cpu_seconds(emulator._process.pid)
        time.sleep(1.0)  # the time over which the load is measured
        assert cpu_seconds(emulator._process.pid) - before_s < 0.1
        emulator.reset()
        with open_board(board, None, emulator.port, digest=stub.DIGEST) as device:
            device.infer(X)
        assert emulator.counts().layer_instructions == before.layer_instructions
        assert emulator.counts().instructions < before.instructions


def test_unknown_parts_are_named(tmp_path: Path) -> None:
    board = boards.load("virtual_m0")
    assert board.mcu is not None
    for wrong, message in (
        ({"counter": "sundial"}, "counter: no file"),
        ({"platform": "nowhere"}, "platform: no file"),
        ({"uart": replace(board.mcu.uart, driver="tin_can")}, r"uart\.driver: no file"),
    ):
        with pytest.raises(ConfigError, match=message):
            firmware.build([stub.SOURCE], replace(board.mcu, **wrong), tmp_path, flags=stub.flags())
