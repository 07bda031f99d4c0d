"""Runs a simulated core over a batch: integers, cycles, what passed between the layers."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hwkit import resources
from hwkit.errors import ConfigError, DeviceError
from hwkit.ir.types import Array
from hwkit.targets.rtl.core import Core, Stream
from hwkit.toolchain import process, verilator

_TIMEOUT_S = 3600.0


@dataclass(frozen=True, slots=True)
class Simulation:
    """``y`` each output (inferences, integers); ``stamps`` (inferences, 2 + outputs) the cycles of
    the first beat in, the last beat in and each output's last beat; ``fifos`` the most beats that
    each FIFO held and how many it can hold, by hierarchical name; ``seen`` by stream the cycles of
    its beats and their integers. ``longest`` beats has the longest input."""

    y: tuple[Array, ...]
    longest: int
    stamps: Array
    fifos: Mapping[str, tuple[int, int]]
    seen: Mapping[str, tuple[Array, Array]]

    @property
    def latency_cycles(self) -> int:
        """From the first beat in to the last beat out of the first inference."""
        return int(self.stamps[0, 2:].max() - self.stamps[0, 0])

    @property
    def interval_cycles(self) -> float:
        """Between the ends of two inferences in a row at the slowest stream, once the pipe is
        full; two or more."""
        ends = self.stamps[:, 2:].astype(np.int64)
        first = min(len(ends) // 2, len(ends) - 2)
        slowest = float((ends[-1] - ends[first]).max()) / (len(ends) - 1 - first)
        return max(slowest, float(self.longest))


def program(folder: Path, core: Core) -> Path:
    """The program that simulates the core whose files lie in ``folder``, compiled again when one
    of its Verilog files was edited; its memory images are read at every run.

    ``ToolMissing`` without Verilator or a C++ compiler, ``ToolFailed`` with the log's path.
    """
    sources = [Path(name) for name in sorted(core.files) if name.endswith((".v", ".sv"))]
    harness = resources.folder("hls") / "tb" / "rtl_core.cpp"
    state = hashlib.sha256(verilator.version().encode())
    for path in (*(folder / name for name in sources), harness):
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}; deploy into an empty folder") from error
        state.update(f"{path.name}\0{len(content)}\0".encode())
        state.update(content)
    made = folder / f"core-{state.hexdigest()[:16]}"
    if not made.is_file():
        with tempfile.TemporaryDirectory(dir=folder, prefix=".core-") as scratch:
            beside = verilator.simulator(
                sources, "hwk_core", harness, Path(scratch) / made.name, cwd=folder
            )
            beside.replace(made)
    return made


def simulate(
    core: Core,
    simulator: Path,
    feeds: Sequence[Array],
    *,
    seed: int = 0,
    taps: bool = False,
    arguments: Sequence[str] = (),
) -> Simulation:
    """One process over ``feeds``, an array (inferences, ...) for each input; a ``seed`` above 0
    makes every stream wait at random; ``arguments`` are plusargs for the design.

    ``ToolFailed`` with the log's path when the simulation dies or nothing moves any more.
    """
    with tempfile.TemporaryDirectory(prefix="hwkit-rtl-") as name:
        scratch = Path(name)
        log = simulator.parent / f"{scratch.name}.log"
        # What no output needs may not have passed when the last one is out: with some more
        # inferences behind it, all of those before have.
        wanted = len(feeds[0])
        more = core.trailing if taps else 0
        count = wanted + more
        command = [str(simulator), str(count), str(seed), str(scratch / "stamps")]
        for k, (x, stream) in enumerate(zip(feeds, core.sources, strict=True)):
            fed = np.concatenate([x, *[x[-1:]] * more])
            fed.astype("<i4").tofile(scratch / f"x{k}")
            numbers = [stream.elements, stream.dtype.bits, stream.beats]
            command.append(_argument("in", numbers, scratch / f"x{k}"))
        for k, stream in enumerate(core.sinks):
            signed = int(stream.dtype.signed)
            numbers = [stream.elements, stream.dtype.bits, signed, stream.beats]
            command.append(_argument("out", numbers, scratch / f"y{k}"))
        command += ["+fifos", *arguments]
        if taps:
            command.append(f"+taps={scratch}")
        # Memory images are found from the folder of the program.
        printed = process.run(command, log, cwd=simulator.parent, timeout_s=_TIMEOUT_S)
        log.unlink()
        y = tuple(
            _output(scratch / f"y{k}", stream, count)[:wanted]
            for k, stream in enumerate(core.sinks)
        )
        seen = {}
        if taps:
            streams = dict(core.taps.values())
            seen = {name: _tap(scratch / name, stream, wanted) for name, stream in streams.items()}
        stamps = np.fromfile(scratch / "stamps", "<u8").reshape(count, -1)[:wanted]
    longest = max(stream.beats for stream in core.sources)
    return Simulation(y, longest, stamps, _fifos(printed), seen)


def _argument(kind: str, numbers: Sequence[int], path: Path) -> str:
    """A stream as the harness ``rtl_core.cpp`` is told of it."""
    return ":".join([kind, *map(str, numbers), str(path)])


def _output(path: Path, stream: Stream, inferences: int) -> Array:
    y = np.fromfile(path, "<i4")
    if y.size != inferences * stream.size:
        raise DeviceError(
            f"the simulation gave {y.size} integers instead of {inferences * stream.size}; "
            "deploy again into an empty folder"
        )
    return y.reshape(inferences, -1)


def _fifos(printed: str) -> dict[str, tuple[int, int]]:
    found = re.findall(r"^fifo (\S+) (\d+) (\d+)$", printed, re.MULTILINE)
    return {name: (int(most), int(depth)) for name, most, depth in found}


def _tap(path: Path, stream: Stream, inferences: int) -> tuple[Array, Array]:
    """Times of the beats of a stream in so many inferences, and the integers in them. More may have
    passed: a border in front of the next map needs no input."""
    lines = [line.split() for line in path.read_text().splitlines()[: stream.beats * inferences]]
    times = np.array([int(time) for time, _ in lines], np.int64)
    mask, bits = (1 << stream.dtype.bits) - 1, stream.dtype.bits
    beats = [int(word, 16) for _, word in lines]
    flat = [beat >> k * bits & mask for beat in beats for k in range(stream.elements)]
    values = np.array(flat, np.int64)
    if stream.dtype.signed:
        values = np.where(values > stream.dtype.high, values - (1 << bits), values)
    return times, values
