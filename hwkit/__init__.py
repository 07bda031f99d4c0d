"""hwkit: one integer graph, and every target computes exactly its integers.

The library API; each function loads its stage when called (see ``hwkit.api``), so that
``import hwkit`` is instant and needs nothing that is not used.
"""

# The functions ``allocate`` and ``profile`` share their names with packages. Importing the packages
# first binds the names for good: a later ``import hwkit.profile.store`` no longer replaces them.
from typing import TYPE_CHECKING

import hwkit.allocate
import hwkit.profile  # noqa: F401
from hwkit.api import (
    allocate,
    bringup,
    deploy,
    export,
    freeze,
    load,
    measurements,
    predict,
    profile,
    quantize,
    verify,
)
from hwkit.version import __version__

if TYPE_CHECKING:
    from hwkit.errors import HwkitError
    from hwkit.ir.graph import Graph

__all__ = [
    "Graph",
    "HwkitError",
    "__version__",
    "allocate",
    "bringup",
    "deploy",
    "export",
    "freeze",
    "load",
    "measurements",
    "predict",
    "profile",
    "quantize",
    "verify",
]


def __getattr__(name: str) -> object:
    """``hwkit.Graph``, what ``load`` gives, and ``hwkit.HwkitError``, the base of all errors."""
    if name == "Graph":
        from hwkit.ir.graph import Graph

        return Graph
    if name == "HwkitError":
        from hwkit.errors import HwkitError

        return HwkitError
    raise AttributeError(f"module 'hwkit' has no attribute {name!r}")
