"""What each layer costs: its signal to noise in the network, and the network's with it alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, fx, nn

from hwkit.train.fit import Progress, silent
from hwkit.train.ptq.grids import watch
from hwkit.train.ptq.kinds import Kind
from hwkit.train.ptq.quantize import Quantized, outputs, signal_to_noise
from hwkit.train.ptq.trace import Network, kind_of
from hwkit.train.ptq.twin import Site

_SAMPLES = 64
_MUCH = 0.2
"""Share of all noise at the output from which a layer gets advice."""

_QUIET_DB = 30.0
"""Above this the output has so little noise that no layer needs advice."""


@dataclass(frozen=True, slots=True)
class LayerNoise:
    """One quantized value and the layer with weights that it comes from, if it comes from one.

    Signal to noise in dB: ``here`` behind the layer, with the noise of all before it; ``weights``
    and ``values`` at the network's output if nothing but this layer's weights, or values, were
    quantized; None without weights.
    """

    name: str
    kind: str
    weight_bits: int | None
    value_bits: int
    here: float
    weights: float | None
    values: float
    advice: str = ""


def layer_noise(done: Quantized, progress: Progress = silent) -> list[LayerNoise]:
    """A row for each quantized value, in order; layers whose noise counts get advice."""
    x = done.x[:_SAMPLES]
    wanted, here = outputs(done.network, x), _noise_here(done, x)
    layers = _layers_of_sites(done.network, {site.node: site for site in done.sites})
    rows = []
    for at, site in enumerate(done.sites, 1):
        path = layers.get(site.path)
        name = path or site.path.removesuffix("_out")
        rows.append(
            LayerNoise(
                name,
                _kind(done.network, name),
                None if path is None else done.widths.weights[path],
                done.widths.of(site, done.sites),
                here[site.path],
                None if path is None else _weights_alone(done, path, x, wanted),
                _values_alone(done, site, x, wanted),
            )
        )
        progress("layers", at, len(done.sites))
    return _advised(rows)


def _kind(network: Network, path: str) -> str:
    try:
        return type(network.get_submodule(path)).__name__
    except AttributeError:
        return "input"


def _layers_of_sites(network: Network, sites: dict[str, Site]) -> dict[str, str]:
    """The layer with weights whose sums each site quantizes, past a ReLU or a pool."""
    found: dict[str, str] = {}
    for node in network.graph.nodes:
        if kind_of(network, node) is Kind.WEIGHTED:
            end = node
            while end.name not in sites and len(end.users) == 1:
                end = next(iter(end.users))
            if end.name in sites:
                found.setdefault(sites[end.name].path, str(node.target))
    return found


def _noise_here(done: Quantized, x: Tensor) -> dict[str, float]:
    """Signal to noise of each site in the quantized network, by its path."""
    plain: dict[str, Tensor] = {}
    found: dict[str, float] = {}

    def keep(name: str) -> Callable[[Tensor], None]:
        return lambda value: plain.__setitem__(name, value)

    def judge(site: Site) -> Callable[[Tensor], None]:
        return lambda value: found.__setitem__(site.path, signal_to_noise(plain[site.node], value))

    names = {str(node.target): node.name for node in done.twin.graph.nodes}
    watch(done.network, (x,), {site.node: keep(site.node) for site in done.sites})
    watch(done.twin, (x,), {names[site.path]: judge(site) for site in done.sites})
    return found


def _weights_alone(done: Quantized, path: str, x: Tensor, wanted: Tensor) -> float:
    layer, quantized = done.network.get_submodule(path), done.twin.get_submodule(path)
    before = layer.weight.detach().clone()
    with torch.no_grad():
        try:
            layer.weight.copy_(quantized.weight)
            return signal_to_noise(wanted, outputs(done.network, x))
        finally:
            layer.weight.copy_(before)


class _One(fx.Interpreter):
    """A float network with one value quantized."""

    def __init__(self, network: Network, name: str, quantizer: nn.Module) -> None:
        super().__init__(network)
        self.name, self.quantizer = name, quantizer

    def run_node(self, n: fx.Node) -> object:
        value = super().run_node(n)
        return self.quantizer(value) if n.name == self.name else value


def _values_alone(done: Quantized, site: Site, x: Tensor, wanted: Tensor) -> float:
    with torch.no_grad():
        got = _One(done.network, site.node, done.twin.get_submodule(site.path)).run(x)
    return signal_to_noise(wanted, got)


def _advised(rows: list[LayerNoise]) -> list[LayerNoise]:
    noises = [(_noise(row.weights), _noise(row.values)) for row in rows]
    total = sum(sum(pair) for pair in noises)
    if total <= 10 ** (-_QUIET_DB / 10):
        return rows
    return [
        replace(row, advice=_advice(row, pair, total)) if max(pair) > _MUCH * total else row
        for row, pair in zip(rows, noises, strict=True)
    ]


def _noise(db: float | None) -> float:
    return 0.0 if db is None else 10 ** (-db / 10)


def _advice(row: LayerNoise, noises: tuple[float, float], total: float) -> str:
    share = f"{100 * max(noises) / total:.0f} % of the noise"
    if noises[0] >= noises[1]:
        if row.weight_bits is not None and row.weight_bits < 8:
            return (
                f"its weights: {share}; give them more bits in --plan, or learn with more --steps"
            )
        return f"its weights: {share}; try --method gpfq or learned"
    if row.value_bits < 8:
        return f"its values: {share}; try --activations 8"
    return (
        f"its values: {share}; clip them (ReLU6) and train on, or try another --method for ranges"
    )
