"""A project that runs the model in TFLM on a device: sources, makefiles, golden vectors.

No package carries TFLM's sources, so the project takes ``TFLM_DIR``. What can be shown without
them is shown here: the .tflite ran in TFLM's own interpreter and gave the graph's integers, and
that interpreter said how much arena it took.
"""

from __future__ import annotations

import re

import numpy as np

from hwkit import resources
from hwkit.boards import Board, EdgeBoard
from hwkit.errors import BitExactnessError, ConfigError
from hwkit.ir.graph import Graph
from hwkit.ir.types import Array
from hwkit.target import Lowered
from hwkit.targets.edge.emit import MODEL, emit
from hwkit.targets.edge.loaded import load, package_version, run_all, runtime_called
from hwkit.targets.edge.original import EdgePlan
from hwkit.targets.edge.project.operators import operators, registration

_SEED = 1
_PROVEN = 16
_SAMPLES = 2
_PER_LINE = 16
_ALIGNMENT_BYTES = 16
_TEMPLATES = (
    "main.cc",
    "ops.h",
    "model_data.h",
    "model_data.cc",
    "golden.h",
    "golden.cc",
    "Makefile",
    "CMakeLists.txt",
    "README.md",
)


def check_kind(board: Board, kind: str) -> None:
    """``ConfigError`` for a kind that the board's runtime has not."""
    assert isinstance(board.edge, EdgeBoard)
    if kind not in runtime_called(board.edge.runtime).packages:
        raise ConfigError(
            f"package {kind!r}: board {board.name} has none of that kind; "
            "'tflm' goes with host_tflm, 'library', 'arduino', 'zephyr' with a microcontroller"
        )


def package(lowered: Lowered[EdgePlan], kind: str) -> dict[str, bytes]:
    """The files of the project by relative path.

    ``ConfigError`` for another kind or a board whose runtime is not TFLM, ``BitExactnessError``
    when the interpreter's integers are not the graph's, ``ToolMissing`` without tflite-micro.
    """
    check_kind(lowered.board, kind)
    _check_interface(lowered.graph, kind)
    model = emit(lowered).files[MODEL]
    x = _inputs(lowered.graph)
    assert lowered.board.edge is not None
    loaded = load(lowered.board.edge, model)
    (outputs,) = run_all(loaded, x)
    _check(lowered.graph, x, outputs)
    values = _facts(lowered, model, x, outputs, loaded.facts["arena_bytes"])
    return {MODEL: model} | {name: _fill(name, values) for name in _TEMPLATES}


def _check_interface(graph: Graph, kind: str) -> None:
    if graph.states or len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise ConfigError(
            f"package {kind!r}: {graph.name} has {len(graph.inputs)} inputs, {len(graph.outputs)} "
            f"outputs and {len(graph.states)} states, and the project's program feeds one input "
            "and reads one output; take the .tflite of the deployed folder"
        )


def _inputs(graph: Graph) -> Array:
    tensor = graph.tensors[graph.inputs[0]]
    rng = np.random.default_rng(_SEED)
    values = rng.integers(tensor.dtype.low, tensor.dtype.high + 1, (_PROVEN, *tensor.shape))
    return values.astype(tensor.dtype.container)


def _check(graph: Graph, x: Array, outputs: Array) -> None:
    expected = graph.predict(x)
    assert isinstance(expected, np.ndarray)
    different = np.argwhere(expected.astype(np.int64) != outputs.astype(np.int64))
    if len(different):
        index = tuple(int(i) for i in different[0])
        raise BitExactnessError(graph.outputs[0], index, int(expected[index]), int(outputs[index]))


def _facts(
    lowered: Lowered[EdgePlan], model: bytes, x: Array, outputs: Array, arena_bytes: int
) -> dict[str, str]:
    """What stands between two @ in a template."""
    used = operators(lowered.graph)
    inputs, golden = (
        of[:_SAMPLES].astype(of.dtype.newbyteorder("<")).tobytes() for of in (x, outputs)
    )
    return {
        "MODEL": re.sub(r"[^A-Za-z0-9_.:\-]", "_", lowered.graph.name)[:63],
        "ID": re.sub(r"[^a-z0-9_]", "_", lowered.graph.name.lower())[:40] + "_tflm",
        "ARENA_BYTES": str(-(-arena_bytes // _ALIGNMENT_BYTES) * _ALIGNMENT_BYTES),
        "MODEL_BYTES": str(len(model)),
        "MODEL_DATA": _bytes(model),
        "OP_COUNT": str(len(used)),
        "REGISTRATIONS": "\n".join(registration(name) for name in used),
        "SAMPLES": str(_SAMPLES),
        "PROVEN": str(_PROVEN),
        "INPUT_BYTES": str(len(inputs) // _SAMPLES),
        "OUTPUT_BYTES": str(len(golden) // _SAMPLES),
        "INPUTS": _bytes(inputs),
        "OUTPUTS": _bytes(golden),
        "VERSION": package_version("tflm"),
    }


def _bytes(data: bytes) -> str:
    lines = [data[k : k + _PER_LINE] for k in range(0, len(data), _PER_LINE)]
    return "\n    ".join(" ".join(f"{byte:#04x}," for byte in line) for line in lines)


def _fill(name: str, values: dict[str, str]) -> bytes:
    text = (resources.folder("firmware") / "template" / "tflm" / name).read_text()
    return re.sub(r"@([A-Z_]+)@", lambda match: values[match[1]], text).encode()
