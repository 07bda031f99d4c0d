"""Files that reckon with the shape of their input: the same graph as with the shape told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwkit.errors import HwkitError, UnsupportedOp
from hwkit.importers.tflite.file import parse
from hwkit.importers.tflite.importer import convert
from hwkit.importers.tflite.static import with_static_shapes
from hwkit.targets.edge.flatbuffer import FileTensor
from tests.conformance.tflite_runtimes import LITERT, TFLM, Runtimes
from tests.importers.tflite.files import (
    as_tflm,
    file_bytes,
    integers,
    operator,
    random_feeds,
)
from tests.importers.tflite.networks import Net
from tests.predicted import predicted


def reckoned(name: str, *shape: int) -> FileTensor:
    return FileTensor(name, shape, "int32")


def rows(told: bool) -> bytes:
    """A dense layer over each row of (1, 6, 8)."""
    net = Net((1, 6, 8))
    if not told:
        net.tensors += [reckoned(n, size) for n, size in (("s", 3), ("w", 1), ("r", 2))]
        net.tensors += [reckoned("size"), reckoned("count"), reckoned("flat", 2)]
        net.tensors.append(reckoned("back", 3))
        constants = {"last": [2], "first": [0, 1], "axis": [0], "outputs": [5]}
        net.tensors += [integers(name, value) for name, value in constants.items()]
        net.operators += [
            operator("SHAPE", ("x",), ("s",), "ShapeOptions", outType=2),
            operator("GATHER", ("s", "last"), ("w",), "GatherOptions"),
            operator("REDUCE_PROD", ("w", "axis"), ("size",), "ReducerOptions"),
            operator("GATHER", ("s", "first"), ("r",), "GatherOptions"),
            operator("REDUCE_PROD", ("r", "axis"), ("count",), "ReducerOptions"),
            operator("PACK", ("count", "size"), ("flat",), "PackOptions", valuesCount=2),
            operator("CONCATENATION", ("r", "outputs"), ("back",), "ConcatenationOptions"),
        ]
    count, inputs = (6, ("x",)) if told else (1, ("x", "flat"))
    y = net.add_op("RESHAPE", inputs, (count, 8), "", "x")
    w, b, scale = net.weighted(y, (5, 8), 0, 8)
    options = "FullyConnectedOptions"
    y = net.add_op("FULLY_CONNECTED", (y, w, b), (count, 5), options, facts=(scale, 3))
    y = net.add_op("TANH", (y,), (count, 5), facts=(1 / 128, 0))
    return net.file(net.add_op("RESHAPE", (y, "back")[: 2 - told], (1, 6, 5), "", y))


def test_rows_of_an_open_batch(tmp_path: Path) -> None:
    as_tflm(rows(told=True), tmp_path)
    graph = convert(parse(rows(told=True)), "m", litert=True)
    other = convert(parse(rows(told=False)), "m")
    feeds = random_feeds(graph, 20, 0)
    np.testing.assert_array_equal(predicted(graph, feeds["x"]), predicted(other, feeds["x"]))
    assert [type(op) for op in graph.nodes] == [type(op) for op in other.nodes]


def test_an_open_batch_follows_litert() -> None:
    """TFLM refuses such files. LiteRT's reference kernels round the sums of a dense layer once,
    TFLM twice: a few of some thousand integers."""
    model = rows(told=False)
    graph = convert(parse(model), "m")
    feeds = random_feeds(graph, 200, 0)
    with Runtimes() as runtimes:
        assert isinstance(runtimes.run(TFLM, model, feeds, 1), str)
        answer = runtimes.run(LITERT, model, feeds, 1)
    assert isinstance(answer, list)
    expected = answer[0].reshape(200, 6, 5)
    np.testing.assert_array_equal(predicted(graph, feeds["x"]), expected)
    assert (predicted(convert(parse(model), "m", litert=False), feeds["x"]) != expected).any()


def state(sizes: str) -> Net:
    """A sum with a tensor that is filled as the input's batch says."""
    net = Net((1, 8))
    net.tensors += [reckoned("s", 2), reckoned("n"), reckoned("shape", 2), integers("width", 8)]
    net.tensors += [integers(n, v) for n, v in (("b", [0]), ("e", [1]), ("k", [1]))]
    zero = FileTensor("zero", (), "int8", (0.02,), 3, data=np.array(3, np.int8))
    net.tensors += [zero, FileTensor("h", (1, 8), "int8", (0.02,), 3)]
    net.operators += [
        operator("SHAPE", ("x",), ("s",), "ShapeOptions", outType=2),
        operator(
            "STRIDED_SLICE", ("s", "b", "e", "k"), ("n",), "StridedSliceOptions", shrinkAxisMask=1
        ),
        operator("PACK", ("n", "width"), ("shape",), "PackOptions", valuesCount=2),
        operator("FILL", (sizes, "zero"), ("h",), "FillOptions"),
    ]
    net.binary("ADD", "x", "h", 0.05)
    return net


def test_a_filled_tensor_is_a_constant() -> None:
    net = state("shape")
    graph = convert(parse(net.file("t4")), "m")
    x = random_feeds(graph, 9, 0)["x"]
    net.operators[3:4] = []
    at = next(k for k, tensor in enumerate(net.tensors) if tensor.name == "h")
    data = np.full((1, 8), 3, np.int8)
    net.tensors[at] = FileTensor("h", (1, 8), "int8", (0.02,), 3, data=data)
    told = convert(parse(net.file("t4")), "m")
    np.testing.assert_array_equal(predicted(graph, x), predicted(told, x))


@pytest.mark.parametrize("sizes", ["huge", "negative"])
def test_a_fill_of_no_size_is_refused(sizes: str) -> None:
    net = state(sizes)
    net.tensors += [integers("huge", [1 << 20, 1 << 20]), integers("negative", [1, -8])]
    with pytest.raises(UnsupportedOp, match=r"operator 3 \(FILL\)"):
        convert(parse(net.file("t4")), "m")


@pytest.mark.parametrize("code", ["LOGISTIC", "SOFTMAX", "RESHAPE", "SHAPE", "FULLY_CONNECTED"])
def test_an_operator_without_its_first_input_is_named(code: str) -> None:
    """Nothing is known of its shape; whoever reads the operator says what is missing."""
    tensors = [
        FileTensor("x", (1, 4), "int8", (0.02,), 3),
        FileTensor("y", (1, 4), "int8", (0.02,), 3),
    ]
    model = file_bytes(tensors, [operator(code, (None,))])
    with pytest.raises(HwkitError, match=f"(?i){code}"):
        convert(parse(model), "m")


@pytest.mark.parametrize(("size", "is_known"), [(64, True), (65, False)])
def test_long_sums_of_constants_are_no_shapes(size: int, is_known: bool) -> None:
    """One short operand makes the other no shorter."""
    net = Net((1, 4))
    net.tensors += [integers("one", [1]), integers("many", [0] * size), reckoned("sum", size)]
    net.operators.append(operator("ADD", ("one", "many"), ("sum",), "AddOptions"))
    file = with_static_shapes(parse(net.file("x")))
    (found,) = [tensor for tensor in file.tensors if tensor.name == "sum"]
    assert (found.data is not None) == is_known


@pytest.mark.parametrize(("index", "value"), [(0, 7), (2, 9), (-1, None)])
def test_a_place_from_behind_is_no_place(index: int, value: int | None) -> None:
    net = Net((1, 4))
    net.tensors += [integers("s", [7, 8, 9]), integers("k", index), reckoned("one")]
    net.operators.append(operator("GATHER", ("s", "k"), ("one",), "GatherOptions"))
    file = with_static_shapes(parse(net.file("x")))
    (found,) = [tensor for tensor in file.tensors if tensor.name == "one"]
    assert (None if found.data is None else int(found.data)) == value


def test_sizes_that_are_no_integers_are_refused() -> None:
    sizes = FileTensor("n", (2,), "float32", data=np.array([np.nan, 6], np.float32))
    tensors = [*Net((1, 6)).tensors, sizes, FileTensor("y", (1, 6), "int8", (0.1,), 0)]
    data = file_bytes(tensors, [operator("RESHAPE", ("x", "n"), ("y",), "ReshapeOptions")])
    assert with_static_shapes(parse(data)).tensors[-1].shape == (1, 6)
