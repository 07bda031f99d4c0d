"""PyPI's ``ziglang`` as a C compiler and linker for bare-metal targets."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from hwkit.boards import McuBoard
from hwkit.errors import ConfigError, ToolFailed, ToolMissing
from hwkit.files import write_whole
from hwkit.toolchain import process
from hwkit.toolchain.cache import cache_folder, kept
from hwkit.toolchain.linker_script import linker_script

OPTIMIZE = "-O2"
"""The optimisation level unless a build asks for another one."""

COMPILE_FLAGS = (
    "-std=c11",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-g0",
    "-ffunction-sections",
    "-fdata-sections",
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
    "-fno-stack-protector",
    # zig adds its own checks, which trap; the host builds run under the real sanitizers.
    "-fno-sanitize=undefined",
)
_FRAMES = "-fstack-size-section"
"""Beside the code, which it does not change: what ``stack`` reads. Of Clang's alone, so that it is
none of the flags that go into folders for other compilers."""
LINK_FLAGS = ("-Wl,--gc-sections", "-Wl,-e,Reset_Handler", "-g0")
_WITHOUT_LIBRARY, _WITH_LIBRARY = "-nostdlib", "-rtlib=compiler-rt"
"""The compiler's own library is built on first use, for each core, which takes many seconds. Most
cores need nothing of it, and an image that links without it has the same bytes with it."""

_HOW_TO_GET_IT = "pip install 'hwkit[mcu]'"


@cache
def program() -> Path:
    """The compiler's path; ``ToolMissing`` when ``ziglang`` is not installed."""
    spec = find_spec("ziglang")
    if spec is None or spec.origin is None:
        raise ToolMissing("ziglang", _HOW_TO_GET_IT)
    return Path(spec.origin).parent / "zig"


@cache
def version() -> str:
    """Its version, e.g. ``0.17.0``; ``ToolMissing`` when ``ziglang`` is not installed."""
    program()
    return metadata.version("ziglang")


def compile_objects(
    sources: Sequence[Path],
    board: McuBoard,
    *,
    include: Sequence[Path] = (),
    flags: Sequence[str] = (),
    optimize: str = OPTIMIZE,
) -> list[Path]:
    """One object file per C source, in the same order, made in parallel or taken from the cache.

    ``include`` folders are searched in order; what a source includes must lie in them or beside
    it. The objects are in the cache: read them, don't change them. ``ToolFailed`` names the log
    with the compiler's messages.
    """
    program()
    headers = hashlib.sha256()
    for folder in include:
        _hash_headers(headers, folder)

    def compile_one(source: Path) -> Path:
        return _compile(source, headers.copy(), include, (*board.cpu_flags, optimize, *flags))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(compile_one, sources))


def link(objects: Iterable[Path], board: McuBoard, out: Path, stack_bytes: int) -> None:
    """Links ``objects`` into the ELF image ``out`` for the board's memory map, with a stack of
    ``stack_bytes``; a memory that overflows is a ``ToolFailed`` whose log says by how much. The
    linker script stays beside it."""
    script = out.with_suffix(".ld")
    write_whole(script, linker_script(board, stack_bytes).encode())
    files = (f"-Wl,-T,{script}", *map(str, objects), "-o", str(out))
    log = f"link-{hashlib.sha256(str(out.resolve()).encode()).hexdigest()[:16]}"
    try:
        _run(["cc", *board.cpu_flags, *LINK_FLAGS, _WITHOUT_LIBRARY, *files], log)
    except ToolFailed:
        _run(["cc", *board.cpu_flags, *LINK_FLAGS, _WITH_LIBRARY, *files], log)


def _hash_headers(state: hashlib._Hash, folder: Path) -> None:
    for path in sorted([*folder.rglob("*.h"), *folder.rglob("*.inc")]):
        content = path.read_bytes()
        state.update(f"{path.relative_to(folder)}\0{len(content)}\0".encode())
        state.update(content)


def _compile(
    source: Path, key: hashlib._Hash, include: Sequence[Path], flags: Sequence[str]
) -> Path:
    try:
        content = source.read_bytes()
    except OSError as error:
        raise ConfigError(f"{source}: cannot be read ({error.strerror})") from error
    _hash_headers(key, source.parent)
    key.update("\0".join((version(), _FRAMES, *COMPILE_FLAGS, *flags, source.name)).encode())
    key.update(content)
    target = cache_folder("objects") / f"{source.stem[:60]}-{key.hexdigest()[:32]}.o"
    command = ["cc", "-c", _FRAMES, *COMPILE_FLAGS, *flags, *(f"-I{path}" for path in include)]
    return kept(target, lambda made: _run([*command, str(source), "-o", str(made)], target.stem))


def _run(arguments: Sequence[str], log_name: str) -> None:
    process.run(
        [str(program()), *arguments],
        cache_folder("logs") / f"{log_name}.log",
        env={
            "ZIG_GLOBAL_CACHE_DIR": str(cache_folder("zig")),
            "ZIG_LOCAL_CACHE_DIR": str(cache_folder("zig")),
        },
        how_to_get_it=_HOW_TO_GET_IT,
    )
