"""The variables of a .tflite as states: what an inference reads that it has not assigned itself.

Operators run in the file's order. A variable that is read behind an assignment of the same
inference has what was assigned; what it holds when the last operator has run, the next inference
finds. Both runtimes copy bytes: scales and zero points belong to the tensors on either side.

What a variable starts with is assigned by a subgraph that a CALL_ONCE runs in the first inference.
One that nobody has assigned by then holds real 0 in TFLM, and makes LiteRT refuse.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from hwkit.errors import FormatError
from hwkit.importers.tflite.context import DTYPES, damaged, node_name, unsupported
from hwkit.importers.tflite.file import TYPE_NAMES, FileOperator, FileTensor, TfliteFile, Variable
from hwkit.importers.tflite.static import with_static_shapes
from hwkit.ir.types import Array

_CALLERS = frozenset(("CALL", "IF", "WHILE"))


@dataclass(frozen=True, slots=True)
class FileState:
    """``tensor`` has the variable's value when an inference starts, ``update`` when it ends, both
    by index; ``initial`` is the first one, in the shape of the file."""

    tensor: int
    update: int
    initial: Array


def without_variables(file: TfliteFile, litert: bool) -> tuple[TfliteFile, tuple[FileState, ...]]:
    """``file`` without operators on variables, and the states that they are. Every operator keeps
    its place; those have no operands any more.

    What reads a variable reads the tensor that was assigned last, or the state. A variable that
    nothing assigns is a constant. ``FormatError`` where tensor and variable do not fit,
    ``UnsupportedOp`` for a start that ``litert`` (LiteRT or TFLM) or hwkit does not know.

    Example: r = READ(v), ASSIGN(v, x), y = ADD(r, x) is ADD of a state r, whose update is x.
    """
    walk = _Walk(file, litert)
    for position, op in enumerate(file.operators):
        walk.step(position, op)
    _check_subgraphs(file)
    return walk.result()


def _check_subgraphs(file: TfliteFile) -> None:
    """``FormatError`` for a subgraph that nothing calls: which of them is the network, hwkit does
    not guess."""
    if any(op.code in _CALLERS for op in file.operators):
        return  # These are refused by name where an output needs them.
    called = {int(op.options["subgraph"]) for op in file.operators if op.code == "CALL_ONCE"}
    for k, other in enumerate(file.others, start=1):
        if k not in called:
            raise FormatError(
                f"subgraph {k} ({other.name!r}) is called by nothing; convert a model of exactly "
                "one signature"
            )


@dataclass(slots=True)
class _Handles:
    """Which tensors of a subgraph are handles of which variables."""

    file: TfliteFile
    found: dict[int, Variable] = field(default_factory=dict)

    def declare(self, position: int, op: FileOperator) -> None:
        _check_operands(position, op, 0, 1)
        self.found[op.outputs[0]] = op.variable

    def of(self, position: int, op: FileOperator) -> Variable:
        variable = self.found.get(op.inputs[0])
        if variable is None:
            raise damaged(position, op, f"tensor {op.inputs[0]} is no variable")
        return variable


class _Walk:
    """The operators of a file in order, with what each variable holds by then."""

    def __init__(self, file: TfliteFile, litert: bool) -> None:
        self.file, self.litert = file, litert
        self.handles = _Handles(file)
        self.tensors = list(file.tensors)
        self.operators: list[FileOperator] = []
        self.same: dict[int, int] = {}
        """Tensors that are others: what was read, and what was assigned."""
        self.types: dict[Variable, FileTensor] = {}
        """A tensor of the type and shape that each variable has."""
        self.start: dict[Variable, Array] = {}
        self.first: dict[Variable, tuple[int, int, FileOperator]] = {}
        """The tensor that is the state, and the operator that read it."""
        self.held: dict[Variable, int] = {}
        self.assigned: dict[Variable, int] = {}
        """The first tensor that each variable is assigned."""

    def step(self, position: int, op: FileOperator) -> None:
        op = replace(op, inputs=tuple(self.same.get(index, index) for index in op.inputs))
        left = replace(op, inputs=(), outputs=())
        match op.code:
            case "CALL_ONCE":
                self.call(position, op)
            case "VAR_HANDLE":
                self.handles.declare(position, op)
            case "READ_VARIABLE":
                left = self.read(position, op) or left
            case "ASSIGN_VARIABLE":
                self.assign(position, op)
            case _:
                left = op
        self.operators.append(left)

    def call(self, position: int, op: FileOperator) -> None:
        for variable, tensor in _initialised(self.file, position, op).items():
            if variable in self.held:
                remedy = f"it sets {variable.shown}, which an operator before it uses"
                raise unsupported(position, op, remedy)
            self.fit(position, op, variable, tensor)
            assert tensor.data is not None
            self.start[variable] = tensor.data

    def read(self, position: int, op: FileOperator) -> FileOperator | None:
        """What gives the tensor that ``op`` reads, unless that is another tensor or a state."""
        _check_operands(position, op, 1, 1)
        variable, (output,) = self.handles.of(position, op), op.outputs
        self.fit(position, op, variable, self.tensors[output])
        if variable not in self.held:
            self.held[variable] = output
            self.first[variable] = output, position, op
            return None
        source = self.held[variable]
        if _meaning(self.tensors[source]) == _meaning(self.tensors[output]):
            self.same[output] = source
            return None
        return FileOperator("RESHAPE", (source,), (output,), {})  # under another scale

    def assign(self, position: int, op: FileOperator) -> None:
        _check_operands(position, op, 2, 0)
        variable, value = self.handles.of(position, op), op.inputs[1]
        self.fit(position, op, variable, self.tensors[value])
        self.held[variable] = value
        self.assigned.setdefault(variable, value)

    def fit(self, position: int, op: FileOperator, variable: Variable, tensor: FileTensor) -> None:
        """``FormatError`` unless ``tensor`` has the variable's type and shape, which the first that
        comes gives it."""
        known = self.types.setdefault(variable, tensor)
        if (known.type, known.shape) != (tensor.type, tensor.shape):
            raise damaged(
                position, op, f"{variable.shown} is {_type(known)}, the tensor {_type(tensor)}"
            )

    def result(self) -> tuple[TfliteFile, tuple[FileState, ...]]:
        states = []
        for variable, (tensor, position, op) in self.first.items():
            initial = self.initial(variable, position, op)
            update = self.held[variable]
            if update == tensor:
                self.tensors[tensor] = replace(self.tensors[tensor], data=initial)
            else:
                states.append(FileState(tensor, update, initial))
        return (
            replace(
                self.file,
                tensors=tuple(self.tensors),
                operators=tuple(self.operators),
                outputs=tuple(self.same.get(index, index) for index in self.file.outputs),
            ),
            tuple(states),
        )

    def initial(self, variable: Variable, position: int, op: FileOperator) -> Array:
        if variable in self.start:
            return self.start[variable]
        if variable not in self.assigned or self.litert:
            remedy = f"{variable.shown} is read before anything sets it; set it by a CALL_ONCE"
            raise unsupported(position, op, remedy)
        tensor = self.tensors[self.assigned[variable]]
        value = tensor.zero_point[0] if tensor.zero_point else 0
        dtype = DTYPES.get(tensor.type)
        if dtype is None or not dtype.low <= value <= dtype.high:
            raise unsupported(position, op, f"{variable.shown} is {_type(tensor)}; convert to int8")
        return np.full(tensor.shape, value, dtype.container)


def _initialised(file: TfliteFile, position: int, op: FileOperator) -> dict[Variable, FileTensor]:
    """The constants that the subgraph of a CALL_ONCE assigns, by variable; of several to one, the
    last."""
    _check_operands(position, op, 0, 0)
    index = int(op.options["subgraph"])
    if not 1 <= index <= len(file.others):
        raise damaged(position, op, f"subgraph {index} of {len(file.others) + 1}")
    called = with_static_shapes(file.others[index - 1])
    if called.inputs or called.outputs:
        raise damaged(position, op, f"subgraph {index} has inputs or outputs")
    handles, assigned = _Handles(called), dict[Variable, FileTensor]()
    for place, inner in enumerate(called.operators):
        if inner.code == "VAR_HANDLE":
            handles.declare(place, inner)
        elif inner.code == "ASSIGN_VARIABLE":
            _check_operands(place, inner, 2, 0)
            value = called.tensors[inner.inputs[1]]
            if value.data is None:
                remedy = f"subgraph {index} assigns what it computes; assign a constant"
                raise unsupported(position, op, remedy)
            assigned[handles.of(place, inner)] = value
        elif not _is_known(called, inner):
            remedy = f"subgraph {index} holds {inner.code}; it may assign constants to variables"
            raise unsupported(position, op, remedy)
    return assigned


def _is_known(file: TfliteFile, op: FileOperator) -> bool:
    """Whether all that ``op`` gives was computed beforehand."""
    outputs = [index for index in op.outputs if index >= 0]
    return bool(outputs) and all(file.tensors[index].data is not None for index in outputs)


def _check_operands(position: int, op: FileOperator, inputs: int, outputs: int) -> None:
    present = (len(op.inputs), len(op.outputs)) == (inputs, outputs)
    if not present or min((*op.inputs, *op.outputs), default=0) < 0:
        raise FormatError(
            f"{node_name(position, op)}: {len(op.inputs)} inputs, {len(op.outputs)} outputs; "
            "damaged, copy it again"
        )


def _meaning(tensor: FileTensor) -> tuple[object, ...]:
    return tensor.type, tensor.shape, tensor.scale, tensor.zero_point


def _type(tensor: FileTensor) -> str:
    return f"{TYPE_NAMES.get(tensor.type, f'type {tensor.type}')} {tensor.shape}"
