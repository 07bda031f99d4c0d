"""Walks a board step by step: link, info, memory, golden vectors, clock.

    python examples/bring_up.py                                    # a virtual Cortex-M4
    python examples/bring_up.py nucleo_l4r5zi --port /dev/ttyACM0  # a board that runs hwkit's image

Exit code 0 when all is well, 1 for a step with a wrong answer, 3 for a board that is silent.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from hwkit.errors import HwkitError
from hwkit.flow.bringup import Step, bringup


def tell(step: Step) -> None:
    print(f"{step.name:<8}{step.status:<9}{step.detail}")
    if step.look_at:
        print(f"        look at: {step.look_at}")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("board", nargs="?", default="virtual_m4")
    parser.add_argument("--port", help="a pyserial URL or device")
    given = parser.parse_args(arguments)
    try:
        return bringup(given.board, given.port, tell=tell).exit_code
    except HwkitError as error:
        print(error, file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
