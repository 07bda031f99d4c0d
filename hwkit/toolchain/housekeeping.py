"""What lies in the cache, and making room: everything in it can be made again."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hwkit.errors import ConfigError
from hwkit.toolchain.cache import cache_folder

KINDS = {
    "alone": "what kernels took of layers that were measured alone",
    "builds": "firmware, simulations and bitstreams by what made them",
    "choices": "kernels that were chosen by measurement",
    "host": "C kernels built for this machine",
    "logs": "what tools said",
    "objects": "compiled sources of firmware",
    "plans": "memory plans and orders that were searched for",
    "sensitivities": "what fewer bits do to networks that were trained",
    "verilator": "simulators built from Verilog",
    "zig": "the C compiler's own",
}
"""Folders of the cache and what they hold."""

_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Kept:
    """One kind of entries: how many, and the bytes of their files."""

    kind: str
    what: str
    entries: int
    size_bytes: int


def root() -> Path:
    """The folder of the cache; made if it is missing. Raises as ``cache_folder`` does."""
    return cache_folder("logs").parent


def kept() -> list[Kept]:
    """Every kind that ``KINDS`` knows, by name."""
    folder = root()
    return [
        Kept(kind, what, *_sizes(_entries(folder / kind))) for kind, what in sorted(KINDS.items())
    ]


def clean(kinds: Iterable[str] = (), unused_days: float = 0.0) -> list[Kept]:
    """Removes entries of ``kinds`` (of all, for none) that were not changed for ``unused_days``,
    and says what is gone. An entry that is being made stays.

    ``ConfigError`` for a kind that is not there, and where the system does not let an entry go.
    """
    wanted = sorted(set(kinds) or KINDS)
    for kind in wanted:
        if kind not in KINDS:
            raise ConfigError(f"cache {kind!r}: there is none; give {', '.join(sorted(KINDS))}")
    folder, before = root(), time.time() - unused_days * _DAY_S
    gone = []
    for kind in wanted:
        old = [path for path in _entries(folder / kind) if _changed(path) <= before]
        gone.append(Kept(kind, KINDS[kind], *_sizes(old)))
        for path in old:
            _remove(path)
    return gone


def _entries(folder: Path) -> list[Path]:
    """What can be removed alone; locks and what is being made begin with a point."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir() and not path.is_symlink():
        yield from (inner for inner in path.rglob("*") if not inner.is_dir())
    else:
        yield path


def _sizes(paths: Iterable[Path]) -> tuple[int, int]:
    count = total = 0
    for path in paths:
        count += path.suffix != ".sha256"  # the seal of the one before
        for file in _files(path):
            with suppress(FileNotFoundError):  # another process has removed it meanwhile
                total += file.lstat().st_size
    return count, total


def _changed(path: Path) -> float:
    with suppress(FileNotFoundError):
        return path.lstat().st_mtime
    return time.time()


def _remove(path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except FileNotFoundError:
        return  # another process was faster
    except OSError as error:
        raise ConfigError(f"{path}: cannot be removed ({error.strerror}); remove it") from error
