"""Quantization after training on four float networks, beside ONNX Runtime's.

python -m benchmarks.quantize DATA FLOATS [--only ...] [--seeds 0 1 2] [--weights 8 4]
    [--edge PYTHON]

DATA and FLOATS as in ``benchmarks.float_networks``, which trains the networks. Each is quantized
from 512 of its training samples, chosen by seed; accuracies are shares of right answers on the
first samples of the test set, ``integer`` those of the interpreter. ``seconds`` are a processor's.
PYTHON is one of an environment with ai-edge-quantizer, as of ``benchmarks.quantizer_doors``.
Rows replace those of the same network, width, seed and tool in the CSV, others stay.
"""

from __future__ import annotations

import argparse
import io
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.csvfile import FOLDER, read, write
from benchmarks.float_networks import CASES
from benchmarks.trained import accuracy
from hwkit.ir.types import Array
from hwkit.train.data import Dataset
from hwkit.train.fit import silent
from hwkit.train.ptq.run import quantize_run
from hwkit.train.ptq.samples import Samples
from hwkit.train.ptq.settings import METHODS, Settings, with_methods

SAMPLES = 512

TESTED = {"mnist_cnn": 2000, "spoken": 300, "resnet8": 1000, "mobilenetv2": 1000}
"""Samples of the test set."""

_CHILD = Path(__file__).with_name("quantizer_child.py")
_KEY = ("network", "weight_bits", "seed", "tool")


def calibration(data: Dataset, seed: int) -> Samples:
    """512 training samples."""
    return Samples(data.train_images, None).chosen(SAMPLES, seed)


def hwkit_row(
    network: nn.Module, data: Dataset, bits: int, seed: int, methods: Sequence[str] = ()
) -> dict[str, Any]:
    """What ``hwkit quantize`` gives with its defaults, or with ``methods``."""
    test, start = Samples(data.test_images, data.test_labels), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        report = quantize_run(
            network, calibration(data, seed), Path(folder),
            with_methods(Settings(weights=bits, seed=seed), methods), test, progress=silent,
        )  # fmt: skip
    kept = [step["name"] for step in report.steps if step["kept"]]
    return {
        "tool": " ".join(["hwkit", *(f"--method {name}" for name in methods)]),
        "float": report.accuracy["float"],
        "integer": report.accuracy["integer"],
        "seconds": round(time.process_time() - start, 1),
        "how": "; ".join(kept),
    }


def onnxruntime_row(network: nn.Module, data: Dataset, bits: int, seed: int) -> dict[str, Any]:
    """ONNX Runtime's static quantization: QDQ, int8 or int4 weights per channel, uint8
    activations."""
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
        weights = {8: QuantType.QInt8, 4: QuantType.QInt4}[bits]
        quantize_static(files[1], files[2], _Reader(x), weight_type=weights, **options)
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


def edge_quantizer_row(
    network: nn.Module, data: Dataset, bits: int, seed: int, python: str
) -> dict[str, Any]:
    """ai-edge-quantizer's static quantization in the environment of ``python``, run by LiteRT."""
    from benchmarks.float_tflite import tflite_of

    x, recipe = calibration(data, seed).x, {8: "ai8", 4: "w4"}[bits]
    with tempfile.TemporaryDirectory() as folder:
        path, samples, made = (Path(folder) / n for n in ("f.tflite", "x.npy", f"{recipe}.tflite"))
        path.write_bytes(tflite_of(network, torch.from_numpy(x[:2])))
        np.save(samples, _channels_last(x))
        command = [python, str(_CHILD), str(path), str(samples), folder, recipe]
        start = _seconds_of_children()
        subprocess.run(command, check=True, capture_output=True)
        seconds = _seconds_of_children() - start
        got = _litert(made.read_bytes(), _channels_last(data.test_images))
    deep = any(getattr(m, "groups", 1) > 1 for m in network.modules())
    narrow = ", int8 in depthwise layers" if bits == 4 and deep else ""
    return {
        "tool": f"ai-edge-quantizer {_version(python)}",
        "float": accuracy(network, data.test_images, data.test_labels),
        "integer": float((got.argmax(1) == data.test_labels).mean()),
        "seconds": round(seconds, 1),
        "how": f"static_wi{bits}_ai8, minmax{narrow}",
    }


def _channels_last(x: Array) -> Array:
    """(N, C, H, W) or (N, C, L) as (N, H, W, C), H being 1 for a sequence."""
    image = x if x.ndim == 4 else x[:, :, None]
    return np.ascontiguousarray(image.transpose(0, 2, 3, 1))


def _litert(model: bytes, x: Array) -> Array:
    """What LiteRT gives for samples one by one."""
    from ai_edge_litert.interpreter import Interpreter

    runtime = Interpreter(model_content=model)
    runtime.allocate_tensors()
    entry, out = runtime.get_input_details()[0], runtime.get_output_details()[0]["index"]
    if entry["dtype"] == np.int8:
        scale, zero_point = entry["quantization"]
        x = np.clip(np.rint(x / scale) + zero_point, -128, 127).astype(np.int8)
    found = []
    for sample in x:
        runtime.set_tensor(entry["index"], sample[None])
        runtime.invoke()
        found.append(runtime.get_tensor(out)[0])
    return np.stack(found)


def _seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _version(python: str) -> str:
    ask = "import importlib.metadata as m; print(m.version('ai-edge-quantizer'))"
    done = subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True)
    return done.stdout.strip()


class _Reader:
    """Calibration samples one by one, as ONNX Runtime asks for them."""

    def __init__(self, x: Array) -> None:
        self.left: Iterator[Mapping[str, Array]] = iter({"x": sample[None]} for sample in x)

    def get_next(self) -> Mapping[str, Array] | None:
        return next(self.left, None)


def networks(options: argparse.Namespace) -> Iterator[tuple[str, nn.Module, Dataset]]:
    """The networks asked for, with their data cut to the samples that are tested."""
    for name in options.only:
        case = CASES[name]
        data = case.data(options.data)
        test = data.test_images[: TESTED[name]], data.test_labels[: TESTED[name]]
        network = case.make()
        network.load_state_dict(torch.load(options.floats / f"{name}.pt", weights_only=True))
        yield name, network.eval(), Dataset(data.name, data.train_images, data.train_labels, *test)


def merged(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """``rows`` and those of the CSV that they do not replace, in order."""
    kept: list[Mapping[str, Any]] = []
    if (FOLDER / "quantize.csv").exists():
        kept = list(read("quantize"))
    by_key = {tuple(str(row[k]) for k in _KEY): row for row in [*kept, *rows]}
    return [dict(by_key[key]) for key in sorted(by_key, key=lambda k: (k[0], -int(k[1]), *k[2:]))]


def main() -> None:
    """Quantizes all networks and writes the CSV."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("floats", type=Path)
    parser.add_argument("--only", nargs="*", choices=list(CASES), default=list(CASES))
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--weights", nargs="*", type=int, choices=[8, 4], default=[8, 4])
    parser.add_argument("--tools", nargs="*", choices=list(TOOLS), default=list(TOOLS))
    parser.add_argument("--method", nargs="*", choices=METHODS, default=[], help="hwkit's")
    parser.add_argument("--edge", metavar="PYTHON", help="python with ai-edge-quantizer")
    options = parser.parse_args()
    tools = {tool: TOOLS[tool] for tool in options.tools}
    if "hwkit" in tools:
        tools["hwkit"] = partial(hwkit_row, methods=options.method)
    if options.edge:
        tools["edge"] = partial(edge_quantizer_row, python=options.edge)
    for name, network, data in networks(options):
        for bits in options.weights:
            for seed in options.seeds:
                for measure in tools.values():
                    row = measure(network, data, bits, seed)
                    lost = 100 * (row["float"] - row["integer"])
                    row |= {key: round(row[key], 4) for key in ("float", "integer")}
                    row = {"network": name, "weight_bits": bits, "seed": seed, **row,
                           "lost_points": round(lost, 2), "test_samples": len(data.test_labels),
                           "evidence": "measured"}  # fmt: skip
                    write("quantize", merged([row]))
                    print(row, flush=True)


Measure = Callable[[nn.Module, Dataset, int, int], dict[str, Any]]
TOOLS: dict[str, Measure] = {"hwkit": hwkit_row, "onnxruntime": onnxruntime_row}


if __name__ == "__main__":
    main()
