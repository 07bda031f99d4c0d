"""What a project will take of a device, before any synthesis: LUT, FF, DSP and cycles.

No vendor tool runs here, so the laws are fitted to published reports, the points of
``calibration.csv``:

- ``wa_hls4ml_2layer`` and ``_3layer``: dense networks, Resource strategy, io_parallel, 5 ns,
  Alveo U250, reports of Vitis HLS 2023.2 (data/concatenated_json_to_csv.csv and
  data/concatenated_3layer_json_to_csv.csv of github.com/jdweitz/wa-hls4ml). Reuse factors 256 and
  more, so at most 28 multipliers in parallel.
- ``coelho_2021``: 16-64-32-32-5, Latency strategy, 5 ns, VU9P, after logic synthesis (Coelho et
  al., Nature Machine Intelligence 3, 2021, arXiv:2006.10159, models Q6 and BF).

For networks that the fit had not seen (every third one), Resource strategy: cycles are right
within one and DSP exactly, FF within 1 %, LUT within 12 % and 4 % on average
(``benchmarks/hls4ml.py``). The Latency laws have two points and no held-out
error; take them for a factor of two. Between reuse 2 and 256, and for convolutions and io_stream,
there was nothing to fit to: the laws are extrapolated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, isqrt, prod

import numpy as np

from hwkit.targets.hls4ml.layers import Layer

LUT_PER_INPUT, LUT_PER_HIDDEN, LUT_PER_OUTPUT = 22.4, 116.9, 79.2
LUT_PER_MULTIPLIER_BIT, LUT_PER_WEIGHT_BIT = 18.8, 0.0235
FF_PER_INPUT, FF_PER_HIDDEN, FF_PER_OUTPUT = 33.0, 109.1, 39.6
"""Resource strategy: buffers by the network's widths, multipliers, decoding of weights."""

LATENCY_LUT_PER_WEIGHT_BIT, LATENCY_FF_PER_WEIGHT_BIT = 1.56, 0.31
LATENCY_DSP_LUT_PER_WEIGHT_BIT, LATENCY_DSP_PER_WEIGHT = 0.71, 0.43
LATENCY_CYCLES = 3
"""Latency strategy: every weight has its own multiplier by a constant."""

DSP_WEIGHT_BITS = 8
"""A multiplication by a weight of at least so many bits takes a DSP, a narrower one LUTs."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """The matrix product of a layer: ``inputs`` by ``outputs`` at each of ``places``.

    ``weights`` are those that are not 0.
    """

    inputs: int
    outputs: int
    places: int
    weights: int
    weight_bits: int

    def reuse_factors(self) -> list[int]:
        """The reuse factors that hls4ml's Resource strategy takes, ascending.

        Divisors of ``inputs * outputs`` that give each output the same share of the multipliers.
        Example: 16 by 4 has 1, 2, 4, 8, 16, 32 and 64.
        """
        products = self.inputs * self.outputs
        small = [d for d in range(1, isqrt(products) + 1) if products % d == 0]
        divisors = sorted({*small, *(products // d for d in small)})
        return [d for d in divisors if self._is_even(d, products // d)]

    def _is_even(self, reuse: int, multipliers: int) -> bool:
        if reuse < self.inputs:
            return multipliers % self.outputs == 0
        return reuse % self.inputs == 0


def kernel(layer: Layer) -> Kernel | None:
    """The matrix product of ``layer``; None for a layer that multiplies by nothing."""
    weight = layer.data.get("weight_data")
    if weight is None:
        weight = layer.data.get("depthwise_data")
    if weight is None:
        return None
    attributes = layer.attributes
    places = 1
    if layer.class_name != "Dense":
        height, width = attributes["out_height"], attributes["out_width"]
        assert isinstance(height, int) and isinstance(width, int)
        places = height * width
    inputs = prod(weight.shape[:-1])
    used = int(np.count_nonzero(weight))
    return Kernel(inputs, weight.shape[-1], places, used, layer.precision["weight"].bits)


@dataclass(frozen=True, slots=True)
class Estimate:
    """All figures are estimated. ``cycles`` by layer are those in which it is busy with one sample;
    their sum is the latency where no two layers work at once (io_parallel)."""

    lut: int
    ff: int
    dsp: int
    cycles: Mapping[str, int]

    @property
    def latency_cycles(self) -> int:
        """The sum over the layers; above the latency where layers overlap (io_stream)."""
        return sum(self.cycles.values())


def estimate(layers: Sequence[Layer], io_type: str) -> Estimate:
    """What a project of ``layers`` takes, by their reuse factors.

    Example: 16-64-32-32-5 with 6-bit weights, all reuse factors 1, takes 39,836 LUT, no DSP and
    12 cycles.
    """
    kernels = [(layer, k) for layer in layers if (k := kernel(layer))]
    lut = ff = dsp = 0.0
    for layer, k in kernels:
        more = alone(k, layer.reuse_factor)
        lut, ff, dsp = lut + more[0], ff + more[1], dsp + more[2]
    if any(layer.reuse_factor > 1 for layer, _ in kernels):
        buffers = _buffers([k for _, k in kernels])
        lut, ff = lut + buffers[0], ff + buffers[1]
    cycles = {layer.name: _cycles(layer, io_type) for layer in layers}
    return Estimate(ceil(lut), ceil(ff), ceil(dsp), cycles)


def alone(k: Kernel, reuse: int) -> tuple[float, float, float]:
    """LUT, FF and DSP of a kernel without what is between the layers."""
    return _latency(k) if reuse == 1 else _resource(k, reuse)


def _latency(k: Kernel) -> tuple[float, float, float]:
    """A multiplier by a constant for each weight."""
    bits = k.weights * k.weight_bits
    ff = LATENCY_FF_PER_WEIGHT_BIT * bits
    if k.weight_bits < DSP_WEIGHT_BITS:
        return LATENCY_LUT_PER_WEIGHT_BIT * bits, ff, 0.0
    return LATENCY_DSP_LUT_PER_WEIGHT_BIT * bits, ff, LATENCY_DSP_PER_WEIGHT * k.weights


def _resource(k: Kernel, reuse: int) -> tuple[float, float, float]:
    """Multipliers that each work ``reuse`` times."""
    multipliers = ceil(k.inputs * k.outputs / reuse)
    lut = (
        LUT_PER_MULTIPLIER_BIT * multipliers * k.weight_bits
        + LUT_PER_WEIGHT_BIT * k.inputs * k.outputs * k.weight_bits
    )
    return lut, 0.0, float(multipliers) if k.weight_bits >= DSP_WEIGHT_BITS else 0.0


def _buffers(kernels: Sequence[Kernel]) -> tuple[float, float]:
    """LUT and FF of the values between the layers."""
    first, hidden, last = (
        kernels[0].inputs,
        sum(k.outputs for k in kernels[:-1]),
        kernels[-1].outputs,
    )
    lut = LUT_PER_INPUT * first + LUT_PER_HIDDEN * hidden + LUT_PER_OUTPUT * last
    return lut, FF_PER_INPUT * first + FF_PER_HIDDEN * hidden + FF_PER_OUTPUT * last


def _cycles(layer: Layer, io_type: str) -> int:
    """Cycles in which a layer is busy with a sample."""
    attributes, k = layer.attributes, kernel(layer)
    if layer.class_name in ("Input", "Reshape"):
        return 0
    pixels = 1
    if io_type == "io_stream" and "in_height" in attributes:
        height, width = attributes["in_height"], attributes["in_width"]
        assert isinstance(height, int) and isinstance(width, int)
        pixels = height * width
    if k is None:
        return pixels
    once = LATENCY_CYCLES if layer.reuse_factor == 1 else layer.reuse_factor + 2
    if k.places == 1:
        return once
    return k.places * layer.reuse_factor + pixels + once - layer.reuse_factor
