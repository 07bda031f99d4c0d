"""An open board: images in, integers and counts out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from hwkit.boards import Board
from hwkit.device.emulator import Counts, Emulator
from hwkit.device.fpga import FpgaSimulation
from hwkit.device.host import host
from hwkit.device.link import Link
from hwkit.device.machine import Machine
from hwkit.device.protocol import INFER_TIMEOUT_S, VERSION, Client, Info
from hwkit.device.qemu import Qemu
from hwkit.errors import ConfigError, DeviceError
from hwkit.target import Identity


@dataclass(frozen=True, slots=True)
class SelfTest:
    """CRC-32 of the output for the documented pseudo-random input."""

    expected_crc32: int
    got_crc32: int

    @property
    def passed(self) -> bool:
        """The board computes what its model's builder computed."""
        return self.expected_crc32 == self.got_crc32


@dataclass(frozen=True, slots=True)
class MemoryTest:
    """``failures`` wrong reads in ``tested_bytes`` of SRAM, the first at ``first_address``."""

    tested_bytes: int
    failures: int
    first_address: int


class Device:
    """A board that runs a model. Made by ``open_board``.

    Tensors are bytes as they lie in the board's memory: one sample, NHWC, integers of 8 bits or
    fewer one byte each, wider ones little-endian. Several inputs, outputs or states are one string
    of bytes, one after the other in the graph's order. Every method may raise ``DeviceError``.
    States outlive no request that fails, and no reset of the board: inferences are then refused
    until ``reset`` or ``set_states``.
    """

    def __init__(
        self, client: Client, emulator: Machine | None, infer_timeout_s: float = INFER_TIMEOUT_S
    ) -> None:
        self._client = client
        self._emulator = emulator
        self._infer_timeout_s = infer_timeout_s
        self._info = client.info()
        self._states_of = client.session
        # Behind a u32: the offset of a load, the total size of a layer.
        self._chunk_bytes = self._info.max_payload_bytes - 4
        self._input = b""

    def info(self) -> Info:
        """What the firmware says about itself."""
        return self._info

    def identity(self) -> Identity:
        """Who answers: the device by its own word, or the machine that was started here for it."""
        info, machine = self._info, self._emulator
        counts = self.counts()
        return Identity(
            kind=info.kind if machine is None else machine.kind,
            name=_name(info) if machine is None else machine.name,
            clock_hz=info.clock_hz or None,
            model=info.digest.hex(),
            build=info.build,
            serial=info.serial,
            host=self._host(),
            cost_model="" if counts is None else counts.model,
        )

    def _host(self) -> str:
        """Where the program runs that stands for a chip, and where a chip hangs that has no serial
        number."""
        if self._emulator is not None:
            return host()
        return "" if self._info.serial else self._client.url

    def infer(self, x: bytes) -> bytes:
        """The outputs for the inputs ``x``: ``input_bytes`` in, ``output_bytes`` out. The states
        take their next values."""
        self._check(x)
        self._input = bytes(x)
        with self._stepping():
            return self._inferred()

    def _inferred(self) -> bytes:
        info = self._info
        if max(info.input_bytes, info.output_bytes) > info.max_payload_bytes:
            self._infer_to(info.layer_count - 1)
            return self._client.read_output(info.output_bytes, self._chunk_bytes)
        output = self._client.run(self._input, self._infer_timeout_s)
        if len(output) != info.output_bytes:
            raise DeviceError(
                f"board answers RUN with {len(output)} bytes, not {info.output_bytes}"
            )
        return output

    def reset(self) -> None:
        """Gives every state its initial value."""
        self._client.reset()
        self._states_of = self._client.session

    def states(self) -> bytes:
        """All states: ``state_bytes``."""
        with self._stepping():
            return self._client.read_state(self._info.state_bytes, self._chunk_bytes)

    def set_states(self, data: bytes) -> None:
        """Gives all states these values."""
        if len(data) != self._info.state_bytes:
            raise ConfigError(
                f"states of {len(data)} bytes: the board's model has {self._info.state_bytes}"
            )
        self._client.write_state(data, self._chunk_bytes)
        self._states_of = self._client.session

    def layer_output(self, layer: int, x: bytes | None = None) -> bytes:
        """The output of ``layer`` for ``x``, by default the inputs of the last ``infer``: runs
        the layers up to it again, from the states as they are. What these are afterwards is
        ``set_states``' affair."""
        if not 0 <= layer < self._info.layer_count:
            raise ConfigError(f"layer {layer}: the model has 0 .. {self._info.layer_count - 1}")
        if x is not None:
            self._check(x)
            self._input = bytes(x)
        if not self._input:
            raise ConfigError("layer_output: give an input, or infer one first")
        with self._stepping():
            self._infer_to(layer)
            return self._client.read_layer(self._chunk_bytes)

    def cycles(self) -> list[int] | None:
        """Cycles of each layer of the last inference, read by the firmware from its counter; where
        that stands still, as it does on a core that has none, those that the emulator counts (as
        ``instructions``). None where nobody counts."""
        cycles = self._client.read_cycles(self._info.layer_count)
        if any(cycles):
            return cycles
        counts = self.counts()
        return None if counts is None else counts.layer_cycles

    def instructions(self) -> list[int] | None:
        """Executed instructions of each layer of the last inference, exact; None on a board
        that cannot count them."""
        counts = self.counts()
        return None if counts is None else counts.layer_instructions

    def counts(self) -> Counts | None:
        """All that an emulator counts; None on any other board."""
        return None if self._emulator is None else self._emulator.counts()

    def selftest(self) -> SelfTest:
        """Runs the model on its built-in pseudo-random input."""
        return SelfTest(*self._client.selftest(self._infer_timeout_s))

    def stack_bytes(self) -> int:
        """Most bytes of stack used since reset."""
        return self._client.stack()[0]

    def memory_test(self) -> MemoryTest:
        """Tests the SRAM that the firmware does not use."""
        return MemoryTest(*self._client.memory_test(self._infer_timeout_s))

    def counter(self) -> int:
        """The cycle counter now, modulo 2**32; 0 for ever on a board that has none."""
        return self._client.counter()

    def echo(self, data: bytes) -> bytes:
        """``data`` there and back."""
        return self._client.echo(data)

    @contextmanager
    def _stepping(self) -> Iterator[None]:
        """Around what needs the states: refuses when they are lost; they are if it fails."""
        session = self._states_of
        if self._info.states and session != self._client.session:
            raise DeviceError(
                f"board at {self._client.url}: the states of earlier inferences are lost, with a "
                "request that failed or by a reset of the board; reset them"
            )
        self._states_of = 0
        yield
        self._states_of = session

    def _check(self, x: bytes) -> None:
        if len(x) != self._info.input_bytes:
            raise ConfigError(
                f"input of {len(x)} bytes: the board's model takes {self._info.input_bytes}"
            )

    def _infer_to(self, layer: int) -> None:
        self._client.load_input(self._input, self._chunk_bytes)
        self._client.infer(layer, self._infer_timeout_s)


def is_emulated(board: Board) -> bool:
    """Whether ``board`` is run by a program here and needs no port."""
    if board.mcu is not None:
        return bool(board.mcu.emulator)
    return board.fpga is not None and board.fpga.flow == "verilator"


def check_reachable(board: Board, port: str | None) -> None:
    """Refuses a board of hardware without a port, before anything is built for it:
    ``ConfigError``."""
    serial = board.mcu is not None or board.target == "rtl"
    if serial and port is None and not is_emulated(board):
        instead = (
            "board rtl_sim simulates the same design"
            if board.mcu is None
            else "without the board, 'hwkit profile --estimate' reckons"
        )
        raise ConfigError(
            f"board {board.name}: give its serial port with --port, or as a place (hwkit places); "
            f"{instead}"
        )


@contextmanager
def open_board(
    board: Board,
    image: Path | None,
    port: str | None = None,
    *,
    digest: bytes | None = None,
    build: str = "",
    infer_timeout_s: float = INFER_TIMEOUT_S,
) -> Iterator[Device]:
    """Opens ``board`` at ``port`` (a pyserial URL), or starts the virtual board with ``image``.

    ``digest`` is the model's SHA-256 that the board must report, ``build`` the build's, of which
    it reports the beginning ("": any). ``DeviceError`` when the board is silent, sends garbage,
    runs another model or build, or the guest faults (with its PC and address);
    ``ConfigError`` when the board is no microcontroller or FPGA, or can be reached by a port only.
    Example: ``with open_board(boards.load("virtual_m4"), elf) as device: device.infer(x)``.
    """
    baud = _baud(board)
    with ExitStack() as stack:
        emulator: Machine | None = None
        if port is None:
            emulator = start_emulator(board, image)
            stack.callback(emulator.close)
            port = emulator.port
        link = stack.enter_context(Link(port, baud))
        try:
            device = Device(Client(link), emulator, infer_timeout_s)
            _check_same(device.info(), digest, build, port)
            yield device
        except DeviceError as error:
            if emulator is not None and (fault := emulator.fault()):
                raise DeviceError(f"virtual board: {fault}") from error
            raise


def _baud(board: Board) -> int:
    """Of the serial link that carries the protocol."""
    if board.mcu is not None:
        return board.mcu.uart.baud
    if board.fpga is not None and board.target == "rtl":
        return board.fpga.baud
    raise ConfigError(f"board {board.name}: no microcontroller or FPGA behind a serial link")


def start_emulator(board: Board, image: Path | None) -> Machine:
    """The virtual board with ``image``, running; to be closed. ``ConfigError`` without either."""
    check_reachable(board, None)
    if image is None:
        raise ConfigError(f"board {board.name}: give the firmware image to run")
    if board.mcu is None:
        return FpgaSimulation(image)
    return Qemu(board, image) if board.mcu.emulator == "qemu" else Emulator(board, image)


def _name(info: Info) -> str:
    return f"chip {info.chip:#010x}" if info.chip else f"{info.kind} of protocol version {VERSION}"


def _check_same(info: Info, digest: bytes | None, build: str, port: str) -> None:
    if digest is not None and info.digest != digest:
        raise DeviceError(
            f"board at {port} runs model {info.name!r} {info.digest.hex()[:12]}, expected "
            f"{digest.hex()[:12]}; flash the image of this model"
        )
    if build and info.build and info.build != build[: len(info.build)]:
        raise DeviceError(
            f"board at {port} runs build {info.build} of model {info.name!r}, expected "
            f"{build[: len(info.build)]}; flash the image that hwkit deploy makes for this board"
        )
