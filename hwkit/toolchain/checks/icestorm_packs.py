"""Packs an empty bitstream, which begins with the iCE40's synchronisation word."""

import subprocess
import sys
from pathlib import Path

programs = Path(sys.argv[1])
Path("empty.asc").write_text(f".device 1k\n.io_tile 1 0\n{18 * '0'}\n")
subprocess.run([str(programs / "icepack"), "empty.asc", "empty.bin"], check=True, timeout=30)
if bytes.fromhex("7eaa997e") not in Path("empty.bin").read_bytes()[:16]:
    sys.exit("icepack: no synchronisation word in the bitstream")
subprocess.run([str(programs / "iceprog"), "--help"], check=True, timeout=30)
print("icepack packs, iceprog starts")
