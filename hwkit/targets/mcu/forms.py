"""What the layers of a stage do in each turn, and in which order they are marked.

A *form* of a layer is what it does in some turns: a class of its parts, where in the buffers
these lie, and which rows are moved.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hwkit.ir.graph import Graph
from hwkit.ir.ops import activations
from hwkit.lower.patch.schedule import Move, first_of, last_reader, moves, new_rows
from hwkit.lower.patch.turns import Stage
from hwkit.targets.mcu.lower import McuPlan


@dataclass(frozen=True, slots=True)
class Form:
    """``number`` of the class, None where nothing is computed; ``reads`` and ``write``: the first
    row in the buffer of each input and of the output, 0 in a whole map; ``fill`` rows of the
    output come from its halo before, ``keeps`` go to theirs behind: of each tensor that ``kept_by``
    names the first row and how many."""

    number: int | None
    reads: tuple[int, ...]
    write: int
    fill: int = 0
    keeps: tuple[tuple[int, int], ...] = ()

    @property
    def idle(self) -> bool:
        """Whether nothing is done."""
        return self.number is None and not self.fill and not any(n for _, n in self.keeps)


@dataclass(frozen=True, slots=True)
class Forms:
    """The forms of a layer, and which of them each turn takes, None for none."""

    forms: tuple[Form, ...]
    of_turn: tuple[int | None, ...]

    @property
    def usual(self) -> int | None:
        """The form of more than half of the turns that have one, if there is one."""
        turns = [form for form in self.of_turn if form is not None]
        usual = max(set(turns), key=turns.count)
        return usual if 2 * turns.count(usual) > len(turns) else None


def forms_of(graph: Graph, plan: McuPlan, index: int) -> Forms:
    """Of layer ``index``, which is in a stage."""
    tiled = plan.layers[index].tiled
    assert tiled is not None
    stage = plan.staging.stages[tiled.stage]
    k = index - first_of(graph, stage)
    op = stage.nodes[k]
    buffers = set(stage.buffers)
    filled = moves(stage, op.output) if op.output in buffers else (Move(),) * len(stage.turns)
    kept = [moves(stage, name) for name in kept_by(stage, k)]
    forms: dict[Form, int] = {}
    found: list[int | None] = []
    for number, turn in enumerate(stage.turns):
        keeps = tuple((of[number].at, of[number].keep) for of in kept)
        form = Form(None, (), 0, filled[number].fill, keeps)
        part = turn.parts[k]
        if part is not None:
            reads = tuple(
                read.rows.start - turn.held[name].start if name in buffers else 0
                for name, read in zip(activations(op), part.reads, strict=True)
            )
            write = part.rows.start - turn.held[op.output].start if op.output in buffers else 0
            form = replace(form, number=tiled.of_turn[number], reads=reads, write=write)
        found.append(None if form.idle else forms.setdefault(form, len(forms)))
    return Forms(tuple(forms), tuple(found))


def kept_by(stage: Stage, k: int) -> list[str]:
    """The tensors of the stage whose halos are kept behind its layer ``k``, the last to read
    them."""
    between = [name for name in stage.between if stage.kept(name)]
    return [name for name in between if last_reader(stage, name) == k]


def mark_sequence(graph: Graph, plan: McuPlan) -> list[int | None]:
    """The layer that each ``hwk_profile_mark`` of a whole inference begins, in order; None for no
    layer.

    Example: of two layers in a stage of two turns: 0, 1, then 0, then 0, 1, 0, 1, then 1, None.
    """
    nodes = len(graph.nodes)
    marks: list[int | None] = list(range(nodes))
    turns = {}
    for stage in plan.staging.stages:
        first = first_of(graph, stage)
        forms = [forms_of(graph, plan, first + k) for k in range(len(stage.nodes))]
        parts = [
            [first + k for k, found in enumerate(forms) if found.of_turn[turn] is not None]
            for turn in range(len(stage.turns))
        ]
        if stage.streamed:
            marks.append(None)
            for turn, new in enumerate(new_rows(stage)):
                marks += [*([None] if new and turn else []), *parts[turn]]
            marks.append(None)
        else:
            turns[first] = [layer for of in parts for layer in of]
    for layer in range(nodes):
        marks += [layer, *turns.get(layer, [])]
    return [*marks, None]


def is_whole(plan: McuPlan, index: int) -> bool:
    """Whether the output of layer ``index`` is ever there as a whole."""
    layer = plan.layers[index]
    tiled = layer.tiled
    return tiled is None or layer.op.output in plan.staging.stages[tiled.stage].results
