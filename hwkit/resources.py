"""Finds the data folders (boards, hls, firmware) in a checkout or in an installed wheel."""

from __future__ import annotations

from pathlib import Path

from hwkit.errors import ConfigError

_PACKAGE = Path(__file__).resolve().parent


def file(name: str) -> Path:
    """Path of the data file ``name``, which lies where the folders do.

    Raises ``ConfigError`` when it is not there. Example: ``file("LICENSE")``.
    """
    for candidate in (_PACKAGE / "_data" / name, _PACKAGE.parent / name):
        if candidate.is_file():
            return candidate
    raise ConfigError(f"data file {name!r} is missing beside {_PACKAGE}; reinstall hwkit")


def folder(name: str) -> Path:
    """Path of the data folder ``name``.

    A wheel carries the folders as ``hwkit/_data/<name>``; a checkout has them beside ``hwkit/``.

    Raises ``ConfigError`` when neither is there. Example: ``folder("boards") / "virtual_m4.toml"``.
    """
    for candidate in (_PACKAGE / "_data" / name, _PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise ConfigError(f"data folder {name!r} is missing beside {_PACKAGE}; reinstall hwkit")
