"""Asks for the version, as nothing else works without a board."""

import subprocess
import sys
from pathlib import Path

subprocess.run([str(Path(sys.argv[1]) / "picotool"), "version"], check=True, timeout=30)
print("picotool runs")
