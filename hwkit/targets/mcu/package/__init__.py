"""The model as something that others take: a C library, an Arduino library, a Zephyr module, all
three made of the same sources; or a firmware for the runner of MLPerf Tiny.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from hwkit.boards import Board
from hwkit.errors import ConfigError
from hwkit.target import Lowered
from hwkit.targets.mcu.lower import McuPlan
from hwkit.targets.mcu.package.layouts import arduino, library, zephyr
from hwkit.targets.mcu.package.mlperf import mlperf_tiny

KINDS: Mapping[str, Callable[[Lowered[McuPlan]], dict[str, bytes]]] = {
    "library": library,
    "arduino": arduino,
    "zephyr": zephyr,
    "mlperf_tiny": mlperf_tiny,
    # Of the sizes of another network, which goes first.
    "mlperf_tiny_ic02": partial(mlperf_tiny, network="ic02"),
}


def check_kind(board: Board, kind: str) -> None:
    """``ConfigError`` for a kind that is not in ``KINDS``."""
    if kind not in KINDS:
        raise ConfigError(
            f"package {kind!r}: board {board.name} has {', '.join(KINDS)}"
            + ("; take board host_tflm for a TFLM project" if kind == "tflm" else "")
        )


def package(lowered: Lowered[McuPlan], kind: str) -> dict[str, bytes]:
    """The files of a package by relative path; the same bytes for the same lowered graph.

    ``ConfigError`` for a kind that is not in ``KINDS``. Example: ``package(lowered, "library")``
    has ``include/hwk.h``, ``src/hwk.c`` and ``CMakeLists.txt`` among others.
    """
    check_kind(lowered.board, kind)
    return KINDS[kind](lowered)
