"""The machine that this process runs on."""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_MODEL_KEYS = ("model name", "Hardware", "cpu model")
"""What Linux calls a CPU's model on x86, on 32-bit Arm, on MIPS."""


@cache
def host() -> str:
    """Name and CPU. Example: ``"bench, Intel(R) Xeon(R) Gold 6130 CPU @ 2.10GHz"``."""
    return f"{platform.node() or 'localhost'}, {cpu_model(_CPUINFO)}"


def cpu_model(cpuinfo: Path) -> str:
    """The CPU's model as ``cpuinfo`` has it, else what the system calls its kind."""
    lines = cpuinfo.read_text(errors="replace").splitlines() if cpuinfo.is_file() else []
    for key in _MODEL_KEYS:
        for line in lines:
            name, _, value = line.partition(":")
            if name.strip() == key and value.strip():
                return " ".join(value.split())
    return platform.processor() or platform.machine()
