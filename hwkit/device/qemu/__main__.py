"""``python -m hwkit.device.qemu``: a board's image in QEMU, until it is told to end.

The first line on standard output is ``{"port": URL}``: what ``--port`` takes.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from hwkit import boards
from hwkit.device.qemu import Qemu
from hwkit.errors import HwkitError


def main(arguments: list[str] | None = None) -> int:
    """Runs QEMU; its exit code, or that of the error that kept it from starting."""
    parser = argparse.ArgumentParser(prog="python -m hwkit.device.qemu")
    parser.add_argument("--board", required=True, help="board name, e.g. netduino_plus2")
    parser.add_argument("--image", required=True, type=Path, help="firmware.elf")
    options = parser.parse_args(arguments)
    try:
        with Qemu(boards.load(options.board), options.image) as qemu:
            print(json.dumps({"port": qemu.port}), flush=True)
            return qemu.wait()
    except HwkitError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
