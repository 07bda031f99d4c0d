"""Recurrent networks that take a step in a call: python -m benchmarks.streaming DATA [NAME ...]

``DATA`` has ``fsdd.npz`` (see ``benchmarks.transformers``). ``gru``: a keyword network, a GRU over
log energies, spoken digits. ``dtln``: two LSTMs whose mask is multiplied with the magnitudes of a
spectrum, as the first network of DTLN (Westhausen and Meyer 2020) has them, to take noise off the
digits; half its width. Each is trained here for a minute, quantized as ``hwkit quantize
--streaming`` does, and run for STEPS successive steps on boards; writes ``results/streaming.csv``.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import hwkit
from benchmarks.csvfile import read, write
from benchmarks.transformers import BANDS, FRAMES, digits
from hwkit.ir.graph import Graph
from hwkit.ir.types import Array
from hwkit.train.freeze import input_integers
from hwkit.train.ptq.quantize import signal_to_noise

STEPS, CALIBRATION = 200, 128
BOARDS = ("virtual_m4", "virtual_rv32", "host_litert", "host_onnxruntime")
_WINDOW, _HOP, BINS, UNITS = 256, 128, 129, 64
_TEST_TAKES = 5
_SEED = 1


class Gru(nn.Module):
    """(N, steps, 32) log energies to digits, behind the last step."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(BANDS, 48, batch_first=True)
        self.fc = nn.Linear(48, 10)

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.gru(x)
        return self.fc(y[:, -1])


class Dtln(nn.Module):
    """(N, steps, 129) magnitudes to those without noise."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(BINS, UNITS, num_layers=2, batch_first=True)
        self.mask = nn.Linear(UNITS, BINS)

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.lstm(x)
        return x * torch.sigmoid(self.mask(y))


def noisy(folder: Path) -> tuple[Array, Array, Array]:
    """Magnitudes (N, 48, 129) of spoken digits with noise at 5 dB, those without, and takes."""
    with np.load(folder / "fsdd.npz") as file:
        samples, offset, take = (file[k] for k in ("samples", "offset", "take"))
    rng, pairs = np.random.default_rng(_SEED), []
    for a, b in pairwise(offset):
        clip = samples[a:b].astype(np.float32)
        clip = clip / max(1.0, float(np.abs(clip).max()))
        clip = np.pad(clip, (0, max(0, _WINDOW + _HOP * (FRAMES - 1) - len(clip))))
        level = np.sqrt((clip**2).mean()) * 10 ** (-5 / 20)
        pairs.append([_magnitudes(clip + rng.normal(0, level, len(clip))), _magnitudes(clip)])
    both = np.array(pairs, np.float32)
    return both[:, 0], both[:, 1], take


def _magnitudes(sound: Array) -> Array:
    starts = _HOP * np.arange(FRAMES)
    frames = sound[starts[:, None] + np.arange(_WINDOW)] * np.hanning(_WINDOW)
    return np.asarray(np.abs(np.fft.rfft(frames)) / 8)


def fit(
    network: nn.Module, x: Tensor, y: Tensor, loss: Callable[..., Tensor], epochs: int
) -> nn.Module:
    """The network trained by Adam in batches of 64."""
    steps = epochs * (len(x) // 64)
    optimizer = torch.optim.Adam(network.parameters(), 4e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    order = torch.cat([torch.randperm(len(x)) for _ in range(epochs)])
    for k in range(steps):
        chosen = order[64 * k : 64 * k + 64]
        optimizer.zero_grad()
        loss(network(x[chosen]), y[chosen]).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return network.eval()


def _gru(folder: Path) -> tuple[nn.Module, Array, Any, Array | None]:
    data = digits(folder)
    x, y = torch.from_numpy(data.train_images), torch.from_numpy(data.train_labels)
    network = fit(Gru(), x, y, F.cross_entropy, 12)
    return network, data.train_images, (data.test_images, data.test_labels), None


def _dtln(folder: Path) -> tuple[nn.Module, Array, Any, Array | None]:
    x, clean, take = noisy(folder)
    test = take < _TEST_TAKES
    network = fit(Dtln(), torch.from_numpy(x[~test]), torch.from_numpy(clean[~test]), F.mse_loss, 4)
    return network, x[~test], x[test], clean[test]


CASES = {"gru": _gru, "dtln": _dtln}


def measured(name: str, folder: Path) -> list[dict[str, Any]]:
    """A row for each board: accuracies or noise left, and STEPS steps beside the interpreter."""
    torch.manual_seed(_SEED)
    network, train, test, clean = CASES[name](folder)
    chosen = np.random.default_rng(_SEED).permutation(len(train))[:CALIBRATION]
    with tempfile.TemporaryDirectory() as place:
        facts = hwkit.quantize(network, train[chosen], Path(place) / "run", test=test, streaming=1)
        graph = hwkit.load(Path(place) / "run" / "model.hwk")
    row: dict[str, Any] = {
        "network": name,
        "states": len(graph.states),
        "test_sequences": facts["test_images"],
    }
    row |= {key: _rounded(facts["accuracy"][key]) for key in ("float", "fake_quantized", "integer")}
    row |= dict.fromkeys(("noisy_db", "float_db", "integer_db"), "")
    row |= {"output_db": round(facts["output_db"], 1), "moved": facts["moved"]}
    if clean is not None:
        row |= dict(
            zip(
                ("noisy_db", "float_db", "integer_db"),
                _left(network, graph, test, clean),
                strict=True,
            )
        )
    return [row | _on(board, graph) for board in BOARDS]


_HEARD = 60
"""Test sequences whose noise is measured."""


def _left(network: nn.Module, graph: Graph, x: Array, clean: Array) -> list[float]:
    """Speech to noise in dB before, behind the float network, and behind the integers."""
    x, clean = x[:_HEARD], clean[:_HEARD]
    with torch.no_grad():
        plain = network(torch.from_numpy(x)).numpy()
    facts = graph.tensors[graph.outputs[0]].quantization
    assert facts is not None
    rows = []
    for sequence in x:
        y = np.asarray(graph.predict(input_integers(graph, sequence[:, None])))
        rows.append(
            facts.scale[0] * (y.reshape(sequence.shape).astype(np.float32) - facts.zero_point)
        )
    given = (x, plain, np.stack(rows).astype(np.float32))
    return [round(signal_to_noise(*map(torch.from_numpy, (clean, y))), 2) for y in given]


def _rounded(share: float | None) -> float | str:
    return "" if share is None else round(share, 4)


def _on(board: str, graph: Graph) -> dict[str, Any]:
    found = hwkit.verify(graph, board, samples=STEPS)
    compared = {"steps": STEPS, "integers": found.integers, "differing": found.differing}
    return {"board": board, **compared, "evidence": "simulated"}


def main(arguments: list[str]) -> None:
    """Writes ``results/streaming.csv``; rows of networks that are not named stay."""
    folder, *names = arguments
    chosen = names or list(CASES)
    try:
        rows: list[dict[str, Any]] = [r for r in read("streaming") if r["network"] not in chosen]
    except FileNotFoundError:
        rows = []
    for name in chosen:
        rows += measured(name, Path(folder))
        print(rows[-len(BOARDS) :], flush=True)
        write("streaming", rows)


if __name__ == "__main__":
    main(sys.argv[1:])
