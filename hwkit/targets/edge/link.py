"""How a child starts on this machine and on another one: by the OpenSSH client, or by adb.

The user's own ``ssh`` is what connects: names, keys, jump hosts and multiplexing stand in its
configuration, and no password is ever asked for. Nothing is installed or left on the other machine;
it needs Python, numpy and the runtime's package.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from hwkit.boards import EdgeLink
from hwkit.device import host
from hwkit.targets.edge import child, runtime, sent
from hwkit.toolchain import programs

_CONNECT_S = 10
_ALIVE_S = 5
_MISSED = 3
_IDLE_S = 3600.0
"""How long a child on another machine waits for a request: a connection may be cut unnoticed."""
_SSH_FAILED = 255


def command(link: EdgeLink) -> list[str]:
    """The program that starts a child there, and connects its standard input and output.
    ``ToolMissing`` without an OpenSSH client, or adb.

    Example: ``ssh -T ... -- pi@raspberrypi python3 -c '...'``.
    """
    there = shlex.join([link.python, "-c", sent.START])
    if link.via == "adb":
        device = ["-s", link.host] if link.host else []
        return [programs.get("adb"), *device, "shell", "-T", there]
    options = {
        "BatchMode": "yes",
        "ConnectTimeout": _CONNECT_S,
        "ServerAliveInterval": _ALIVE_S,
        "ServerAliveCountMax": _MISSED,
        "LogLevel": "ERROR",
    }
    given = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
    configured = ["-F", str(Path(link.config).expanduser())] if link.config else []
    return [programs.get("ssh"), "-T", *configured, *given, "--", link.host, there]


def first_lines(cpus: Sequence[int], link: EdgeLink | None) -> bytes:
    """What a started Python reads first: the program, and what it is made of."""
    given = {"sources": _sources(), "cpus": list(cpus), "idle_s": _IDLE_S if link else 0.0}
    return f"{json.dumps(_text(sent.__file__))}\n{json.dumps(given)}\n".encode()


def lost(link: EdgeLink, code: int) -> str:
    """What an end that nobody asked for means; ``code`` is the exit code of the program that
    connects."""
    if link.via == "ssh" and code == _SSH_FAILED:
        return f"{link.host}: no connection, or it or the process there broke off"
    return f"{link.host}: {link.python} there ended with code {code}"


@cache
def _sources() -> dict[str, str]:
    """Modules by name, packages' names end in a point."""
    files = Path(runtime.__file__).parent.glob("*.py")
    found = {f"hwkit_runtime.{path.stem}": _text(str(path)) for path in sorted(files)}
    found["hwkit_runtime."] = found.pop("hwkit_runtime.__init__")
    return {**found, sent.MAIN: _text(child.__file__), "hwkit_host": _text(host.__file__)}


def _text(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")
