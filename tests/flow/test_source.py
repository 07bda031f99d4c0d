"""Files of other people's under every ending and operator version that they have."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwkit.flow.export import export
from hwkit.flow.source import import_file
from hwkit.importers.tflite.file import with_versions
from hwkit.importers.tflite.schema import packed, schema
from hwkit.ir.ops import Rounding
from tests.importers.tflite.files import activation, file_bytes, integers, operator
from tests.targets.onnx.test_forms import layer


@pytest.mark.parametrize("ending", [".qonnx", ".ONNX"])
def test_onnx_under_other_endings(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"m{ending}"
    export(layer(Rounding.HALF_EVEN, 3, -128), "onnx", tmp_path / "plain.onnx", form="qdq")
    (tmp_path / "plain.onnx").rename(path)
    _, proof = import_file(path, 4, required=True)
    assert proof is not None and proof.integers and not proof.differing


def _tile(version: int) -> bytes:
    tensors = [activation("x", (1, 2, 3)), integers("n", [1, 2, 2]), activation("y", (1, 4, 6))]
    data = file_bytes(tensors, [operator("TILE", ("x", "n"), ("y",), "TileOptions")])
    root = schema().ModelT.InitFromPackedBuf(data, 0)
    root.operatorCodes[0].version = version
    return packed(root)


def test_an_operator_of_a_later_version_runs(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(_tile(3))
    _, proof = import_file(path, 4, required=True)
    assert proof is not None and proof.integers and not proof.differing
    pairs = zip(_tile(3), with_versions(_tile(3), {"TILE": 1}), strict=True)
    assert [pair for pair in pairs if pair[0] != pair[1]] == [(3, 1)]
