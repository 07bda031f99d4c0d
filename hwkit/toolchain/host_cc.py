"""The host's C compiler: shared libraries and programs, kept in the cache."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from hwkit.errors import ToolMissing
from hwkit.toolchain import process
from hwkit.toolchain.cache import cache_folder, kept

FLAGS = ("-std=c11", "-Wall", "-Wextra", "-Werror", "-O2")
SANITIZERS = (
    "-g",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-fno-omit-frame-pointer",
)
"""Flags under which a bad access or undefined behaviour ends the program."""


@cache
def program() -> tuple[str, ...]:
    """The compiler's command: ``$CC``, else the first of cc, gcc, clang on PATH; ``ToolMissing``
    when there is none."""
    if chosen := os.environ.get("CC"):
        return tuple(shlex.split(chosen))
    for name in ("cc", "gcc", "clang"):
        if path := shutil.which(name):
            return (path,)
    raise ToolMissing("a C compiler (cc)", "apt install gcc, or set CC")


def shared_library(sources: Sequence[Path], flags: Sequence[str] = ()) -> Path:
    """A shared library of ``sources``; undefined symbols are left to the process that loads it.
    ``ToolFailed`` names the log with the compiler's messages."""
    return _build(sources, ("-shared", "-fPIC", *flags), ".so")


def executable(sources: Sequence[Path], flags: Sequence[str] = ()) -> Path:
    """A program of ``sources``; see ``shared_library``."""
    return _build(sources, flags, "")


def _build(sources: Sequence[Path], flags: Sequence[str], suffix: str) -> Path:
    command = [*program(), *FLAGS, *flags]
    # A home folder may serve machines of several kinds.
    state = hashlib.sha256("\0".join((platform.machine(), *command)).encode())
    # What a source includes lies beside it or in a folder that is named by -I.
    folders = {source.parent for source in sources}
    folders |= {Path(flag[2:]) for flag in flags if flag.startswith("-I")}
    headers = [
        path for folder in folders for path in folder.rglob("*") if path.suffix in (".h", ".inc")
    ]
    for path in (*sources, *sorted(headers)):
        content = path.read_bytes()
        state.update(f"{path}\0{len(content)}\0".encode())
        state.update(content)
    target = cache_folder("host") / f"{sources[0].stem}-{state.hexdigest()[:32]}{suffix}"

    def make(made: Path) -> None:
        process.run(
            [*command, *map(str, sources), "-o", str(made)],
            cache_folder("logs") / f"{target.name}.log",
            how_to_get_it="apt install gcc, or set CC",
        )

    return kept(target, make)
