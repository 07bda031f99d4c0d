"""hls4ml's backends: which of them simulate without their vendor's tools, and what each computes
exactly in hls4ml 1.3, as ``tests/targets/hls4ml/test_backends.py`` shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hwkit.boards import FpgaBoard
from hwkit.errors import ConfigError, UnsupportedOp
from hwkit.targets.hls4ml.layers import Layer


@dataclass(frozen=True, slots=True)
class Backend:
    """``headers`` are folders of ``firmware`` to include; ``refused`` says of a class of layers
    what goes wrong; ``streams`` whether io_stream is exact."""

    headers: tuple[str, ...]
    refused: Mapping[str, str]
    streams: bool


_AC_REFUSED = {
    "DepthwiseConv2D": "its sums are other integers",
    "AveragePooling2D": "its means are other integers",
    "UnaryLUT": "its tables do not compile",
    "Transpose": "its traced integers are in another order",
}

BACKENDS = {
    "Vitis": Backend(("ap_types",), {}, True),
    "Vivado": Backend(("ap_types",), {}, True),
    "Quartus": Backend(("ac_types", "ap_types"), _AC_REFUSED, False),
    "Catapult": Backend(
        ("ac_types/include", "ac_math/include", "ac_simutils/include", "nnet_utils"),
        _AC_REFUSED,
        False,
    ),
}


def backend(board: FpgaBoard) -> Backend:
    """The board's backend; ``ConfigError`` for one that needs its vendor's tools to simulate, or
    for streams where they are not exact."""
    found = BACKENDS.get(board.backend)
    if found is None:
        raise ConfigError(f"hls4ml backend {board.backend!r}; take one of {', '.join(BACKENDS)}")
    if not found.streams and board.io_type != "io_parallel":
        raise ConfigError(
            f"hls4ml backend {board.backend} with {board.io_type}; take io_parallel, or Vitis"
        )
    return found


def check_layers(layers: Iterable[Layer], board: FpgaBoard) -> None:
    """``UnsupportedOp`` naming the first layer that the board's backend has no exact form of."""
    refused = backend(board).refused
    for layer in layers:
        if layer.class_name in refused:
            remedy = f"{refused[layer.class_name]} there; take a board with backend Vitis"
            where = f"hls4ml's {board.backend} backend ({layer.class_name})"
            raise UnsupportedOp(layer.name, where, remedy)
