"""The matrix of networks and boards, the scatter, intervals and confusion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hwkit.flow.summarize import confusion_part
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.ops import Clamp
from hwkit.ir.types import S8
from hwkit.report.confusion import confusion, mistakes
from hwkit.report.interval import wilson
from hwkit.report.overview import _Labels, overview
from hwkit.report.page import render
from hwkit.report.summary import Accuracy, Summary
from tests.report import example
from tests.report.document import Element, read


def drawn(run: Summary) -> Element:
    section = overview(run)
    assert section is not None
    return read(section)


def matrix(run: Summary) -> list[dict[str, str]]:
    """Each table as ``{"board network": text}``."""
    found = []
    for table in drawn(run).all("table"):
        names = [th.all("strong")[0].text() for th in table.all("thead")[0].all("th")[1:]]
        rows: dict[str, str] = {}
        for row in table.all("tbody")[0].children:
            board, *cells = row.children
            rows |= {
                f"{board.text()} {name}": cell.text()
                for name, cell in zip(names, cells, strict=True)
            }
        found.append(rows)
    return found


def test_a_cell_has_exactness_accuracy_time_and_bytes() -> None:
    (cells,) = matrix(example.summary())
    # The reader gives an element's own text before its children's.
    told = "exact 97.4 % 14.6 ms simulated 22.9 kB flash 13.1 kB RAM"
    assert sorted(cells["virtual_m4 mnist_w8"].split()) == sorted(told.split())
    # Where integers moved the accuracy is not known, and none is told.
    assert "12 moved" in cells["host_litert mnist_w8"]
    assert "97.4" not in cells["host_litert mnist_w8"]
    assert cells["virtual_m4 digits_pow2"] == ""


def test_a_difference_stands_out_and_has_no_accuracy() -> None:
    summary = example.summary()
    wrong = replace(summary.exactness[0], differing=7)
    (cells,) = matrix(replace(summary, exactness=(wrong, *summary.exactness[1:])))
    assert "7 differ" in cells["virtual_m4 mnist_w8"] and "97.4" not in cells["virtual_m4 mnist_w8"]


def test_many_networks_go_into_several_tables() -> None:
    summary = example.summary()
    more = [replace(summary.exactness[0], model=f"net{k}") for k in range(9)]
    tables = matrix(replace(summary, exactness=(*summary.exactness, *more)))
    assert len(tables) == 3
    assert "virtual_m4 net2" in tables[0] and "virtual_m4 net8" in tables[2]


def test_networks_on_one_board_make_a_scatter() -> None:
    summary = example.summary()
    assert drawn(summary).all("figure") == []  # one network on each board
    model = replace(summary.models[0], name="small", accuracy=Accuracy(0.97, 0.95, 0.949))
    profile = replace(summary.profiles[0], model="small")
    two = replace(summary, models=(*summary.models, model), profiles=(*summary.profiles, profile))
    (figure,) = drawn(two).all("figure")
    titles = [title.text() for title in figure.all("title")]
    assert titles[0] == "Accuracy against time on virtual_m4, simulated"
    assert titles[1:] == ["mnist_w8: 97.40 %, 14.6 ms", "small: 94.90 %, 14.6 ms"]
    heights = []
    for mark in figure.all("g")[1:]:
        (bar,) = mark.all("line")
        heights.append((float(bar.attributes["y2"] or 0), float(bar.attributes["y1"] or 0)))
    assert heights[0][1] < heights[1][0]  # 97.4 and 94.9 % of 1,000 images are told apart


def test_names_stand_where_there_is_room() -> None:
    labels = _Labels([80.0, 120.0, 400.0])
    assert [labels.side(x) for x in (80.0, 120.0, 400.0)] == ["behind", "behind", "before"]
    (_, first), (_, second) = labels.place(120.0, 50.0), labels.place(120.0, 52.0)
    assert second >= first + 14  # one below the other


@pytest.mark.parametrize(("share", "samples"), [(0.974, 1000), (0.5, 10), (1.0, 20), (0.0, 7)])
def test_the_interval_is_where_the_share_is_just_not_unlikely(share: float, samples: int) -> None:
    """By its definition: at both ends the share is 1.96 standard deviations of that end away."""
    low, high = wilson(share, samples)
    assert 0.0 <= low <= share <= high <= 1.0 and low < high
    for end in {low, high} - {share}:
        away = (share - end) ** 2
        assert away == pytest.approx(1.959963985**2 * end * (1 - end) / samples, rel=1e-9)
    assert wilson(share, 0) == (0.0, 1.0)


def test_who_is_taken_for_whom() -> None:
    counts = ((480, 14), (12, 494))
    assert mistakes(counts) == [(0, 1, 14), (1, 0, 12)]
    (folded,) = confusion(example.summary().models)
    text = read(folded).text()
    assert "0 taken for 1: 14; 1 taken for 0: 12" in text
    many = replace(example.summary().models[0], confusion=((0,) * 30,) * 30)
    assert read(confusion([many])[0]).all("table") == []
    b = GraphBuilder("scores")
    b.input("x", (3,), S8)
    b.add(Clamp("c", "x", "y", -128, 127), S8)
    x = np.array([[9, 1, 0], [0, 9, 1], [0, 9, 1], [1, 2, 9]], np.int8)
    found = confusion_part(b.build(["y"]), x, np.array([0, 1, 2, 2]))
    assert found == ((1, 0, 0), (0, 1, 0), (0, 1, 1))


def test_overlaps_in_a_memory_map_are_explained() -> None:
    summary = example.summary()
    assert "layer writes over an input" not in render(summary)
    memory = summary.deploys[0].memory
    assert memory is not None
    inside = replace(memory.tensors[1], name="again", first_step=3, last_step=4)
    more = replace(memory, tensors=(*memory.tensors, inside))
    deploys = (replace(summary.deploys[0], memory=more), *summary.deploys[1:])
    assert "layer writes over an input" in render(replace(summary, deploys=deploys))
