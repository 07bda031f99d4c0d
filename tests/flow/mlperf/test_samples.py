"""Data sets in the runner's form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwkit.errors import ConfigError, FormatError
from hwkit.flow.mlperf import samples
from hwkit.targets.mcu.package.networks import NETWORKS
from tests.flow.mlperf.models import dense

KWS, AD, IC = NETWORKS["kws01"], NETWORKS["ad01"], NETWORKS["ic01"]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    for network, graph in ((KWS, dense(490, 12)), (AD, dense(640, 640))):
        files = samples.made(network, graph, 6, 1)
        samples.write(files, tmp_path / network.name, network)
        found, of = samples.read(tmp_path / network.name, network, None)
        assert (found, of) == (files, 6)


def test_few_files_have_each_class_as_often_as_can_be(tmp_path: Path) -> None:
    files = samples.made(KWS, dense(490, 12), 30, 1)
    files.sort(key=lambda file: file.label)
    samples.write(files, tmp_path, KWS)
    found, of = samples.read(tmp_path, KWS, 13)
    assert of == 30
    assert [file.label for file in found] == [*range(12), 0]


def test_windows_of_a_long_file() -> None:
    data = bytes(range(256)) * 15
    file = samples.File("f", 2, 0, data, 512)
    assert file.windows(2560) == [data[k : k + 2560] for k in (0, 512, 1024)]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("a.bin,12\n", "line 1: not a file"),
        ("a.bin,12,x\n", "line 1: not a file"),
        ("../a.bin,12,1\n", "is no file's name"),
        ("a.bin,12,1\n", "3 bytes in windows of 3: a sample of kws01 has 490"),
        ("b.bin,12,1,490,0\n", "b.bin: 491 bytes in windows"),
        ("b.bin,12,1\n", "491 bytes, a sample of kws01 has 490"),
    ],
)
def test_what_the_runner_could_not_send(rows: str, said: str, tmp_path: Path) -> None:
    (tmp_path / samples.LABELS).write_text(rows)
    (tmp_path / "a.bin").write_bytes(b"abc")
    (tmp_path / "b.bin").write_bytes(bytes(491))
    with pytest.raises(FormatError, match=said):
        samples.read(tmp_path, KWS, None)


def test_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / samples.LABELS).write_text("a.bin,12,1\n")
    with pytest.raises(ConfigError, match=r"a\.bin"):
        samples.read(tmp_path, KWS, None)


def test_pixels_features_and_reals() -> None:
    pixels = bytes([0, 127, 128, 255]) * 768
    assert samples.integers(IC, dense(3072, 10), [pixels])[0, :4].tolist() == [-128, -1, 0, 127]
    features = bytes([0, 255, 128, 127, 1]) * 98
    assert samples.integers(KWS, dense(490, 12), [features])[0, :4].tolist() == [0, -1, -128, 127]
    scale = np.float32(0.4)
    reals = np.resize(np.array([0, scale / 2, -scale / 2, np.nan, 1e9], "<f4"), 640)
    found = samples.integers(AD, dense(640, 640), [reals.tobytes()])
    assert found[0, :5].tolist() == [5, 6, 4, -128, 127]
