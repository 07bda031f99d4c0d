"""Which source a measurement was taken with."""

from __future__ import annotations

import subprocess
from pathlib import Path

import hwkit


def source_commit(folder: Path | None = None) -> str:
    """The git commit of ``folder`` (default: the working folder), ``+changes`` when files differ
    from it; outside a repository, or without git, ``hwkit <version>``.

    Example: ``1adf00f3b5c2...`` (40 digits) or ``hwkit 0.1.0``.
    """
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    if not commit:
        return f"hwkit {hwkit.__version__}"
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return f"{commit}+changes" if changed else commit


def _git(folder: Path | None, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
