"""The same image in QEMU: a second emulator, independent of the virtual board."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from itertools import pairwise
from pathlib import Path
from types import TracebackType

from hwkit.boards import Board
from hwkit.errors import ConfigError, ToolMissing
from hwkit.toolchain import elf, host_cc

PROGRAM = "qemu-system-arm"
_HOW_TO_GET_IT = "apt install qemu-system-arm"


class Qemu:
    """QEMU running ``image`` on the board's ``qemu_machine``; use as a context manager.

    ``port`` is the URL of its UART, for ``open_board(..., port=...)``. The cycle counter reads 0
    there; instructions are counted by a plugin of ours. ``ToolMissing`` without QEMU.
    """

    def __init__(self, board: Board, image: Path) -> None:
        program = shutil.which(PROGRAM)
        if program is None:
            raise ToolMissing(PROGRAM, _HOW_TO_GET_IT)
        if board.mcu is None or not board.mcu.qemu_machine:
            raise ConfigError(f"board {board.name}: QEMU has no machine like it")
        plugin = host_cc.shared_library([Path(__file__).parent / "count.c"])
        mark = elf.read(image).address("hwk_profile_mark")
        self._folder = tempfile.TemporaryDirectory(prefix="hwkit-qemu-")
        self._marks = Path(self._folder.name) / "marks"
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = f"socket://127.0.0.1:{listener.getsockname()[1]}"
            serial = f"socket,id=uart,fd={listener.fileno()},server=on,wait=off"
            options = ["-M", board.mcu.qemu_machine, "-kernel", str(image), "-display", "none"]
            options += ["-monitor", "none", "-chardev", serial, "-serial", "chardev:uart"]
            options += ["-plugin", f"{plugin},mark={mark},out={self._marks}"]
            self._process = subprocess.Popen(
                [*_end_with_parent(), program, *options],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[listener.fileno()],
            )

    def layer_instructions(self, layer_count: int) -> list[int]:
        """Executed instructions of each layer of the last inference, exact."""
        marks = [int(line) for line in self._marks.read_text().splitlines()[-layer_count - 1 :]]
        return [after - before for before, after in pairwise(marks)]

    def __enter__(self) -> Qemu:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()


def _end_with_parent() -> list[str]:
    """A command prefix under which the kernel ends QEMU when this process dies."""
    program = shutil.which("setpriv")
    return [program, "--pdeathsig", "KILL"] if program else []
