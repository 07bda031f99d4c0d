"""Stand-ins for vendors' tools and programmers: they take what the real ones take, look at every
file that they are given, and refuse the rest; what they were called with is written down.

They show that hwkit's projects and images are whole and called for correctly, not what a vendor's
tool would make of them. Intel's HLS compiler is played by g++ with headers of its own, so that a
project's test bench runs.
"""

from __future__ import annotations

import sys
from pathlib import Path

TOOLS = ("vivado", "i++", "pyocd", "openocd", "picotool", "openFPGALoader")


def install(folder: Path, *names: str) -> Path:
    """Programs of these names in ``folder``, which is to be put on the PATH; gives the file with
    a line for each call."""
    source, calls = Path(__file__).with_name("tools.py"), folder / "calls"
    for name in names:
        path = folder / name
        path.write_text(f'#!/bin/sh\nexec {sys.executable} {source} {name} {calls} "$@"\n')
        path.chmod(0o755)
    return calls
