"""Which source a measurement was taken with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hwkit.revision import called, git
from hwkit.version import __version__


def source_commit(folder: Path | None = None) -> str:
    """The git commit of ``folder`` (default: the working folder), ``+changes`` when files differ
    from it; outside a repository, or without git, ``hwkit <version>``.

    Example: ``1adf00f3b5c2...`` (40 digits) or ``hwkit 0.1.0``.
    """
    commit = git(folder, "rev-parse", "--verify", "HEAD")
    if not commit:
        return f"hwkit {__version__}"
    changed = git(folder, "status", "--porcelain", "--untracked-files=no")
    return f"{commit}+changes" if changed else commit


def tools_of(tools: Mapping[str, str]) -> dict[str, str]:
    """``tools`` by version as a row of the store names them: hwkit with its commit among them.

    Example: ``{"zig": "0.17.0", "hwkit": "0.1.0, commit 4b7418f0c2aa"}``.
    """
    return {**tools, "hwkit": called()}
