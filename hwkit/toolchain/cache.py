"""The folder for what can be made again: ``$XDG_CACHE_HOME/hwkit``."""

from __future__ import annotations

import os
from pathlib import Path

from hwkit.errors import ConfigError


def cache_folder(name: str) -> Path:
    """``$XDG_CACHE_HOME/hwkit/<name>`` (``~/.cache`` when unset), made if it is missing.

    Entries are named by the digest of what made them and put there by a rename, so that
    processes may share them. ``ConfigError`` when the folder can't be made.
    """
    base = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    path = Path(base).absolute() / "hwkit" / name  # programs built there are run by this path
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be made ({error.strerror}); set XDG_CACHE_HOME to a writable folder"
        ) from error
    return path
