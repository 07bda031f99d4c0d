"""Checkpoints that are none: refused in one line, and nothing in them is run."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from hwkit.errors import FormatError
from hwkit.train.pipeline import read_checkpoint

GOOD: dict[str, Any] = {
    "recipe": "0" * 64,
    "weight_bits": {"a": 4},
    "float": {"a.weight": torch.zeros(2, 3).t()},
    "float_accuracy": 0.5,
    "quantized": {"a.weight": torch.ones(2, 3)},
}


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


def saved(value: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream, **options)
    return stream.getvalue()


def test_a_checkpoint_is_read(tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    path.write_bytes(saved(GOOD))
    found = read_checkpoint(path)
    assert found["weight_bits"] == {"a": 4}
    assert torch.equal(found["float"]["a.weight"], GOOD["float"]["a.weight"])


@pytest.mark.parametrize("wrap", ["alone", "archive", "inside", "old archive"])
def test_nothing_in_it_is_run(wrap: str, tmp_path: Path) -> None:
    path, mark = tmp_path / "c.pt", tmp_path / "ran"
    trap = Trap(mark)
    contents = {
        "alone": lambda: pickle.dumps(trap),
        "archive": lambda: saved(trap),
        "inside": lambda: saved({**GOOD, "quantized": trap}),
        "old archive": lambda: saved(trap, _use_new_zipfile_serialization=False),
    }
    path.write_bytes(contents[wrap]())
    with pytest.raises(FormatError, match=r"c\.pt: not a checkpoint"):
        read_checkpoint(path)
    assert not mark.exists()


@pytest.mark.parametrize(
    "value",
    [
        None,
        [1, 2],
        {"a": torch.zeros(1)},
        {**GOOD, "more": 1},
        {**GOOD, "float": {"a.weight": 3}},
        {**GOOD, "float": {5: torch.zeros(1)}},
        {**GOOD, "weight_bits": {"a": "4"}},
        {**GOOD, "float_accuracy": "high"},
        {**GOOD, "quantized": {"a.weight": torch.zeros(1).expand(10**13)}},
        {**GOOD, "quantized": {"a.weight": torch.zeros(3).to_sparse()}},
    ],
)
def test_other_values_are_refused(value: Any, tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    path.write_bytes(saved(value))
    with pytest.raises(FormatError, match=r"c\.pt: not a checkpoint of hwkit's; train again"):
        read_checkpoint(path)


def test_archives_of_other_things_and_bombs_are_refused(tmp_path: Path) -> None:
    path, whole = tmp_path / "c.pt", saved(GOOD)
    for content in (b"", b"PK\x03\x04", b"\x80\x02.", whole[:-50], whole[:400] + whole[420:]):
        path.write_bytes(content)
        with pytest.raises(FormatError, match=r"c\.pt: not a checkpoint"):
            read_checkpoint(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(50 << 20))
    with pytest.raises(FormatError, match="its parts are larger than the file"):
        read_checkpoint(path)
