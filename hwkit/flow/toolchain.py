"""Tools that hwkit installs: into environments of their own, or from the distribution."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hwkit.errors import ConfigError, near
from hwkit.toolchain import environments, isolated, programs
from hwkit.toolchain.distribution import DISTRIBUTION_TOOLS, remedy


def known() -> tuple[str, ...]:
    """Names of all tools that ``install`` takes."""
    return (*environments.ENVIRONMENTS, *DISTRIBUTION_TOOLS)


def tools() -> list[dict[str, Any]]:
    """Every tool: ``name``, ``title``, ``version`` (None when it is not there, "unknown" when it
    tells none), ``folder``, ``remedy`` (None when it is there)."""
    return [_state(name) for name in known()]


def install(name: str) -> dict[str, Any]:
    """The state of ``name`` after it has been installed; at once when it was there already.
    ``ConfigError`` lists the known tools when there is none of that name."""
    check_known(name)
    if name in DISTRIBUTION_TOOLS:
        programs.install(name)
    else:
        isolated.install(name)
    return _state(name)


def check_known(name: str) -> None:
    """``ConfigError`` that lists the known tools when there is none of that name."""
    if name not in known():
        raise ConfigError(f"no tool {name!r} to install; {near(name, known())}")


def _state(name: str) -> dict[str, Any]:
    if name in DISTRIBUTION_TOOLS:
        return _of_distribution(name)
    wanted = environments.ENVIRONMENTS[name]
    found = isolated.find(name)
    return {
        "name": name,
        "title": wanted.title,
        "version": None if found is None else wanted.packages[0].version,
        "folder": None if found is None else str(found.folder),
        "remedy": f"hwkit toolchain install {name}" if found is None else None,
    }


def _of_distribution(name: str) -> dict[str, Any]:
    tool = DISTRIBUTION_TOOLS[name]
    paths = [path for path in map(programs.find, tool.programs) if path is not None]
    there = len(paths) == len(tool.programs)
    return {
        "name": name,
        "title": tool.title,
        "version": (programs.version(paths[0]) or "unknown") if there else None,
        "folder": str(Path(paths[0]).parent) if there else None,
        "remedy": None if there else remedy(tool),
    }
