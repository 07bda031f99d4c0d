"""Recurrent layers written out step by step: LSTM, GRU and plain RNN.

All products with the inputs are one layer; each step has one product with the state, whose weights
are one module that every step calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from hwkit.errors import ConfigError
from hwkit.train.ptq import pieces
from hwkit.train.ptq.standard import NotHandled

GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}
MOST_STEPS = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """One layer in one direction, in PyTorch's order of gates (LSTM: input, forget, cell, output;
    GRU: reset, update, new): ``of_input`` (gates * units, width), ``of_state`` (gates * units,
    units) and a bias for each. ``reset_after``: a GRU's reset gate acts behind its product."""

    kind: str
    of_input: Tensor
    of_state: Tensor
    input_bias: Tensor
    state_bias: Tensor
    reset_after: bool = True
    backward: bool = False

    @property
    def units(self) -> int:
        """Numbers of the state."""
        return int(self.of_state.shape[1])


class Cell(nn.Module):
    """One step: sums of the inputs (N, gates * units) and the states to the states behind it.

    An LSTM: ``c' = f c + i g``, ``h' = o tanh(c')``. A GRU: ``h' = n + z (h - n)`` with ``n =
    tanh(W x + r (U h + b))``, or ``U (r h) + b`` where reset comes first.
    """

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.kind, self.units, self.reset_after = weights.kind, weights.units, weights.reset_after
        rows, self.new = weights.of_state, nn.Identity()
        bias = weights.state_bias
        if self.kind == "GRU" and not self.reset_after:
            self.new = _linear(rows[2 * self.units :], bias[2 * self.units :])
            rows, bias = rows[: 2 * self.units], bias[: 2 * self.units]
        self.state = _linear(rows, bias)

    def forward(self, own: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        found = self.state(hidden)
        if self.kind == "LSTM":
            i, f, g, o = self.parts(own + found, 4)
            cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
            return torch.sigmoid(o) * torch.tanh(cell), cell
        if self.kind == "GRU":
            return self.gru(own, found, hidden), cell
        total = own + found
        return torch.relu(total) if self.kind == "RNN_RELU" else torch.tanh(total), cell

    def gru(self, own: Tensor, found: Tensor, hidden: Tensor) -> Tensor:
        """A GRU's next state."""
        gates = torch.sigmoid(own[:, : 2 * self.units] + found[:, : 2 * self.units])
        reset, update = self.parts(gates, 2)
        behind = self.reset_after
        later = reset * found[:, 2 * self.units :] if behind else self.new(reset * hidden)
        new = torch.tanh(own[:, 2 * self.units :] + later)
        return new + update * (hidden - new)

    def parts(self, x: Tensor, count: int) -> list[Tensor]:
        """The gates, which lie side by side."""
        return [x[:, k * self.units : (k + 1) * self.units] for k in range(count)]


class Direction(nn.Module):
    """Sequences (N, steps, width) through one layer in one direction, from states of zeros, or from
    those in ``begin``, which then leaves those behind it in ``end``: whoever carries states from
    call to call (``steps``) puts them there and takes them out."""

    begin: tuple[Tensor, ...] | None = None
    end: tuple[Tensor, ...] | None = None

    def __init__(self, weights: Weights, steps: int) -> None:
        super().__init__()
        if not 1 <= steps <= MOST_STEPS:
            raise NotHandled(f"{steps} steps; give at most {MOST_STEPS} at a time")
        self.input = _linear(weights.of_input, weights.input_bias)
        self.cell = Cell(weights)
        self.backward, self.is_lstm = weights.backward, weights.kind == "LSTM"
        self.order = list(range(steps))[:: -1 if weights.backward else 1]
        self.start = pieces.Constant(torch.zeros(1, weights.units))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """All hidden states (N, steps, units), the last one, and the last cell state."""
        own, begin = self.input(x), self.begin or (self.start(),)
        hidden, cell = begin[0], begin[-1]
        rows: dict[int, Tensor] = {}
        for step in self.order:
            hidden, cell = self.cell(own[:, step], hidden, cell)
            rows[step] = hidden
        if self.begin is not None:
            if self.end is not None:
                raise NotHandled("call a recurrent layer once, or build one for each call")
            self.end = (hidden, cell) if self.is_lstm else (hidden,)
        wide = [rows[step].unsqueeze(1) for step in sorted(rows)]
        return torch.cat(wide, 1) if len(wide) > 1 else wide[0], hidden, cell


def _are_zeros(state: Any) -> bool:
    """Whether an initial state, as it is traced, is made of zeros."""
    if isinstance(state, tuple | list):
        return all(_are_zeros(part) for part in state)
    node = state.node if isinstance(state, fx.Proxy) else None
    return node is not None and node.target in (torch.zeros, torch.zeros_like, "new_zeros")


class States(tuple[Tensor, ...]):
    """The states (N, units) of all layers and directions, for what is commonly done to PyTorch's
    tensor of them: an index, or ``squeeze`` where there is one."""

    __slots__ = ()

    def squeeze(self, axis: int = 0) -> Tensor:
        """The only state."""
        if axis != 0 or len(self) != 1:
            raise NotHandled("take the last state by its index, as in h[-1]")
        return self[0]


class Recurrent(nn.Module):
    """Layers on each other, each of one or two directions: called as ``nn.LSTM`` and its kin, with
    sequences (N, steps, width) and no states; states behind it are (N, units) a direction.

    Example: a GRU of 8 units gives (N, steps, 8) and one state (N, 8).
    """

    def __init__(self, layers: Sequence[Sequence[Weights]], steps: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.ModuleList(Direction(weights, steps) for weights in layer) for layer in layers
        )
        self.is_lstm = layers[0][0].kind == "LSTM"

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        if state is not None and not _are_zeros(state):
            raise NotHandled("a recurrent layer from zeros; leave its initial state out")
        hidden, cells = list[Tensor](), list[Tensor]()
        for layer in self.layers:
            found = [direction(x) for direction in layer]
            x = found[0][0] if len(found) == 1 else torch.cat([f[0] for f in found], 2)
            hidden += [f[1] for f in found]
            cells += [f[2] for f in found]
        states = States(hidden)
        return x, (states, States(cells)) if self.is_lstm else states


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    layer.weight = nn.Parameter(weight.detach().clone())
    layer.bias = nn.Parameter(bias.detach().clone())
    return layer


def weights_of(layer: nn.RNNBase) -> list[list[Weights]]:
    """The layers of PyTorch's own; ``NotHandled`` for options that have no form."""
    if not layer.batch_first:
        raise NotHandled("use a recurrent layer with batch_first=True")
    if layer.proj_size:
        raise NotHandled("use nn.LSTM without proj_size")
    ends = ("", "_reverse")[: 1 + layer.bidirectional]
    return [
        [_named(layer, layer.mode, f"_l{level}{end}", bool(end)) for end in ends]
        for level in range(layer.num_layers)
    ]


def _named(layer: nn.Module, kind: str, end: str, backward: bool = False) -> Weights:
    """The parameters of PyTorch's own whose names have ``end`` behind them."""
    of_input, of_state = (getattr(layer, f"weight_{name}{end}") for name in ("ih", "hh"))
    biases = [
        getattr(layer, f"bias_{name}{end}") if layer.bias else torch.zeros(len(of_input))
        for name in ("ih", "hh")
    ]
    return Weights(kind, of_input, of_state, biases[0], biases[1], backward=backward)


class OneStep(nn.Module):
    """``nn.LSTMCell`` and its kin: inputs (N, width) and the state."""

    def __init__(self, layer: nn.RNNCellBase) -> None:
        super().__init__()
        kind = {nn.LSTMCell: "LSTM", nn.GRUCell: "GRU"}.get(type(layer), "RNN_TANH")
        if kind == "RNN_TANH" and layer.nonlinearity == "relu":
            kind = "RNN_RELU"
        weights = _named(layer, kind, "")
        self.input, self.cell = _linear(weights.of_input, weights.input_bias), Cell(weights)
        self.is_lstm = kind == "LSTM"

    def forward(self, x: Tensor, state: Any = None) -> Any:
        if state is None:
            raise NotHandled("give a recurrent cell its state")
        hidden, cell = state if self.is_lstm else (state, state)
        found = self.cell(self.input(x), hidden, cell)
        return found if self.is_lstm else found[0]


def unrolled(module: nn.Module, example: Tensor) -> nn.Module:
    """``module`` with its recurrent layers written out for as many steps as ``example`` gives them;
    ``ConfigError`` for one that gets several lengths."""
    for name, cell in list(module.named_modules()):
        if isinstance(cell, nn.RNNCellBase):
            module = _with(module, name, OneStep(cell))
    layers = {n: m for n, m in module.named_modules() if isinstance(m, nn.RNNBase)}
    if not layers:
        return module
    lengths: dict[str, set[int]] = {name: set() for name in layers}

    def see(name: str) -> Any:
        return lambda _, inputs: lengths[name].add(int(inputs[0].shape[1]))

    hooks = [layer.register_forward_pre_hook(see(name)) for name, layer in layers.items()]
    try:
        module(example)
    finally:
        for hook in hooks:
            hook.remove()
    for name, layer in layers.items():
        if len(lengths[name]) > 1:
            raise ConfigError(
                f"{name}: gets {sorted(lengths[name])} steps; call it with one length"
            )
        new = Recurrent(weights_of(layer), next(iter(lengths[name]), 1))
        module = _with(module, name, new)
    return module


def _with(module: nn.Module, path: str, new: nn.Module) -> nn.Module:
    """``module`` with ``new`` at ``path``, itself where that is ""."""
    if path == "":
        return new
    parent, _, last = path.rpartition(".")
    setattr(module.get_submodule(parent), last, new)
    return module
