"""The 64-bit shifts that Arm compilers call by name, for every distance."""

from __future__ import annotations

import ctypes

from hwkit import resources
from hwkit.toolchain import host_cc

VALUES = (0, 1, -1, 0x0123456789ABCDEF, -0x0123456789ABCDEF, 1 << 62, -(1 << 63), (1 << 63) - 1)


def test_shifts_of_64_bits() -> None:
    source = resources.folder("firmware") / "runtime" / "hwk_aeabi.c"
    library = ctypes.CDLL(
        str(host_cc.shared_library([source], ("-Wno-builtin-declaration-mismatch",)))
    )
    left, right = library.__getattr__("__aeabi_llsl"), library.__getattr__("__aeabi_lasr")
    left.argtypes, left.restype = (ctypes.c_uint64, ctypes.c_int), ctypes.c_uint64
    right.argtypes, right.restype = (ctypes.c_int64, ctypes.c_int), ctypes.c_int64
    for value in VALUES:
        for shift in range(64):
            assert left(value & (1 << 64) - 1, shift) == value << shift & (1 << 64) - 1
            assert right(value, shift) == value >> shift
