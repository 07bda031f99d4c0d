"""Calibration data in its forms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("brevitas")

from hwkit.errors import ConfigError
from hwkit.train.ptq.samples import gathered, load_samples

X = np.arange(24, dtype=np.float32).reshape(4, 6)
Y = np.array([0, 1, 2, 1])


def test_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", X)
    np.savez(tmp_path / "b.npz", x=X, y=Y)
    np.savez(tmp_path / "c.npz", anything=X)
    for name, labels in (("a.npy", None), ("b.npz", Y.tolist()), ("c.npz", None)):
        found = load_samples(str(tmp_path / name))
        assert found.x.tolist() == X.tolist() and found.x.dtype == np.float32
        assert (None if found.labels is None else found.labels.tolist()) == labels


def test_bytes_become_shares() -> None:
    assert gathered(np.array([[0, 51, 255]], np.uint8)).x.tolist() == [[0.0, np.float32(0.2), 1.0]]


def test_a_folder_of_images_by_class(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    for i, name in enumerate(("cat/0.png", "cat/1.png", "dog/0.png")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        image.fromarray(np.full((4, 5, 3), 51 * i, np.uint8)).save(tmp_path / name)
    found = load_samples(str(tmp_path))
    assert found.x.shape == (3, 3, 4, 5) and found.labels is not None
    assert found.x[:, 0, 0, 0].tolist() == pytest.approx([0, 0.2, 0.4])
    assert found.labels.tolist() == [0, 0, 1]


def test_batches_with_and_without_labels() -> None:
    found = gathered([(X[:3], Y[:3]), (X[3:], Y[3:])])
    assert found.x.tolist() == X.tolist() and found.labels is not None
    assert found.labels.tolist() == Y.tolist()
    assert gathered(iter([X, X])).x.shape == (8, 6)


def test_functions_of_the_users() -> None:
    found = load_samples("tests.train.ptq.nets:labelled")
    assert found.x.shape == (16, 3, 8, 8) and found.labels is not None


def test_chosen_samples_repeat() -> None:
    found = gathered((X, Y)).chosen(2, seed=1)
    assert found.x.shape == (2, 6) and found.x.tolist() == gathered((X, Y)).chosen(2, 1).x.tolist()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere.npy", "nowhere.npy: "),
        ("nowhere.txt", "no such samples; give .npy"),
        ("tests.train.ptq.nets:missing", "cannot be made .AttributeError"),
        ("tests.train.ptq.nets:no_network", "x is <U9 of shape"),
    ],
)
def test_what_are_no_samples(source: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_samples(source)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", X)
    whole = (tmp_path / "a.npy").read_bytes()
    for size in (0, 5, 60, len(whole) - 3):
        (tmp_path / "a.npy").write_bytes(whole[:size])
        with pytest.raises(ConfigError, match=r"a\.npy: "):
            load_samples(str(tmp_path / "a.npy"))


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        (X[0], r"float32 of shape \(6,\)"),
        ((X, Y[:2]), "for 4 samples"),
        (np.full((2, 2), np.inf), "NaN or infinite"),
        ([], "there are none"),
        (3, "int gives no batches"),
        ([X, X[:, :2]], "several shapes"),
    ],
)
def test_arrays_that_do_not_serve(batches: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        gathered(batches)


def test_packed_zeros_are_counted_before_they_are_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros((4, 60_000), np.float32))
    monkeypatch.setattr("hwkit.train.ptq.samples.MAX_BYTES", 500_000)
    with pytest.raises(ConfigError, match=r"a\.npz: its arrays take 960,128 bytes, more than"):
        load_samples(str(tmp_path / "a.npz"))


@pytest.mark.parametrize("damage", [100, 300, -30])
def test_damaged_archives_are_refused(damage: int, tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=np.random.default_rng(0).normal(size=(8, 20)))
    data = bytearray((tmp_path / "a.npz").read_bytes())
    data[damage] ^= 255
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(ConfigError, match=r"a\.npz: not an array file"):
        load_samples(str(tmp_path / "a.npz"))
