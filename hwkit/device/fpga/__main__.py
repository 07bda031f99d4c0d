"""``python -m hwkit.device.fpga``: one virtual FPGA board, until it is told to end.

The first line on standard output is ``{"port": URL}``: what ``--port`` takes.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from hwkit.device.fpga import FpgaSimulation
from hwkit.errors import HwkitError


def main(arguments: list[str] | None = None) -> int:
    """Runs the board; its exit code, or that of the error that kept it from starting."""
    parser = argparse.ArgumentParser(prog="python -m hwkit.device.fpga")
    parser.add_argument("--image", required=True, type=Path, help="the simulator, rtl_board")
    parser.add_argument("--port", type=int, default=0, help="TCP port; 0: a free one")
    options = parser.parse_args(arguments)
    try:
        with FpgaSimulation(options.image, options.port) as board:
            print(json.dumps({"port": board.port}), flush=True)
            return board.wait()
    except HwkitError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
