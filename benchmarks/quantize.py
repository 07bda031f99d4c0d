"""Quantization after training on four float networks, beside ONNX Runtime's.

python -m benchmarks.quantize DATA FLOATS [--only ...] [--seeds 3] [--weights 8 4]

DATA and FLOATS as in ``benchmarks.float_networks``, which trains the networks. Each is quantized
from 512 of its training samples, chosen by seed; accuracies are shares of right answers on the
test set, ``integer`` those of the interpreter. ``seconds`` are a processor's.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.csvfile import write
from benchmarks.float_networks import CASES, accuracy
from hwkit.ir.types import Array
from hwkit.train.data import Dataset
from hwkit.train.fit import silent
from hwkit.train.ptq.run import quantize_run
from hwkit.train.ptq.samples import Samples
from hwkit.train.ptq.settings import Settings

SAMPLES = 512


def calibration(data: Dataset, seed: int) -> Samples:
    """512 training samples."""
    return Samples(data.train_images, None).chosen(SAMPLES, seed)


def hwkit_row(network: nn.Module, data: Dataset, bits: int, seed: int) -> dict[str, Any]:
    """What ``hwkit quantize`` gives with its defaults."""
    test, start = Samples(data.test_images, data.test_labels), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        report = quantize_run(
            network, calibration(data, seed), Path(folder), Settings(weights=bits, seed=seed), test,
            progress=silent,
        )  # fmt: skip
    kept = [step["name"] for step in report.steps if step["kept"]]
    return {
        "tool": "hwkit",
        "float": report.accuracy["float"],
        "integer": report.accuracy["integer"],
        "seconds": round(time.process_time() - start, 1),
        "how": "; ".join(kept),
    }


def onnxruntime_row(network: nn.Module, data: Dataset, seed: int) -> dict[str, Any]:
    """ONNX Runtime's static quantization: QDQ, int8 weights per channel, uint8 activations."""
    import onnxruntime
    from onnxruntime.quantization import QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    x, start = calibration(data, seed).x, time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        files = [str(Path(folder) / name) for name in ("float.onnx", "pre.onnx", "int8.onnx")]
        stream = io.BytesIO()
        names = {"input_names": ["x"], "dynamic_axes": {"x": {0: "n"}}}
        torch.onnx.export(network, (torch.from_numpy(x[:1]),), stream, dynamo=False, **names)
        Path(files[0]).write_bytes(stream.getvalue())
        quant_pre_process(files[0], files[1])
        options = {"per_channel": True, "activation_type": QuantType.QUInt8}
        quantize_static(files[1], files[2], _Reader(x), weight_type=QuantType.QInt8, **options)
        seconds = time.process_time() - start
        session = onnxruntime.InferenceSession(files[2])
        got = [session.run(None, {"x": part})[0] for part in np.array_split(data.test_images, 20)]
    return {
        "tool": f"onnxruntime {onnxruntime.__version__}",
        "float": accuracy(network, data.test_images, data.test_labels),
        "integer": float((np.concatenate(got).argmax(1) == data.test_labels).mean()),
        "seconds": round(seconds, 1),
        "how": "quantize_static, minmax",
    }


class _Reader:
    """Calibration samples one by one, as ONNX Runtime asks for them."""

    def __init__(self, x: Array) -> None:
        self.left: Iterator[Mapping[str, Array]] = iter({"x": sample[None]} for sample in x)

    def get_next(self) -> Mapping[str, Array] | None:
        return next(self.left, None)


def main() -> None:
    """Quantizes all networks and writes the CSV."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("floats", type=Path)
    parser.add_argument("--only", nargs="*", choices=list(CASES), default=list(CASES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--weights", nargs="*", type=int, default=[8, 4])
    parser.add_argument("--test", type=int, default=10_000, help="samples of the test set")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for name in options.only:
        case = CASES[name]
        data = case.data(options.data)
        test = data.test_images[: options.test], data.test_labels[: options.test]
        data = Dataset(data.name, data.train_images, data.train_labels, *test)
        network = case.make()
        network.load_state_dict(torch.load(options.floats / f"{name}.pt", weights_only=True))
        network.eval()
        for bits in options.weights:
            for seed in range(options.seeds):
                made = [hwkit_row(network, data, bits, seed)]
                if bits == 8:
                    made.append(onnxruntime_row(network, data, seed))
                for row in made:
                    lost = 100 * (row["float"] - row["integer"])
                    rows.append(
                        {"network": name, "weight_bits": bits, "seed": seed, **row,
                         "lost_points": round(lost, 2), "test_samples": len(test[1]),
                         "evidence": "measured"}
                    )  # fmt: skip
                    print(rows[-1], flush=True)
                write("quantize", rows)


if __name__ == "__main__":
    main()
