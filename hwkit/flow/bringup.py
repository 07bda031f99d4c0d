"""A new board step by step: which step fails, and what to look at."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from hwkit import boards, targets
from hwkit.boards import Board
from hwkit.device.session import Device, is_emulated, open_board
from hwkit.errors import BitExactnessError, ConfigError, DeviceError
from hwkit.flow import build
from hwkit.flow.golden import golden_network, small_golden_network
from hwkit.ir import serialize
from hwkit.ir.interpret import run
from hwkit.lower.checked import first_difference, golden_inputs
from hwkit.target import Artifact, BringsUp
from hwkit.targets.mcu.emit import to_device
from hwkit.targets.rtl import shell
from hwkit.toolchain import programmer

Status = Literal["passed", "failed", "skipped", "not run"]

GOLDEN_SAMPLES = 8
"""Inputs whose outputs are compared where layers can't be observed."""

CLOCK_INTERVAL_S = 1.0
CLOCK_TOLERANCE = 0.02
"""Of the clock: a ring oscillator is farther off, the serial line's delays are less."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step's outcome; ``look_at`` is what to check when it failed, else ""."""

    name: str
    status: Status
    detail: str
    look_at: str = ""


@dataclass(frozen=True, slots=True)
class BringUp:
    """All steps in order. ``exit_code`` is 0, 1 for a step with a wrong answer, 3 when the board
    stopped answering."""

    board: str
    steps: tuple[Step, ...]
    exit_code: int

    def to_json(self) -> dict[str, Any]:
        """As ``hwkit bringup --json`` prints it."""
        return {"board": self.board, "passed": self.exit_code == 0, "steps": self._rows()}

    def _rows(self) -> list[dict[str, Any]]:
        return [asdict(step) for step in self.steps]


Check = Callable[[Device, Artifact[Any]], tuple[Status, str]]


def bringup(
    board_name: str,
    port: str | None = None,
    *,
    flash: bool = False,
    tell: Callable[[Step], None] = lambda step: None,
) -> BringUp:
    """Builds the golden network for ``board_name`` and walks link, info, memory, golden vectors
    and clock, on the virtual board or on the device at ``port``; ``flash`` writes the image there
    first. ``tell`` hears each step as it ends.

    A device that runs another model of hwkit's is tested with that one's own self-test. Raises
    ``ConfigError`` for a board that is no microcontroller or FPGA or has no port, and what building
    and flashing raise.
    """
    board = boards.load(board_name)
    kind = targets.get(board)
    if not isinstance(kind, BringsUp):
        raise ConfigError(
            f"bringup {board_name}: not a microcontroller or FPGA behind a serial link; use "
            "'hwkit verify'"
        )
    if port is None and not is_emulated(board):
        raise ConfigError(f"bringup {board_name}: give the board's serial port with --port")
    if flash:
        programmer.find(board)  # before anything is built
    network = golden_network() if board.mcu else small_golden_network()
    target, lowered = build.lower(network, board_name)
    artifact = build.cached(target, lowered)
    if flash:
        programmer.flash(board, artifact.path)
    steps: list[Step] = []

    def add(step: Step) -> None:
        steps.append(step)
        tell(step)

    lost = _walk(board, artifact, port, kind.look_at(board), add)
    for name in list(CHECKS)[len(steps) :]:
        add(Step(name, "not run", "the board stopped answering"))
    failed = any(step.status == "failed" for step in steps)
    return BringUp(board_name, tuple(steps), 3 if lost else int(failed))


def _walk(
    board: Board,
    artifact: Artifact[Any],
    port: str | None,
    look_at: Mapping[str, str],
    add: Callable[[Step], None],
) -> bool:
    """Runs the steps until the board is lost, which is what it returns."""
    name = next(iter(CHECKS))
    try:
        with open_board(board, artifact.path, port) as device:
            for name, check in CHECKS.items():
                status, detail = check(device, artifact)
                add(Step(name, status, detail, look_at[name] if status == "failed" else ""))
    except DeviceError as error:
        add(Step(name, "failed", str(error), look_at[name]))
        return True
    return False


def _link(device: Device, artifact: Artifact[Any]) -> tuple[Status, str]:
    data = bytes(range(256))
    if device.echo(data) != data:
        return "failed", "256 bytes came back changed"
    return "passed", "256 bytes there and back"


def _info(device: Device, artifact: Artifact[Any]) -> tuple[Status, str]:
    info, clock_hz = device.info(), artifact.board.clock_hz
    if info.clock_hz != clock_hz:
        return "failed", f"runs at {info.clock_hz} Hz, its file says {clock_hz}"
    model = "the golden network" if _is_golden(device, artifact) else "another model"
    return "passed", f"model {info.name!r} ({model}), {info.layer_count} layers, {info.clock_hz} Hz"


def _memory(device: Device, artifact: Artifact[Any]) -> tuple[Status, str]:
    if artifact.board.mcu is None:
        return "skipped", "no SRAM of its own to test; the golden vectors go through its block RAM"
    result = device.memory_test()
    if result.failures:
        return "failed", (
            f"{result.failures} wrong reads in {result.tested_bytes} bytes of SRAM, the first at "
            f"{result.first_address:#010x}"
        )
    return "passed", f"{result.tested_bytes} bytes of SRAM"


def _golden(device: Device, artifact: Artifact[Any]) -> tuple[Status, str]:
    if not _is_golden(device, artifact):
        test = device.selftest()
        detail = f"self-test CRC {test.got_crc32:#010x}, expected {test.expected_crc32:#010x}"
        return ("passed" if test.passed else "failed"), detail
    if artifact.board.mcu is None:
        return _golden_outputs(device, artifact)
    graph = artifact.lowered.graph
    feeds = golden_inputs(graph, 1)
    source = graph.inputs[0]
    expected = run(graph, feeds, keep=[op.output for op in graph.nodes])
    data = to_device(feeds[source][0], graph.tensors[source].dtype)
    for layer, op in enumerate(graph.nodes):
        seen = device.layer_output(layer, data)
        got = artifact.lowered.plan.stored[op.output].unpack(seen, graph.tensors[op.output])
        try:
            first_difference(op.name, expected[op.output], got[np.newaxis])
        except BitExactnessError as error:
            return "failed", str(error)
    stack = f"{device.stack_bytes()} of {device.info().stack_size_bytes} bytes of stack"
    return "passed", f"{len(graph.nodes)} layers equal the interpreter, {stack}"


def _golden_outputs(device: Device, artifact: Artifact[Any]) -> tuple[Status, str]:
    """An FPGA's layers work at the same time and show no outputs of their own: its outputs are
    compared, and its self-test runs."""
    graph = artifact.lowered.graph
    source, output = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    feeds = golden_inputs(graph, GOLDEN_SAMPLES)
    expected = run(graph, feeds)[graph.outputs[0]]
    got = [
        shell.from_device(device.infer(shell.to_device(sample, source.dtype)), output)
        for sample in feeds[graph.inputs[0]]
    ]
    try:
        first_difference(graph.nodes[-1].name, expected, np.stack(got))
    except BitExactnessError as error:
        return "failed", str(error)
    if not device.selftest().passed:
        return "failed", "outputs are right but the self-test's CRC is wrong"
    cycles = (device.cycles() or [0])[0]
    return "passed", f"{expected.size} integers equal the interpreter, {cycles} cycles an inference"


def _clock(device: Device, artifact: Artifact[Any]) -> tuple[Status, str]:
    clock_hz = device.info().clock_hz
    start, start_s = device.counter(), time.monotonic()
    if is_emulated(artifact.board):
        device.selftest()
        counted = (device.counter() - start) % 2**32
        kind = "modelled" if artifact.board.mcu else "simulated"
        what = f"{counted} {kind} cycles over a self-test" if counted else "no cycle counter"
        return "skipped", f"{what}; an emulated clock has no seconds"
    time.sleep(CLOCK_INTERVAL_S)  # the interval that is measured
    counted, passed_s = (device.counter() - start) % 2**32, time.monotonic() - start_s
    if not counted or not clock_hz:
        return "skipped", "no cycle counter"
    seen_hz = counted / passed_s
    detail = f"{seen_hz / 1e6:.3f} MHz by the host's clock, {clock_hz / 1e6:.3f} MHz by the board"
    good = abs(seen_hz / clock_hz - 1) <= CLOCK_TOLERANCE
    return ("passed" if good else "failed"), detail


def _is_golden(device: Device, artifact: Artifact[Any]) -> bool:
    return device.info().digest.hex() == serialize.digest(artifact.lowered.graph)


CHECKS: dict[str, Check] = {
    "link": _link,
    "info": _info,
    "memory": _memory,
    "golden": _golden,
    "clock": _clock,
}
"""The steps by name, in order."""
