"""The samples of a benchmark, in files as the MLCommons runner reads them.

A data set is a folder ``<network>/`` with ``y_labels.csv`` (no header; file, number of classes,
class and, for anomaly detection, bytes of a window and of the step to the next) and the files
(mlcommons/tiny, ``benchmark/evaluation/datasets/README.md``).
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np

from hwkit.errors import ConfigError, FormatError
from hwkit.files import read_file, write_whole
from hwkit.ir.graph import Graph
from hwkit.ir.types import Array
from hwkit.targets.mcu.package.networks import Network

LABELS = "y_labels.csv"
_MOST_BYTES = 1 << 24
_REMEDY = "give the runner's data set"


@dataclass(frozen=True, slots=True)
class File:
    """A file of a data set: its bytes, its class of ``classes``, and its windows, one unless the
    file is longer than a sample."""

    name: str
    classes: int
    label: int
    data: bytes
    stride: int

    def windows(self, size: int) -> list[bytes]:
        """The samples of ``size`` bytes that the runner takes from it."""
        starts = range(0, len(self.data) - size + 1, self.stride)
        return [self.data[start : start + size] for start in starts]


def read(folder: Path, network: Network, most: int | None) -> tuple[list[File], int]:
    """At most ``most`` files of the data set in ``folder``, each class as often as can be, and how
    many it has.

    ``ConfigError`` without the files, ``FormatError`` for what the runner could not send.
    """
    rows = list(_rows(folder / LABELS))
    taken = rows if most is None else _spread(rows)[:most]
    return [_file(folder, row, network) for row in taken], len(rows)


def _rows(path: Path) -> Iterator[tuple[str, int, int, int | None, int]]:
    text = read_file(path, _MOST_BYTES, _REMEDY).decode(errors="replace")
    for number, row in enumerate(csv.reader(text.splitlines()), 1):
        try:
            window, stride = (int(row[3]), int(row[4])) if len(row) > 3 else (None, 1)
            yield row[0], int(row[1]), int(row[2]), window, stride
        except (IndexError, ValueError) as error:
            raise FormatError(
                f"{path}: line {number}: not a file, its number of classes and its class; {_REMEDY}"
            ) from error


def _spread(
    rows: Sequence[tuple[str, int, int, int | None, int]],
) -> list[tuple[str, int, int, int | None, int]]:
    """The first of each class, then the second of each, and so on."""
    by_label = defaultdict(list)
    for row in rows:
        by_label[row[2]].append(row)
    turns = zip_longest(*(by_label[label] for label in sorted(by_label)))
    return [row for turn in turns for row in turn if row is not None]


def _file(folder: Path, row: tuple[str, int, int, int | None, int], network: Network) -> File:
    name, classes, label, window, stride = row
    if Path(name).name != name or name in ("", ".", ".."):
        raise FormatError(f"{folder / LABELS}: {name!r:.60} is no file's name; {_REMEDY}")
    data = read_file(folder / name, _MOST_BYTES, _REMEDY)
    size = network.sample_bytes
    if window not in (None, size) or stride < 1 or len(data) < size:
        raise FormatError(
            f"{folder / name}: {len(data)} bytes in windows of {window or len(data)}: a sample of "
            f"{network.name} has {size}; {_REMEDY}"
        )
    if window is None and len(data) != size:
        raise FormatError(
            f"{folder / name}: {len(data)} bytes, a sample of {network.name} has {size}; {_REMEDY}"
        )
    return File(name, classes, label, data, stride)


def made(network: Network, graph: Graph, count: int, seed: int) -> list[File]:
    """``count`` random samples. Their classes go round and mean nothing: what they give may be
    compared with another's answers to them, and is no accuracy."""
    rng = np.random.default_rng(seed)
    classes = 2 if network.autoencodes else network.outputs
    return [
        File(f"random_{k:04}.bin", classes, k % classes, _random(network, graph, rng), 1)
        for k in range(count)
    ]


def _random(network: Network, graph: Graph, rng: np.random.Generator) -> bytes:
    if network.samples != "reals":
        return rng.integers(0, 256, network.elements, np.uint8).tobytes()
    low, high = (_real(graph, integer) for integer in (-128, 127))
    return rng.uniform(low, high, network.elements).astype("<f4").tobytes()


def _real(graph: Graph, integer: int) -> float:
    known = graph.tensors[graph.inputs[0]].quantization
    if known is None:
        raise ConfigError(f"{graph.inputs[0]}: its scale is not known; give the quantized network")
    return float((integer - known.zero_point) * known.scale[0])


def write(files: Sequence[File], folder: Path, network: Network) -> None:
    """The data set in ``folder``, which the runner then finds."""
    rows = []
    for file in files:
        window = [network.sample_bytes, file.stride] if network.autoencodes else []
        rows.append(",".join(map(str, (file.name, file.classes, file.label, *window))))
        write_whole(folder / file.name, file.data)
    write_whole(folder / LABELS, "".join(f"{row}\n" for row in rows).encode())


def integers(network: Network, graph: Graph, samples: Sequence[bytes]) -> Array:
    """What the device makes of ``samples``: (samples, *shape), in the range of the input, which is
    signed in a lowered graph."""
    tensor = graph.tensors[graph.inputs[0]]
    if network.samples == "reals":
        values = np.stack([_quantized(graph, np.frombuffer(data, "<f4")) for data in samples])
    else:
        raw = np.stack([np.frombuffer(data, np.uint8) for data in samples])
        flipped = raw ^ np.uint8(0x80 if network.samples == "pixels" else 0)
        values = flipped.view(np.int8)
    return values.reshape(-1, *tensor.shape).astype(tensor.dtype.container)


def _quantized(graph: Graph, reals: Array) -> Array:
    """``round(x / scale) + zero point``, halves away from zero, in 32-bit floats, clamped."""
    known = graph.tensors[graph.inputs[0]].quantization
    if known is None:
        raise ConfigError(f"{graph.inputs[0]}: its scale is not known; give the quantized network")
    steps = np.nan_to_num(reals / np.float32(known.scale[0]), nan=-1024).clip(-1024, 1024)
    rounded = np.trunc(steps) + (np.abs(steps - np.trunc(steps)) >= 0.5) * np.sign(steps)
    quantized: Array = np.clip(rounded + known.zero_point, -128, 127).astype(np.int8)
    return quantized
