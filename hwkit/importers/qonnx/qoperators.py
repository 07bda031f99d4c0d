"""QOperator files: each operator on integers becomes the same one on reals between a
``DequantizeLinear`` for each operand and a ``QuantizeLinear``, which is what it means.

ONNX's ``QLinearConv`` and ``QLinearMatMul``, and ONNX Runtime's of the domain ``com.microsoft``, as
its static quantization with ``QuantFormat.QOperator`` writes them. ONNX Runtime's kernels multiply
sums by float32 scales, so they differ from the exact quotient on ties of float32 alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from hwkit.errors import GraphError, UnsupportedOp
from hwkit.importers.qonnx.file import Node
from hwkit.importers.qonnx.rounding import IMPORTER
from hwkit.ir.types import Array

_STATIC = "quantize statically (onnxruntime.quantization.quantize_static)"
_REFUSED = {
    **dict.fromkeys(
        ("ConvInteger", "MatMulInteger", "DynamicQuantizeLinear", "MatMulIntegerToFloat",
         "DynamicQuantizeMatMul", "DynamicQuantizeLSTM", "QAttention"),
        f"its scale is computed from each input; {_STATIC}",
    ),
    "MatMulNBits": "it computes in float from packed weights; quantize activations as well",
}  # fmt: skip

UNARY = {
    "QLinearSigmoid": "Sigmoid",
    "QLinearLeakyRelu": "LeakyRelu",
    "QLinearSoftmax": "Softmax",
    "QLinearAveragePool": "AveragePool",
    "QLinearGlobalAveragePool": "GlobalAveragePool",
    "QLinearReduceMean": "ReduceMean",
}
BINARY = {"QLinearAdd": "Add", "QLinearMul": "Mul", "QLinearMatMul": "MatMul"}


class _Expansion:
    """The nodes that one operator becomes, and the constants that they read."""

    def __init__(self, node: Node, constants: Mapping[str, Array]) -> None:
        self.node = node
        self.nodes: list[Node] = []
        self.constants = dict[str, Array]()
        self._known = constants

    def given(self, position: int) -> str:
        """The name of an operand, "" where it is left out."""
        inputs = self.node.inputs
        return inputs[position] if position < len(inputs) else ""

    def constant(self, position: int) -> Array:
        """The value of an operand that has to be known; ``UnsupportedOp`` where it is not."""
        name = self.given(position)
        if name not in self._known:
            raise UnsupportedOp(
                self.node.name, IMPORTER, f"a computed scale or zero point {name!r:.40}; {_STATIC}"
            )
        return self._known[name]

    def real(self, first: int, axis: int = 1) -> str:
        """Operand ``first`` with its scale and zero point behind it, as reals."""
        if not self.given(first):
            raise GraphError(self.node.name, f"lacks operand {first}; export again")
        names = tuple(self.given(first + k) for k in range(3))
        return self.add("DequantizeLinear", names, f"~{first}", {"axis": axis})

    def added(self, name: str, value: Array) -> str:
        """A new constant."""
        full = f"{self.node.outputs[0]}~{name}"
        self.constants[full] = value
        return full

    def add(
        self,
        op_type: str,
        inputs: tuple[str, ...],
        suffix: str,
        attributes: Mapping[str, object] | None = None,
    ) -> str:
        """A node whose output is that of the operator, or a name made from it by ``suffix``."""
        output = f"{self.node.outputs[0]}{suffix}"
        name = self.node.name if op_type not in ("QuantizeLinear", "DequantizeLinear") else output
        node = replace(
            self.node, name=name, op_type=op_type, inputs=inputs, outputs=(output,),
            attributes=dict(self.node.attributes if attributes is None else attributes), domain="",
        )  # fmt: skip
        self.nodes.append(node)
        return output

    def quantized(self, reals: str, scale: int) -> None:
        """The operator's output: ``reals`` by the operands ``scale`` and the one behind it."""
        self.add("QuantizeLinear", (reals, self.given(scale), self.given(scale + 1)), "", {})

    def bias(self, position: int, x_scale: Array, w_scale: Array) -> tuple[str, ...]:
        """An int32 bias in steps of the product of both scales, if there is one."""
        if not self.given(position):
            return ()
        steps = np.asarray(np.multiply(x_scale, w_scale, dtype=np.float64)).reshape(-1)
        steps = np.asarray(steps[0]) if steps.size == 1 else steps
        names = (self.given(position), self.added("bias_scale", steps))
        return (self.add("DequantizeLinear", names, "~bias", {"axis": 0}),)


def _conv(e: _Expansion) -> None:
    operands = (e.real(0), e.real(3, axis=0), *e.bias(8, e.constant(1), e.constant(4)))
    e.quantized(e.add("Conv", operands, "~real"), 6)


def _gemm(e: _Expansion) -> None:
    axis = 0 if e.node.attribute("transB", 0) else 1
    alpha = e.node.attribute("alpha", 1.0)
    bias = e.bias(6, np.asarray(e.constant(1) * np.float64(alpha)), e.constant(4))
    operands = (e.real(0), e.real(3, axis))
    if not e.given(7):
        e.add("Gemm", (*operands, *bias), "")
        return
    e.quantized(e.add("Gemm", (*operands, *bias), "~real"), 7)


def _binary(e: _Expansion) -> None:
    real = e.add(BINARY[e.node.op_type], (e.real(0), e.real(3)), "~real")
    e.quantized(real, 6)


def _unary(e: _Expansion) -> None:
    if e.node.attribute("channels_last", 0):
        raise UnsupportedOp(e.node.name, IMPORTER, "channels_last 1; save it before optimization")
    e.quantized(e.add(UNARY[e.node.op_type], (e.real(0),), "~real"), 3)


def _concat(e: _Expansion) -> None:
    reals = tuple(e.real(k) for k in range(2, len(e.node.inputs), 3))
    e.quantized(e.add("Concat", reals, "~real"), 0)


_EXPANSIONS: dict[str, Callable[[_Expansion], None]] = {
    "QLinearConv": _conv,
    "QGemm": _gemm,
    "QLinearConcat": _concat,
    **dict.fromkeys(UNARY, _unary),
    **dict.fromkeys(BINARY, _binary),
}
OPERATORS = frozenset(_EXPANSIONS)
"""The operators that stand here for an operator on reals and a quantizer."""


def on_reals(
    nodes: list[Node], constants: Mapping[str, Array]
) -> tuple[list[Node], dict[str, Array]]:
    """``nodes`` without operators on integers, and the constants with those that are new.

    Raises ``UnsupportedOp`` naming an operator whose scales are computed as it runs.
    """
    found: list[Node] = []
    known = dict(constants)
    for node in nodes:
        if node.op_type in _REFUSED:
            reason = _REFUSED[node.op_type]
            raise UnsupportedOp(node.name, IMPORTER, f"ONNX op {node.op_type!r}: {reason}")
        expand = _EXPANSIONS.get(node.op_type)
        if expand is None:
            found.append(node)
            continue
        expansion = _Expansion(node, known)
        expand(expansion)
        found += expansion.nodes
        known.update(expansion.constants)
    return found, known
