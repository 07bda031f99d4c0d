"""Processes that are not children of a test."""

from __future__ import annotations

import os
import select

_DYING_S = 10


def has_ended(pid: int) -> bool:
    """Whether a process that was killed is no more, or waits for its parent to notice. A signal
    that was sent is served when the process is next scheduled, on a busy machine a while later."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], _DYING_S)[0])
    finally:
        os.close(handle)
