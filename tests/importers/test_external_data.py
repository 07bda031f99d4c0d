"""ONNX values in files beside the model: regular ones of its folder alone, with a bound."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from hwkit.errors import ConfigError, FormatError
from hwkit.importers.qonnx.file import read_onnx

VALUES = np.arange(6, dtype=np.float32)


def model(folder: Path, location: str, constants: int = 1, elements: int = 6, **more: str) -> Path:
    """A sum of ``constants`` tensors of ``elements`` values, all said to lie at ``location``."""
    tensors = []
    for k in range(constants):
        tensor = TensorProto(name=f"c{k}", dims=[elements], data_type=TensorProto.FLOAT)
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in {"location": location, **more}.items():
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value
        tensors.append(tensor)
    kinds = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 6]) for n in ("x", "y")]
    node = helper.make_node("Sum", ["x", *(t.name for t in tensors)], ["y"])
    graph = helper.make_graph([node], "g", kinds[:1], kinds[1:], tensors)
    path = folder / "m.onnx"
    path.write_bytes(helper.make_model(graph).SerializeToString())
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    (tmp_path / "outside.data").write_bytes(VALUES.tobytes())
    return tmp_path / "folder"


def test_values_beside_the_model(folder: Path) -> None:
    (folder / "real.data").write_bytes(b"skip" + VALUES.tobytes() + b"more")
    (folder / "link.data").symlink_to("real.data")
    for name in ("real.data", "link.data"):
        found = read_onnx(model(folder, name, offset="4", length="24"))
        assert np.array_equal(found.constants["c0"], VALUES)
    above = folder.parent / "through"
    above.symlink_to("folder")
    assert np.array_equal(read_onnx(above / "m.onnx").constants["c0"], VALUES)


@pytest.mark.parametrize("kind", ["link out", "link to a folder out", "path", "absolute", "dots"])
def test_values_elsewhere_are_refused(kind: str, folder: Path) -> None:
    location = "w.data"
    if kind == "link out":
        (folder / location).symlink_to("../outside.data")
    elif kind == "link to a folder out":
        (folder / "sub").symlink_to("..")
        location = "sub/outside.data"
    elif kind == "path":
        location = "../outside.data"
    elif kind == "absolute":
        location = str(folder.parent / "outside.data")
    else:
        location = ".."
    with pytest.raises((FormatError, ConfigError), match=r"not beside it|is a folder"):
        read_onnx(model(folder, location))


@pytest.mark.parametrize("kind", ["pipe", "device", "sparse", "missing", "folder", "lfs"])
def test_what_is_no_file_of_values_is_refused(kind: str, folder: Path) -> None:
    path = folder / "w.data"
    message = {"pipe": "is a pipe", "sparse": "is 5,368,709,120 bytes; at most 1 GiB"}
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    elif kind == "lfs":
        path.write_text("version https://git-lfs.github.com/spec/v1\n")
    elif kind == "sparse":
        with path.open("wb") as stream:
            stream.truncate(5 << 30)
    with pytest.raises((FormatError, ConfigError), match=message.get(kind, r"m\.onnx|w\.data")):
        read_onnx(model(folder, "w.data"))


@pytest.mark.parametrize(
    "more",
    [
        {"offset": "-1"},
        {"length": "-1"},
        {"offset": "20", "length": "24"},
        {"length": "9" * 30},
        {"offset": "x"},
        {"length": "5"},
    ],
)
def test_parts_that_are_not_there_are_refused(more: dict[str, str], folder: Path) -> None:
    (folder / "w.data").write_bytes(VALUES.tobytes())
    with pytest.raises(FormatError, match=r"m\.onnx: constant 'c0'"):
        read_onnx(model(folder, "w.data", 1, 6, **more))


def test_many_names_for_the_same_bytes_count_together(folder: Path) -> None:
    """400 MB that a thousand constants share would be 400 GB in memory."""
    with (folder / "w.data").open("wb") as stream:
        stream.truncate(400_000_000)
    path = model(folder, "w.data", constants=1000, elements=100_000_000)
    with pytest.raises(FormatError, match="100000000000 values in files beside it are more than"):
        read_onnx(path)
    with pytest.raises(FormatError, match="is said to be 400000000 bytes at 0"):
        read_onnx(model(folder, "w.data", elements=6))
