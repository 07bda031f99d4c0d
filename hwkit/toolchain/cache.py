"""Folders of the user: for what can be made again (``$XDG_CACHE_HOME/hwkit``), and for data."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hwkit.errors import ConfigError, FormatError
from hwkit.files import read_file, remove_abandoned, write_whole

_MOST_BYTES = 1 << 30
"""Of one entry; a simulation's program takes some megabytes."""

_making: dict[Path, threading.Lock] = {}
_told: set[Path] = set()


def cache_folder(name: str) -> Path:
    """``$XDG_CACHE_HOME/hwkit/<name>`` (``~/.cache`` when unset), made if it is missing.

    Entries are named by the digest of what made them and put there by a rename, so that
    processes may share them. Where that or the home folder cannot be written, as in a container, a
    folder for temporary files takes its place, and a line on stderr says so. ``ConfigError`` when
    ``$XDG_CACHE_HOME`` is no folder.
    """
    base = os.environ.get("XDG_CACHE_HOME")
    # Absolute, for programs built there are run by this path.
    path = (Path(base) if base else _home() / ".cache").absolute() / "hwkit" / name
    try:
        path.mkdir(parents=True, exist_ok=True)
        if os.access(path, os.W_OK | os.X_OK):
            return path
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise ConfigError(
                f"{path}: cannot be used ({error.strerror}); "
                "set XDG_CACHE_HOME to a writable folder"
            ) from error
    path = _temporary("no cache folder that can be written") / ".cache" / "hwkit" / name
    path.mkdir(parents=True, exist_ok=True)
    return path


def data_folder() -> Path:
    """``$XDG_DATA_HOME/hwkit`` (``~/.local/share`` when unset or relative); not made."""
    base = Path(os.environ.get("XDG_DATA_HOME", ""))
    return (base if base.is_absolute() else _home() / ".local" / "share") / "hwkit"


def _home() -> Path:
    """The user's home folder, or a folder for temporary files that is the user's alone."""
    # A uid without a name has no home but what HOME says.
    with suppress(RuntimeError, OSError):
        home = Path.home()
        if os.environ.get("HOME") != "" and home.is_absolute() and _takes_files(home):
            return home
    return _temporary("no home folder that can be written")


def _temporary(why: str) -> Path:
    """A folder for temporary files that is the user's alone; the first use says ``why``."""
    instead = Path(tempfile.gettempdir()).absolute() / f"hwkit-{os.geteuid()}"
    try:
        instead.mkdir(mode=0o700, exist_ok=True)
        state = instead.lstat()
    except OSError as error:
        raise ConfigError(
            f"{instead}: cannot be made ({error.strerror}), and there is {why}; set "
            "XDG_CACHE_HOME and XDG_DATA_HOME to writable folders"
        ) from error
    # Programs are run from there: it must be no folder that somebody else has prepared.
    foreign = state.st_uid != os.geteuid() or stat.S_IMODE(state.st_mode) & 0o022
    if foreign or not stat.S_ISDIR(state.st_mode):
        raise ConfigError(
            f"{instead}: belongs to somebody else; set XDG_CACHE_HOME to a folder of your own"
        )
    if instead not in _told:
        _told.add(instead)
        sys.stderr.write(f"hwkit: {why}, using {instead}; set XDG_CACHE_HOME\n")
    return instead


def _takes_files(home: Path) -> bool:
    """Whether files of hwkit's can be put there: what is there already, or the nearest folder
    above it, can be written."""
    for part in (".cache/hwkit", ".cache", "."):
        folder = home / part
        if folder.is_dir():
            return os.access(folder, os.W_OK | os.X_OK)
    return False


def kept(target: Path, make: Callable[[Path], None]) -> Path:
    """``target``, an entry of the cache, made by ``make`` (which gets the path to write) unless it
    is there as it was made: its SHA-256 stands beside it.

    What was cut short, altered or emptied is made again. Threads and processes that want the same
    entry wait for the first. Raises what ``make`` raises.
    """
    seal = target.with_name(f"{target.name}.sha256")
    if _digest(target) == _sealed(seal):
        return target
    lock = target.with_name(f".{target.name}.lock")
    with _making.setdefault(target, threading.Lock()), _locked(lock):
        if _digest(target) == _sealed(seal):
            return target
        remove_abandoned(target.parent)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".new-") as scratch:
            made = Path(scratch) / target.name
            make(made)
            digest = _digest(made)
            made.replace(target)
        write_whole(seal, digest.encode())
    return target


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time; the file ``path`` is gone afterwards. Whoever dies lets go."""
    handle = _lock(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def _lock(path: Path) -> int:
    while True:
        handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        with suppress(OSError):  # a file system without locks: both put the same there
            fcntl.flock(handle, fcntl.LOCK_EX)
        # The one before may have removed the file that this one waited for.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        os.close(handle)


def _digest(path: Path) -> str:
    """SHA-256 of a file; "" when it cannot be read."""
    try:
        return hashlib.sha256(read_file(path, _MOST_BYTES, "remove it")).hexdigest()
    except (ConfigError, FormatError):
        return ""


def _sealed(seal: Path) -> str | None:
    try:
        return read_file(seal, 64, "remove it").decode("ascii", "replace")
    except (ConfigError, FormatError):
        return None
