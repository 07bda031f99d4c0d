"""What git says of a folder."""

from __future__ import annotations

import subprocess
from pathlib import Path


def git(folder: Path | None, *arguments: str) -> str:
    """What ``git ARGUMENT...`` prints in ``folder`` (default: the working folder), without the
    spaces around it; "" where it fails, takes longer than 10 s, or is not installed.

    Example: ``git(None, "rev-parse", "HEAD")`` gives 40 hex digits.
    """
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
