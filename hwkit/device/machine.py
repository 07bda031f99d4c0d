"""What every emulated board offers beside its serial port."""

from __future__ import annotations

from typing import Protocol

from hwkit.device.emulator import Counts
from hwkit.target import Kind


class Machine(Protocol):
    """A running emulated board; ``port`` is the URL of its UART, ``name`` the program that runs it,
    with its version."""

    port: str
    kind: Kind
    name: str

    def counts(self) -> Counts | None:
        """What it has counted so far; None where nothing executes instructions."""

    def fault(self) -> str:
        """Why it ended, or "" while it runs."""

    def close(self) -> None:
        """Ends it."""
