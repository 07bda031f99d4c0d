"""The board's second socket: exact counts, reset and exit, as lines of JSON."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from typing import Any

LONGEST_LINE_BYTES = 4096


def serve(listener: socket.socket, answer: Callable[[str], dict[str, Any]]) -> None:
    """Answers each client on a thread of its own, for as long as the process lives.

    A request is ``{"command": NAME}``; the answer is what ``answer(NAME)`` returns, or
    ``{"error": ...}``.
    """
    while True:
        client, _ = listener.accept()
        threading.Thread(target=_serve_client, args=(client, answer), daemon=True).start()


def _serve_client(client: socket.socket, answer: Callable[[str], dict[str, Any]]) -> None:
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with client, client.makefile("rb") as lines:
        while line := lines.readline(LONGEST_LINE_BYTES):
            try:
                command = json.loads(line)["command"]
                reply = answer(command)
            except (ValueError, KeyError, TypeError, RecursionError):
                reply = {"error": 'send {"command": "counts" | "reset" | "exit"} and a newline'}
            try:
                client.sendall(json.dumps(reply).encode() + b"\n")
            except OSError:
                return
