"""Layers of one kind have the same shapes, types and form, and any integers."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given, settings

from hwkit.ir import serialize
from hwkit.ir.graph import Graph
from hwkit.ir.layer_kind import layer_kind
from hwkit.ir.ops import Conv2d
from hwkit.lower.weight_bits import with_weight_bits
from tests.conformance.graphs import graphs
from tests.targets.edge.networks import residual


def kinds(graph: Graph) -> list[str]:
    return [json.dumps(layer_kind(graph, op), sort_keys=True) for op in graph.nodes]


def test_other_integers_are_the_same_kinds() -> None:
    assert kinds(residual(0)) == kinds(residual(1))
    assert residual(0) != residual(1)


def test_other_widths_are_others_where_there_are_weights() -> None:
    one, other = residual(), with_weight_bits(residual(), 4)
    pairs = zip(one.nodes, kinds(one), kinds(other), strict=True)
    assert [op.name for op, a, b in pairs if a != b] == ["conv", "depthwise", "dense"]


def test_what_a_convolution_is() -> None:
    graph = residual()
    (conv,) = [op for op in graph.nodes if isinstance(op, Conv2d)]
    found = layer_kind(graph, conv)
    assert found["op"] == "Conv2d" and found["inputs"] == ["s8[8,8,3]"]
    assert found["constants"][0].startswith("s8[") and found["macs"] > 0
    assert found["stride"] == [1, 1] and found["rescale"]["rounding"] == "double"
    assert not {"name", "input", "weight", "low", "high"} & set(found)
    other = replace(conv, stride=(2, 2))
    assert layer_kind(graph, other) != found


@settings(derandomize=True, deadline=None, max_examples=30)
@given(graphs())
def test_kinds_are_plain_json_and_stay_what_they_are(graph: Graph) -> None:
    assert kinds(graph) == kinds(serialize.from_bytes(serialize.to_bytes(graph)))
