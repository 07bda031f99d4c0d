"""A firmware image in QEMU: a second emulator, independent of the virtual board, and the only one
for cores that the virtual board lacks."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from itertools import pairwise
from pathlib import Path

from hwkit.boards import Board, McuBoard, is_riscv
from hwkit.closing import Closing
from hwkit.device.emulator import Counts
from hwkit.device.virtual.cost_models import cost_model
from hwkit.device.virtual.native import COST_SOURCES, FOLDER
from hwkit.errors import ConfigError
from hwkit.target import Kind
from hwkit.toolchain import elf, host_cc, programs

_CPUS = {"rv32imac_zve32x": "rv32,Zve32f=true,elen=32,vlen=128,vext_spec=v1.0"}
"""Where the machine's own core is not the board's. QEMU 7.2 knows no Zve32x: the images, which are
compiled for it, have none of what Zve32f adds."""

_END_TIMEOUT_S = 2.0
_START = "start"


class Qemu(Closing):
    """QEMU running ``image`` on the board's ``qemu_machine``; use as a context manager.

    ``name`` is QEMU's version, ``port`` the URL of its UART, for ``open_board(..., port=...)``.
    Instructions and the cycles of the board's model are counted by a plugin of ours. The process
    ends with this one. ``ToolMissing`` without QEMU, ``ConfigError`` when it has no such machine.
    """

    kind: Kind = "emulator"

    def __init__(self, board: Board, image: Path) -> None:
        if board.mcu is None or not board.mcu.qemu_machine:
            raise ConfigError(f"board {board.name}: QEMU has no machine like it")
        program = find_program(board.mcu)
        self.name = f"QEMU {programs.version(program)}"
        self._model = cost_model(board.mcu)
        sources = [Path(__file__).parent / "count.c", *(FOLDER / name for name in COST_SOURCES)]
        plugin = host_cc.shared_library(sources, [f"-I{FOLDER}"])
        symbols = elf.read(image)
        # Where an inference begins: rows of a streamed input come before the invoke.
        starts = ("hwk_model_restart", "hwk_model_invoke")
        start = next(symbols.address(name) for name in starts if name in symbols.symbols)
        mark = symbols.address("hwk_profile_mark")
        self._folder = tempfile.TemporaryDirectory(prefix="hwkit-qemu-")
        self._marks = Path(self._folder.name) / "marks"
        self._log = Path(self._folder.name) / "log"
        with (
            socket.create_server(("127.0.0.1", 0)) as listener,
            self._log.open("wb") as log,
        ):
            self.port = f"socket://127.0.0.1:{listener.getsockname()[1]}"
            # Bytes leave one by one: without nodelay each answer waits for the host's delayed ACK.
            serial = f"socket,id=uart,fd={listener.fileno()},server=on,wait=off,nodelay=on"
            options = [*machine(board.mcu), "-kernel", str(image), "-display", "none"]
            options += ["-monitor", "none", "-chardev", serial, *_link(board.mcu)]
            counted = f"mark={mark},start={start},model={self._model.name}"
            options += ["-plugin", f"{plugin},{counted},out={self._marks}"]
            self._process = subprocess.Popen(
                [*_end_with_parent(), program, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[listener.fileno()],
            )
        self.pid = self._process.pid

    def counts(self) -> Counts:
        """Executed instructions, exact, and modelled cycles: until the last mark, and of each layer
        of the last inference."""
        lines = self._marks.read_text().splitlines() if self._marks.exists() else []
        last = len(lines) - lines[::-1].index(_START) if _START in lines else len(lines)
        marks = [tuple(map(int, line.split())) for line in lines[last:]]
        layers = [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(marks)]
        instructions, cycles = marks[-1] if marks else (0, 0)
        modelled = self._model.version != ""
        return Counts(
            instructions,
            cycles if modelled else None,
            [layer[0] for layer in layers],
            [layer[1] for layer in layers] if modelled else None,
            self._model.version,
            self._model.error,
        )

    def fault(self) -> str:
        """What QEMU said when it ended, or "" while it runs. Asked after an error."""
        try:
            exit_code = self._process.wait(_END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return ""
        said = self._log.read_text(errors="replace").splitlines()
        return said[0] if said else f"QEMU ended with exit code {exit_code}"

    def wait(self) -> int:
        """Waits until QEMU ends; its exit code."""
        return self._process.wait()

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()


def program_name(board: McuBoard) -> str:
    """Which QEMU has the board's core, e.g. ``qemu-system-arm``."""
    return "qemu-system-riscv32" if is_riscv(board) else "qemu-system-arm"


def find_program(board: McuBoard) -> str:
    """Its path; ``ToolMissing`` when it is not installed."""
    return programs.get(program_name(board))


def machine(board: McuBoard) -> list[str]:
    """QEMU's options for the board's machine and core."""
    # On the RISC-V machines a boot ROM would come first: leave it out.
    options = ["-M", board.qemu_machine, *(["-bios", "none"] if is_riscv(board) else [])]
    return [*options, *(["-cpu", _CPUS[board.core]] if board.core in _CPUS else [])]


def _link(board: McuBoard) -> list[str]:
    """What carries the protocol on the board's side: its first UART, or the console."""
    if board.uart.driver == "semihosting":
        console = "enable=on,target=native,chardev=uart"
        return ["-serial", "none", "-semihosting-config", console]
    return ["-serial", "chardev:uart"]


def _end_with_parent() -> list[str]:
    """A command prefix under which the kernel ends QEMU when this process dies."""
    program = shutil.which("setpriv")
    return [program, "--pdeathsig", "KILL"] if program else []
