"""Recurrent operators: states from inference to inference, as TFLM keeps them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hwkit.errors import FormatError, UnsupportedOp
from hwkit.importers.tflite.importer import load_tflite
from tests.importers.tflite.files import as_tflm
from tests.importers.tflite.recurrent import Lstm, Recurrent, dtln, lstm_alone, svdf_keyword

FORMS = {
    "plain": Lstm(),
    "time_major": Lstm(time_major=True, units=7),
    "clipped": Lstm(clip=0.3, cell_scale=2.0**-13),
    "coarse_cell": Lstm(cell_scale=2.0**-15, steps=5),
    "one_step": Lstm(steps=1, point=0),
    "sixteen": Lstm(wide=True, cell_scale=2.0**-12),
}


@pytest.mark.parametrize("name", sorted(FORMS))
def test_lstm(name: str, tmp_path: Path) -> None:
    graph = as_tflm(lstm_alone(FORMS[name]), tmp_path)
    assert len(graph.states) == 2


@pytest.mark.parametrize(
    ("units", "rank", "memory", "wide"),
    [(6, 1, 4, True), (5, 2, 3, True), (4, 3, 1, True), (6, 1, 5, False), (3, 2, 6, False)],
)
def test_svdf(units: int, rank: int, memory: int, wide: bool, tmp_path: Path) -> None:
    net = Recurrent(units)
    y = net.svdf(net.input((1, 9)), units, rank, memory, wide)
    assert len(as_tflm(net.file(y), tmp_path).states) == 1


@pytest.mark.parametrize("make", [svdf_keyword, dtln])
def test_networks_over_many_steps(make: object, tmp_path: Path) -> None:
    assert callable(make)
    as_tflm(make(), tmp_path, samples=200)


def refused(net: Recurrent, y: str, tmp_path: Path, message: str) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(net.file(y))
    with pytest.raises((UnsupportedOp, FormatError), match=message):
        load_tflite(path)


def test_a_state_that_is_no_variable_is_refused(tmp_path: Path) -> None:
    net = Recurrent()
    y = net.svdf(net.input((1, 9)), 4)
    net.tensors = [replace(tensor, is_variable=False) for tensor in net.tensors]
    refused(net, y, tmp_path, "must be a variable of its own")


def test_one_variable_of_two_operators_is_refused(tmp_path: Path) -> None:
    net = Recurrent()
    first = net.svdf(net.input((1, 9)), 9)
    y = net.svdf(first, 9)
    ops = net.operators
    shared = replace(ops[1], inputs=(*ops[1].inputs[:4], ops[0].inputs[4]))
    net.operators = [ops[0], shared]
    refused(net, y, tmp_path, "a variable of two operators")


def test_a_batch_is_refused(tmp_path: Path) -> None:
    net = Recurrent()
    x = net.input((2, 3, 5))
    refused(net, net.lstm(x, Lstm()), tmp_path, "give a batch of 1")


@pytest.mark.parametrize(
    ("place", "message"),
    [(9, "peepholes"), (16, "a projection"), (21, "layer norms")],
)
def test_other_lstms_are_refused_by_name(place: int, message: str, tmp_path: Path) -> None:
    net = Recurrent()
    y = net.lstm(net.input((1, 3, 5)), Lstm())
    op = net.operators[0]
    inputs = list(op.inputs)
    inputs[place] = inputs[1]
    net.operators = [replace(op, inputs=tuple(inputs))]
    refused(net, y, tmp_path, message)


def test_gates_in_one_are_refused(tmp_path: Path) -> None:
    net = Recurrent()
    y = net.lstm(net.input((1, 3, 5)), Lstm())
    op = net.operators[0]
    net.operators = [replace(op, inputs=(op.inputs[0], None, *op.inputs[2:]))]
    refused(net, y, tmp_path, "input and forget gate are one")
