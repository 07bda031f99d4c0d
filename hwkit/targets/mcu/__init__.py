"""Microcontrollers: C kernels, generated tables, a firmware that answers on a serial line."""

from hwkit.targets.mcu.build import build, open_artifact, tools
from hwkit.targets.mcu.capabilities import CAPABILITIES
from hwkit.targets.mcu.cost import measure_costs
from hwkit.targets.mcu.emit import emit
from hwkit.targets.mcu.lower import lower
from hwkit.targets.mcu.run import layer_outputs, profile, run

__all__ = [
    "CAPABILITIES",
    "build",
    "emit",
    "layer_outputs",
    "lower",
    "measure_costs",
    "open_artifact",
    "profile",
    "run",
    "tools",
]
