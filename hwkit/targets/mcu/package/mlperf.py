"""A whole firmware that answers the MLCommons runner of MLPerf Tiny, built."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from hwkit import resources
from hwkit.errors import ConfigError
from hwkit.files import write_whole
from hwkit.ir.types import TensorType
from hwkit.target import Lowered
from hwkit.targets.mcu.build import check_image
from hwkit.targets.mcu.capabilities import STORED
from hwkit.targets.mcu.emit import emit
from hwkit.targets.mcu.identity import build_flag
from hwkit.targets.mcu.lower import McuPlan, section
from hwkit.targets.mcu.makefile import build_files
from hwkit.targets.mcu.package.networks import Network, network_of, results_of
from hwkit.targets.mcu.package.sources import filled
from hwkit.targets.mcu.source import comment
from hwkit.toolchain import firmware

_SOURCES = ("model.c", "model_data.c", "hwk_mlperf.c")
_VENDOR = "hwkit"
_PROFILE = "ULPMark for tinyML Firmware V0.0.1"
"""What the runner's interface calls this protocol: EE_FW_VERSION."""

_FINE_SCALE = 1 / 512
"""Below it three decimals, which the reference prints, would make different outputs equal."""

_SAMPLES = {
    "pixels": "unsigned pixels, last axis fastest",
    "features": "the model's own signed integers",
    "reals": "32-bit floats, little-endian, which the device quantizes",
}
_RESULTS = {
    "probabilities": "the real value of each output",
    "scores": "each output less the smallest one, plus 1, as the network has no softmax",
    "distance": "the mean square of output minus input",
}


def mlperf_tiny(lowered: Lowered[McuPlan], network: str | None = None) -> dict[str, bytes]:
    """Sources, Makefile and built images of the firmware for ``network`` (``networks.NETWORKS``;
    by default the first whose sizes the model has).

    ``ConfigError`` for a model of other sizes, a board without a cycle counter, and one whose
    memory it does not fit; ``ToolMissing`` and ``ToolFailed`` from the compiler.
    Example: ``mlperf_tiny(lowered)["firmware.elf"]``.
    """
    found = network_of(lowered.graph, network)
    mcu = section(lowered.board)
    if mcu.counter == "none":
        raise ConfigError(
            f"board {lowered.board.name}: has no cycle counter, and MLPerf Tiny asks for times; "
            "take another board"
        )
    files = _sources(lowered, found)
    flag = build_flag(files, mcu)
    files |= build_files(mcu, len(lowered.graph.nodes), flag, _SOURCES)
    files["LICENSE"] = resources.file("LICENSE").read_bytes()
    files["README.md"] = filled("mlperf_tiny/README.md", _told(lowered, found))
    return files | _built(files, lowered, flag)


def _sources(lowered: Lowered[McuPlan], network: Network) -> dict[str, bytes]:
    """As of any firmware of this model, with another main program."""
    folder = resources.folder("firmware") / "mlperf"
    return {
        **emit(lowered).files,
        "runtime/main.c": (folder / "main.c").read_bytes(),
        "hwk_mlperf.c": (folder / "hwk_mlperf.c").read_bytes(),
        "include/hwk_mlperf.h": (folder / "hwk_mlperf.h").read_bytes(),
        "include/hwk_mlperf_network.h": _header(lowered, network).encode(),
    }


def _built(files: dict[str, bytes], lowered: Lowered[McuPlan], flag: str) -> dict[str, bytes]:
    """``firmware.elf``, ``.bin``, ``.hex`` and, where the board takes it, ``.uf2``."""
    with tempfile.TemporaryDirectory(prefix="hwkit-mlperf-") as name:
        folder = Path(name)
        for path, content in files.items():
            write_whole(folder / path, content)
        made = firmware.build(
            [folder / source for source in _SOURCES],
            section(lowered.board),
            folder / "built",
            include=(folder / "kernels",),
            flags=(flag,),
            layers=len(lowered.graph.nodes),
            root=folder,
        )
        check_image(made.image, lowered.board)
        return {path.name: path.read_bytes() for path in sorted((folder / "built").iterdir())}


def _header(lowered: Lowered[McuPlan], network: Network) -> str:
    graph = lowered.graph
    source, result = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    results = results_of(graph, network)
    scale, zero_point = _grid(result)
    input_scale, input_zero = _grid(source) if network.samples == "reals" else (1.0, 0)
    decimals = 3 if results != "probabilities" or scale >= _FINE_SCALE else 6
    facts = {
        "MODEL": f'"{network.name}"',
        "PROFILE": f'"{_PROFILE}"',
        "VENDOR": f'"{_VENDOR}"',
        "INPUT": f"HWK_MLPERF_{network.samples.upper()}",
        "SAMPLE_BYTES": f"{network.sample_bytes}u",
        "ELEMENTS": f"{network.elements}u",
        "INPUT_SCALE": _literal(input_scale),
        "INPUT_ZERO_POINT": f"({input_zero})",
        "RESULTS": f"HWK_MLPERF_{results.upper()}",
        "OUTPUTS": f"{network.outputs}u",
        "OUTPUT_TYPE": f"int{STORED.of(result.dtype).bits}_t",
        "OUTPUT_SCALE": _literal(scale),
        "OUTPUT_ZERO_POINT": f"({zero_point})",
        "DECIMALS": str(decimals),
    }
    lines = "\n".join(f"#define HWK_MLPERF_{name} {value}" for name, value in facts.items())
    return (
        f"/* What {comment(graph.name)} takes and gives as {network.name}. Generated. */\n"
        f"#ifndef HWK_MLPERF_NETWORK_H\n#define HWK_MLPERF_NETWORK_H\n\n{lines}\n\n#endif\n"
    )


def _grid(tensor: TensorType) -> tuple[float, int]:
    known = tensor.quantization
    if known is None or len(known.scale) != 1:
        return 1.0, 0
    return known.scale[0], known.zero_point


def _literal(value: float) -> str:
    """The nearest 32-bit float, exactly."""
    return f"{float(np.float32(value)).hex()}f"


def _told(lowered: Lowered[McuPlan], network: Network) -> dict[str, str]:
    graph = lowered.graph
    return {
        "MODEL": comment(graph.name),
        "NETWORK": network.name,
        "BOARD": lowered.board.name,
        "BAUD": str(section(lowered.board).uart.baud),
        "SAMPLE_BYTES": str(network.sample_bytes),
        "INPUT": _SAMPLES[network.samples],
        "RESULTS": _RESULTS[results_of(graph, network)],
    }
