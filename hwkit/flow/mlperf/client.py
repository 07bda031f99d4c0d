"""The host's side of MLPerf Tiny's serial protocol, written from its description in mlcommons/tiny
(``benchmark/api``, ``benchmark/runner/README.md``)."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from hwkit.device.link import Link
from hwkit.errors import DeviceError

BYTES_A_COMMAND = 31
"""Of a sample; the runner sends as many."""

_READY = "m-ready"
_TIMEOUT_S = 5.0
_INFER_TIMEOUT_S = 600.0
_LAP = re.compile(r"m-lap-us-(\d+)")
_RESULTS = re.compile(r"m-results-\[([^]]+)\]")


@dataclass(frozen=True, slots=True)
class Inferred:
    """What the device told: its ``results``, and microseconds by its own clock."""

    results: tuple[float, ...]
    us: int


class Client:
    """A device behind ``link`` that speaks the protocol. ``DeviceError`` for one that is silent,
    complains, or answers something else."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._text = b""
        self.log: list[str] = []
        # What it said when it started is still to come, or is lost.
        self.name = self._named()
        (self.model,) = self._told(self.command("profile"), r"m-model-\[([^]]+)\]")

    def _named(self) -> str:
        self._send("name")
        deadline_s = time.monotonic() + _TIMEOUT_S
        while not (match := re.fullmatch(r"m-name-dut-\[([^]]+)\]", self._line(deadline_s))):
            pass
        self._until_ready(_TIMEOUT_S)
        return match[1]

    def command(self, text: str, timeout_s: float = _TIMEOUT_S) -> list[str]:
        """The lines that answer ``text``, without the last one."""
        self._send(text)
        lines = self._until_ready(timeout_s)
        for line in lines:
            if line.startswith("e-["):
                raise DeviceError(f"{self._link.url}: answers {text[:40]!r} with {line[:200]}")
        return lines

    def load(self, sample: bytes) -> None:
        """Sends a sample."""
        self.command(f"db load {len(sample)}")
        lines: list[str] = []
        for first in range(0, len(sample), BYTES_A_COMMAND):
            lines = self.command(f"db {sample[first : first + BYTES_A_COMMAND].hex()}")
        if "m-load-done" not in lines:
            raise DeviceError(
                f"{self._link.url}: does not take {len(sample)} bytes: {' '.join(lines)[:200]}; "
                "run the firmware of this network"
            )

    def infer(self, count: int, warmups: int) -> Inferred:
        """Runs ``warmups`` and then ``count`` inferences of the sample."""
        lines = self.command(f"infer {count} {warmups}", _INFER_TIMEOUT_S)
        start, end = (int(lap) for lap in self._told(lines, _LAP.pattern, 2))
        (values,) = self._told(lines, _RESULTS.pattern)
        try:
            return Inferred(tuple(float(value) for value in values.split(",")), end - start)
        except ValueError as error:
            raise DeviceError(
                f"{self._link.url}: results {values[:100]!r} are no numbers"
            ) from error

    def _told(self, lines: Sequence[str], pattern: str, count: int = 1) -> list[str]:
        found = [match[1] for line in lines if (match := re.fullmatch(pattern, line))]
        if len(found) != count:
            raise DeviceError(
                f"{self._link.url}: {len(found)} answers like {pattern!r} where {count} belong; "
                "run the firmware of --package mlperf_tiny"
            )
        return found

    def _send(self, text: str) -> None:
        self.log.append(f"{text}%")
        self._link.write(f"{text}%".encode())

    def _until_ready(self, timeout_s: float) -> list[str]:
        deadline_s = time.monotonic() + timeout_s
        lines = []
        while (line := self._line(deadline_s)) != _READY:
            lines.append(line)
        return lines

    def _line(self, deadline_s: float) -> str:
        while b"\n" not in self._text:
            data = self._link.read(deadline_s)
            if not data:
                raise DeviceError(
                    f"{self._link.url}: no answer to {self.log[-1][:40]!r}; check that the "
                    "firmware of --package mlperf_tiny runs there"
                )
            self._text += data
        line, _, self._text = self._text.partition(b"\n")
        text = line.decode("ascii", "replace").strip("\r\0")
        self.log.append(text)
        return text
