"""The state of one import: the graph so far, and what each ONNX tensor is in integers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from hwkit.errors import GraphError, UnsupportedOp
from hwkit.importers.qonnx_file import Node
from hwkit.importers.qonnx_rescale import IMPORTER, Quantizer, bound, rescale_to
from hwkit.importers.qonnx_values import Fresh, Integers, Layer, Real, Table, Weight
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.ops import Clamp, DepthwiseConv2d, Lookup, Overflow, Requantize, Reshape
from hwkit.ir.types import S8, S32, Array, Quantization, Shape

Value = Real | Weight | Fresh | Array
_QUANTIZER_PARTS = {"export_handler", "act_quant", "activation_impl", "tensor_quant", "cast"}
_NAMED_BY_MODULE = {"Conv", "Gemm", "MatMul", "BatchNormalization", "Quant", "Trunc"}


class Context:
    """Values by ONNX name and a ``GraphBuilder``; the handlers read and write through it."""

    def __init__(self, name: str, constants: Mapping[str, Array]) -> None:
        self.builder = GraphBuilder(name)
        self.values: dict[str, Value] = dict(constants)
        self._names: set[str] = set()

    # --- names -------------------------------------------------------------------------------

    def name(self, node: Node, wanted: str = "") -> str:
        """A unique name: ``wanted``, or the module's path, or the op's kind."""
        if not wanted:
            parts = [p for p in node.module.split(".") if p not in _QUANTIZER_PARTS and p]
            kind = node.op_type.lower()
            if not parts and node.op_type in _NAMED_BY_MODULE:
                parts = [node.name.strip("/").replace("/", ".")]
            elif not parts or node.op_type in ("Add", "Concat"):
                parts.append(kind)
            wanted = ".".join(parts)
        candidate, count = wanted, 1
        while candidate in self._names:
            count += 1
            candidate = f"{wanted}_{count}"
        self._names.add(candidate)
        return candidate

    # --- reading -----------------------------------------------------------------------------

    def value(self, node: Node, position: int) -> Value:
        """Input ``position`` of ``node``; ``GraphError`` if nothing computes it."""
        name = node.inputs[position] if position < len(node.inputs) else ""
        if name not in self.values:
            raise GraphError(node.name, f"reads {name!r}, which nothing computes; export again")
        return self.values[name]

    def has(self, node: Node, position: int) -> bool:
        """Whether the optional input ``position`` is given."""
        return position < len(node.inputs) and node.inputs[position] != ""

    def real(self, node: Node, position: int) -> Real:
        """An activation; ``GraphError`` when it comes before any quantizer."""
        value = self.value(node, position)
        if isinstance(value, Fresh):
            raise GraphError(
                node.name,
                f"reads model input {value.name!r}, which is not quantized; "
                "put a QuantIdentity first in the model",
            )
        if not isinstance(value, Real):
            raise UnsupportedOp(node.name, IMPORTER, "its data is a constant; fold it and export")
        return value

    def numbers(self, node: Node, position: int) -> Array | None:
        """A constant (float64) or the values of a quantized constant; None for an activation."""
        value = self.value(node, position)
        if isinstance(value, Weight):
            return np.asarray(value.integers * value.scale)
        if isinstance(value, Real | Fresh):
            return None
        return value.astype(np.float64) if value.dtype.kind in "fiu" else None

    def settled(self, node: Node, position: int) -> Real:
        """An activation whose integers stand for themselves, of any width."""
        return self.settle(node, self.real(node, position))

    def narrow(self, node: Node, position: int) -> Real:
        """An activation of at most 16 bits, as layers read it."""
        real = self.settled(node, position)
        if real.integers.dtype.bits > 16:
            raise UnsupportedOp(
                node.name,
                IMPORTER,
                f"its input {real.integers.tensor!r} is not quantized; put a QuantReLU or "
                "QuantIdentity before it",
            )
        return real

    def graph_shape(self, real: Real) -> Shape:
        """Shape of the settled tensor in the graph."""
        return self.builder.shape(real.integers.tensor)

    # --- making integers ---------------------------------------------------------------------

    def put(self, node: Node, value: Value) -> None:
        """Makes ``value`` the node's first output."""
        self.values[node.outputs[0]] = value

    def settle(self, node: Node, real: Real) -> Real:
        """``real`` as integers with positive scales and nothing pending."""
        if real.is_plain:
            return real
        real = self._without_offset(node, real)
        if not real.is_clamped:
            return real
        source = real.integers
        if not (real.low in (-np.inf, 0) and real.high == np.inf) and real.scale.size > 1:
            raise UnsupportedOp(node.name, IMPORTER, "put a quantizer behind the clip before it")
        dtype = source.dtype
        grid = Quantizer(real.scale, source.zero_point, dtype, dtype.low, dtype.high, "")
        low, high = bound(real.low, grid), bound(real.high, grid)
        name = self.name(node, f"{source.tensor}.clamp")
        facts = self.builder.tensors[source.tensor].quantization
        self.builder.add(Clamp(name, source.tensor, name, low, high), source.dtype, facts)
        reached = [min(max(v, low), high) for v in (source.low, source.high)]
        clamped = Integers(name, source.dtype, reached[0], reached[1], source.zero_point)
        return replace(real, source=clamped, low=-np.inf, high=np.inf)

    def _without_offset(self, node: Node, real: Real) -> Real:
        """``real`` with integers as source, offset 0 and positive scales; clamps stay pending."""
        if isinstance(real.source, Table):
            raise UnsupportedOp(node.name, IMPORTER, "put a quantizer behind the function before")
        if isinstance(real.source, Layer):
            source, scale = real.source.add(self.builder, real.scale, real.offset)
            return replace(real, source=source, scale=scale, offset=np.zeros(1))
        if not real.offset.any() and (real.scale > 0).all():
            return real
        return self._affine(node, real, real.source)

    def _affine(self, node: Node, real: Real, source: Integers) -> Real:
        """Offset and sign of a batch norm that follows no layer: a 1x1 depthwise convolution.

        Its weight of 64 puts the offset on a grid 64 times finer than the input's.
        """
        shape = self.builder.shape(source.tensor)
        name = self.name(node, f"{source.tensor}.affine")
        facts = self.builder.tensors[source.tensor].quantization
        if len(shape) == 1:
            reshape = Reshape(f"{name}.map", source.tensor, f"{name}.map")
            self.builder.add(reshape, source.dtype, facts, (1, 1, *shape))
            source = replace(source, tensor=reshape.output)
        gain = 64 if source.dtype.bits <= 8 else 1
        channels = shape[-1]
        layer = Layer(
            op=DepthwiseConv2d(
                name,
                source.tensor,
                f"{name}.weight",
                None,
                name,
                input_zero_point=source.zero_point,
            ),
            weight=np.full((1, 1, 1, channels), gain, np.int64),
            axis=3,
            dtype=S8,
            unit=np.full(1, np.abs(real.scale).max() / gain),
            source=source,
            source_scale=float(np.abs(real.scale).max()),
        )
        out, scale = layer.add(self.builder, real.scale / gain, real.offset)
        if len(shape) == 1:
            back = Reshape(f"{name}.vector", out.tensor, f"{name}.vector")
            facts = self.builder.tensors[out.tensor].quantization
            self.builder.add(back, S32, facts, shape)
            out = replace(out, tensor=back.output)
        return replace(real, source=out, scale=scale, offset=np.zeros(1))

    def quantize(self, node: Node, value: Real | Fresh, q: Quantizer, name: str) -> Real:
        """``value`` through ``q``: an input of the graph, a lookup table, a ``Requantize``, or
        nothing at all where the integers already are what ``q`` would make of them."""
        wraps = q.overflow is Overflow.WRAP
        if wraps and (isinstance(value, Fresh) or isinstance(value.source, Table)):
            raise UnsupportedOp(
                node.name, IMPORTER, "wrapping of an input or of a function; saturate there"
            )
        if isinstance(value, Fresh):
            return self._input(node, value, q)
        if isinstance(value.source, Table):
            return self._lookup(node, value, value.source, q, name)
        # A clamp may join a range that saturates, not one that wraps.
        real = self.settle(node, value) if wraps else self._without_offset(node, value)
        source = real.integers
        channels = self.builder.shape(source.tensor)[-1]
        scale = q.scale.reshape(-1)
        if scale.size > 1 and real.order is not None:
            scale = scale[real.order] if scale.size == channels else scale
        if scale.size not in (1, channels):
            raise GraphError(node.name, f"{scale.size} scales do not fit {channels} channels")
        if scale.size > 1 and any(np.isfinite(b) and b != 0 for b in (real.low, real.high)):
            raise UnsupportedOp(node.name, IMPORTER, "a clip before per-channel scales; drop it")
        q = replace(q, scale=scale)
        rescale = rescale_to(node.name, real.scale, q, real.low, real.high)
        facts = Quantization(tuple(float(s) for s in scale), q.zero_point)
        same = rescale.multiplier == (1,) and rescale.shift == (0,) and source.dtype == q.dtype
        inside = rescale.low <= source.low and source.high <= rescale.high
        plain = Real(source, real.shape, scale, order=real.order)
        if same and inside and source.zero_point == q.zero_point:
            return plain
        name = self.name(node, name)
        op = Requantize(name, source.tensor, name, rescale, source.zero_point)
        self.builder.add(op, q.dtype, facts)
        out = Integers(name, q.dtype, rescale.low, rescale.high, q.zero_point)
        return replace(plain, source=out)

    def _input(self, node: Node, fresh: Fresh, q: Quantizer) -> Real:
        if q.scale.size != 1:
            raise UnsupportedOp(node.name, IMPORTER, "a per-channel input scale; use one scale")
        if fresh.name in self.builder.inputs:
            raise UnsupportedOp(
                node.name, IMPORTER, f"two quantizers read input {fresh.name!r}; share one"
            )
        shape = fresh.shape
        if len(shape) == 3:
            shape = (shape[1], shape[2], shape[0])
        elif len(shape) == 2:
            shape = (1, shape[1], shape[0])
        scale = q.scale.reshape(-1)
        facts = Quantization((float(scale[0]),), q.zero_point)
        self._names.add(fresh.name)
        self.builder.input(fresh.name, shape, q.dtype, facts)
        source = Integers(fresh.name, q.dtype, q.dtype.low, q.dtype.high, q.zero_point)
        real = Real(source, fresh.shape, scale)
        if (q.low, q.high) == (q.dtype.low, q.dtype.high):
            return real
        name = self.name(node)
        self.builder.add(Clamp(name, fresh.name, name, q.low, q.high), q.dtype, facts)
        clamped = Integers(name, q.dtype, q.low, q.high, q.zero_point)
        return replace(real, source=clamped)

    def _lookup(self, node: Node, real: Real, table: Table, q: Quantizer, name: str) -> Real:
        if q.scale.size != 1 or real.scale.size != 1 or real.offset.size != 1:
            raise UnsupportedOp(node.name, IMPORTER, "a function needs one scale, not per channel")
        reals = np.clip(real.scale * table.values + real.offset, real.low, real.high)
        entries = np.array([bound(float(r), q) for r in reals], np.int64)
        name = self.name(node, name)
        scale = q.scale.reshape(-1)
        facts = Quantization((float(scale[0]),), q.zero_point)
        self.builder.constant(f"{name}.table", entries, q.dtype)
        op = Lookup(name, table.integers.tensor, f"{name}.table", name)
        self.builder.add(op, q.dtype, facts)
        out = Integers(name, q.dtype, int(entries.min()), int(entries.max()), q.zero_point)
        return Real(out, real.shape, scale, order=real.order)
