"""What runs after what, and which tensors each step reads and writes: all that a memory plan asks.

A step is whatever runs as one: a node, a few fused ones, a part of one. That each node is a step
of its own is the default, and made here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from hwkit.errors import GraphError
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Op, Reshape, activations
from hwkit.ir.traits import InPlace

Overlaps: TypeAlias = Mapping[str, Mapping[str, int]]
"""By node and input: the node's output may start this many bytes before that input, or more,
if nobody reads the input afterwards. The kernel has then read each byte before it writes it."""


@dataclass(frozen=True, slots=True)
class Step:
    """Reads tensors, writes tensors, and needs ``scratch_bytes`` while it runs.

    The rest says where the tensor that it writes may lie over one that it reads; a step that
    writes several has none of it. ``in_place`` names inputs whose bytes the output may take over
    where both have as many; ``moves_nothing`` says that it always does so, for they are the same.
    ``overlaps`` says by input how many bytes before it the output may start, or more;
    ``starts_with`` names inputs at whose very start the output may lie, and nowhere else over them,
    where it has no more bytes. All but ``moves_nothing`` counts only where nobody reads the input
    afterwards.

    ``accessed`` says how many bytes are loaded and stored in all: of a tensor by its name, of the
    scratch by ``scratch_name``. A tensor that it does not name is read or written once.
    """

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    scratch_bytes: int = 0
    in_place: tuple[str, ...] = ()
    moves_nothing: bool = False
    overlaps: Mapping[str, int] = field(default_factory=dict)
    starts_with: tuple[str, ...] = ()
    accessed: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.writes) != 1 and (self.in_place or self.overlaps or self.starts_with):
            raise GraphError(
                self.name, f"writes {len(self.writes)} tensors: only a single one may overlap"
            )


@dataclass(frozen=True, slots=True)
class Schedule:
    """Steps in order and the bytes of every tensor as stored, by name.

    ``inputs`` are there before the first step, ``outputs`` still behind the last one, and
    ``states`` always: what lies there must last from one inference to the next. ``closer`` says
    by tensor and other tensor how many bytes before the other the tensor may start, or more, while
    both are there, which they are: for those that several steps write and read in turn. ``gaps``
    has the steps, from and to, both included, in which a tensor's bytes are free for others though
    it is there before and after them.
    """

    steps: tuple[Step, ...]
    tensor_bytes: Mapping[str, int]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    states: tuple[str, ...] = ()
    closer: Overlaps = field(default_factory=dict)
    gaps: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def lifetimes(self) -> dict[str, tuple[int, int]]:
        """First and last step at which each tensor's bytes must be intact; the last of an output
        or a state lies behind all steps. ``GraphError`` for a tensor that is read before it is
        written, or written twice."""
        spans = dict.fromkeys((*self.inputs, *self.states), (0, 0))
        for k, step in enumerate(self.steps):
            for name in step.reads:
                if name not in spans:
                    raise GraphError(step.name, f"reads {name!r} before a step writes it")
                spans[name] = (spans[name][0], k)
            for name in step.writes:
                if name in spans:
                    raise GraphError(step.name, f"writes {name!r}, which is there already")
                spans[name] = (k, k)
        for name in (*self.outputs, *self.states):
            spans[name] = (spans[name][0], len(self.steps))
        return spans


def step_per_node(
    graph: Graph,
    tensor_bytes: Mapping[str, int],
    scratch_bytes: Mapping[str, int],
    overlaps: Overlaps | None = None,
    over_start: Collection[str] = (),
) -> Schedule:
    """The nodes in order, each a step of its name.

    ``tensor_bytes`` has the size of every input, state and op output as stored, ``scratch_bytes``
    the scratch of the nodes (by name) that need any, ``overlaps`` how far ahead of its output a
    kernel reads its input; nodes in ``over_start`` may write from the start of their input on. A
    state's next value is kept to the end like an output.

    Example: a clamp of x is ``Step("clamp", ("x",), ("y",), in_place=("x",))``.
    """
    overlaps = overlaps or {}
    steps = tuple(
        Step(
            op.name,
            activations(op),
            (op.output,),
            scratch_bytes.get(op.name, 0),
            activations(op) if isinstance(op, InPlace) else (),
            isinstance(op, Reshape),
            overlaps.get(op.name, {}),
            activations(op) if op.name in over_start else (),
        )
        for op in graph.nodes
    )
    states = tuple(state.tensor for state in graph.states)
    return Schedule(steps, tensor_bytes, graph.inputs, graph.results, states)


def scratch_name(step: Step | Op) -> str:
    """The name under which the scratch of ``step`` is placed; no tensor has it."""
    return f"{step.name}/scratch"
