"""What git says of a folder, and which hwkit this is."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

from hwkit.version import __version__

_PACKAGE = Path(__file__).resolve().parent


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


@cache
def commit() -> str:
    """The commit of this hwkit: of the checkout that it runs from, or that its wheel was built from
    (``+changes`` where files differed from it); "" where neither is known."""
    root = _PACKAGE.parent
    if (root / ".git").exists():
        return git(root, "rev-parse", "HEAD")
    built_from = _PACKAGE / "_data" / "commit"
    return built_from.read_text().strip() if built_from.is_file() else ""


def called() -> str:
    """Version and commit for people. Example: ``0.1.0, commit 4b7418f0c2aa``."""
    digits, plus, changes = commit().partition("+")
    return f"{__version__}, commit {digits[:12]}{plus}{changes}" if digits else __version__
