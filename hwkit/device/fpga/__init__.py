"""The virtual FPGA board: a simulated shell and core in a process of its own, behind a socket."""

from __future__ import annotations

import socket
import subprocess
import tempfile
from pathlib import Path

from hwkit.closing import Closing
from hwkit.errors import ConfigError, DeviceError
from hwkit.target import Kind

_END_TIMEOUT_S = 2.0
_LONGEST_LOG_BYTES = 1 << 16


class FpgaSimulation(Closing):
    """Runs ``image``, a simulator that ``hls/tb/hwk_board.cpp`` is the main file of.

    ``port`` is the URL of its byte stream, for ``open_board(..., port=...)``; TCP port ``number``,
    or a free one. The process ends with this one. ``DeviceError`` when it does not start.
    """

    kind: Kind = "simulator"
    name = "the design, simulated"

    def __init__(self, image: Path, number: int = 0) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed in close)
        try:
            listener = socket.create_server(("127.0.0.1", number))
        except (OSError, OverflowError) as error:
            raise ConfigError(f"port {number}: {error}; choose another with --port") from error
        with listener:
            self.port = f"socket://127.0.0.1:{listener.getsockname()[1]}"
            try:
                self._process = subprocess.Popen(
                    [str(image.absolute()), str(listener.fileno())],
                    stdin=subprocess.PIPE,
                    stdout=self._log,
                    stderr=subprocess.STDOUT,
                    pass_fds=[listener.fileno()],
                    cwd=image.absolute().parent,  # where the memory images are
                )
            except OSError as error:
                raise DeviceError(
                    f"virtual FPGA board: {image} does not start ({error.strerror}); deploy again"
                ) from error

    def counts(self) -> None:
        """Nothing: an FPGA executes no instructions, and its shell counts the cycles."""
        return None

    def fault(self) -> str:
        """What the simulator said when it ended, or "" while it runs. Asked after an error."""
        try:
            exit_code = self._process.wait(_END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return ""
        self._log.seek(0)
        said = self._log.read(_LONGEST_LOG_BYTES).decode(errors="replace").strip().splitlines()
        return said[-1] if said else f"simulator ended with exit code {exit_code}"

    def wait(self) -> int:
        """Waits until the simulator ends; its exit code."""
        return self._process.wait()

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.kill()
        self._process.wait()
        self._log.close()
