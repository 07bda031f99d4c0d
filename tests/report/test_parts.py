"""Markup, numbers, the rails of the graph and the memory chart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.boards import Board, McuBoard, MemoryRegion, Uart
from hwkit.errors import FormatError
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.ops import Clamp, Conv2d
from hwkit.ir.types import S8, S32, IntType
from hwkit.report.describe import model_layers
from hwkit.report.markup import Markup, join, tag, text
from hwkit.report.memory_chart import HEIGHT, chart
from hwkit.report.numbers import byte_size, count, milliseconds, percent, real, signed_percent
from hwkit.report.rails import MAX_LANES, ROW_HEIGHT, Edge, edges, rail
from hwkit.report.summary import Deploy, Lifetime, MemoryMap
from tests.report.document import read


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.text())
def test_text_comes_back_as_text(value: str) -> None:
    page = tag("p", value, title=value)
    paragraph = read(page).children[0]
    assert paragraph.children == []
    written = page.removeprefix("<p title=").removesuffix("</p>")
    assert "<" not in written.split(">", 1)[1]


def test_markup() -> None:
    assert tag("td", "a<b", class_="name") == '<td class="name">a&lt;b</td>'
    assert tag("p", tag("b", 1), None, "") == "<p><b>1</b></p>"
    assert tag("meta", charset="utf-8", hidden=True, x=None, y=False) == (
        '<meta charset="utf-8" hidden>'
    )
    assert tag("rect", width=33.3333333) == '<rect width="33.3333"></rect>'
    assert text(Markup("<b>")) == "<b>"
    assert join("a", None, tag("i", "&")) == "a<i>&amp;</i>"


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (count(25600), "25,600"),
        (count(None), "–"),  # noqa: RUF001
        (real(12.345), "12.3"),
        (real(0.01234), "0.0123"),
        (real(1234.5), "1,234"),
        (real(99.96), "100"),
        (real(9.996), "10.0"),
        (real(0), "0"),
        (real(0.000025), "2.50e-05"),
        (percent(0.9745), "97.5 %"),
        (signed_percent(110, 100), "+10.0 %"),
        (signed_percent(90, 100), "−10.0 %"),  # noqa: RUF001
        (signed_percent(1, 0), "–"),  # noqa: RUF001
        (byte_size(784), "784 B"),
        (byte_size(22870), "22.9 kB"),
        (byte_size(999_600), "1.00 MB"),
        (byte_size(4194304), "4.19 MB"),
        (milliseconds(12.5), "12.5 µs"),
        (milliseconds(14594), "14.6 ms"),
    ],
)
def test_numbers(shown: str, expected: str) -> None:
    assert shown == expected


def test_a_chain_is_one_straight_line() -> None:
    assert edges(["a", "b", "c"], [(), ("a",), ("b",)]) == [Edge(0, 1, 0), Edge(1, 2, 0)]


def test_a_residual_takes_a_lane() -> None:
    found = edges(["a", "b", "c"], [("input",), ("a",), ("b", "a")])
    assert found == [Edge(0, 1, 0), Edge(0, 2, 1), Edge(1, 2, 0)]


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.data())
def test_lanes_never_meet_while_there_are_enough(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 12))
    names = [str(i) for i in range(size)]
    inputs = [
        data.draw(st.lists(st.sampled_from([*names[:i], "input"]), max_size=2)) for i in range(size)
    ]
    found = edges(names, inputs)
    wanted = {(int(s), t) for t, read_ in enumerate(inputs) for s in read_ if s != "input"}
    assert {(e.source, e.target) for e in found} == wanted
    for one in found:
        assert 0 <= one.lane <= MAX_LANES
        for other in found:
            apart = one.target <= other.source or other.target <= one.source
            assert one == other or one.lane != other.lane or apart or one.lane == MAX_LANES


def test_a_rail_draws_what_passes_its_row() -> None:
    drawn = [Edge(0, 1, 0), Edge(0, 2, 1), Edge(1, 2, 0)]
    middle = read(rail(1, drawn, "b reads a"))
    paths = [path.attributes["d"] or "" for path in middle.all("path")]
    assert len(paths) == 3
    assert f"M24 0V{ROW_HEIGHT}" in paths
    assert middle.all("title")[0].text() == "b reads a"


def test_boxes_stand_at_their_addresses() -> None:
    memory = MemoryMap((Lifetime("a", 0, 50, 0, 1), Lifetime("b", 50, 50, 1, 1)), 100)
    boxes = [e for e in read(chart(memory)).all("svg") if "life" in str(e.attributes.get("class"))]
    places = [[float((b.attributes[k] or "").rstrip("%")) for k in ("x", "width", "y", "height")]
              for b in boxes if "y" in b.attributes]  # fmt: skip
    assert places == [
        [0.0, 100.0, HEIGHT / 2, HEIGHT / 2],
        [50.0, 50.0, 0.0, HEIGHT / 2],
    ]


def test_layers_of_a_graph() -> None:
    builder = GraphBuilder("g")
    builder.input("x", (4, 4, 3), S8)
    builder.constant("w", np.ones((2, 1, 1, 3), dtype=np.int8), IntType(4, True))
    builder.add(Conv2d("conv", "x", "w", None, "y"), S32)
    builder.add(Clamp("relu", "y", "z", 0, 9), S32)
    layers = model_layers(builder.build(["z"]))
    assert [(x.name, x.op, x.inputs) for x in layers] == [
        ("conv", "Conv2d", ()),
        ("relu", "Clamp", ("conv",)),
    ]
    assert layers[0].output_shape == (4, 4, 2)
    assert (layers[0].weight_bits, layers[0].macs, layers[0].weight_bytes) == (4, 96, 3)
    assert (layers[1].weight_bits, layers[1].macs, layers[1].output_bits) == (None, 0, "s32")


def test_a_map_from_the_facts_of_a_build() -> None:
    regions = (MemoryRegion("f", "flash", 0, 1000), MemoryRegion("s", "sram", 0, 300))
    mcu = McuBoard("cortex-m4", (), "p", (), 1, regions, Uart("d", 0, 1))
    board = Board("b", "B", "mcu", "", mcu=mcu)
    rows = [
        {"tensor": "x", "kind": "activation", "offset": 16, "size_bytes": 32,
         "first_layer": 0, "last_layer": 2},
        {"tensor": "c/scratch", "kind": "scratch", "offset": 0, "size_bytes": 16,
         "first_layer": 1, "last_layer": 1},
    ]  # fmt: skip
    deploy = Deploy.from_facts("m", {"board": "b", "arena_bytes": 64, "memory_map": rows}, board)
    assert deploy.memory == MemoryMap(
        (Lifetime("x", 16, 32, 0, 2), Lifetime("c/scratch", 0, 16, 1, 1, "scratch")), 64, 1000, 300
    )
    assert Deploy.from_facts("m", {"board": "b", "memory_map": rows}).memory is None
    with pytest.raises(FormatError, match=r"memory_map\[0\]: key 'first_layer' is missing"):
        Deploy.from_facts("m", {"board": "b", "memory_map": [{"tensor": "x"}]}, board)
