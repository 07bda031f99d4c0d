"""Float ends of an ONNX file: what stands before its first and behind its last quantizer.

The importer says which node it has no integers for. If no quantizer and no layer comes behind that
node, it and all that it leads to become the tail; if none comes before, what the inputs go through
up to their quantizers becomes the head. Else the network has a float island, and is refused.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hwkit.errors import GraphError, HwkitError, UnsupportedOp
from hwkit.importers.parts import FloatPart, FloatParts, Port, with_parts
from hwkit.importers.qonnx.file import read_onnx
from hwkit.importers.qonnx.importer import import_qonnx
from hwkit.importers.qonnx.source import Imported
from hwkit.importers.qonnx.tails import without_tails
from hwkit.ir.graph import Graph

_QUANTIZERS = frozenset(("Quant", "IntQuant", "BipolarQuant", "Trunc", "QuantizeLinear"))
_LAYERS = frozenset(("Conv", "ConvTranspose", "Gemm", "MatMul", "QLinearConv", "QLinearMatMul",
                     "ConvInteger", "MatMulInteger", "QGemm"))  # fmt: skip
_MOST_CUTS = 64
_BEHIND = "behind "
"""Begins the keys of metadata for what the importer leaves off."""
_FLOAT = "float32"


def import_with_parts(path: Path) -> tuple[Graph, Imported]:
    """The integer part of the ONNX file at ``path``, its float parts in its metadata; what
    ``import_qonnx`` raises where nothing can be cut off."""
    try:
        imported = import_qonnx(path)
    except (UnsupportedOp, GraphError) as refused:
        return _cut_where_refused(path, refused)
    if any(key.startswith(_BEHIND) for key in imported.graph.metadata):
        return _with_what_was_left_off(path) or (imported.graph, imported)
    return imported.graph, imported


def _cut_where_refused(path: Path, refused: UnsupportedOp | GraphError) -> tuple[Graph, Imported]:
    cut = _Cut.of(path)
    error = refused
    for _ in range(_MOST_CUTS):
        if cut is None or not cut.grow(error.node):
            break
        try:
            return cut.imported()
        except (UnsupportedOp, GraphError) as again:
            error = again
        except (HwkitError, OSError):
            break
    raise refused


def _with_what_was_left_off(path: Path) -> tuple[Graph, Imported] | None:
    """The same with the functions that the importer leaves off at an end as the tail; None where
    that is no network of its own."""
    cut = _Cut.of(path)
    if cut is None:
        return None
    cut.head |= cut.before()
    try:
        return cut.imported()
    except HwkitError:
        return None


@dataclass(slots=True)
class _Cut:
    """A model and the positions of its nodes that are float."""

    path: Path
    model: Any
    constants: set[str]
    """What no input reaches."""
    head: set[int] = field(default_factory=set)
    tail: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, path: Path) -> _Cut | None:
        """The model, what the importer leaves off its ends in the tail already; None where its
        values lie in other files."""
        import onnx

        model = onnx.load_model(str(path), load_external_data=False)
        outside = any(t.data_location == t.EXTERNAL for t in model.graph.initializer)
        if outside:
            return None
        known = {t.name for t in model.graph.initializer} | {""}
        for node in model.graph.node:
            if all(name in known for name in node.input):
                known |= set(node.output)
        kept = {name for node in without_tails(read_onnx(path))[0].nodes for name in node.outputs}
        tail = {
            k for k, node in enumerate(model.graph.node)
            if node.op_type != "Constant" and not set(node.output) & kept
        }  # fmt: skip
        return cls(path, model, known, tail=tail)

    @property
    def nodes(self) -> Any:
        return self.model.graph.node

    def grow(self, refused: str) -> bool:
        """Takes the node ``refused`` into the head or the tail; False where it is in neither."""
        names = [node.name or f"{node.op_type}_{k}" for k, node in enumerate(self.nodes)]
        if refused not in names:
            return False
        start = names.index(refused)
        if start in self.tail or start in self.head:
            return False
        behind = self.behind(start)
        if not any(self.is_exact(k) for k in behind):
            self.tail |= behind
            self.head |= self.before()
            return True
        prefix = self.before()
        if start in prefix and not any(self.is_exact(k) for k in prefix):
            self.head = prefix
            return True
        return False

    def is_exact(self, k: int) -> bool:
        """Whether a node is a quantizer or a layer of activations."""
        node = self.nodes[k]
        moving = node.input and node.input[0] not in self.constants
        return bool(moving) and node.op_type in _QUANTIZERS | _LAYERS

    def behind(self, start: int) -> set[int]:
        """A node and all that it leads to."""
        found, made = {start}, set(self.nodes[start].output)
        for k in range(start + 1, len(self.nodes)):
            if made & set(self.nodes[k].input):
                found.add(k)
                made |= set(self.nodes[k].output)
        return found

    def before(self) -> set[int]:
        """The nodes that inputs go through before a quantizer or a layer."""
        real = {value.name for value in self.model.graph.input} - self.constants
        found = set()
        for k, node in enumerate(self.nodes):
            if (
                not set(node.input) & real
                or k in self.tail
                or node.op_type in _QUANTIZERS | _LAYERS
            ):
                continue
            if all(name in real | self.constants for name in node.input):
                found.add(k)
                real |= set(node.output)
        return found

    def imported(self) -> tuple[Graph, Imported]:
        """The integer part imported, with the parts."""
        inner = [k for k in range(len(self.nodes)) if k not in self.head | self.tail]
        inputs = self.entering(inner)
        outputs = self.leaving(inner)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / self.path.name
            path.write_bytes(self.part(inner, inputs, outputs))
            imported = import_qonnx(path)
        left_off = set(outputs) - imported.meanings.keys()
        if left_off:  # Functions of reals that nothing but the tail reads: they are part of it.
            self.tail |= {k for k in inner if left_off & set(self.nodes[k].output)}
            return self.imported()
        graph = imported.graph
        keys = {name: imported.meanings[name].tensor for name in outputs}
        parts = []
        own = [v.name for v in self.model.graph.input if v.name not in self.constants]
        if self.head:
            gives = [name for name in inputs if name in self.made(self.head)]
            parts.append(self.float_part("head", self.head, own, gives, {}, {}))
        if self.tail:
            shapes = {name: (1, *imported.meanings[name].shape) for name in outputs}
            takes = [name for name in outputs if name in self.read(self.tail)]
            ends = [v.name for v in self.model.graph.output if v.name in self.made(self.tail)]
            parts.append(self.float_part("tail", self.tail, takes, ends, keys, shapes))
        whole = FloatParts(
            tuple(Port(n, n, self.shape(n), _FLOAT) for n in own),
            tuple(Port(keys.get(v.name, v.name), v.name, (1,), _FLOAT)
                  for v in self.model.graph.output),
            tuple(parts),
        )  # fmt: skip
        return with_parts(graph, whole), imported

    def float_part(
        self, place: str, positions: set[int], takes: Iterable[str], gives: Iterable[str],
        keys: dict[str, str], shapes: dict[str, tuple[int, ...]],
    ) -> FloatPart:  # fmt: skip
        takes, gives = list(takes), list(gives)
        return FloatPart(
            place,
            "onnx",
            tuple(self.nodes[k].op_type for k in sorted(positions)),
            tuple(Port(keys.get(n, n), n, shapes.get(n) or self.shape(n), _FLOAT) for n in takes),
            tuple(Port(n, n, (1,), _FLOAT) for n in gives),
            self.part(sorted(positions), takes, gives, shapes),
        )

    def made(self, positions: Iterable[int]) -> set[str]:
        return {name for k in positions for name in self.nodes[k].output if name}

    def read(self, positions: Iterable[int]) -> set[str]:
        return {name for k in positions for name in self.nodes[k].input if name}

    def entering(self, inner: list[int]) -> list[str]:
        """The integer part's inputs: the model's own, and what the head gives it."""
        wanted = self.read(inner)
        own = [v.name for v in self.model.graph.input if v.name in wanted]
        given = [n for k in sorted(self.head) for n in self.nodes[k].output if n in wanted]
        return [*(n for n in own if n not in self.constants), *given]

    def leaving(self, inner: list[int]) -> list[str]:
        """Its outputs: what the tail reads of it, and the model's own."""
        made = self.made(inner)
        wanted = self.read(self.tail) | {v.name for v in self.model.graph.output}
        found = [n for k in inner for n in self.nodes[k].output if n in wanted - self.constants]
        if not found or not set(found) <= made:
            raise GraphError(self.model.graph.name, "no integers lead to an output")
        return found

    def shape(self, name: str) -> tuple[int, ...]:
        """Of an input or what the head gives, a batch of 1 first; ``GraphError`` if not known."""
        import onnx

        unknown = GraphError(name, "its shape is not known; export with a fixed example input")
        single = onnx.ModelProto()
        single.CopyFrom(self.model)
        for value in single.graph.input:
            if value.name not in self.constants and value.type.tensor_type.shape.dim:
                value.type.tensor_type.shape.dim[0].dim_value = 1
        del single.graph.value_info[:]
        try:
            inferred = onnx.shape_inference.infer_shapes(single, data_prop=True)
        except onnx.shape_inference.InferenceError as error:
            raise unknown from error
        for value in (*inferred.graph.input, *inferred.graph.value_info):
            if value.name == name:
                dims = value.type.tensor_type.shape.dim
                sizes = [d.dim_value or 1 if k == 0 else d.dim_value for k, d in enumerate(dims)]
                if len(sizes) > 1 and all(sizes):
                    return (1, *sizes[1:])
        if name in self.made(self.head):
            return self.executed_shape(name, unknown)
        raise unknown

    def executed_shape(self, name: str, unknown: GraphError) -> tuple[int, ...]:
        """Of what the head gives: run once on zeros."""
        from onnx.reference import ReferenceEvaluator

        own = [v.name for v in self.model.graph.input if v.name not in self.constants]
        feeds = {n: np.zeros(self.shape(n), np.float32) for n in own}
        head = self.part(sorted(self.head), own, [name])
        try:  # The evaluator raises whatever numpy raises.
            shape = np.shape(ReferenceEvaluator(head).run([name], feeds)[0])
        except Exception as error:
            raise unknown from error
        return tuple(int(n) for n in shape)

    def part(
        self, positions: Iterable[int], inputs: list[str], outputs: list[str],
        shapes: dict[str, tuple[int, ...]] | None = None,
    ) -> bytes:  # fmt: skip
        """Some nodes as a model of their own, with the constants that they read."""
        import onnx
        from onnx import helper

        chosen = set(positions)
        used = self.read(chosen)
        for k in reversed(range(len(self.nodes))):
            if set(self.nodes[k].output) & used & self.constants:
                chosen.add(k)
                used |= set(self.nodes[k].input)
        float32 = onnx.TensorProto.FLOAT
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        del model.graph.node[:], model.graph.input[:], model.graph.output[:]
        del model.graph.initializer[:], model.graph.value_info[:]
        model.graph.node.extend(self.nodes[k] for k in sorted(chosen))
        model.graph.initializer.extend(t for t in self.model.graph.initializer if t.name in used)
        for name in inputs:
            size = (shapes or {}).get(name) or self.shape(name)
            model.graph.input.append(helper.make_tensor_value_info(name, float32, size))
        for name in outputs:
            model.graph.output.append(onnx.ValueInfoProto(name=name))
        serialized: bytes = model.SerializeToString(deterministic=True)
        return serialized
