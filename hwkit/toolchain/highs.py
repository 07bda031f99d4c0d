"""HiGHS, the solver of integer linear programs that comes with scipy, silenced: it prints debugging
lines to the process's standard output, where ``--json`` promises one document and nothing else."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hwkit.errors import ToolMissing


def modules() -> tuple[Any, Any]:
    """``scipy.optimize`` and ``scipy.sparse``; ``ToolMissing`` without scipy."""
    try:
        from scipy import optimize, sparse
    except ImportError as error:
        raise ToolMissing("scipy", "pip install 'hwkit[allocate]'") from error
    return optimize, sparse


@contextmanager
def quiet_stdout() -> Iterator[None]:
    """Sends file descriptor 1 to the null device; C's buffer is flushed before it comes back."""
    sys.stdout.flush()
    kept = os.dup(1)
    with Path(os.devnull).open("wb") as null:
        os.dup2(null.fileno(), 1)
    try:
        yield
    finally:
        ctypes.CDLL(None).fflush(None)
        os.dup2(kept, 1)
        os.close(kept)
