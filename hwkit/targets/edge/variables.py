"""A graph's states as the variables of a .tflite.

All are read before the first operator and assigned behind the last one, so that an inference sees
what the one before left. Their initial values are assigned by a second subgraph, which the first
inference calls.
"""

from __future__ import annotations

from dataclasses import replace

from hwkit.ir.graph import Graph, State
from hwkit.lower.fresh import fresh
from hwkit.targets.edge.flatbuffer import FileModel, FileOperator, FileTensor

_ONCE = 1
"""Index of the subgraph that assigns the initial values."""


class Variables:
    """The variables of ``graph``, one for each state and called as its tensor; ``tensors`` are the
    file's so far, the states' among them, and get the variables' handles.

    Example: a state ``s`` becomes VAR_HANDLE, READ_VARIABLE to ``s``, and ASSIGN_VARIABLE.
    """

    def __init__(self, graph: Graph, tensors: dict[str, FileTensor]) -> None:
        self._graph, self._tensors = graph, tensors
        self._handles: list[str] = []
        for state in graph.states:
            name = fresh(f"{state.tensor}/handle", {*graph.tensors, *tensors})
            self._handles.append(name)
            tensors[name] = FileTensor(name, (), "resource")

    def read(self) -> list[FileOperator]:
        """What comes before the graph's own operators; nothing where there are no states."""
        if not self._graph.states:
            return []
        call = FileOperator("CALL_ONCE", (), (), "CallOnceOptions", {"initSubgraphIndex": _ONCE})
        reads = [
            FileOperator("READ_VARIABLE", (handle,), (state.tensor,), "ReadVariableOptions")
            for state, handle in self._pairs()
        ]
        return [call, *self._declared(), *reads]

    def assigned(self) -> list[FileOperator]:
        """What comes behind them."""
        return [_assign(handle, state.update) for state, handle in self._pairs()]

    def once(self) -> FileModel | None:
        """The subgraph that assigns the initial values; None where there are no states."""
        if not self._graph.states:
            return None
        tensors = {name: self._tensors[name] for name in self._handles}
        assigns = []
        for state, handle in self._pairs():
            value = self._graph.constants[state.initial]
            name = fresh(state.initial, tensors)
            tensors[name] = replace(
                self._tensors[state.tensor], name=name, data=value.reshape(1, *value.shape)
            )
            assigns.append(_assign(handle, name))
        operators = (*self._declared(), *assigns)
        return FileModel("initial_values", tuple(tensors.values()), operators, (), ())

    def _pairs(self) -> zip[tuple[State, str]]:
        return zip(self._graph.states, self._handles, strict=True)

    def _declared(self) -> list[FileOperator]:
        return [
            FileOperator("VAR_HANDLE", (), (handle,), "VarHandleOptions", _called(state.tensor))
            for state, handle in self._pairs()
        ]


def _called(name: str) -> dict[str, str]:
    return {"sharedName": name, "container": ""}


def _assign(handle: str, value: str) -> FileOperator:
    return FileOperator("ASSIGN_VARIABLE", (handle, value), (), "AssignVariableOptions")
