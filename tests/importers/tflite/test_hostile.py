"""Damaged and hostile .tflite bytes: one of hwkit's errors, at once, or a graph."""

from __future__ import annotations

import struct
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import flatbuffers
import numpy as np
import pytest

from hwkit.errors import FormatError, HwkitError
from hwkit.importers.tflite.file import parse
from hwkit.importers.tflite.importer import convert
from hwkit.targets.edge.emit import file_model
from hwkit.targets.edge.flatbuffer import schema, write
from tests.importers.tflite.networks import NETWORKS
from tests.importers.tflite.streams import wake_word
from tests.targets.edge.networks import lowered, residual

pytestmark = pytest.mark.slow

MODEL = write(file_model(lowered(residual(), "host_tflm").graph))


def _survives(data: bytes) -> bool:
    """Whether ``data`` is still a model; anything but one of hwkit's errors fails the test."""
    try:
        convert(parse(data), "damaged")
    except HwkitError as error:
        assert "\n" not in str(error) and len(str(error)) < 2000
        return False
    return True


def test_cut_short_anywhere() -> None:
    for length in range(0, len(MODEL) - 4, 3):
        _survives(MODEL[:length])
    assert not any(_survives(MODEL[:length]) for length in range(0, 400))


@pytest.mark.parametrize("seed", range(4))
def test_flipped_bits(seed: int) -> None:
    rng = np.random.default_rng(seed)
    alive = 0
    for _ in range(500):
        damaged = bytearray(MODEL)
        for at in rng.integers(0, len(MODEL), int(rng.integers(1, 4))):
            damaged[at] ^= 1 << int(rng.integers(8))
        alive += _survives(bytes(damaged))
    # Most of the bytes are weights, so that many models live on.
    assert 0 < alive < 500


def test_every_word_replaced() -> None:
    values = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, len(MODEL), len(MODEL) - 1)
    for at in range(0, min(len(MODEL), 6000) - 4, 4):
        value = values[at // 4 % len(values)]
        _survives(MODEL[:at] + struct.pack("<I", value) + MODEL[at + 4 :])


_OTHERS = ("mobilenet_v3", "streaming", "decoder", "sixteen_bits")
OTHERS = {name: NETWORKS[name]() for name in _OTHERS} | {"wake_word": wake_word()}
"""Files with the operators that data moves by and that tables and constants serve, and one with
variables."""


@pytest.mark.parametrize("name", OTHERS)
def test_other_operators_with_flipped_bits_and_words(name: str) -> None:
    model, rng = OTHERS[name], np.random.default_rng(0)
    alive = 0
    for _ in range(400):
        damaged = bytearray(model)
        for at in rng.integers(0, len(model), int(rng.integers(1, 4))):
            damaged[at] ^= 1 << int(rng.integers(8))
        alive += _survives(bytes(damaged))
    assert 0 < alive < 400
    values = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, len(model), 0x00010000)
    for at in rng.integers(0, len(model) // 4, 600):
        value = values[int(at) % len(values)]
        _survives(model[: 4 * at] + struct.pack("<I", value) + model[4 * at + 4 :])


def test_constants_of_any_integers() -> None:
    """Axes, sizes, begins and borders that no operator can mean."""
    for name in ("mobilenet_v3", "streaming", "decoder"):
        model = OTHERS[name]
        root = schema().ModelT.InitFromPackedBuf(model, 0)
        kept = [t for t in root.subgraphs[0].tensors if t.type == 2 and t.buffer]
        for tensor in kept:
            data = root.buffers[tensor.buffer].data
            for value in (-(2**31), -5, -1, 0, 1, 2, 7, 2**31 - 1):
                count = len(data) // 4
                root.buffers[tensor.buffer].data = np.full(count, value, "<i4").view(np.uint8)
                builder = flatbuffers.Builder(1024)
                builder.Finish(root.Pack(builder), b"TFL3")
                _survives(bytes(builder.Output()))
            root.buffers[tensor.buffer].data = data
        assert kept, name


def _packed(change: Callable[[Any], object]) -> bytes:
    """The model with ``change`` applied to its object tree."""
    root = schema().ModelT.InitFromPackedBuf(MODEL, 0)
    change(root)
    builder = flatbuffers.Builder(1024)
    builder.Finish(root.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _tensor(root: Any, name: bytes) -> Any:
    return next(t for t in root.subgraphs[0].tensors if t.name == name)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: setattr(_tensor(m, b"x"), "shape", [1, 2**31 - 1, 2**31 - 1, 3]),
        lambda m: setattr(_tensor(m, b"x"), "shape", [1, 0, 8, 3]),
        lambda m: setattr(_tensor(m, b"x"), "shape", [1] * 40),
        lambda m: setattr(_tensor(m, b"x"), "shape", []),
        lambda m: setattr(_tensor(m, b"x").quantization, "scale", np.array([np.nan], np.float32)),
        lambda m: setattr(_tensor(m, b"x").quantization, "scale", np.array([np.inf], np.float32)),
        lambda m: setattr(_tensor(m, b"x").quantization, "scale", np.array([-1], np.float32)),
        lambda m: setattr(_tensor(m, b"x").quantization, "scale", np.array([1e38], np.float32)),
        lambda m: setattr(_tensor(m, b"c").quantization, "scale", np.array([1e-38], np.float32)),
        lambda m: setattr(_tensor(m, b"x").quantization, "zeroPoint", np.array([2**40], np.int64)),
        lambda m: setattr(_tensor(m, b"conv/weight"), "buffer", 10**6),
        lambda m: setattr(_tensor(m, b"conv/weight"), "buffer", 0),
        lambda m: setattr(_tensor(m, b"conv/weight"), "shape", [6, 3, 3, 2]),
        lambda m: setattr(_tensor(m, b"conv/weight").quantization, "quantizedDimension", 77),
        lambda m: setattr(m.subgraphs[0].operators[0], "opcodeIndex", 99),
        lambda m: setattr(m.subgraphs[0].operators[0], "inputs", [0, 99, 1]),
        lambda m: setattr(m.subgraphs[0].operators[0], "inputs", [-1, -1, -1]),
        lambda m: setattr(m.subgraphs[0].operators[0], "inputs", []),
        lambda m: setattr(m.subgraphs[0].operators[0], "outputs", []),
        lambda m: setattr(m.subgraphs[0].operators[0], "outputs", [0]),
        lambda m: setattr(m.subgraphs[0].operators[0], "inputs", [9, 1, 2]),
        lambda m: setattr(m.subgraphs[0].operators[0].builtinOptions, "strideH", 0),
        lambda m: setattr(m.subgraphs[0].operators[0].builtinOptions, "strideH", -5),
        lambda m: setattr(m.subgraphs[0].operators[0].builtinOptions, "dilationHFactor", 2**31 - 1),
        lambda m: setattr(m.subgraphs[0].operators[0].builtinOptions, "padding", 9),
        lambda m: setattr(m.subgraphs[0].operators[0], "builtinOptions", None),
        lambda m: setattr(m.subgraphs[0], "outputs", [-1]),
        lambda m: setattr(m.subgraphs[0], "outputs", []),
        lambda m: setattr(m.subgraphs[0], "inputs", [0, 0]),
        lambda m: setattr(m.subgraphs[0], "operators", m.subgraphs[0].operators[::-1]),
        lambda m: setattr(m, "subgraphs", m.subgraphs * 2),
        lambda m: setattr(m, "subgraphs", []),
    ],
)
def test_well_formed_nonsense(change: Callable[[Any], object]) -> None:
    assert not _survives(_packed(change))


def test_parts_that_overlap_without_end() -> None:
    """200,000 tensors that are all one table with one name of a megabyte: a few megabytes of
    file, 200 gigabytes if each were read."""
    name, count = 1 << 20, 200_000
    table = struct.pack("<HHHHHH", 12, 8, 0, 0, 0, 4)
    graph_vtable, model_vtable = struct.pack("<HHH", 6, 8, 4), struct.pack("<HHHHH", 10, 8, 0, 0, 4)
    data = bytearray(struct.pack("<I", 0) + b"TFL3")

    def put(content: bytes) -> int:
        data.extend(b"\0" * (-len(data) % 4))
        data.extend(content)
        return len(data) - len(content)

    model_v = put(model_vtable)
    model = put(struct.pack("<iI", 0, 0))
    subgraphs = put(struct.pack("<II", 1, 0))
    graph_v = put(graph_vtable)
    graph = put(struct.pack("<iI", 0, 0))
    tensors = put(struct.pack("<I", count) + b"\0" * (4 * count))
    tensor_v = put(table)
    tensor = put(struct.pack("<iI", 0, 0))
    text = put(struct.pack("<I", name) + b"a" * name)
    struct.pack_into("<I", data, 0, model)
    struct.pack_into("<iI", data, model, model - model_v, subgraphs - model - 4)
    struct.pack_into("<I", data, subgraphs + 4, graph - subgraphs - 4)
    struct.pack_into("<iI", data, graph, graph - graph_v, tensors - graph - 4)
    struct.pack_into("<iI", data, tensor, tensor - tensor_v, text - tensor - 4)
    for k in range(count):
        at = tensors + 4 + 4 * k
        struct.pack_into("<I", data, at, tensor - at)
    start = time.process_time()
    tracemalloc.start()
    with pytest.raises(FormatError, match="overlap"):
        parse(bytes(data))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.process_time() - start < 20 and peak < 300e6
