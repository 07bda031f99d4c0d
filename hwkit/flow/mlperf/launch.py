"""Starts the MLCommons runner, unchanged, where its device is no USB device: a script.

The runner looks for its devices among the USB serial ports. Run as ``launch.py PORT main.py ...``
this shows it one, described as ``hwkit``, and no USB meter. Nothing of the runner is changed.
"""

import runpy
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

DESCRIPTION = "hwkit"
_VENDOR = 0x1209  # of pid.codes; the runner passes over ports without one


def _one_port(port: str) -> Any:
    from serial.tools import list_ports_common

    found = list_ports_common.ListPortInfo(port)
    found.vid, found.pid, found.description = _VENDOR, 0, DESCRIPTION
    return found


def _without_usb() -> dict[str, ModuleType]:
    """pyusb as the runner uses it, which finds nothing: it would ask for a library of the system
    even where no meter hangs."""
    package, core = ModuleType("usb"), ModuleType("usb.core")
    core.find = lambda **_: []  # type: ignore[attr-defined]
    package.core = core  # type: ignore[attr-defined]
    return {"usb": package, "usb.core": core}


def main() -> None:
    """Runs the script ``argv[2]`` with the arguments behind it."""
    from serial.tools import list_ports

    port, script, *arguments = sys.argv[1:]
    list_ports.comports = lambda include_links=False: [_one_port(port)]
    sys.modules.update(_without_usb())
    sys.argv = [script, *arguments]
    sys.path[0] = str(Path(script).parent)
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main()
