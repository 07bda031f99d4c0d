"""``python -m hwkit.device.virtual``: one virtual board, until it is told to end.

The first line on standard output is ``{"port": URL, "control": URL, "name": EMULATOR}``; if the
guest faults, a line ``{"fault": TEXT}`` follows and the process ends with exit code 3.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from hwkit import boards
from hwkit.boards import FlashTiming
from hwkit.device.virtual import control
from hwkit.device.virtual.board import VirtualBoard, emulator_name
from hwkit.device.virtual.cost_models import CostModel, cost_model
from hwkit.errors import ConfigError, HwkitError
from hwkit.record import from_json


class Process:
    """The board and what its control socket may ask of it."""

    def __init__(self, board: VirtualBoard, model: CostModel) -> None:
        self._board = board
        self._model = model
        self._wish = ""
        self._running = threading.Event()

    def run(self) -> str:
        """Runs until a fault (its description) or ``exit`` ("")."""
        while True:
            self._board.native.ready()
            if self._wish == "exit":
                return ""
            if self._wish == "reset":
                self._board.clear()
                self._wish = ""
            self._running.set()
            fault = self._board.run()
            self._running.clear()
            if fault:
                return fault

    def answer(self, command: str) -> dict[str, Any]:
        """The answer to one control command."""
        native = self._board.native
        if command == "counts":
            instructions, cycles = native.totals()
            layer_instructions, layer_cycles = native.layers()
            modelled = self._model.version != ""
            return {
                "instructions": instructions,
                "cycles": cycles if modelled else None,
                "layer_instructions": layer_instructions,
                "layer_cycles": layer_cycles if modelled else None,
                "cost_model": self._model.version,
                "cost_model_error": self._model.error,
            }
        if command in ("reset", "exit"):
            self._running.clear()
            self._wish = command
            native.stop()
            if command == "reset":
                self._running.wait()
            return {"done": command}
        raise ValueError(command)


def listen(port: int) -> socket.socket:
    """A listening socket on 127.0.0.1; ``port`` 0 takes a free one."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        raise ConfigError(f"port {port}: {error}; choose another with --port") from error
    listener.listen(4)
    return listener


def url(listener: socket.socket) -> str:
    """What a client opens, e.g. ``socket://127.0.0.1:40123``."""
    host, port = listener.getsockname()
    return f"socket://{host}:{port}"


def _end_with_standard_input() -> None:
    # Reads until the parent closes the pipe, which its death does as well.
    while os.read(0, 4096):
        pass
    os._exit(0)


def _start_thread(target: Any, *arguments: Any) -> None:
    threading.Thread(target=target, args=arguments, daemon=True).start()


def main(arguments: list[str] | None = None) -> int:
    """Runs the process; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m hwkit.device.virtual")
    parser.add_argument("--board", required=True, help="board name, e.g. virtual_m4")
    parser.add_argument("--image", required=True, type=Path, help="firmware.elf")
    parser.add_argument(
        "--flash-timing", help="what the flash costs (JSON), if not the board's own"
    )
    parser.add_argument("--port", type=int, default=0, help="TCP port of the UART; 0: a free one")
    parser.add_argument(
        "--end-with-stdin", action="store_true", help="end when standard input is closed"
    )
    options = parser.parse_args(arguments)
    # The main thread is inside the emulator: leave both signals to the kernel.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    try:
        board = boards.load(options.board)
        if board.mcu is None:
            raise ConfigError(f"board {board.name}: not a microcontroller")
        mcu = board.mcu
        if options.flash_timing:
            given = from_json(FlashTiming, json.loads(options.flash_timing), "--flash-timing")
            mcu = replace(mcu, flash_timing=given)
        uart, control_socket = listen(options.port), listen(0)
        process = Process(VirtualBoard(mcu, options.image, uart), cost_model(mcu))
    except HwkitError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if options.end_with_stdin:
        _start_thread(_end_with_standard_input)
    _start_thread(control.serve, control_socket, process.answer)
    started = {"port": url(uart), "control": url(control_socket), "name": emulator_name()}
    print(json.dumps(started), flush=True)
    fault = process.run()
    if fault:
        print(json.dumps({"fault": fault}), flush=True)
    return 3 if fault else 0


if __name__ == "__main__":
    sys.exit(main())
