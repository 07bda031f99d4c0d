"""Which source a measurement was taken with."""

from __future__ import annotations

import subprocess
from importlib import metadata
from pathlib import Path


def source_commit(folder: Path | None = None) -> str:
    """The git commit of ``folder`` (default: the working folder), ``+changes`` when files differ
    from it; outside a repository, or without git, ``hwkit <version>``.

    Example: ``1adf00f3b5c2...`` (40 digits) or ``hwkit 0.1.0``.
    """
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    if not commit:
        return f"hwkit {_version()}"
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return f"{commit}+changes" if changed else commit


def _version() -> str:
    try:
        return metadata.version("hwkit")
    except metadata.PackageNotFoundError:
        return "not installed"


def _git(folder: Path | None, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
