"""Boards that misbehave, and a wire that damages what it carries, on local sockets."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from tests.firmware.runtime import stub


@contextmanager
def serving(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """The URL of a server that hands its first client to ``serve``, on a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            client, _ = listener.accept()
            with client:
                try:
                    serve(client)
                except OSError:
                    return  # the host hung up

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        host, port = listener.getsockname()
        yield f"socket://{host}:{port}"
    thread.join(10)
    assert not thread.is_alive()


def silent(client: socket.socket) -> None:
    """Takes everything, answers nothing."""
    while client.recv(4096):
        pass


def babbling(data: bytes) -> Callable[[socket.socket], None]:
    """Sends ``data`` for ever."""

    def serve(client: socket.socket) -> None:
        while True:
            client.sendall(data)

    return serve


def answering(reply: Callable[[bytes], bytes]) -> Callable[[socket.socket], None]:
    """Answers each frame with what ``reply`` makes of it."""

    def serve(client: socket.socket) -> None:
        pending = b""
        while data := client.recv(4096):
            pending += data
            while b"\0" in pending:
                wire, pending = pending.split(b"\0", 1)
                if wire:
                    client.sendall(reply(wire))

    return serve


def host_firmware(
    to_board: Callable[[int, bytes], bytes] = lambda index, data: data,
    to_host: Callable[[int, bytes], bytes] = lambda index, data: data,
    size: int = stub.BYTES,
) -> Callable[[socket.socket], None]:
    """The firmware's host program behind a wire: each frame passes through ``to_board`` or
    ``to_host``, which get its number and its bytes."""
    program = stub.host_program(size)  # compiled before a host waits for its answers

    def serve(client: socket.socket) -> None:
        with subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        ) as board:
            assert board.stdin is not None and board.stdout is not None
            back = threading.Thread(target=_carry, args=(board.stdout, client, to_host))
            back.start()
            index = 0
            with client.makefile("rb") as lines:
                for wire in _frames(lines.read1):
                    board.stdin.write(to_board(index, wire))
                    index += 1
            board.stdin.close()
            back.join()

    return serve


def _carry(stream: IO[bytes], client: socket.socket, change: Callable[[int, bytes], bytes]) -> None:
    for index, wire in enumerate(_frames(stream.read)):
        try:
            client.sendall(change(index, wire))
        except OSError:
            return


def _frames(read: Callable[[int], bytes]) -> Iterator[bytes]:
    """Whole frames, delimiter included; empty ones are left out."""
    pending = b""
    while data := read(4096):
        pending += data
        while b"\0" in pending:
            wire, pending = pending.split(b"\0", 1)
            if wire:
                yield wire + b"\0"
