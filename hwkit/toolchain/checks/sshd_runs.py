"""Lets the server say its version; it does so, and fails, for an option that it has not."""

import subprocess
import sys
from pathlib import Path

said = subprocess.run(
    [str(Path(sys.argv[1]) / "sshd"), "-?"], capture_output=True, text=True, timeout=30, check=False
)
if "OpenSSH" not in said.stderr:
    sys.exit(f"sshd said {said.stderr[:200]!r}")
print("sshd runs")
