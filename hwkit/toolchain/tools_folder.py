"""Where tools live that hwkit installs, and how one gets there: made beside its place, renamed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hwkit.errors import ConfigError
from hwkit.files import remove_abandoned, replace_folder
from hwkit.toolchain.cache import data_folder


def tools_folder() -> Path:
    """``$XDG_DATA_HOME/hwkit/tools``, or ``~/.local/share/hwkit/tools``; not made."""
    return data_folder() / "tools"


@contextmanager
def made_beside(name: str) -> Iterator[Path]:
    """An empty folder to make the tool ``name`` in; renamed to ``tools_folder() / name`` when the
    block ends well, removed when it does not. One that is killed leaves nothing under that name.

    ``ConfigError`` when the tools' folder cannot be written.
    """
    folder = tools_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_abandoned(folder)
        beside = Path(tempfile.mkdtemp(dir=folder, prefix=f".{name}."))
        beside.chmod(0o755)
    except OSError as error:
        raise ConfigError(
            f"{folder}: cannot be written ({error.strerror}); set XDG_DATA_HOME to another folder"
        ) from error
    try:
        yield beside
        replace_folder(beside, folder / name)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
