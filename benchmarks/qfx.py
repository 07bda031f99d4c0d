"""Accuracy of trainable fixed point beside other ways to few bits, and what K-hot weights cost.

python -m benchmarks.qfx jets mnist5k
python -m benchmarks.qfx mnist --mnist mnist.npz
python -m benchmarks.qfx cifar10 --cifar10 cifar10_jpeg.npz --cifar10-float float.pt

Each row starts from one float network (of its seed), quantizes weights per output channel and
activations to the same number of bits with power-of-two scales, inputs and outputs to 8, and
fine-tunes for the same epochs (post-training rounding: not at all, formats of least squared error
on 512 training samples). Accuracy is the frozen integer graph's through the interpreter. A row
that is in the folder of an earlier run is not computed again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch

from benchmarks import cifar10
from benchmarks.csvfile import write
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.khot import adders
from hwkit.ir.ops import Conv2d, Dense, DepthwiseConv2d
from hwkit.train.data import Dataset, load_dataset
from hwkit.train.fit import fit, predict
from hwkit.train.freeze import compare, freeze, input_integers, output_integers
from hwkit.train.networks import float_network, folded_state
from hwkit.train.pipeline import deterministic
from hwkit.train.recipe import Phase, Quantization, Recipe, read_recipe
from hwkit.train.twins import quantized_network, start

BITS = (8, 6, 4)
CALIBRATION = 512
State = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Task:
    """A data set, the network for it, how it is fine-tuned, and its seeds."""

    data: Dataset
    network: str
    recipe: Recipe
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Method:
    """How few bits are reached: a scheme, whether it trains, and K of K-hot weights."""

    name: str
    scheme: str
    trains: bool = True
    terms: int = 0


METHODS = (
    Method("post-training rounding", "qfx", trains=False),
    Method("Brevitas, power of two", "brevitas"),
    Method("QFX", "qfx"),
)
KHOT = (Method("QFX, 2-hot", "qfx", terms=2), Method("QFX, 1-hot", "qfx", terms=1))
"""Weights of 4 bits have at most 2 digits anyway. Shown for the first seed alone."""


def cells() -> Iterator[tuple[Method, int]]:
    """Every method and width that is shown, fewest bits first."""
    for bits in reversed(BITS):
        for method in METHODS:
            yield method, bits
    for bits in reversed(BITS):
        for method in KHOT:
            if bits < 8 and (bits > 4 or method.terms < 2):
                yield method, bits


def quantization(method: Method, bits: int) -> Quantization:
    """Per-channel weights and half-up rounding where the scheme has it."""
    if method.scheme == "brevitas":
        return Quantization("power_of_two", bits, bits, per_channel=True)
    return Quantization(
        "power_of_two",
        bits,
        bits,
        per_channel=True,
        scheme="qfx",
        rounding="half_up",
        terms=method.terms,
    )


def measure(task: Task, state: State, seed: int, method: Method, bits: int) -> dict[str, Any]:
    """Fine-tunes, freezes, and counts right answers of the integer graph."""
    recipe = replace(task.recipe, seed=seed, quantization=quantization(method, bits))
    data = task.data
    images, labels = torch.from_numpy(data.train_images), torch.from_numpy(data.train_labels)
    with deterministic(seed):
        network, layers = quantized_network(recipe, data.train_images.shape[1:], {})
        start(recipe, network, layers, state, images[:CALIBRATION])
        if method.trains:
            fit(network, images, labels, recipe.qat, seed, method.name)
        graph = freeze(network, images[:1])
        outputs = predict(network, torch.from_numpy(data.test_images)).numpy()
    got = run(graph, {graph.inputs[0]: input_integers(graph, data.test_images)})[graph.outputs[0]]
    found = compare(output_integers(graph, outputs), got)
    return {
        "accuracy": accuracy(got, data.test_labels),
        "differing": found.moved,
        "integers": found.integers,
        **hardware(graph),
    }


def accuracy(outputs: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]) -> float:
    """Share of samples whose largest output is the label's."""
    return float(np.mean(outputs.reshape(len(outputs), -1).argmax(axis=1) == labels))


def hardware(graph: Graph) -> dict[str, int]:
    """Weights that are not 0, and the adders inside their products were they shifts and adds."""
    layers = [op for op in graph.nodes if isinstance(op, Conv2d | DepthwiseConv2d | Dense)]
    weights = [graph.constants[op.weight] for op in layers]
    return {
        "nonzero_weights": sum(int(np.count_nonzero(w)) for w in weights),
        "adders": sum(adders(w) for w in weights),
    }


def float_state(task: Task, seed: int, folder: Path) -> tuple[State, float]:
    """Folded weights of the float network of a seed, trained once, and its accuracy."""
    path = folder / f"{task.data.name}-{seed}-float.pt"
    network = float_network(task.recipe, task.data.train_images.shape[1:])
    if path.exists():
        network.load_state_dict(torch.load(path, weights_only=True))
    else:
        data = task.data
        images, labels = torch.from_numpy(data.train_images), torch.from_numpy(data.train_labels)
        with deterministic(seed):
            network = float_network(task.recipe, data.train_images.shape[1:])
            fit(network, images, labels, task.recipe.float_training, seed, "float")
        torch.save(network.state_dict(), path)
    outputs = predict(network, torch.from_numpy(task.data.test_images)).numpy()
    return folded_state(network), accuracy(outputs, task.data.test_labels)


def compute(task: Task, folder: Path) -> None:
    """All cells of a task that the folder does not hold yet, one JSON each."""
    for seed in task.seeds:
        state, exact = float_state(task, seed, folder)
        for method, bits in cells():
            name = method.name.replace(",", "").replace(" ", "_")
            path = folder / f"{task.data.name}-{seed}-{name}-{bits}.json"
            if path.exists() or (method in KHOT and seed != task.seeds[0]):
                continue
            found = {
                "data": task.data.name,
                "network": task.network,
                "bits": bits,
                "method": method.name,
                "seed": seed,
                "float_accuracy": exact,
                "test_samples": len(task.data.test_labels),
                "train_samples": len(task.data.train_labels) if method.trains else 0,
                "epochs": task.recipe.qat.epochs if method.trains else 0,
                **measure(task, state, seed, method, bits),
            }
            path.write_text(json.dumps(found, indent=1))
            print(task.data.name, seed, bits, method.name, f"{found['accuracy']:.4f}", flush=True)


def rows(folder: Path) -> list[dict[str, Any]]:
    """One row for each data set, width and method: means over the seeds."""
    found = [json.loads(p.read_text()) for p in sorted(folder.glob("*.json"))]
    order = {name: i for i, name in enumerate(("jets", "mnist5k", "mnist", "cifar10"))}
    methods = [m.name for m in (*METHODS, *KHOT)]
    groups: dict[tuple[int, int, int], list[dict[str, Any]]] = {}
    for cell in found:
        key = order[cell["data"]], -cell["bits"], methods.index(cell["method"])
        groups.setdefault(key, []).append(cell)
    made = []
    for _, group in sorted(groups.items()):
        first, scores = group[0], [100 * cell["accuracy"] for cell in group]
        made.append(
            {
                "evidence": "measured",
                "data": "jets (generated)" if first["data"] == "jets" else first["data"],
                "network": first["network"],
                "bits": first["bits"],
                "method": first["method"],
                "seeds": len(group),
                "fine_tuning": f"{first['epochs']} x {first['train_samples']}",
                "float_percent": f"{mean(100 * cell['float_accuracy'] for cell in group):.2f}",
                "percent": f"{mean(scores):.2f}",
                "percent_min": f"{min(scores):.2f}",
                "percent_max": f"{max(scores):.2f}",
                "test_samples": first["test_samples"],
                "differing_integers": sum(cell["differing"] for cell in group),
                "nonzero_weights": round(mean(cell["nonzero_weights"] for cell in group)),
                "adders": round(mean(cell["adders"] for cell in group)),
            }
        )
    return made


def tasks(options: argparse.Namespace) -> Iterator[Task]:
    """The tasks that were asked for."""
    jets, digits = read_recipe("jets_qfx"), read_recipe("mnist5k_qfx")
    cnn = "3 convolutions, 1 dense"
    for name in options.data:
        if name == "jets":
            yield Task(load_dataset("jets"), "MLP 16-64-32-32-5", jets, tuple(options.seeds))
        elif name == "mnist5k":
            yield Task(load_dataset("mnist5k"), cnn, digits, tuple(options.seeds))
        elif name == "mnist":
            recipe = replace(
                digits,
                float_training=Phase(4, 128, 0.01, 1e-4, 2),
                qat=Phase(1, 128, 0.003, 0.0, 1),
            )
            yield Task(_mnist(options.mnist), cnn, recipe, (1,))
        else:
            # A larger rate undoes more of the float training than so few images bring back.
            recipe = replace(cifar10.recipe(), qat=Phase(options.cifar10_epochs, 100, 0.0003))
            data = cifar10.load(options.cifar10, options.cifar10_train, options.cifar10_test)
            _take_float(options)
            yield Task(data, "ResNet-8", recipe, (1,))


def _mnist(path: Path) -> Dataset:
    with np.load(path) as file:
        parts = [
            (file[f"x_{part}"][:, None] / np.float32(255), file[f"y_{part}"].astype(np.int64))
            for part in ("train", "test")
        ]
    return Dataset("mnist", *parts[0], *parts[1])


def _take_float(options: argparse.Namespace) -> None:
    """The float network of ``benchmarks.cifar10`` as the one of seed 1."""
    state = torch.load(options.cifar10_float, weights_only=True)
    torch.save(state, options.folder / "cifar10-1-float.pt")


def main() -> None:
    """Computes what is missing and writes results/qfx.csv from all that the folder holds."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument(
        "data", nargs="*", choices=("jets", "mnist5k", "mnist", "cifar10"), default=[]
    )
    parser.add_argument("--folder", type=Path, default=Path("runs/qfx"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--mnist", type=Path)
    parser.add_argument("--cifar10", type=Path)
    parser.add_argument("--cifar10-float", type=Path)
    parser.add_argument("--cifar10-train", type=int, default=20_000)
    parser.add_argument("--cifar10-test", type=int, default=10_000)
    parser.add_argument("--cifar10-epochs", type=int, default=1)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for task in tasks(options):
        compute(task, options.folder)
    write("qfx", rows(options.folder))


if __name__ == "__main__":
    main()
