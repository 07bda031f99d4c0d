"""The virtual board: it computes, counts exactly, survives its hosts, and names its faults."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hwkit.device.emulator import Emulator
from hwkit.device.link import Link
from hwkit.device.protocol import Client
from hwkit.device.qemu import Qemu
from hwkit.device.session import Device, open_board
from hwkit.errors import ConfigError, DeviceError
from hwkit.toolchain import firmware
from tests.device.process import cpu_seconds
from tests.emulators import skip_without_qemu
from tests.firmware.runtime import stub

ASSEMBLY = Path(__file__).parent / "assembly.c"
X = bytes(range(64))


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stub.virtual_image(tmp_path_factory.mktemp("stub")).path


@pytest.fixture(scope="module")
def device(image: Path) -> Iterator[Device]:
    with open_board(stub.BOARD, image, digest=stub.DIGEST) as opened:
        yield opened


def assembly(out: Path, kernel: str) -> Path:
    assert stub.BOARD.mcu is not None
    quoted = kernel.replace("\n", "\\n")
    return firmware.build([ASSEMBLY], stub.BOARD.mcu, out, flags=[f'-DKERNEL="{quoted}"']).path


def test_it_computes(device: Device) -> None:
    for shift in range(20):
        x = bytes((value * 5 + shift) % 256 for value in X)
        assert device.infer(x) == stub.add_one(x)
    assert device.layer_output(0) == x
    assert device.layer_output(1) == stub.add_one(x)
    assert device.selftest().passed
    assert device.echo(b"\0\1\0") == b"\0\1\0"


def test_stack_is_measured(device: Device) -> None:
    device.infer(X)
    assert 50 < device.stack_bytes() < 1000
    assert device.info().stack_size_bytes == 1024


def test_counts_repeat_exactly(device: Device) -> None:
    device.infer(X)
    cycles, instructions = device.cycles(), device.instructions()
    assert instructions is not None and cycles is not None
    counts = device.counts()
    assert counts is not None
    assert counts.layer_cycles == cycles
    assert counts.cost_model.startswith("cortex-m4")
    assert all(0 < n < c for n, c in zip(instructions, cycles, strict=True))
    device.infer(bytes(64))
    assert (device.cycles(), device.instructions()) == (cycles, instructions)


def test_a_second_host_finds_the_board_as_it_is(image: Path) -> None:
    with Emulator(stub.BOARD, image) as emulator:
        for _ in range(3):
            with Link(emulator.port, 115200) as link:
                link.write(b"\x05half a fra")
            with open_board(stub.BOARD, None, emulator.port) as device:
                assert device.infer(X) == stub.add_one(X)


def test_reset_starts_afresh(image: Path) -> None:
    with Emulator(stub.BOARD, image) as emulator, Link(emulator.port, 115200) as link:
        client = Client(link)
        client.run(X)
        before = emulator.counts()
        emulator.reset()
        client.info()
        after = emulator.counts()
    assert before.layer_instructions and not after.layer_instructions
    assert after.instructions < before.instructions


def test_two_boards_at_once(image: Path) -> None:
    with open_board(stub.BOARD, image) as first, open_board(stub.BOARD, image) as second:
        assert first.infer(X) == second.infer(X) == stub.add_one(X)


# The kernel layer minus the empty one leaves the kernel's own cost. r0 points at 16 bytes; the
# loop runs 1,000 times: 3 instructions a turn, and one taken branch less than turns.
LOOP = "movw r2, #1000\n1: adds r3, r3, #1\n subs r2, r2, #1\n bne 1b"


@pytest.mark.parametrize(
    ("kernel", "instructions", "cycles"),
    [
        ("nop", 1, 1),
        (LOOP, 1 + 3 * 1000, 1 + 3 * 1000 + 2 * 999),
        ("ldr r2, [r0]\n add r2, r2, r2", 2, 3),
        ("ldr r2, [r0]\n ldr r3, [r0, #4]\n ldrb r1, [r0, #8]", 3, 4),
        ("push {r4, r5, r6, r7}\n pop {r4, r5, r6, r7}", 2, 10),
        ("ldrd r2, r3, [r0]\n smlad r2, r3, r2, r3\n smlald r2, r3, r2, r3", 3, 5),
        ("cmp r0, r0\n it ne\n addne r1, r1, #1", 3, 3),
        ("cmp r0, r0\n ite eq\n addeq r1, r1, #1\n addne r1, r1, #2", 4, 4),
        ("b 1f\n nop\n nop\n 1: nop", 2, 4),
        ("cbz r0, 1f\n nop\n 1: nop", 3, 3),
        ("mov r2, #7\n mov r3, #2\n sdiv r2, r2, r3", 3, 9),
        ("vmov s0, r0\n vadd.f32 s0, s0, s0\n vdiv.f32 s0, s0, s0", 3, 16),
    ],
)
def test_counts_of_known_code(tmp_path: Path, kernel: str, instructions: int, cycles: int) -> None:
    image = assembly(tmp_path, kernel)
    with open_board(stub.BOARD, image) as device:
        device.infer(bytes(16))
        counted, modelled = device.instructions(), device.cycles()
    assert counted is not None and modelled is not None
    assert counted[1] - counted[0] == instructions
    assert modelled[1] - modelled[0] == cycles


def test_counts_equal_a_hook_on_every_instruction(tmp_path: Path) -> None:
    # The difference of two layers: the hook passes over conditional instructions whose condition
    # fails, which are executed and take their cycle; hwk_profile_mark has one.
    done = subprocess.run(
        [sys.executable, "-m", "tests.device.count_by_instruction", assembly(tmp_path, LOOP)],
        capture_output=True,
        check=True,
        timeout=120,
    )
    counts = json.loads(done.stdout)
    singly, by_block = counts["singly"], counts["by_block"]
    assert singly[1] - singly[0] == by_block[1] - by_block[0] == 3001


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        ("movs r2, #0\n movt r2, #0x3000\n str r2, [r2]", "write to unmapped address 0x30000000"),
        ("movs r2, #64\n str r2, [r2]", "write to read-only address 0x00000040"),
        ("movs r2, #0\n movt r2, #0x7000\n ldr r2, [r2]", "read of unmapped address 0x70000000"),
        ("movs r2, #1\n movt r2, #0x7000\n bx r2", "jump to unmapped address 0x70000000"),
        ("1: push {r0}\n b 1b", "write to unmapped address 0x1ffffffc"),
        ("udf #0", "pc="),
        ("bkpt #0", "pc="),
        ("svc #0", "pc="),
        ("movw r2, #0x2001\n movt r2, #0x2000\n bx r2", "jump to non-executable"),
    ],
)
def test_faults_are_named(tmp_path: Path, kernel: str, message: str) -> None:
    image = assembly(tmp_path, kernel)
    with (
        pytest.raises(DeviceError, match="virtual board: ") as caught,
        open_board(stub.BOARD, image) as device,
    ):
        device.infer(bytes(16))
    assert message in str(caught.value)
    assert " at pc=0x" in str(caught.value) and " lr=0x" in str(caught.value)


def test_a_model_that_never_ends_is_silent(tmp_path: Path) -> None:
    image = assembly(tmp_path, "1: b 1b")
    with (
        pytest.raises(DeviceError, match="silent: no answer within 2 s"),
        open_board(stub.BOARD, image, infer_timeout_s=2) as device,
    ):
        device.infer(bytes(16))


def test_an_idle_board_burns_no_cpu(image: Path) -> None:
    with Emulator(stub.BOARD, image) as emulator, open_board(stub.BOARD, None, emulator.port):
        pid = emulator._process.pid
        before_s = cpu_seconds(pid)
        time.sleep(1.0)  # the time over which the load is measured
        assert cpu_seconds(pid) - before_s < 0.1


def test_the_process_ends_with_its_parent(image: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from hwkit import boards\n"
        "from hwkit.device.emulator import Emulator\n"
        f"emulator = Emulator(boards.load('virtual_m4'), Path({str(image)!r}))\n"
        "print(emulator._process.pid, flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    deadline_s = time.monotonic() + 10
    while _alive(pid) and time.monotonic() < deadline_s:
        time.sleep(0.02)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_bad_images_are_refused(tmp_path: Path, image: Path) -> None:
    damaged = tmp_path / "cut.elf"
    damaged.write_bytes(image.read_bytes()[:100])
    for path in (damaged, tmp_path / "missing.elf", ASSEMBLY):
        with pytest.raises(ConfigError, match=path.name), open_board(stub.BOARD, path):
            pass


def test_missing_tools_are_named(
    tmp_path: Path, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        patch.delenv("CC", raising=False)
        with pytest.raises(ConfigError, match=r"C compiler .* is not installed; apt install gcc"):
            Emulator(stub.BOARD, image)
    (tmp_path / "unicorn.py").write_text("raise ImportError\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(ConfigError, match="unicorn is not installed; pip install"):
        Emulator(stub.BOARD, image)


def test_the_process_answers_on_its_command_line(image: Path) -> None:
    command = [sys.executable, "-m", "hwkit.device.virtual", "--board", "virtual_m4"]
    with subprocess.Popen(
        [*command, "--image", str(image)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        port = json.loads(process.stdout.readline())["port"]
        with open_board(stub.BOARD, None, port) as device:
            assert device.infer(X) == stub.add_one(X)
        process.terminate()
    assert process.returncode == -signal.SIGTERM
    for wrong in (["--image", "none.elf"], ["--image", str(image), "--port", "99999"]):
        done = subprocess.run([*command, *wrong], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_the_same_image_in_qemu(image: Path) -> None:
    skip_without_qemu(stub.BOARD)
    with (
        Qemu(stub.BOARD, image) as qemu,
        open_board(stub.BOARD, None, qemu.port, digest=stub.DIGEST) as there,
    ):
        assert there.infer(X) == stub.add_one(X)
        assert there.selftest().passed
        there.infer(X)
        in_qemu = (qemu.counts().layer_instructions, there.stack_bytes())
    with open_board(stub.BOARD, image) as here:
        assert here.infer(X) == stub.add_one(X)
        assert here.selftest().passed
        here.infer(X)
        assert (here.instructions(), here.stack_bytes()) == in_qemu
