"""CMake's programs: the system's, or those that PyPI's package puts beside Python."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest


def program(name: str) -> str:
    """The path of ``cmake`` or ``ctest``; skips the test where there is none."""
    path = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if path is None:
        pytest.skip(f"{name} is not installed; pip install 'hwkit[test]'")
    return path
