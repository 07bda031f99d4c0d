"""From a Brevitas model to a graph: QONNX export and import, and how faithful that was."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from brevitas.export import export_qonnx
from torch import Tensor, nn

from hwkit.errors import GraphError
from hwkit.files import write_whole
from hwkit.importers import load_proven
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.types import Array, Quantization, TensorType
from hwkit.train.fit import predict

Example: TypeAlias = Tensor | Mapping[str, Tensor]
"""One input batch, as (1, C, H, W), or one for each input by its name, in order."""


def freeze(model: nn.Module, example: Example) -> Graph:
    """The integer graph of a Brevitas model for inputs like ``example``.

    The graph reads the integers of the model's first quantizer, maps as (H, W, C). Its metadata
    counts how it compares with the exported file's own execution (``importers.proof``). Raises
    ``UnsupportedOp`` or ``GraphError`` naming the layer and the remedy.

    Example: ``freeze(model, torch.zeros(1, 1, 28, 28)).predict(pixels)``.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        export(model, example, path)
        return load_proven(path)[0]


def export(model: nn.Module, example: Example, path: Path, name: str = "model") -> None:
    """Writes ``model`` as QONNX, whole or not at all; ``name`` becomes the graph's.

    PyTorch's TorchScript exporter is used because it keeps the names of parameters and modules.
    Raises ``GraphError`` when PyTorch cannot export the model.
    """
    training = model.training
    model.eval()
    named = {"input": example} if isinstance(example, Tensor) else example
    given = tuple(named.values())
    try:
        with torch.no_grad(), _quiet():
            model(*given)  # Fixes scales that brevitas only computes in a forward pass.
            exported = export_qonnx(
                model,
                args=given,
                dynamo=False,
                input_names=list(named),
                keep_initializers_as_inputs=False,
            )
    except (RuntimeError, AssertionError, torch.onnx.errors.OnnxExporterError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise GraphError(
            type(model).__name__, f"PyTorch cannot export it ({reason:.200}); see `export_qonnx`"
        ) from error
    finally:
        model.train(training)
    exported.graph.name = name
    write_whole(path, exported.SerializeToString(deterministic=True))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the exporters' deprecation notes and progress lines away from the user."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


@dataclass(frozen=True, slots=True)
class Fidelity:
    """Integer graph against fake-quantized model on the same inputs.

    ``moved`` of ``integers`` outputs differ, by at most ``largest_difference`` steps of the
    output scale; in ``argmax_moved`` of ``samples`` the largest output is another one.
    """

    samples: int
    integers: int
    moved: int
    largest_difference: int
    argmax_moved: int


def input_integers(graph: Graph, images: Array, name: str = "") -> Array:
    """Float inputs (N, C, H, W) as the integers that the graph reads, (N, H, W, C), as its input
    ``name`` or its only one; a graph that reads vectors (N, F) or tokens (N, T, F) gets them in the
    inputs' own order.

    Computed in float32, rounded half to even and clamped, as the model's first quantizer does.
    """
    tensor, facts = _described(graph, name or graph.inputs[0])
    scaled = np.rint(images.astype(np.float32) / np.float32(facts.scale[0]) + facts.zero_point)
    integers = np.clip(scaled, tensor.dtype.low, tensor.dtype.high).astype(tensor.dtype.container)
    cube = len(set(tensor.shape)) == 1
    if len(tensor.shape) == 3 and (cube or integers.shape[1:] != tensor.shape):
        integers = np.moveaxis(integers, 1, -1)
    return np.ascontiguousarray(integers.reshape(len(integers), *tensor.shape))


def output_integers(graph: Graph, outputs: Array, name: str | None = None) -> Array:
    """Float outputs of the model on the grid and in the order of graph output ``name``."""
    tensor, facts = _described(graph, name or graph.outputs[0])
    if len(tensor.shape) == 3:
        rows, columns, channels = tensor.shape
        outputs = outputs.reshape(len(outputs), channels, rows, columns).transpose(0, 2, 3, 1)
    scaled = outputs.astype(np.float64) / np.array(facts.scale)
    return np.rint(scaled).astype(np.int64) + facts.zero_point


def _described(graph: Graph, name: str) -> tuple[TensorType, Quantization]:
    tensor = graph.tensors[name]
    if tensor.quantization is None:
        raise GraphError(name, "has no scale; reals cannot be told from its integers")
    return tensor, tensor.quantization


def fidelity(graph: Graph, model: nn.Module, images: Tensor) -> Fidelity:
    """Runs both on float inputs (N, ...) and counts the integers that differ."""
    wanted = output_integers(graph, predict(model, images).numpy())
    got = run(graph, {graph.inputs[0]: input_integers(graph, images.numpy())})[graph.outputs[0]]
    return compare(wanted, got)


def compare(wanted: Array, got: Array) -> Fidelity:
    """Counts differences between two arrays of output integers, batch first."""
    difference = np.abs(wanted.astype(np.int64) - got)
    flat = (len(got), -1)
    moved = wanted.reshape(flat).argmax(axis=1) != got.reshape(flat).argmax(axis=1)
    return Fidelity(
        samples=len(got),
        integers=got.size,
        moved=int(np.count_nonzero(difference)),
        largest_difference=int(difference.max(initial=0)),
        argmax_moved=int(np.count_nonzero(moved)),
    )
