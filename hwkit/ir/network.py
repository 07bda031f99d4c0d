"""What a graph is made of, for what computes or writes one: ``Graph`` itself can do both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from hwkit.ir.ops import Op
from hwkit.ir.types import Array, TensorType


@dataclass(frozen=True, slots=True)
class State:
    """A tensor that outlives an inference.

    Nodes read ``tensor``: no input and no op's output, it holds what the last inference left.
    When an inference ends, ``update`` (any activation of the same type) becomes its next value:
    a reader never sees it in the same inference. ``initial`` names the constant (of the tensor's
    type and shape) that it holds before the first inference and after a reset.
    """

    tensor: str
    update: str
    initial: str


class Network(Protocol):
    """The fields of ``Graph``, to be read."""

    @property
    def name(self) -> str: ...

    @property
    def nodes(self) -> tuple[Op, ...]: ...

    @property
    def tensors(self) -> Mapping[str, TensorType]: ...

    @property
    def constants(self) -> Mapping[str, Array]: ...

    @property
    def inputs(self) -> tuple[str, ...]: ...

    @property
    def outputs(self) -> tuple[str, ...]: ...

    @property
    def metadata(self) -> Mapping[str, str]: ...

    @property
    def states(self) -> tuple[State, ...]: ...
