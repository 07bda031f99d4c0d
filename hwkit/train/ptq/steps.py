"""A recurrent network as what one call of it does: a time step, or a block of steps.

Its states, which a layer of PyTorch or ONNX keeps to itself, become inputs and outputs beside the
network's own; so each step of a sequence is a sample of its own, and all that quantizes serves. In
the integer graph each such pair then becomes a state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from hwkit.errors import ConfigError, HwkitError, UnsupportedOp
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.types import Array, Shape
from hwkit.lower.states_inside import states_inside, zeros
from hwkit.train.freeze import input_integers
from hwkit.train.ptq import pieces
from hwkit.train.ptq.plain import plain_copy
from hwkit.train.ptq.recurrent import Direction, unrolled
from hwkit.train.ptq.samples import Samples
from hwkit.train.ptq.several import inputs_of, outputs_of
from hwkit.train.ptq.standard import NotHandled
from hwkit.train.ptq.trace import first_line

MOST_SAMPLES = 2048
"""Steps of all sequences that calibrate, at random where there are more."""

X = "x"
"""The name of a streamed network's input."""

_BATCH = 64
_CLOSE = 1e-3
_READER = "streaming"


@dataclass(frozen=True, slots=True, eq=False)
class Stepped:
    """``module`` takes ``block`` steps (N, block, ...) and the states side by side, and gives its
    output (N, *shape) and the next states so, ``carried`` numbers in all; ``samples`` are such
    inputs, ``sequences`` what they were made of, (N, steps, ...). ``each``: an output has a row for
    each step, not one row behind the last."""

    module: nn.Module
    samples: Samples
    sequences: Samples
    block: int
    carried: int
    shape: tuple[int, ...]
    each: bool

    def outputs(self, network: nn.Module, x: Array) -> Array:
        """What ``network``, the module or its quantized twin, gives for each block of sequences
        (N, steps, ...), each from states of zeros: (N, blocks, *shape)."""
        parts = []
        for batch in torch.from_numpy(x).split(_BATCH):
            walk = _walked(network, batch, self.block, self.carried)
            parts.append(torch.stack([y.reshape(-1, *self.shape) for _, y in walk], 1))
        return torch.cat(parts).numpy()

    def integers(self, graph: Graph, twin: fx.GraphModule, x: Array) -> Array:
        """The same from ``graph``, whose states are inputs and outputs still, as integers in the
        graph's layout."""
        pairs, count = self._pairs(graph, twin), len(x)
        feeds = {name: np.stack([zeros(graph, name)] * count) for name in pairs}
        rows = []
        for part in _blocks(torch.from_numpy(x), self.block):
            results = run(graph, {X: input_integers(graph, part.numpy(), X), **feeds})
            rows.append(results[graph.outputs[0]])
            feeds = {name: results[update] for name, update in pairs.items()}
        return np.stack(rows, 1)

    def of_sequences(self, rows: Array) -> Array:
        """What ``outputs`` gives as the network gives it for whole sequences."""
        return rows.reshape(len(rows), -1, *self.shape[1:]) if self.each else rows[:, -1]

    def with_states(self, graph: Graph, twin: fx.GraphModule) -> Graph:
        """``graph``, as it is imported from ``twin``'s file, with states in place of the inputs and
        outputs that are such."""
        return states_inside(graph, self._pairs(graph, twin), graph.outputs[:1])

    def successive(self, count: int) -> Samples:
        """The first ``count`` blocks, one sequence behind the other; states are zeros."""
        x = torch.from_numpy(self.sequences.x[: -(-count * self.block // self._steps)])
        blocks = [b for sequence in x for b in _blocks(sequence[None], self.block)]
        flat = torch.cat(blocks[:count]).flatten(1)
        return Samples(torch.cat([flat, flat.new_zeros(len(flat), self.carried)], 1).numpy(), None)

    @property
    def _steps(self) -> int:
        return int(self.sequences.x.shape[1])

    def _pairs(self, graph: Graph, twin: fx.GraphModule) -> dict[str, str]:
        """The states' inputs of ``graph``, each with the output that it becomes."""
        nodes, ends = outputs_of(twin), _outputs_node(twin)
        if len(nodes) != len(graph.outputs):
            raise UnsupportedOp(graph.name, _READER, "return no state as it is given")
        return {
            name: graph.outputs[nodes.index(ends.args[module.next_value])]
            for name, module in inputs_of(twin).items()
            if module.next_value is not None
        }


def _outputs_node(network: fx.GraphModule) -> fx.Node:
    return next(
        node
        for node in network.graph.nodes
        if node.op == "call_module"
        and isinstance(network.get_submodule(str(node.target)), pieces.Outputs)
    )


def steps_of(
    whole: nn.Module, one: nn.Module, sequences: Samples, block: int, seed: int = 0
) -> Stepped:
    """The network ``whole`` of sequences (N, steps, ...) as one of ``block`` steps and states, made
    of ``one``, which is ``whole`` or the same network read for so many steps.

    Raises ``ConfigError`` where blocks one behind the other do not give what the whole sequence
    does, as when a mean is taken over all steps, and ``UnsupportedOp`` naming a layer that reads
    sequences backward.
    """
    x = torch.from_numpy(sequences.x)
    _require_blocks(x, block)
    module, carried = _one_step(one, x[:2, :block])
    with torch.no_grad():
        wanted = _first(plain_copy(whole)(x[:2]))
        shape = tuple(_first(plain_copy(one)(x[:2, :block])).shape[1:])
        rows = [y.reshape(-1, *shape) for _, y in _walked(module, x[:2], block, carried)]
    each = _same(torch.cat(rows, 1), wanted) if len(shape) > 1 else False
    if not each and not _same(rows[-1], wanted):
        raise ConfigError(
            f"{type(whole).__name__}: blocks of {block} steps do not give what the whole sequence "
            "does; leave --streaming out, or use layers that work step by step, and the last step "
            "or all of them, beside recurrent ones"
        )
    samples = _packed(module, x, block, carried, seed)
    return Stepped(module, samples, sequences, block, carried, shape, each)


def steps_of_call(
    one: fx.GraphModule, shapes: Mapping[str, Shape], sequences: Samples, block: int, seed: int = 0
) -> Stepped:
    """The same of a network ``one`` that is one call already: it takes ``x`` and states of
    ``shapes``, in this order, and gives its output and the next states."""
    x = torch.from_numpy(sequences.x)
    _require_blocks(x, block)
    inputs: list[pieces.Input] = []
    for name, shape in shapes.items():
        if name == X:
            inputs.append(pieces.Input(name, 0, shape))
        else:  # A row, so that the next value has the same layout whatever it is made of.
            inputs.append(pieces.Input(name, inputs[-1].stop, (prod(shape),), len(inputs)))
    module = _with_inputs(one, {}, inputs, shapes)
    carried = inputs[-1].stop - inputs[0].stop
    with torch.no_grad():
        given = [torch.zeros(2, *shape) for shape in shapes.values()]
        shape = tuple(one(*given)[0].shape[1:])
    each = len(shape) > 1 and shape[0] == block
    samples = _packed(module, x, block, carried, seed)
    return Stepped(module, samples, sequences, block, carried, shape, each)


def _packed(module: nn.Module, x: Tensor, block: int, carried: int, seed: int) -> Samples:
    """What the module reads along sequences ``x``, some of it."""
    packed = [p for batch in x.split(_BATCH) for p, _ in _walked(module, batch, block, carried)]
    return Samples(torch.cat(packed).numpy(), None).chosen(MOST_SAMPLES, seed)


def _require_blocks(x: Tensor, block: int) -> None:
    if x.dim() < 3 or x.shape[1] < 2 * block or x.shape[1] % block:
        raise ConfigError(
            f"calibration data: shape {tuple(x.shape)} holds no sequences of blocks of {block} "
            f"steps; give (N, steps, ...), a multiple of {block} and at least {2 * block} steps"
        )


def _same(got: Tensor, wanted: Tensor) -> bool:
    if got.shape != wanted.shape:
        return False
    return bool((got - wanted).abs().max() <= _CLOSE * wanted.abs().max())


def _first(result: Any) -> Tensor:
    """A network's output without the states that it gives behind it."""
    found: Tensor = result[0] if isinstance(result, tuple) else result
    return found


def _blocks(x: Tensor, block: int) -> Iterator[Tensor]:
    """Sequences (N, steps, ...) as blocks (N, block, ...)."""
    return iter(x.split(block, 1))


def _walked(
    network: nn.Module, x: Tensor, block: int, carried: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """What ``network`` reads and what it gives, its states left out, block after block."""
    states = x.new_zeros(len(x), carried)
    for part in _blocks(x, block):
        packed = torch.cat([part.flatten(1), states], 1)
        with torch.no_grad():
            result = network(packed)
        y, states = result[:, :-carried], result[:, -carried:]
        yield packed, y


def _one_step(one: nn.Module, example: Tensor) -> tuple[nn.Module, int]:
    """A network that takes its states beside ``example`` (N, block, ...) and gives them behind its
    output, and how many numbers they are."""
    name = type(one).__name__
    try:
        module = unrolled(plain_copy(one), example)
        made, carried = _carrying(module, example)
        with torch.no_grad():
            made(nn.functional.pad(example.flatten(1), (0, carried)))
    except NotHandled as error:
        raise UnsupportedOp(name, _READER, error.remedy) from error
    except HwkitError:
        raise
    except Exception as error:  # What a forward function raises is up to whoever wrote it.
        raise ConfigError(
            f"{name}: does not take {tuple(example.shape[1:])}, a block of steps "
            f"({first_line(error)}); let it take any number of steps"
        ) from error
    return made, carried


def _carrying(module: nn.Module, example: Tensor) -> tuple[nn.Module, int]:
    layers = {path: m for path, m in module.named_modules() if isinstance(m, Direction)}
    if not layers:
        raise NotHandled("it has no recurrent layer; leave --streaming out")
    inputs = [pieces.Input(X, 0, example.shape[1:])]
    names: dict[str, list[str]] = {}
    for path, layer in layers.items():
        if layer.backward:
            raise NotHandled(f"layer {path} reads sequences backward; use one direction")
        names[path] = [_named(path, part) for part in "hc"[: 1 + layer.is_lstm]]
        for each in names[path]:
            shape = (layer.cell.units,)
            inputs.append(pieces.Input(each, inputs[-1].stop, shape, len(inputs)))
    return _with_inputs(module, names, inputs), inputs[-1].stop - inputs[0].stop


def _named(path: str, part: str) -> str:
    """Example: of ``lstm.layers.1.0`` the hidden state is ``lstm_1_h``."""
    words = [w for w in path.split(".") if w not in ("layers", "directions")]
    return "_".join([*(words[:-1] or ["layer"]), part])


def _with_inputs(
    module: nn.Module,
    names: Mapping[str, Sequence[str]],
    inputs: Sequence[pieces.Input],
    shapes: Mapping[str, Shape] | None = None,
) -> nn.Module:
    """``module`` between its inputs and ``pieces.Outputs``; its layers keep their paths. Its
    recurrent layers at the paths in ``names`` read the states that are named there, and the module
    itself the rest, of ``shapes``."""
    kind: Any = type(module)
    carried = {name for parts in names.values() for name in parts}
    own = [each for each in inputs if each.name not in carried]
    shapes = shapes or {each.name: each.shape for each in own}

    def forward(self: Any, packed: Tensor) -> Any:
        layers = [self.get_submodule(path) for path in names]
        try:
            for layer, parts in zip(layers, names.values(), strict=True):
                layer.begin = tuple(getattr(self, f"input_{name}")(packed) for name in parts)
            given = [getattr(self, f"input_{each.name}")(packed) for each in own]
            for k, each in enumerate(own):
                if shapes[each.name] != each.shape:
                    given[k] = given[k].reshape(-1, *shapes[each.name])
            result = kind.forward(self, *given)
            if any(layer.end is None for layer in layers):
                raise NotHandled("call every recurrent layer in each step")
            ends = [end for layer in layers for end in layer.end]
        finally:
            for layer in layers:
                layer.begin = layer.end = None
        ends += [end.flatten(1) for end in result[1:]] if len(own) > 1 else []
        return self.step_outputs(_first(result), *ends)

    base = kind
    if isinstance(module, fx.GraphModule):  # Its class is one of its own, with a copy of its own.
        children, module, base = dict(module.named_children()), nn.Module(), nn.Module
        for name, child in children.items():
            module.add_module(name, child)
    module.__class__ = type(kind.__name__, (base,), {"forward": forward})
    for each in inputs:
        module.add_module(f"input_{each.name}", each)
    module.add_module("step_outputs", pieces.Outputs())
    return module.eval()
