"""A float ``.onnx`` that has its states as inputs and outputs, as streaming exports do: one call.

Whoever exports a network of one call keeps its states in tensors of any layout: PyTorch's (layers,
N, units), or one for all, as dtln's (1, layers, units, 2). Which axis is the batch is tried: the
one of size 1 with which every node finds its operands, and with which the values are the file's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice, product
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, fx

from hwkit.errors import ConfigError, UnsupportedOp
from hwkit.importers.qonnx.file import OnnxModel
from hwkit.ir.types import Array, Shape
from hwkit.train.ptq.drawing import free_path
from hwkit.train.ptq.onnx_batch import batch_first
from hwkit.train.ptq.onnx_file import READER, Drawn, draw, executed, read_float

_CLOSE = 1e-3
_MOST_TRIES = 64


def load_onnx_step(
    path: Path, block: Tensor, pairs: Mapping[str, str]
) -> tuple[fx.GraphModule, dict[str, Shape]]:
    """The network of one call in ``path`` for inputs like ``block`` (1, steps, ...), its tensors
    with the batch first: it takes ``x`` and its states and gives its output and the next states.
    Also the shapes of what it takes, by name, ``x`` first, without the batch.

    ``pairs``: the file's inputs that are states, each with the output that is its next value.
    Raises ``ConfigError`` for names that are no inputs and outputs, for another input or output
    beside these and one of each, and as ``load_onnx`` does.
    """
    model = read_float(path)
    source, result = _others(path, model, pairs)
    draws = np.random.default_rng(0)
    feeds = {source: _as_shaped(path, block, model.inputs[source])}
    feeds |= {n: draws.normal(0, 0.5, model.inputs[n]).astype(np.float32) for n in pairs}
    names = {source: "x"}
    for name in pairs:
        names[name] = free_path(name, dict.fromkeys(names.values(), torch.nn.Identity()))
    values = executed(path, model, feeds)
    refused: Exception | None = None
    for batch in _batches(feeds, pairs):
        try:
            drawn = draw(model, values, batch, names)
        except UnsupportedOp as error:
            refused = refused or error
            continue
        network = drawn.drawing.network(
            tuple(drawn.nodes[o] for o in (result, *pairs.values())), "Onnx"
        )
        if _gives(network, drawn, batch, feeds, (result, *pairs.values()), pairs):
            shapes = {names[n]: batch_first(feeds[n].shape, batch[n])[1:] for n in names}
            return network, shapes
    raise refused or UnsupportedOp(
        path.name, READER, "give every state its batch in one place, of size 1"
    )


def _others(path: Path, model: OnnxModel, pairs: Mapping[str, str]) -> tuple[str, str]:
    """The input and the output that are no state's."""
    for what, names, there in (
        ("input", pairs, model.inputs),
        ("output", pairs.values(), model.outputs),
    ):
        if missing := [name for name in names if name not in there]:
            raise ConfigError(f"{path}: {missing[0]!r:.60} is no {what}; it has {', '.join(there)}")
    inputs = [name for name in model.inputs if name not in pairs]
    outputs = [name for name in model.outputs if name not in pairs.values()]
    if len(inputs) != 1 or len(outputs) != 1:
        raise ConfigError(
            f"{path}: inputs {', '.join(inputs) or 'none'} and outputs "
            f"{', '.join(outputs) or 'none'} beside the states; give it one each"
        )
    return inputs[0], outputs[0]


def _as_shaped(path: Path, block: Tensor, shape: Shape) -> Array:
    """``block`` as the file has it: a call of one step may have no axis of steps."""
    if block.numel() != int(np.prod(shape)):
        raise ConfigError(
            f"{path}: takes {shape}, and a call of the samples has {tuple(block.shape)}; give "
            "--streaming as many steps as a call has"
        )
    return np.ascontiguousarray(block.numpy().reshape(shape))


def _batches(feeds: Mapping[str, Array], pairs: Mapping[str, str]) -> Iterator[dict[str, int]]:
    """Axes of size 1 that may be the batch; states of one shape have it in one place."""
    shapes = {name: x.shape for name, x in feeds.items()}
    groups = list(dict.fromkeys((name in pairs, shape) for name, shape in shapes.items()))
    ones = [[k for k, n in enumerate(shape) if n == 1] for _, shape in groups]
    for chosen in islice(product(*ones), _MOST_TRIES):
        by_group = dict(zip(groups, chosen, strict=True))
        yield {name: by_group[(name in pairs, shape)] for name, shape in shapes.items()}


def _gives(
    network: fx.GraphModule, drawn: Drawn, batch: Mapping[str, int], feeds: Mapping[str, Array],
    results: tuple[str, ...], pairs: Mapping[str, str],
) -> bool:  # fmt: skip
    """Whether ``network`` gives the file's values, and each next state as the state is read."""
    if any(drawn.batch[update] != batch[name] for name, update in pairs.items()):
        return False
    given = [torch.from_numpy(np.moveaxis(x, batch[n], 0).copy()) for n, x in feeds.items()]
    with torch.no_grad():
        got = network(*given)
    for name, y in zip(results, got, strict=True):
        wanted = np.moveaxis(np.asarray(drawn.values[name]), drawn.batch[name], 0)
        if y.shape != wanted.shape:
            return False
        if np.abs(y.numpy() - wanted).max() > _CLOSE * (1 + np.abs(wanted).max()):
            return False
    return all(drawn.values[o].shape == feeds[n].shape for n, o in pairs.items())
