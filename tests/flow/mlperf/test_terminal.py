"""A board behind a socket as a device file."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from hwkit.device.link import Link
from hwkit.flow.mlperf.terminal import Terminal


def test_bytes_go_both_ways_and_what_came_before_is_lost() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"socket://127.0.0.1:{listener.getsockname()[1]}"
        with Terminal(url, 115200) as terminal, listener.accept()[0] as board:
            board.sendall(b"booted\r\nm-ready\r\n")
            for asked in (b"name%", bytes(range(256)) * 40):
                # The runner opens and closes its port at will.
                with Link(terminal.path, 115200) as host:
                    host.write(asked)
                    came = b""
                    while len(came) < len(asked):
                        came += board.recv(65536)
                    assert came == asked
                    board.sendall(asked[::-1])
                    back = b""
                    while len(back) < len(asked):
                        data = host.read(time.monotonic() + 10)
                        assert data
                        back += data
                    assert back == asked[::-1]
        assert not Path(terminal.path).exists()
