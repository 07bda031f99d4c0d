"""Which source a measurement was taken with."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from hwkit.revision import git


def source_commit(folder: Path | None = None) -> str:
    """The git commit of ``folder`` (default: the working folder), ``+changes`` when files differ
    from it; outside a repository, or without git, ``hwkit <version>``.

    Example: ``1adf00f3b5c2...`` (40 digits) or ``hwkit 0.1.0``.
    """
    commit = git(folder, "rev-parse", "--verify", "HEAD")
    if not commit:
        return f"hwkit {_version()}"
    changed = git(folder, "status", "--porcelain", "--untracked-files=no")
    return f"{commit}+changes" if changed else commit


def _version() -> str:
    try:
        return metadata.version("hwkit")
    except metadata.PackageNotFoundError:
        return "not installed"
