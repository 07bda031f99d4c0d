"""Starts the virtual board's process and reads its exact counts."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hwkit.boards import Board
from hwkit.closing import Closing
from hwkit.errors import ConfigError, DeviceError
from hwkit.files import write_whole
from hwkit.record import to_json
from hwkit.target import Kind
from hwkit.toolchain.cache import cache_folder

START_TIMEOUT_S = 120.0
"""The first start compiles the board's C half."""

CONTROL_TIMEOUT_S = 10.0
_END_TIMEOUT_S = 2.0
_LONGEST_LINE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Counts:
    """Exact instructions and modelled cycles, since reset and by layer of the last inference.

    ``cost_model`` names the cycle model and its version, ``cost_model_error`` what is known of
    its error. Without a model for the core the cycles are None, ``cost_model`` is "" and
    ``cost_model_error`` says why.
    """

    instructions: int
    cycles: int | None
    layer_instructions: list[int]
    layer_cycles: list[int] | None
    cost_model: str
    cost_model_error: str

    @property
    def model(self) -> str:
        """The cycle model and what is known of its error, or why there is none."""
        return ": ".join(filter(None, (self.cost_model, self.cost_model_error)))


class Emulator(Closing):
    """A virtual board with ``image`` in its flash; use as a context manager.

    ``port`` is the URL of its UART, ``name`` the emulator with its version. Its flash costs what
    ``board`` says, also where the board's file says something else. The process ends with this one,
    however that ends.
    """

    kind: Kind = "emulator"

    def __init__(self, board: Board, image: Path) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed in __exit__)
        package_parent = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(filter(None, (package_parent, os.environ.get("PYTHONPATH"))))
        command = [sys.executable, "-m", "hwkit.device.virtual", "--end-with-stdin"]
        timing = board.mcu.flash_timing if board.mcu else None
        if timing is not None:
            command += ["--flash-timing", json.dumps(to_json(timing))]
        self._process = subprocess.Popen(
            [*command, "--board", board.reference, "--image", str(image)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            bufsize=0,
            env={**os.environ, "PYTHONPATH": path},
        )
        self._control: socket.socket | None = None
        try:
            urls = json.loads(self._line(START_TIMEOUT_S))
            self.port: str = urls["port"]
            self.name: str = urls["name"]
            control = urlsplit(urls["control"])
            self._control = socket.create_connection(
                (control.hostname, control.port), CONTROL_TIMEOUT_S
            )
        except (ValueError, KeyError, OSError) as error:
            raise self._start_failure(error) from error

    def counts(self) -> Counts:
        """The counts; exact while the guest waits for input."""
        return Counts(**self._ask("counts"))

    def reset(self) -> None:
        """Power-on reset: memory cleared, image loaded again."""
        self._ask("reset")

    def fault(self) -> str:
        """The fault that ended the guest, or "" while it runs. Asked after an error: a process
        that has just closed its sockets is given two seconds to end."""
        try:
            self._process.wait(_END_TIMEOUT_S)
            return str(json.loads(self._line(CONTROL_TIMEOUT_S))["fault"])
        except subprocess.TimeoutExpired:
            return ""
        except (ValueError, KeyError):
            code = self._process.returncode
            return f"process ended with exit code {code}; its output is in {self._kept_log()}"

    def _kept_log(self) -> Path:
        path = cache_folder("logs") / f"virtual-board-{self._process.pid}.log"
        self._log.seek(0)
        write_whole(path, self._log.read(_LONGEST_LINE_BYTES))
        return path

    def close(self) -> None:
        """Ends the process."""
        if self._control is not None:
            self._control.close()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._process.kill()
        self._process.wait()
        self._log.close()

    def _ask(self, command: str) -> dict[str, Any]:
        if self._control is None:
            raise DeviceError("virtual board: its process has ended")
        try:
            self._control.sendall(json.dumps({"command": command}).encode() + b"\n")
            answer = bytearray()
            while not answer.endswith(b"\n"):
                data = self._control.recv(65536)
                if not data or len(answer) > _LONGEST_LINE_BYTES:
                    raise DeviceError(f"virtual board: {self.fault() or 'its process has ended'}")
                answer += data
            return dict(json.loads(answer))
        except (OSError, ValueError) as error:
            raise DeviceError(f"virtual board: no answer to {command!r} ({error})") from error

    def _line(self, timeout_s: float) -> bytes:
        """One line of the process's standard output; shorter at its end or the deadline."""
        assert self._process.stdout is not None
        deadline_s = time.monotonic() + timeout_s
        line = bytearray()
        while not line.endswith(b"\n") and len(line) < _LONGEST_LINE_BYTES:
            remaining_s = max(0.0, deadline_s - time.monotonic())
            ready, _, _ = select.select([self._process.stdout], [], [], remaining_s)
            data = os.read(self._process.stdout.fileno(), 1) if ready else b""
            if not data:
                break
            line += data
        return bytes(line)

    def _start_failure(self, error: Exception) -> ConfigError | DeviceError:
        try:
            exit_code = self._process.wait(CONTROL_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            exit_code = None
        self._log.seek(0)
        lines = self._log.read(_LONGEST_LINE_BYTES).decode(errors="replace").strip().splitlines()
        self.close()
        text = lines[-1] if lines else f"exit code {exit_code} ({error})"
        if exit_code == ConfigError.exit_code:
            return ConfigError(text)
        return DeviceError(f"virtual board does not start: {text}")
