"""Lists the boards that it knows, without one connected."""

import subprocess
import sys
from pathlib import Path

command = [str(Path(sys.argv[1]) / "openFPGALoader"), "--list-boards"]
listed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
if "ulx3s" not in listed.stdout:
    sys.exit(f"openFPGALoader knows no ulx3s: {listed.stdout}{listed.stderr}")
print("openFPGALoader runs")
