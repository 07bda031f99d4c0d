"""Layer norm, which a .tflite has no operator for: exact sums in int32, the root and what follows
in float32, each operator's result defined to the last bit.

LiteRT's RSQRT and SQRT are XNNPACK's approximations, so ``1 / sqrt`` is a table entry by the
leading bits of the variance, read with BITCAST and GATHER, and one step of Newton's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np

from hwkit.errors import UnsupportedOp
from hwkit.ir.graph import Graph
from hwkit.ir.layer_norm import (
    EPSILON_BITS,
    GUESS_SHIFT,
    gain_and_bias,
    guess_index_offset,
    guesses,
)
from hwkit.ir.ops import LayerNorm, LayerNormKind, Rounding
from hwkit.ir.types import S8, Array, Shape
from hwkit.targets.edge.runtime import Arithmetic, Products

_MOST_CHANNELS = 362
"""Beyond, channels times a sum of squares of int8 may leave int32."""
_GUESSES = "layer_norm/guesses"
"""One table serves all layer norms of a file."""


def float_layer_norm(graph: Graph, op: LayerNorm, runtime: Arithmetic, target: str) -> LayerNorm:
    """``op`` as LiteRT's operators compute it; ``UnsupportedOp`` where they can't."""
    channels, types = (
        graph.tensors[op.input].shape[-1],
        {graph.tensors[name].dtype for name in (op.input, op.output)},
    )
    if runtime.products is not Products.XNNPACK:
        remedy = "a layer norm, which takes operators that only LiteRT has; take host_litert"
        raise UnsupportedOp(op.name, target, remedy)
    if types != {S8} or op.rescale is None:
        raise UnsupportedOp(op.name, target, "a layer norm of 8-bit integers to such alone")
    if channels > _MOST_CHANNELS:
        remedy = f"a layer norm over {channels} channels; int32 holds {_MOST_CHANNELS}"
        raise UnsupportedOp(op.name, target, remedy)
    rescale = replace(op.rescale, rounding=Rounding.HALF_EVEN)
    return replace(op, kind=LayerNormKind.FLOAT, rescale=rescale)


class Emitter(Protocol):
    """What of the emitter a layer norm takes."""

    graph: Graph

    def fresh(self, name: str, shape: Shape, dtype: str) -> str:
        """An activation that only the file has."""

    def constant(self, name: str, data: Array, dtype: str) -> str:
        """A constant."""

    def apply(self, code: str, inputs: tuple[str, ...], output: str) -> str:
        """An operator with default options."""


class LayerNormOperators:
    """The operators of one layer norm, as ``ir.layer_norm.normalized_float`` computes it."""

    def __init__(self, emitter: Emitter, op: LayerNorm) -> None:
        self.emitter, self.op = emitter, op
        self.shape = emitter.graph.tensors[op.input].shape
        self.row = (*self.shape[:-1], 1)

    def step(self, code: str, inputs: tuple[str, ...], name: str, shape: Shape, dtype: str) -> str:
        output = self.emitter.fresh(f"{self.op.name}/{name}", shape, dtype)
        return self.emitter.apply(code, inputs, output)

    def number(self, name: str, value: float | Array, dtype: str = "float32") -> str:
        data = np.atleast_1d(np.asarray(value, dtype))
        return self.emitter.constant(f"{self.op.name}/{name}", data, dtype)

    def result(self) -> str:
        """Adds them all; the float32 tensor that is left to be rounded."""
        n, deviation = self.moments()
        n = self.step("CAST", (n,), "centred_float", self.shape, "float32")
        scaled = self.step("MUL", (n, self.root(deviation)), "normalized", self.shape, "float32")
        assert self.op.rescale is not None
        signs = None if self.op.signs is None else self.emitter.graph.constants[self.op.signs]
        gain, bias = gain_and_bias(self.op.rescale, signs)
        product = (scaled, self.number("gain", gain))
        scaled = self.step("MUL", product, "with_gain", self.shape, "float32")
        return self.step(
            "ADD", (scaled, self.number("bias", bias)), "with_bias", self.shape, "float32"
        )

    def moments(self) -> tuple[str, str]:
        """``n`` and ``D``, int32."""
        channels = self.number("channels", self.shape[-1], "int32")
        axis = self.number("axis", len(self.shape), "int32")
        q = self.step("CAST", (self.op.input,), "whole", self.shape, "int32")
        squares = self.step("MUL", (q, q), "squares", self.shape, "int32")
        total = self.step("SUM", (q, axis), "sum", self.row, "int32")
        square = self.step("SUM", (squares, axis), "sum_of_squares", self.row, "int32")
        first = self.step("MUL", (square, channels), "mean_square", self.row, "int32")
        second = self.step("MUL", (total, total), "square_mean", self.row, "int32")
        deviation = self.step("SUB", (first, second), "deviation", self.row, "int32")
        times = self.step("MUL", (q, channels), "times_channels", self.shape, "int32")
        return self.step("SUB", (times, total), "centred", self.shape, "int32"), deviation

    def root(self, deviation: str) -> str:
        """``1 / sqrt`` of the deviation and epsilon."""
        row = self.row
        value = self.step("CAST", (deviation,), "deviation_float", row, "float32")
        epsilon = self.number("epsilon", self.op.epsilon / (1 << EPSILON_BITS))
        value = self.step("ADD", (value, epsilon), "variance", row, "float32")
        value = self.step("MAXIMUM", (value, self.number("one", 1)), "at_least_one", row, "float32")
        bits = self.step("BITCAST", (value,), "bits", row, "int32")
        by = self.number("guess_shift", np.full((1, *row), GUESS_SHIFT), "int32")
        bits = self.step("RIGHT_SHIFT", (bits, by), "leading_bits", row, "int32")
        offset = self.number("guess_offset", -guess_index_offset(), "int32")
        index = self.step("ADD", (bits, offset), "index", row, "int32")
        table = self.emitter.constant(_GUESSES, guesses(), "float32")
        guess = self.step("GATHER", (table, index), "guess", row, "float32")
        half = self.step("MUL", (value, self.number("half", 0.5)), "half_variance", row, "float32")
        square = self.step("MUL", (guess, guess), "guess_squared", row, "float32")
        error = self.step("MUL", (half, square), "error", row, "float32")
        rest = self.step("SUB", (self.number("three_halves", 1.5), error), "rest", row, "float32")
        return self.step("MUL", (guess, rest), "root", row, "float32")
