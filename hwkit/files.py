"""Files that are whole or absent: written beside and renamed, read with a bound on their length."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from hwkit.errors import ConfigError, FormatError

MAX_JSON_BYTES = 64 << 20
"""Longest JSON file that is read; what hwkit writes takes some hundred kB."""

_ABANDONED_S = 24 * 60 * 60
"""No build takes so long."""

_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_MOST_LINKS = 40
"""As the kernel follows in one path."""

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


def read_file(path: Path, most_bytes: int, remedy: str) -> bytes:
    """All bytes of the regular file ``path``; see ``opened``."""
    with opened(path, most_bytes, remedy) as stream:
        data = stream.read(most_bytes + 1)
    if len(data) > most_bytes:  # it has grown since
        raise FormatError(f"{path}: more than {size_text(most_bytes)}; {remedy}")
    return data


@contextmanager
def opened(path: Path, most_bytes: int, remedy: str) -> Iterator[BinaryIO]:
    """The regular file ``path`` of at most ``most_bytes``, open for reading; links are followed.

    Raises ``ConfigError`` when it cannot be opened or is a folder, a pipe or a device, which might
    never end; ``FormatError`` when it is longer, or a Git LFS pointer in place of the file. Every
    message ends with ``remedy``. Example: ``m.hwk: is 5,368,709,120 bytes; at most 1 GiB``.
    """
    try:
        # A pipe would otherwise block until somebody writes to it.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; {remedy}") from error
    except ValueError as error:  # a NUL in the name
        raise ConfigError(f"{path}: {error}; {remedy}") from error
    state = os.fstat(handle)
    if not stat.S_ISREG(state.st_mode):
        os.close(handle)
        raise ConfigError(f"{path}: is {_kind(state.st_mode)}, no regular file; {remedy}")
    with os.fdopen(handle, "rb") as stream:
        if state.st_size > most_bytes:
            raise FormatError(
                f"{path}: is {state.st_size:,} bytes; at most {size_text(most_bytes)}; {remedy}"
            )
        try:
            if stream.peek(len(_LFS_POINTER)).startswith(_LFS_POINTER):
                raise FormatError(
                    f"{path}: is a Git LFS pointer, not the file itself; run 'git lfs pull' there"
                )
            yield stream
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror or error}; {remedy}") from error


def _kind(mode: int) -> str:
    return _KINDS.get(stat.S_IFMT(mode), "something else")


def size_text(size: int) -> str:
    """A number of bytes, in binary units where it is a whole number of them.

    Example: ``1 GiB``, ``4,097 bytes``.
    """
    for shift, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if size >> shift and not size % (1 << shift):
            return f"{size >> shift:,} {unit}"
    return f"{size:,} bytes"


def write_whole(path: Path, data: bytes) -> None:
    """Writes ``data`` to a file beside ``path``, then renames it over ``path``: nobody ever sees
    half a file, and a disk that is full (``ConfigError``) leaves the old one as it was.

    A link is followed, and the file that it leads to is replaced; permissions are kept. What is no
    regular file (``/dev/null``, a pipe, ``/dev/stdout``) is written through. A folder is refused.
    """
    try:
        target = _followed(path)
        descriptor = _own_descriptor(target)
        if descriptor is not None:
            _write_all(os.dup(descriptor), data)
        elif _is_written_through(target):
            _write_all(os.open(target, os.O_WRONLY | os.O_CLOEXEC), data)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            _replace(target, data)
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise
        raise ConfigError(
            f"{path}: cannot be written ({error.strerror}); free space or choose another path"
        ) from error
    except ValueError as error:  # a NUL in the name
        raise ConfigError(f"{path!r}: {error}; choose another path") from error


def _followed(path: Path) -> Path:
    """Where ``path`` leads through links, those of open files aside; it need not be there."""
    for _ in range(_MOST_LINKS):
        if _own_descriptor(path) is not None or not path.is_symlink():
            return path
        path = path.parent / path.readlink()
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def _own_descriptor(path: Path) -> int | None:
    """N for ``/proc/self/fd/N``, where ``/dev/stdout`` and ``/dev/fd/N`` lead: an open file of
    this process, perhaps one that a shell has redirected and goes on with."""
    folder = os.path.realpath(path.parent)
    return int(path.name) if path.name.isdigit() and folder == f"/proc/{os.getpid()}/fd" else None


def _is_written_through(target: Path) -> bool:
    try:
        state = target.stat()
    except FileNotFoundError:
        return False
    if stat.S_ISDIR(state.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    if stat.S_ISREG(state.st_mode) and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "it is write-protected")
    return not stat.S_ISREG(state.st_mode)


def _write_all(handle: int, data: bytes) -> None:
    with os.fdopen(handle, "wb") as stream:
        stream.write(data)


def _replace(target: Path, data: bytes) -> None:
    # The end of a name of 255 bytes would not fit.
    beside = target.with_name(f".{target.name[:40]}.{secrets.token_hex(6)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with os.fdopen(handle, "wb") as stream:
            with suppress(FileNotFoundError):
                _take_over(stream.fileno(), target.stat())
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def _take_over(handle: int, state: os.stat_result) -> None:
    """Permissions of the file that is replaced, and its owner and group where this may be said."""
    with suppress(OSError):
        os.fchown(handle, state.st_uid, state.st_gid)
    os.fchmod(handle, stat.S_IMODE(state.st_mode) & 0o777)


def check_writable(path: Path) -> None:
    """Refuses what ``write_whole`` would refuse for what is at ``path`` now: before hours of work,
    not after them. ``ConfigError``."""
    try:
        _is_written_through(_followed(path))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{path}: cannot be written ({reason}); choose another path") from error


def real_folder(path: str | Path) -> Path:
    """Where the folder ``path`` lies or will lie, links followed. ``ConfigError`` when something
    else than a folder is there."""
    try:
        real = Path(os.path.realpath(path))
        mode = real.lstat().st_mode if os.path.lexists(real) else stat.S_IFDIR
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error}; give a folder") from error
    if not stat.S_ISDIR(mode):
        kind = "a file" if stat.S_ISREG(mode) else _kind(mode)
        raise ConfigError(f"{path}: is {kind}; give a folder")
    return real


def replace_folder(beside: Path, folder: Path) -> None:
    """Renames ``beside`` to ``folder``, which never holds a part of either; of processes that
    meet, the last one wins. What was there is removed.

    Where the system can exchange two folders, there is no moment without one. Elsewhere what was
    there is renamed aside first.
    """
    while True:
        with tempfile.TemporaryDirectory(
            dir=folder.parent, prefix=f".{folder.name[:40]}.", ignore_cleanup_errors=True
        ) as aside:
            if _exchanged(beside, folder):
                beside.rename(Path(aside) / "old")
                return
            with suppress(FileNotFoundError):
                folder.rename(Path(aside) / "old")
            try:
                beside.rename(folder)
                return
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise  # otherwise another process put its folder there in between: once more


def _exchanged(one: Path, other: Path) -> bool:
    """Whether the two have changed places; not where one is missing or the system can't."""
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None)
    if renameat2 is None:
        return False
    names = (os.fsencode(one), os.fsencode(other))
    return bool(renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0)


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
        data = read_file(path, MAX_JSON_BYTES, "give the path of a JSON file of hwkit's")
        return json.loads(data.decode())
    except ConfigError as error:
        raise FormatError(str(error)) from error
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path}: not JSON ({error}); write the file again") from error
