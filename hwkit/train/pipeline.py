"""A recipe to a run folder: float training, quantized training, freezing, measuring.

The run folder gets, each file whole or not at all: ``checkpoint.pt``, ``model.onnx`` (QONNX),
``model.hwk``, ``calibration.npy`` (integer inputs from the training images), ``test.npz``
(``inputs`` and ``labels``: the whole test set) and ``train.json``.
"""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import platform
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hwkit.allocate import plan as plans
from hwkit.allocate.plan import BitPlan
from hwkit.errors import ConfigError, FormatError
from hwkit.files import read_file, write_json, write_whole
from hwkit.formats import stamped
from hwkit.importers import load_proven
from hwkit.importers.proof import Proof
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.serialize import digest, to_bytes
from hwkit.ir.types import Array
from hwkit.record import to_json
from hwkit.train.data import Dataset, data_of, shape_of
from hwkit.train.fit import Progress, fit, predict, silent
from hwkit.train.freeze import compare, export, input_integers, output_integers
from hwkit.train.networks import Network, float_network, folded_state
from hwkit.train.recipe import Recipe, read_recipe, recipe_path
from hwkit.train.twins import changed_widths, quantized_network, start
from hwkit.version import __version__

CALIBRATION_IMAGES = 128
_START_IMAGES = 512
"""What QFX takes its first binary points from."""
Share = float  # The field ``Accuracy.float`` hides the builtin from its annotations.
MAX_CHECKPOINT_BYTES = 1 << 30
_NO_CHECKPOINT = (  # what the readers of archives, pickles and tensors raise on other files
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    RuntimeError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
    EOFError,
    ImportError,
    MemoryError,
    OverflowError,
)
_PACKAGES = ("torch", "brevitas", "onnx", "onnxoptimizer", "numpy")


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Share of right answers on the whole test set, 0..1. ``integer`` is what devices compute."""

    float: Share
    fake_quantized: Share
    integer: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What ``train.json`` says of every run.

    ``moved`` of ``integers`` outputs of the samples differ between the fake-quantized model and
    the integer graph; ``argmax_moved`` samples change their answer. ``source`` counts the integers
    of ``model.onnx`` and of the graph, layer by layer, on ``inputs`` random inputs: ``differing``
    ones, and ``ties`` (see ``importers.proof``). ``activation_plan`` names the activations whose
    bits are not ``activation_bits``.
    """

    recipe: str
    dataset: str
    seed: int
    test_images: int
    integers: int
    moved: int
    largest_difference: int
    argmax_moved: int
    source: dict[str, int]
    weight_bits: dict[str, int]
    activation_bits: int
    scales: str
    versions: dict[str, str]
    digests: dict[str, str]
    activation_plan: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained(Measured):
    """The same of a training, with its accuracy on the test set."""

    accuracy: Accuracy


def train(
    recipe: str | Path,
    out: str | Path,
    plan: str | Path | BitPlan | None = None,
    float_from: str | Path | None = None,
    progress: Progress = silent,
    start_from: str | Path | None = None,
    data: Dataset | None = None,
) -> Trained:
    """Trains ``recipe`` (a path, or the name of a built-in one) into the folder ``out``.

    ``plan`` gives single layers other weight bits, and single activations other widths.
    ``float_from`` is the ``checkpoint.pt`` of an earlier run of the same recipe, whose float
    weights are taken instead of trained again;
    ``start_from`` that of any run with the same blocks (a Brevitas one for a QFX recipe, say),
    whose quantized-trained weights are where this training starts. ``data`` stands for the
    recipe's own data set.

    Raises ``ConfigError`` for a recipe, plan or checkpoint that is wrong, ``ToolMissing`` for a
    data set that is not installed.
    """
    settings, out = read_recipe(recipe), Path(out)
    if plan is not None and not isinstance(plan, BitPlan):
        plan = plans.load(Path(plan))
    bits = {} if plan is None else dict(plan.weight_bits)
    maps = {} if plan is None else dict(plan.activation_bits)
    shape = shape_of(settings)
    quantized_network(
        settings, shape, bits, maps
    )  # A plan that does not fit fails before training.
    made_from, origins = recipe_digest(recipe), _origins(plan, start_from)
    given = None if float_from is None else _read_float(Path(float_from), made_from)
    if start_from is not None:
        given = _read_weights(Path(start_from))
    data = data_of(settings) if data is None else data
    _make_folder(out)
    with deterministic(settings.seed):
        state, float_accuracy = given or train_float(settings, data, progress)
        images, _ = _tensors(data)
        network, weight_bits = train_quantized(settings, data, state, bits, maps, progress)
        export(network, images[:1], out / "model.onnx", settings.name)
        graph, proof = load_proven(out / "model.onnx")
        outputs = predict(network, torch.from_numpy(data.test_images)).numpy()
    _write_torch(
        out / "checkpoint.pt",
        {
            "recipe": made_from,
            "weight_bits": weight_bits,
            "float": state,
            "float_accuracy": float_accuracy,
            "quantized": network.state_dict(),
            **({"activation_bits": maps} if maps else {}),
        },
    )
    write_whole(out / "model.hwk", to_bytes(graph))
    _write_inputs(out, graph, data)
    result = _measure(settings, graph, proof, data, outputs, float_accuracy, weight_bits)
    result.digests["recipe"] = made_from
    result.digests["model.onnx"] = _file_digest(out / "model.onnx")
    result.digests.update(origins)
    result.activation_plan.update(maps)
    write_json(out / "train.json", stamped("train.json", asdict(result)))
    return result


def _origins(plan: BitPlan | None, start_from: str | Path | None) -> dict[str, str]:
    """Digests of what a run was made from beside its recipe."""
    found = {}
    if plan is not None:
        text = json.dumps(to_json(plan), sort_keys=True)
        found["plan"] = hashlib.sha256(text.encode()).hexdigest()
    if start_from is not None:
        found["start"] = _file_digest(Path(start_from))
    return found


def recipe_digest(recipe: str | Path) -> str:
    """SHA-256 of the recipe's file: what a run was made from."""
    return _file_digest(recipe_path(recipe))


def versions() -> dict[str, str]:
    """Versions of everything that shapes a training run."""
    found = {name: version(name) for name in _PACKAGES}
    return {"hwkit": __version__, "python": platform.python_version(), **found}


def _make_folder(out: Path) -> None:
    """Before minutes of training, not after them."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{out}: cannot be made ({error.strerror}); choose another folder for the run"
        ) from error


@contextmanager
def deterministic(seed: int) -> Iterator[None]:
    """Seeds PyTorch and keeps it to one thread: sums are then always taken in one order, and small
    networks are no slower for it. Restores what was set before."""
    threads, before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(before)


def _tensors(data: Dataset) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(data.train_images), torch.from_numpy(data.train_labels)


def train_quantized(
    recipe: Recipe,
    data: Dataset,
    state: Mapping[str, Tensor],
    bits: Mapping[str, int],
    maps: Mapping[str, int],
    progress: Progress = silent,
) -> tuple[Network, dict[str, int]]:
    """The quantized network trained from the float weights ``state``, and its layers' widths."""
    network, weight_bits = quantized_network(recipe, data.train_images.shape[1:], bits, maps)
    images, labels = _tensors(data)
    start(recipe, network, weight_bits, state, images[:_START_IMAGES])
    fit(network, images, labels, recipe.qat, recipe.seed, "quantized training", progress)
    return network, weight_bits


def train_float(
    recipe: Recipe, data: Dataset, progress: Progress = silent
) -> tuple[dict[str, Tensor], float]:
    """Float weights, batch norms folded in, and their accuracy on the test set."""
    network: nn.Module = float_network(recipe, data.train_images.shape[1:])
    images, labels = _tensors(data)
    fit(network, images, labels, recipe.float_training, recipe.seed, "float training", progress)
    outputs = predict(network, torch.from_numpy(data.test_images)).numpy()
    return folded_state(network), accuracy_of(outputs, data.test_labels)


def accuracy_of(outputs: Array, labels: Array) -> float:
    """Share of ``outputs`` (N, ...) whose largest value is at ``labels`` (N,)."""
    flat = outputs.reshape(len(outputs), -1)
    return float(np.mean(flat.argmax(axis=1) == labels))


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The dictionary in a ``checkpoint.pt``, of tensors and plain values alone (no pickled code).

    Raises ``FormatError`` when it is missing, damaged or something else.
    """
    try:
        data = read_file(path, MAX_CHECKPOINT_BYTES, "train the recipe first")
        _check_archive(data)
        value = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except ConfigError as error:
        raise FormatError(str(error)) from error
    except _NO_CHECKPOINT as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise FormatError(f"{path}: not a checkpoint ({reason:.80}); train again") from error
    if not _is_checkpoint(value):
        raise FormatError(f"{path}: not a checkpoint of hwkit's; train again")
    checkpoint: dict[str, Any] = value
    return checkpoint


def _check_archive(data: bytes) -> None:
    """Refuses all but the archive that ``torch.save`` writes, which compresses nothing."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(member.file_size for member in archive.infolist()) > len(data):
            raise ValueError("its parts are larger than the file")


def _is_checkpoint(value: object) -> bool:
    match value:
        case {
            "recipe": str(),
            "weight_bits": dict(bits),
            "float": dict(before),
            "float_accuracy": float(),
            "quantized": dict(after),
            **rest,
        } if rest.keys() <= {"activation_bits"}:
            maps = rest.get("activation_bits", {})
            if not isinstance(maps, dict):
                return False
            named = all(isinstance(name, str) for name in (*bits, *before, *after, *maps))
            widths = all(type(width) is int for width in (*bits.values(), *maps.values()))
            return named and widths and all(map(_is_plain, (*before.values(), *after.values())))
    return False


def _is_plain(tensor: object) -> bool:
    """Whether it is a tensor with its values, not a view of a few that stands for terabytes."""
    if not isinstance(tensor, Tensor) or tensor.layout != torch.strided:
        return False
    return tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()


def _read_float(path: Path, recipe_digest: str) -> tuple[dict[str, Tensor], float]:
    checkpoint = read_checkpoint(path)
    if checkpoint["recipe"] != recipe_digest:
        raise ConfigError(f"{path}: is of another recipe; give one of the same, or none")
    return checkpoint["float"], checkpoint["float_accuracy"]


def _read_weights(path: Path) -> tuple[dict[str, Tensor], float]:
    checkpoint = read_checkpoint(path)
    weights = {
        name: value
        for name, value in checkpoint["quantized"].items()
        if name.endswith((".weight", ".bias"))
    }
    return weights, checkpoint["float_accuracy"]


def load_quantized(
    recipe: Recipe, checkpoint: Mapping[str, Any], bits: Mapping[str, int]
) -> Network:
    """The trained quantized network, with ``bits`` in place of the widths that it was trained at
    for the layers that it names; activation scales stay as they were."""
    shape = shape_of(recipe)
    maps = checkpoint.get("activation_bits", {})
    network, _ = quantized_network(recipe, shape, {**checkpoint["weight_bits"], **bits}, maps)
    try:
        network.load_state_dict(checkpoint["quantized"])
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise FormatError(f"checkpoint does not fit the recipe ({reason}); train again") from error
    trained = checkpoint["weight_bits"]
    changed_widths(recipe, network, {k: b for k, b in bits.items() if b != trained.get(k)})
    network.eval()
    return network


def _write_torch(path: Path, value: Mapping[str, Any]) -> None:
    stream = io.BytesIO()
    torch.save(value, stream)
    write_whole(path, stream.getvalue())


def _write_inputs(out: Path, graph: Graph, data: Dataset) -> None:
    chosen = np.linspace(0, len(data.train_images) - 1, CALIBRATION_IMAGES).astype(int)
    stream = io.BytesIO()
    np.save(stream, input_integers(graph, data.train_images[chosen]))
    write_whole(out / "calibration.npy", stream.getvalue())
    stream = io.BytesIO()
    inputs = input_integers(graph, data.test_images)
    np.savez_compressed(stream, inputs=inputs, labels=data.test_labels)
    write_whole(out / "test.npz", stream.getvalue())


def _measure(
    recipe: Recipe,
    graph: Graph,
    proof: Proof | None,
    data: Dataset,
    outputs: Array,
    float_accuracy: float,
    weight_bits: dict[str, int],
) -> Trained:
    got = run(graph, {graph.inputs[0]: input_integers(graph, data.test_images)})[graph.outputs[0]]
    fidelity = compare(output_integers(graph, outputs), got)
    accuracy = Accuracy(
        float_accuracy, accuracy_of(outputs, data.test_labels), accuracy_of(got, data.test_labels)
    )
    return Trained(
        recipe=recipe.name,
        dataset=data.name,
        seed=recipe.seed,
        test_images=fidelity.samples,
        accuracy=accuracy,
        integers=fidelity.integers,
        moved=fidelity.moved,
        largest_difference=fidelity.largest_difference,
        argmax_moved=fidelity.argmax_moved,
        source={} if proof is None else proof.counts(),
        weight_bits=weight_bits,
        activation_bits=recipe.quantization.activation_bits,
        scales=recipe.quantization.scales,
        versions=versions(),
        digests={"model.hwk": digest(graph)},
    )


def _file_digest(path: Path) -> str:
    data = read_file(path, MAX_CHECKPOINT_BYTES, "give a file of a training run")
    return hashlib.sha256(data).hexdigest()
