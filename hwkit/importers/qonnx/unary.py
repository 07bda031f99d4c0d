"""Functions of one number that ONNX has operators for: ``f(node, x)`` of float64 arrays.

The importer makes tables of them, the reference execution computes them.
"""

from __future__ import annotations

from collections.abc import Callable
from math import erf, pi

import numpy as np

from hwkit.importers.qonnx.file import Node
from hwkit.ir.types import Array

_erf = np.vectorize(erf, otypes=[np.float64])
_LARGE = 700.0
"""``exp`` of it is still a float64."""


def _sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -_LARGE, _LARGE))))


def _gelu(node: Node, x: Array) -> Array:
    if node.attribute("approximate", "none") == "tanh":
        return np.asarray(0.5 * x * (1 + np.tanh(np.sqrt(2 / pi) * (x + 0.044715 * x**3))))
    return np.asarray(0.5 * x * (1 + _erf(x / np.sqrt(2))))


def _hard_sigmoid(node: Node, x: Array) -> Array:
    line = node.attribute("alpha", 0.2) * x + node.attribute("beta", 0.5)
    return np.asarray(np.clip(line, 0, 1))


def _elu(node: Node, x: Array) -> Array:
    return np.where(x < 0, node.attribute("alpha", 1.0) * np.expm1(np.minimum(x, 0)), x)


def _celu(node: Node, x: Array) -> Array:
    alpha = node.attribute("alpha", 1.0)
    return np.asarray(np.maximum(x, 0) + np.minimum(0, alpha * np.expm1(np.minimum(x, 0) / alpha)))


def _selu(node: Node, x: Array) -> Array:
    alpha = node.attribute("alpha", 1.67326319217681884765625)
    below = alpha * np.expm1(np.minimum(x, 0))
    return np.asarray(
        node.attribute("gamma", 1.05070102214813232421875) * np.where(x > 0, x, below)
    )


def _leaky(node: Node, x: Array) -> Array:
    return np.where(x < 0, node.attribute("alpha", 0.01) * x, x)


def _thresholded(node: Node, x: Array) -> Array:
    return np.where(x > node.attribute("alpha", 1.0), x, 0.0)


def _shrink(node: Node, x: Array) -> Array:
    edge, bias = node.attribute("lambd", 0.5), node.attribute("bias", 0.0)
    return np.where(x < -edge, x + bias, np.where(x > edge, x - bias, 0.0))


def _softplus(x: Array) -> Array:
    return np.asarray(np.logaddexp(0, x))


FUNCTIONS: dict[str, Callable[[Node, Array], Array]] = {
    "Sigmoid": lambda node, x: _sigmoid(x),
    "Tanh": lambda node, x: np.tanh(x),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": lambda node, x: np.asarray(x * np.clip(x / 6 + 0.5, 0, 1)),
    "Elu": _elu,
    "Celu": _celu,
    "Selu": _selu,
    "LeakyRelu": _leaky,
    "ThresholdedRelu": _thresholded,
    "Shrink": _shrink,
    "Gelu": _gelu,
    "QuickGelu": lambda node, x: np.asarray(x * _sigmoid(node.attribute("alpha", 1.702) * x)),
    "Swish": lambda node, x: np.asarray(x * _sigmoid(node.attribute("alpha", 1.0) * x)),
    "Mish": lambda node, x: np.asarray(x * np.tanh(_softplus(x))),
    "Softplus": lambda node, x: _softplus(x),
    "Softsign": lambda node, x: np.asarray(x / (1 + np.abs(x))),
    "Erf": lambda node, x: _erf(x),
    "Exp": lambda node, x: np.exp(np.clip(x, -_LARGE, _LARGE)),
    "Log": lambda node, x: np.log(x),
    "Sqrt": lambda node, x: np.sqrt(x),
    "Reciprocal": lambda node, x: np.asarray(1 / x),
    "Abs": lambda node, x: np.abs(x),
    "Neg": lambda node, x: np.negative(x),
    "Sign": lambda node, x: np.sign(x),
    "Floor": lambda node, x: np.floor(x),
    "Ceil": lambda node, x: np.ceil(x),
    "Round": lambda node, x: np.rint(x),
    "Sin": lambda node, x: np.sin(x),
    "Cos": lambda node, x: np.cos(x),
}
