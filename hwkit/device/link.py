"""A byte stream to a board: whatever pyserial can open."""

from __future__ import annotations

import select
import time
from typing import Any

from hwkit.closing import Closing
from hwkit.errors import DeviceError, ToolMissing

_READ_BYTES = 65536


class Link(Closing):
    """An open serial port. ``url`` is a device (``/dev/ttyACM0``) or a pyserial URL
    (``socket://127.0.0.1:4000``); ``DeviceError`` when it can't be opened."""

    def __init__(self, url: str, baud: int) -> None:
        try:
            import serial
        except ImportError as error:
            raise ToolMissing("pyserial", "pip install pyserial") from error
        self.url = url
        self._broken = (serial.SerialException, OSError, ValueError)
        self._port: Any = None
        try:
            # Reads return at once with what is there; waiting is done below, on the descriptor.
            self._port = serial.serial_for_url(url, baudrate=baud, timeout=0, write_timeout=10)
        except self._broken as error:
            raise DeviceError(
                f"{url}: cannot be opened ({error}); check the port and that nothing else uses it"
            ) from error

    def write(self, data: bytes) -> None:
        """Sends all of ``data``."""
        try:
            self._port.write(data)
        except self._broken as error:
            raise self._lost(error) from error

    def read(self, deadline_s: float) -> bytes:
        """At least one byte, as soon as there is one; ``b""`` when ``time.monotonic()`` passes
        ``deadline_s`` first."""
        remaining_s = max(0.0, deadline_s - time.monotonic())
        try:
            ready, _, _ = select.select([self._port.fileno()], [], [], remaining_s)
            return bytes(self._port.read(_READ_BYTES)) if ready else b""
        except self._broken as error:
            raise self._lost(error) from error

    def read_within(self, seconds: float) -> bytes:
        """The same, for at most so many seconds from now."""
        return self.read(time.monotonic() + seconds)

    def discard(self) -> None:
        """Drops what has come in; at most 1 MiB, so that a babbling board can't hold it up."""
        for _ in range(16):
            if not self.read(0.0):
                return

    def close(self) -> None:
        """Closes the port."""
        self._port.close()

    def _lost(self, error: BaseException) -> DeviceError:
        return DeviceError(f"{self.url}: connection lost ({error}); reset the board and try again")
