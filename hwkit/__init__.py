"""hwkit: one integer graph, and every target computes exactly its integers.

The library API; each function loads its stage when called (see ``hwkit.api``), so that
``import hwkit`` is instant and needs nothing that is not used.
"""

# The functions ``allocate`` and ``profile`` share their names with packages. Importing the packages
# first binds the names for good: a later ``import hwkit.profile.store`` no longer replaces them.
import hwkit.allocate
import hwkit.profile  # noqa: F401
from hwkit.api import allocate, deploy, freeze, load, predict, profile, quantize, verify
from hwkit.version import __version__

__all__ = [
    "__version__",
    "allocate",
    "deploy",
    "freeze",
    "load",
    "predict",
    "profile",
    "quantize",
    "verify",
]
