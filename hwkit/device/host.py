"""The host, where it is the thing that computes."""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")


@cache
def host() -> str:
    """Name and CPU of this machine. Example: ``"lab3 (AMD EPYC 7763 64-Core Processor)"``."""
    return f"{platform.node() or 'unnamed'} ({_cpu()})"


def _cpu() -> str:
    try:
        for line in _CPUINFO.read_text(errors="replace").splitlines():
            if line.startswith(("model name", "Model")):
                return line.partition(":")[2].strip()
    except OSError:  # another system
        return platform.processor() or platform.machine()
    return platform.machine()
