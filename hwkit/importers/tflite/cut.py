"""Where a .tflite is integers and where it is float: head, integer part, tail.

A tail is what a DEQUANTIZE leads to and no layer comes behind: log-softmax, layer normalization,
post-processing of detections. So is an operator on integers that has no form here, HOSTED, and what
follows it. A head is what inputs go through before their QUANTIZE. Float in the middle, with
integer layers on both sides, is an island: nothing is cut then.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hwkit.importers.tflite.file import FLOATS, FileOperator, TfliteFile
from hwkit.importers.tflite.operators import WEIGHTED

_HEAD, _INTEGER, _TAIL, _CONSTANT = range(4)


_LITERT_ALONE = frozenset(("FLOOR_DIV", "FLOOR_MOD", "REDUCE_PROD", "REVERSE_SEQUENCE", "TOPK_V2"))
HOSTED = _LITERT_ALONE | {
    "CAST", "DYNAMIC_UPDATE_SLICE", "GATHER_ND", "L2_NORMALIZATION", "LOG_SOFTMAX",
}  # fmt: skip
"""What LiteRT computes of integers, and the host behind the last layer; of some TFLM does too."""


@dataclass(frozen=True, slots=True)
class FilePart:
    """Some of a file's operators by their positions, and the tensors at their border by index."""

    operators: tuple[int, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Cut:
    """A file's parts; ``head`` and ``tail`` are None where there is nothing in them."""

    head: FilePart | None
    integer: FilePart
    tail: FilePart | None


def cut(file: TfliteFile) -> Cut | None:
    """The parts of ``file``; None where it has no float ones that can be cut off."""
    kinds = _Kinds(file)
    places = kinds.places()
    if places is None:
        return None
    head = [k for k, place in enumerate(places) if place == _HEAD]
    tail = [k for k, place in enumerate(places) if place == _TAIL]
    integer = [k for k, place in enumerate(places) if place == _INTEGER]
    layers = [k for k in integer if file.operators[k].code not in ("QUANTIZE", "DEQUANTIZE")]
    if not layers or not (head or tail):
        return None
    constants = [k for k, place in enumerate(places) if place == _CONSTANT]
    inner = kinds.part(integer, (), file.inputs, file.outputs)
    made = {k for position in integer for k in file.operators[position].outputs}
    before = kinds.part(head, constants, file.inputs, inner.inputs) if head else None
    behind = None
    if tail:
        outputs = tuple(k for k in file.outputs if k in kinds.written(tail))
        behind = kinds.part(tail, constants, (), outputs)
        if not set(behind.inputs) <= made | set(inner.inputs):
            return None  # It reads what the head gives too.
        ends = [k for k in (*behind.inputs, *file.outputs) if k in made]
        inner = replace(inner, outputs=tuple(dict.fromkeys(ends)))
    return Cut(before, inner, behind)


def litert_alone(file: TfliteFile) -> bool | None:
    """True where TFLM refuses what the host computes of integers, so that the file's only runtime
    is LiteRT; None where the integer part says which it is."""
    return any(op.code in _LITERT_ALONE for op in file.operators) or None


def integer_part(file: TfliteFile, part: FilePart) -> TfliteFile:
    """The integer part as a file of its own; borders that the whole has keep their names."""
    names = dict(zip(file.inputs, file.input_names, strict=False))
    ends = dict(zip(file.outputs, file.output_names, strict=False))
    return replace(
        file,
        operators=tuple(file.operators[k] for k in part.operators),
        inputs=part.inputs,
        outputs=part.outputs,
        input_names=tuple(names.get(k, "") for k in part.inputs),
        output_names=tuple(ends.get(k, "") for k in part.outputs),
    )


class _Kinds:
    """Which part each operator belongs to."""

    def __init__(self, file: TfliteFile) -> None:
        self.file = file

    def moving(self, indices: tuple[int, ...]) -> list[int]:
        """Those that are activations."""
        return [k for k in indices if k >= 0 and self.file.tensors[k].data is None]

    def is_float(self, op: FileOperator) -> bool:
        tensors = [self.file.tensors[k] for k in self.moving((*op.inputs, *op.outputs))]
        return any(tensor.type in FLOATS for tensor in tensors)

    def places(self) -> list[int] | None:
        """The part of each operator; None where a layer stands behind float numbers."""
        at: dict[int, int] = {}
        heads = self.read_by_head()
        places = []
        for op in self.file.operators:
            sources = self.moving(op.inputs)
            found = {at[k] for k in sources if k in at} - {_CONSTANT}
            place = self.place(op, found, sources, heads)
            if place == _TAIL and op.code in WEIGHTED and not self.is_float(op):
                return None
            places.append(place)
            at |= dict.fromkeys((k for k in op.outputs if k >= 0), place)
            if place == _HEAD and op.code == "QUANTIZE":
                at |= dict.fromkeys(op.outputs, _INTEGER)
        return places

    def place(self, op: FileOperator, found: set[int], sources: list[int], heads: set[int]) -> int:
        if _TAIL in found:
            return _TAIL
        if op.code in HOSTED and _INTEGER in found:
            return _TAIL
        if not self.is_float(op):
            return _TAIL if _HEAD in found and _INTEGER in found else max(found, default=_INTEGER)
        if _INTEGER in found:
            return _TAIL
        if not found and not [k for k in sources if k in self.file.inputs]:
            return _CONSTANT
        once = op.code == "QUANTIZE" and set(sources) <= set(self.file.inputs) - heads
        if once and not found:
            return _INTEGER  # As ever: the graph's input is what this gives.
        if op.code == "DEQUANTIZE" and not found:
            return _TAIL if self.file.tensors[op.inputs[0]].type not in FLOATS else _HEAD
        return _HEAD

    def read_by_head(self) -> set[int]:
        """The file's float inputs that something else than a QUANTIZE reads."""
        inputs = set(self.file.inputs)
        return {
            k for op in self.file.operators if op.code != "QUANTIZE" for k in op.inputs
            if k in inputs and self.file.tensors[k].type in FLOATS
        }  # fmt: skip

    def written(self, positions: list[int]) -> set[int]:
        """The tensors that some operators give."""
        return {k for position in positions for k in self.file.operators[position].outputs}

    def part(
        self,
        positions: list[int],
        spare: list[int] | tuple[()],
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
    ) -> FilePart:
        """The operators ``positions`` and those of ``spare`` that they need; its inputs are what
        they read and do not write, those of ``inputs`` first; ``outputs`` those of them that they
        write."""
        chosen = list(positions)
        read = {k for p in chosen for k in self.moving(self.file.operators[p].inputs)}
        for position in reversed(spare):
            op = self.file.operators[position]
            if read & set(op.outputs):
                chosen.append(position)
                read |= set(self.moving(op.inputs))
        written = self.written(chosen)
        outside = [k for k in sorted(read) if k not in written]
        ordered = [k for k in inputs if k in outside] + [k for k in outside if k not in inputs]
        return FilePart(
            tuple(sorted(chosen)), tuple(ordered), tuple(k for k in outputs if k in written)
        )
