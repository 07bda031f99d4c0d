"""Files that are whole or absent: written beside and renamed, read with a bound on their length."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from hwkit.errors import ConfigError, FormatError

MAX_JSON_BYTES = 64 << 20
"""Longest JSON file that is read; what hwkit writes takes some hundred kB."""


_ABANDONED_S = 24 * 60 * 60
"""No build takes so long."""


def write_whole(path: Path, data: bytes) -> None:
    """Writes ``data`` to a file beside ``path``, then renames it over ``path``: nobody ever sees
    half a file, and a disk that is full (``ConfigError``) leaves the old one as it was."""
    beside = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        beside = Path(name)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        beside.chmod(0o644)
        beside.replace(path)
    except OSError as error:
        if beside is not None:
            beside.unlink(missing_ok=True)
        raise ConfigError(
            f"{path}: cannot be written ({error.strerror}); free space or choose another path"
        ) from error


def replace_folder(beside: Path, folder: Path) -> None:
    """Renames ``beside`` to ``folder``. What was there is renamed aside first and then removed, so
    that ``folder`` never holds a part of either; of processes that meet, the last one wins."""
    while True:
        with tempfile.TemporaryDirectory(
            dir=folder.parent, prefix=f".{folder.name}.", ignore_cleanup_errors=True
        ) as aside:
            with suppress(FileNotFoundError):
                folder.rename(Path(aside) / folder.name)
            try:
                beside.rename(folder)
                return
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise  # otherwise another process put its folder there in between: once more


def remove_abandoned(folder: Path) -> None:
    """Removes what writers that were killed left in ``folder``: entries with a leading dot that
    nobody has touched for a day."""
    for entry in folder.glob(".*"):
        with suppress(FileNotFoundError):  # another process may be removing it as well
            if time.time() - entry.lstat().st_mtime < _ABANDONED_S:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()


def write_json(path: Path, value: Any) -> None:
    """Writes ``value`` as indented JSON; NaN and infinity are refused with ``ValueError``."""
    write_whole(path, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """The JSON value in ``path``; ``FormatError`` when it is missing, too long or not JSON."""
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise FormatError(f"{path}: longer than {MAX_JSON_BYTES} bytes; not a file of hwkit's")
        return json.loads(path.read_bytes().decode())
    except OSError as error:
        raise FormatError(
            f"{path}: {error.strerror}; give the path of a file of hwkit's"
        ) from error
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path}: not JSON ({error}); write the file again") from error
