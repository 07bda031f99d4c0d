"""A board behind a URL as a serial device file: the runner opens nothing else."""

from __future__ import annotations

import os
import select
import threading
from contextlib import suppress

from hwkit.closing import Closing
from hwkit.device.link import Link
from hwkit.errors import ConfigError, DeviceError

_READ_BYTES = 4096
_WAIT_S = 0.2


class Terminal(Closing):
    """A pseudo-terminal whose other end is the board at ``url``; ``path`` is its device file.

    What the board says before the first byte comes from the host is dropped, as it is lost on a
    board that booted before a program opened its port. ``ConfigError`` on systems without
    pseudo-terminals.
    """

    def __init__(self, url: str, baud: int) -> None:
        try:
            import pty
            import tty
        except ImportError as error:
            raise ConfigError("no pseudo-terminals on this system; run it on Linux") from error
        self._link = Link(url, baud)
        self._host, self._device = pty.openpty()
        # No echo and no line ends of the terminal's own. This end stays open: the runner closes
        # and opens the other one at will.
        tty.setraw(self._device)
        self.path = os.ttyname(self._device)
        self._asked = threading.Event()
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=work, daemon=True) for work in (self._out, self._in)
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Ends both directions."""
        if self._ended.is_set():
            return
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self._link.close()
        os.close(self._host)
        os.close(self._device)

    def _out(self) -> None:
        """From the host to the board."""
        with suppress(OSError, DeviceError):
            while not self._ended.is_set():
                ready, _, _ = select.select([self._host], [], [], _WAIT_S)
                if ready:
                    data = os.read(self._host, _READ_BYTES)
                    if not self._asked.is_set():
                        self._link.discard()
                        self._asked.set()
                    self._link.write(data)

    def _in(self) -> None:
        """From the board to the host, once that has asked; it sees silence when the board is
        gone."""
        with suppress(OSError, DeviceError):
            while not self._ended.is_set():
                if self._asked.wait(_WAIT_S):
                    _write_all(self._host, self._link.read_within(_WAIT_S))


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
