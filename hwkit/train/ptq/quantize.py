"""A float network, a few samples, and the steps from one to its quantized twin.

Each step is kept only if the signal to noise at the network's output, on the calibration samples,
is the better for it; what each bought is recorded. Practices: Krishnamoorthi 1806.08342, Nagel et
al. 1906.04721, and those of the modules of this package.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor, nn

from hwkit.errors import ConfigError
from hwkit.train.fit import Progress, silent
from hwkit.train.ptq import grids, rounding, weights
from hwkit.train.ptq.blocks import blocks_of
from hwkit.train.ptq.correct import correct_biases
from hwkit.train.ptq.equalize import equalized
from hwkit.train.ptq.feedback import with_feedback
from hwkit.train.ptq.pieces import Constant
from hwkit.train.ptq.settings import Settings
from hwkit.train.ptq.ties import tied
from hwkit.train.ptq.trace import Network, Traced, module_of, traced, weighted
from hwkit.train.ptq.twin import Grid, Site, Widths, set_grid, sites_of, twin

BATCH = 64
_JUDGED = 256
"""Samples on which steps are compared."""


@dataclass(frozen=True, slots=True)
class Step:
    """``output_db``: signal to noise at the output behind it; ``kept`` False: undone."""

    name: str
    output_db: float
    kept: bool


@dataclass(slots=True, eq=False)
class Quantized:
    """A ``twin`` and the float ``network`` that it stands for, equalized or not; samples ``x``."""

    traced: Traced
    network: Network
    twin: Network
    sites: tuple[Site, ...]
    widths: Widths
    x: Tensor
    steps: list[Step] = field(default_factory=list)

    def judged(self) -> float:
        """Signal to noise at the output in dB."""
        x = self.x[:_JUDGED]
        return signal_to_noise(outputs(self.network, x), outputs(self.twin, x))


def outputs(network: nn.Module, x: Tensor) -> Tensor:
    """Outputs for samples (N, ...), batch by batch."""
    with torch.no_grad():
        return torch.cat([network(batch) for batch in x.split(BATCH)])


def signal_to_noise(wanted: Tensor, got: Tensor) -> float:
    """``10 log10(sum wanted^2 / sum (wanted - got)^2)`` in dB, at most 200.

    Example: an error of a tenth of the values is 20 dB.
    """
    noise = float((wanted - got).double().square().sum())
    signal = float(wanted.double().square().sum())
    if noise <= signal * 1e-20:
        return 200.0
    return 10 * math.log10(max(signal, 1e-300) / noise)


def quantize(
    module: nn.Module, x: Tensor, settings: Settings | None = None, progress: Progress = silent
) -> Quantized:
    """The quantized twin of a float ``module`` from samples ``x`` (N, ...), at least 2.

    Raises ``ConfigError`` for a module, samples or settings that are wrong, ``UnsupportedOp``
    naming a layer that cannot be quantized.

    Example: ``quantize(network, images[:512], Settings(weights=4)).twin`` is a Brevitas model.
    """
    settings = settings or Settings()
    _require_samples(x)
    found = traced(module, x[:2])
    widths = settings.widths(weighted(found.network))
    done = _best_start(found, x, widths, settings, progress)
    _round(done, settings, progress)
    if settings.correct is not False:
        _try(
            done,
            "bias correction",
            lambda: correct_biases(done.network, done.twin, blocks_of(done.network, done.sites), x),
            settings.correct is True,
        )
    return done


def _require_samples(x: Tensor) -> None:
    if x.dim() < 2 or len(x) < 2:
        raise ConfigError(
            f"calibration data: shape {tuple(x.shape)} holds no 2 samples; give some hundred, the "
            "first axis being the sample"
        )
    if not bool(torch.isfinite(x).all()):
        raise ConfigError("calibration data: holds NaN or infinite numbers; leave them out")


def _best_start(
    found: Traced, x: Tensor, widths: Widths, settings: Settings, progress: Progress
) -> Quantized:
    """The network, equalized or not, with the ranges that serve it best, rounded to nearest."""
    candidates = [("", found.network)] if settings.equalize is not True else []
    if settings.equalize is not False:
        other = equalized(found.network)
        if other is not None:
            candidates.append(("equalization, ", other))
        elif not candidates:
            candidates.append(("", found.network))
    names = list(grids.RANGES) if settings.ranges is None else [settings.ranges]
    best: tuple[float, Quantized] | None = None
    steps: list[Step] = []
    total, at = len(candidates) * len(names), 0
    for title, network in candidates:
        sites = sites_of(network)
        seen = grids.observe(network, sites, x.split(BATCH))
        for name in names:
            made = _nearest(
                found,
                network,
                x,
                widths,
                _ranges(network, seen, sites, widths, name, settings),
                settings,
            )
            db = made.judged()
            steps.append(Step(f"{title}ranges by {name}", db, False))
            if best is None or db > best[0]:
                best = db, made
                steps = [replace(step, kept=step is steps[-1]) for step in steps]
            at += 1
            progress("ranges", at, total)
    assert best is not None  # There is a network and a way to find ranges.
    best[1].steps = steps
    return best[1]


def _ranges(
    network: Network, seen: Mapping[str, grids.Histogram], sites: tuple[Site, ...], widths: Widths,
    name: str, settings: Settings,
) -> dict[Site, Grid]:  # fmt: skip
    find, found = grids.RANGES[name], dict[Site, Grid]()
    for site in sites:
        bits, style = widths.of(site, sites), settings.style
        of = _source(network, site)
        if isinstance(of, nn.Softmax):
            found[site] = Grid(2.0**-bits, 0, bits)
        else:
            symmetric = replace(style, symmetric=style.symmetric or isinstance(of, Constant))
            found[site] = find(seen[site.path], bits, symmetric)
    return tied(network, found)


def _source(network: Network, site: Site) -> nn.Module | None:
    """The module whose values ``site`` quantizes. A softmax gives parts of one, of which a grid of
    ``2**-bits`` is exact everywhere; a constant operand has no zero point."""
    return next((module_of(network, n) for n in network.graph.nodes if n.name == site.node), None)


def _nearest(
    found: Traced, network: Network, x: Tensor, widths: Widths, ranges: Mapping[Site, Grid],
    settings: Settings,
) -> Quantized:  # fmt: skip
    sites = tuple(ranges)
    quantized = twin(network, sites, widths)
    for site, grid in ranges.items():
        set_grid(quantized, site, grid)
    for path, bits in widths.weights.items():
        weights.round_nearest(
            quantized.get_submodule(path),
            network.get_submodule(path),
            bits,
            True,
            settings.style.dyadic,
        )
    for parameter in quantized.parameters():
        parameter.requires_grad_(False)
    return Quantized(found, network, quantized, sites, widths, x)


def _round(done: Quantized, settings: Settings, progress: Progress) -> None:
    """Rounding other than to nearest, unless that is asked for: feedback along the inputs, which
    takes off errors of activations too; where weights are narrow also by the Hessian, and learning
    from the better of these."""
    narrow = min(done.widths.weights.values()) < 8
    ways = ("gpfq", "gptq", "learned") if narrow else ("gpfq",)
    for way in ways if settings.rounding is None else (settings.rounding,):
        forced = settings.rounding is not None
        if way == "learned":
            _try(done, "learned rounding", partial(_learn, done, settings, progress), forced)
        elif way != "nearest":
            _try(done, way, partial(_feedback, done, way), forced)
            progress(way, 1, 1)


def _feedback(done: Quantized, way: str) -> None:
    with_feedback(done.network, done.twin, done.x, way)


def _learn(done: Quantized, settings: Settings, progress: Progress) -> None:
    rounding.learn(
        done.network,
        done.twin,
        blocks_of(done.network, done.sites),
        done.widths.weights,
        done.x,
        rounding.Learning(steps=settings.steps),
        lambda at, of: progress("learned rounding", at, of),
        settings.seed,
    )


def _try(done: Quantized, name: str, change: Callable[[], None], forced: bool) -> None:
    """Changes the twin in place and keeps that if its output is the better for it."""
    before, state = done.judged(), copy.deepcopy(done.twin.state_dict())
    change()
    _share(done)
    after = done.judged()
    kept = forced or after > before
    done.steps.append(Step(name, after, kept))
    if not kept:
        done.twin.load_state_dict(state)


def _share(done: Quantized) -> None:
    """Gives the copies of a layer that is called several times the last one's weights and bias,
    where they were equal in the float network: a recurrent layer keeps one matrix."""
    for group in done.traced.shared:
        plain = [done.network.get_submodule(path).weight for path in group]
        layers = [done.twin.get_submodule(path) for path in group]
        if all(torch.equal(weight, plain[0]) for weight in plain):
            with torch.no_grad():
                for layer in layers[:-1]:
                    layer.weight.copy_(layers[-1].weight)
                    layer.bias.copy_(layers[-1].bias)
