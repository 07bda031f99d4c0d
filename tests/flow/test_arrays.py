"""Arrays in files: every way to give them, every way to be wrong, in bounded memory."""

from __future__ import annotations

import io
import pickle
import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwkit.errors import ConfigError, FormatError, UnsupportedOp
from hwkit.flow import arrays
from hwkit.flow.arrays import load_array, load_arrays, load_inputs, output_files, save_outputs
from hwkit.flow.predict import predict
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Add, Clamp, Rescale, Rounding
from hwkit.ir.types import S8
from hwkit.targets.finn.capabilities import CAPABILITIES


def two_by_two() -> Graph:
    """Inputs a and b=c; outputs their clamped selves' sum and a clamped."""
    b = GraphBuilder("pair")
    b.input("a", (3,), S8)
    b.input("b=c", (3,), S8)
    b.add(Clamp("clamp", "a", "low", 0, 5), S8)
    rescale = Rescale((1 << 30,), (30,), Rounding.DOUBLE, -128, 127, 0)
    b.add(Add("add", ("low", "b=c"), "sum", rescale=rescale), S8)
    return b.build(["sum", "low"])


def one() -> Graph:
    b = GraphBuilder("one")
    b.input("x", (3,), S8)
    b.add(Clamp("clamp", "x", "y", 0, 5), S8)
    return b.build(["y"])


def raw(header: bytes, data: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    return b"\x93NUMPY" + version + len(header).to_bytes(2, "little") + header + data


A = np.array([[1, 9, -9], [2, 3, 4]], np.int8)
B = np.array([[1, 1, 1], [2, 2, 2]], np.int8)
WANTED = {"sum": [[2, 6, 1], [4, 5, 6]], "low": [[1, 5, 0], [2, 3, 4]]}


@pytest.mark.parametrize("form", ["by name", "archive", "compressed", "mixed"])
def test_several_inputs_and_outputs(form: str, tmp_path: Path) -> None:
    graph = two_by_two()
    np.save(tmp_path / "a.npy", A)
    np.save(tmp_path / "b=1.npy", B)
    named = [f"b=c={tmp_path}/b=1.npy", f"a={tmp_path}/a.npy"]
    save: Any = np.savez_compressed if form == "compressed" else np.savez
    if form == "mixed":
        save(tmp_path / "x.npz", a=A)
        named = [named[0], f"{tmp_path}/x.npz"]
    elif form != "by name":
        save(tmp_path / "x.npz", **{"a": A, "b=c": B})
        named = [f"{tmp_path}/x.npz"]
    results = predict(graph, load_inputs(graph, named))
    assert {name: y.tolist() for name, y in results.items()} == WANTED
    files = output_files(graph, [f"sum={tmp_path}/s.npy", f"low={tmp_path}/l.npy"])
    save_outputs(files, results)
    assert np.load(tmp_path / "s.npy").tolist() == WANTED["sum"]
    assert np.load(tmp_path / "l.npy").tolist() == WANTED["low"]
    save_outputs(output_files(graph, [f"{tmp_path}/y.npz"]), results)
    with np.load(tmp_path / "y.npz") as kept:
        assert {name: kept[name].tolist() for name in kept} == WANTED
    content = (tmp_path / "y.npz").read_bytes()
    save_outputs(output_files(graph, [f"{tmp_path}/y.npz"]), results)
    assert (tmp_path / "y.npz").read_bytes() == content


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (["a.npy"], "2 inputs, a, b=c; give each as -i name=x.npy"),
        (["a=a.npy"], "input 'b=c' is missing"),
        (["a=a.npy", "a=a.npy"], "input 'a' is given twice"),
        (["z=a.npy"], "no input 'z'"),
        (["other.npz"], "no input 'other'"),
        (["a=a.npy", "b=c=short.npy"], "different batches .a 2, b=c 1."),
    ],
)
def test_inputs_by_wrong_names(
    sources: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", A)
    np.save("short.npy", B[:1])
    np.savez("other.npz", other=A, a=A)
    with pytest.raises(ConfigError, match=message):
        load_inputs(two_by_two(), sources)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (["y.npy"], "2 outputs, sum, low; give each as -o name=y.npy"),
        (["z=y.npy"], "no output 'z'"),
        (["low=y.npy", "low=z.npy"], "'low' is given twice"),
        (["low=y.npy", "sum=y.npy"], "give each output a file of its own"),
        (["low=folder"], "it is a folder"),
    ],
)
def test_outputs_by_wrong_names(
    targets: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    with pytest.raises(ConfigError, match=message):
        output_files(two_by_two(), targets)


def test_boards_refuse_several_before_they_build(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise AssertionError("built")

    monkeypatch.setattr("hwkit.flow.build.cached", fail)
    one_input = replace(CAPABILITIES, most_inputs=1)
    monkeypatch.setattr("hwkit.targets.finn.target.CAPABILITIES", one_input)
    with pytest.raises(UnsupportedOp, match="finn_sim; it takes 1 of its 2 inputs a, b=c"):
        predict(two_by_two(), {"a": A, "b=c": B}, "finn_sim")
    with pytest.raises(ConfigError, match="has shape"):
        predict(one(), A[:, :2], "virtual_m4")


@pytest.mark.parametrize(
    "values",
    [A, A.astype(">i4"), np.asfortranarray(A), A.astype(np.int64), A[:0], A[:, ::2][:, [0, 1, 1]]],
    ids=["plain", "big-endian", "Fortran order", "wide", "no samples", "gathered"],
)
def test_every_way_to_store_integers(values: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", values)
    read = load_array(tmp_path / "x.npy")
    assert read.dtype.isnative and np.array_equal(read, values)
    for name, y in predict(one(), values).items():
        assert np.array_equal(predict(one(), read)[name], y)
    np.savez(tmp_path / "x.npz", any=values)
    assert np.array_equal(load_inputs(one(), [f"{tmp_path}/x.npz"])["x"], values)


HEADER = b"{'descr': '|i1', 'fortran_order': False, 'shape': (2, 3), }"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x01\x00\xff\xff{",
        raw(HEADER, b"12345"),
        raw(HEADER, b"1234567"),
        raw(HEADER, b"123456", b"\x09\x00"),
        raw(HEADER[:-1], b"123456"),
        raw(HEADER.replace(b"(2, 3)", b"(2, 3"), b"123456"),
        raw(HEADER.replace(b"(2, 3)", b"(True, 6)"), b"123456"),
        raw(HEADER.replace(b"(2, 3)", b"(-2, -3)"), b"123456"),
        raw(HEADER.replace(b"(2, 3)", b"(99999999999, 3)"), b"123456"),
        raw(HEADER.replace(b"(2, 3)", b"[2, 3]"), b"123456"),
        raw(HEADER.replace(b"'|i1'", b"[" * 900), b"123456"),
        raw(HEADER.replace(b"'|i1'", b"'nonsense'"), b"123456"),
        raw(HEADER.replace(b"False", b"exit()"), b"123456"),
        raw(b"\xff\xfe" * 40),
        raw(b"{" + b"(" * 5000),
        raw(b"1 +"),
        raw(b"'''"),
        pickle.dumps(A),
    ],
)
def test_damaged_arrays(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match=r"x\.npy: not a readable \.npy"):
            load_array(path)
        assert tracemalloc.get_traced_memory()[1] < 10 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "values",
    [
        A.astype(np.float32),
        np.full((2, 3), np.nan),
        A > 0,
        A.astype(complex),
        np.zeros((2, 3), [("a", "i1")]),
        np.array([["a"]]),
        A[0],
        np.int8(3),
    ],
)
def test_arrays_of_other_things(values: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", values)
    with pytest.raises(ConfigError, match="needs integers, first axis the batch"):
        load_array(tmp_path / "x.npy")
    np.save(tmp_path / "x.npy", np.array([[{}]], object), allow_pickle=True)
    with pytest.raises(ConfigError, match="holds object"):
        load_array(tmp_path / "x.npy")


def test_archives_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.npz"
    buffer = io.BytesIO()
    np.savez_compressed(buffer, x=A)
    whole = buffer.getvalue()
    for content in (b"", whole[:-30], whole[:60] + b"\0" * 40 + whole[100:], b"PK\x03\x04"):
        path.write_bytes(content)
        with pytest.raises(FormatError, match=r"x\.npz: .*save it again"):
            load_arrays(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", b"text")
    with pytest.raises(FormatError, match="'x': not a readable"):
        load_arrays(path)
    monkeypatch.setattr(arrays, "MAX_ARRAY_BYTES", 4096)
    np.savez_compressed(path, x=np.zeros((1 << 20, 3), np.int8))  # some kB that unpack to 3 MB
    with pytest.raises(ConfigError, match="take more than 4 KiB"):
        load_arrays(path)
