"""Reads the scripts of a probe and of a chip, without either of them connected."""

import subprocess
import sys
from pathlib import Path

command = [str(Path(sys.argv[1]) / "openocd"), "-f", "interface/stlink.cfg"]
subprocess.run([*command, "-f", "target/stm32f4x.cfg", "-c", "shutdown"], check=True, timeout=30)
print("openocd runs")
