"""Tools that hwkit installs into environments of their own."""

from __future__ import annotations

from typing import Any

from hwkit.toolchain import environments, isolated


def tools() -> list[dict[str, Any]]:
    """Every tool: ``name``, ``title``, ``version`` (None when it is not installed), ``folder``,
    ``remedy`` (None when it is)."""
    return [_state(name) for name in environments.ENVIRONMENTS]


def install(name: str) -> dict[str, Any]:
    """The state of ``name`` after it has been installed; at once when it was there already."""
    isolated.install(name)
    return _state(name)


def _state(name: str) -> dict[str, Any]:
    wanted = environments.ENVIRONMENTS[name]
    found = isolated.find(name)
    return {
        "name": name,
        "title": wanted.title,
        "version": None if found is None else wanted.packages[0].version,
        "folder": None if found is None else str(found.folder),
        "remedy": f"hwkit toolchain install {name}" if found is None else None,
    }
