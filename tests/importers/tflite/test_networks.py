"""Whole networks of the kinds that others make: every integer as in TFLM."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwkit.importers.tflite.importer import load_tflite
from hwkit.ir.interpret import run
from tests.importers.tflite.files import as_tflm, integers, operator, random_feeds
from tests.importers.tflite.networks import NETWORKS, Net


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_equal_tflm(name: str, tmp_path: Path) -> None:
    graph = as_tflm(NETWORKS[name](), tmp_path, 3 if name == "mobilenet_v1" else 8)
    got = run(graph, random_feeds(graph, 8, 1))[graph.outputs[0]]
    # A network whose outputs stand still would prove little.
    assert len(np.unique(got)) > 4 or name == "mobilenet_v1"


def test_a_shape_that_is_computed_is_not_needed(tmp_path: Path) -> None:
    """SHAPE, STRIDED_SLICE and PACK before a RESHAPE, as converters leave them."""
    net = Net((1, 4, 6))
    net.tensors += [integers(n, v) for n, v in (("b", [0]), ("e", [1]), ("s", [1]))]
    shape = integers("shape", [1, 24])
    net.tensors += [integers("rank", [0] * 3), integers("one", 0), integers("rest", 24)]
    for name in ("rank", "one"):
        at = next(k for k, tensor in enumerate(net.tensors) if tensor.name == name)
        net.tensors[at] = type(shape)(name, net.tensors[at].shape, "int32")
    net.tensors.append(type(shape)("shape", (2,), "int32"))
    net.operators += [
        operator("SHAPE", ("x",), ("rank",), "ShapeOptions"),
        operator(
            "STRIDED_SLICE",
            ("rank", "b", "e", "s"),
            ("one",),
            "StridedSliceOptions",
            shrinkAxisMask=1,
        ),
        operator("PACK", ("one", "rest"), ("shape",), "PackOptions", valuesCount=2),
    ]
    y = net.add_op("RESHAPE", ("x", "shape"), (1, 24), "ReshapeOptions", "x")
    graph = as_tflm(net.file(net.dense(y, 5)), tmp_path, 6)
    assert [type(op).__name__ for op in graph.nodes] == ["Reshape", "Dense"]


def test_unsigned_ends(tmp_path: Path) -> None:
    net = Net((1, 9))
    net.tensors[0] = type(net.tensors[0])("x", (1, 9), "uint8", (0.1,), 128)
    inner = net.add_op("QUANTIZE", ("x",), (1, 9), facts=(0.1, 0))
    y = net.dense(inner, 7)
    facts = net.at(y)
    net.tensors.append(type(facts)("y", (1, 7), "uint8", facts.scale, facts.zero_point + 128))
    net.operators.append(operator("QUANTIZE", (y,), ("y",)))
    graph = as_tflm(net.file("y"), tmp_path)
    assert not graph.tensors["x"].dtype.signed and not graph.tensors["y"].dtype.signed


def test_one_input_of_many_readers_and_an_output_that_is_read_on(tmp_path: Path) -> None:
    net = Net((1, 8, 8, 4))
    a, b = net.conv("x", 4), net.depthwise("x")
    c = net.binary("SUB", a, b, net.at(a).scale[0] * 2)
    as_tflm(net.file(net.binary("MUL", c, c, 0.5), c), tmp_path)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("L2_NORMALIZATION", r"operator 0 \(L2_NORMALIZATION\).*it takes int8 ABS"),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", "operator 0"),
        ("CUMSUM", "operator 0"),
    ],
)
def test_an_unknown_operator_is_named(code: str, message: str, tmp_path: Path) -> None:
    net = Net((1, 8))
    path = tmp_path / "m.tflite"
    path.write_bytes(net.file(net.unary(code, "x")))
    with pytest.raises(Exception, match=message):
        load_tflite(path)
