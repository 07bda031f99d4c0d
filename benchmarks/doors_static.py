"""Random networks of PyTorch, quantized by ONNX Runtime, beside ONNX Runtime's own execution:

python -m benchmarks.doors_static [networks] [first seed]

Each network is exported with a random opset, quantized by ``quantize_static`` with random options
(QDQ or QOperator, int8 or uint8, per channel or not, symmetric or not, preprocessed or not),
imported and compared layer by layer. Writes ``results/doors_static.csv``.
"""

from __future__ import annotations

import io
import logging
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.csvfile import write
from benchmarks.static_networks import Drawn
from hwkit.errors import HwkitError
from hwkit.importers import load_proven

NETWORKS = 300
_OPSETS = (13, 14, 15, 16, 17, 18, 20)
_SAMPLES = 8
_COLUMNS = (
    "files",
    "not_made",
    "refused",
    "unproven",
    "with_float_parts",
    "inputs",
    "integers",
    "differing",
    "ties",
)


def quantized(drawn: Drawn, seed: int, folder: Path) -> tuple[Path, str]:
    """The file that ``quantize_static`` makes, and its options in words."""
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )  # fmt: skip
    from onnxruntime.quantization.shape_inference import quant_pre_process

    rng = np.random.default_rng(seed + 1_000_000)
    opset, plain, path = int(rng.choice(_OPSETS)), folder / "float.onnx", folder / "static.onnx"
    stream, open_batch = io.BytesIO(), {"x": {0: "n"}} if rng.integers(2) else None
    torch.onnx.export(
        drawn.module, (torch.randn(1, *drawn.shape),), stream, input_names=["x"],
        opset_version=opset, dynamo=False, dynamic_axes=open_batch,
    )  # fmt: skip
    plain.write_bytes(stream.getvalue())
    ready = folder / "ready.onnx"
    prepared = bool(rng.integers(2))
    if prepared:
        quant_pre_process(str(plain), str(ready), skip_symbolic_shape=True)

    class Samples(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = [
                rng.normal(size=(1, *drawn.shape)).astype(np.float32) for _ in range(_SAMPLES)
            ]

        def get_next(self) -> Any:
            return {"x": self.left.pop()} if self.left else None

    form = QuantFormat.QDQ if rng.random() < 0.8 else QuantFormat.QOperator
    kinds = [QuantType.QInt8, QuantType.QUInt8]
    activations, weights = kinds[rng.integers(2)], kinds[int(rng.random() < 0.2)]
    if activations == QuantType.QInt8:
        weights = QuantType.QInt8
    channels, symmetric = bool(rng.integers(2)), bool(rng.integers(2))
    extra = {"ActivationSymmetric": symmetric}
    if rng.random() < 0.3:
        extra["QuantizeBias"] = False
    quantize_static(
        str(ready if prepared else plain), str(path), Samples(), quant_format=form,
        per_channel=channels, activation_type=activations, weight_type=weights, extra_options=extra,
    )  # fmt: skip
    words = f"{form} opset {opset} {activations} {weights}" + " per channel" * channels
    return path, words + " symmetric" * symmetric + " prepared" * prepared


def judged(seed: int, total: Counter[str]) -> None:
    """Counts one network, and prints what is refused or differs."""
    drawn = Drawn(seed)
    with tempfile.TemporaryDirectory() as folder:
        try:
            path, words = quantized(drawn, seed, Path(folder))
        except Exception as error:  # Theirs: what they cannot export or quantize is no file.
            total["not_made"] += 1
            print(f"{seed} {drawn.kinds} not made: {type(error).__name__}", flush=True)
            return
        total["files"] += 1
        told = f"{seed} {drawn.kinds} {words}"
        try:
            graph, proof = load_proven(path, _SAMPLES)
        except HwkitError as error:
            total["refused"] += 1
            print(f"{told}: {error}", flush=True)
            return
    if proof is None:
        total["unproven"] += 1
        print(f"{told}: no proof", flush=True)
        return
    total.update(proof.counts() | {"by": 0})
    total["with_float_parts"] += any(k.startswith("float") for k in graph.metadata)
    if not proof.exact:
        print(f"{told}: DIFFERS {proof.line()} {proof.first}", flush=True)


def main(arguments: list[str]) -> int:
    """A line for each refusal or difference; returns 1 where an integer differs."""
    count = int(arguments[0]) if arguments else NETWORKS
    first = int(arguments[1]) if len(arguments) > 1 else 0
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    total: Counter[str] = Counter()
    for seed in range(first, first + count):
        judged(seed, total)
    row = {key: total[key] for key in _COLUMNS}
    if count >= NETWORKS:
        write("doors_static", [{**row, "evidence": "measured"}])
    print(row)
    return int(bool(total["differing"]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
