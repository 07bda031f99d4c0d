"""hwkit's memory plan in the file: TFLM puts tensors where the file says.

By itself TFLM places the largest tensors first, and two large ones that are alive one after the
other may not share what lies between. Here what an operator makes may also run into what it reads
(``order``), and rows may lie where they are copied to and from (``views``). Other runtimes read
past the plan.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations

from hwkit.lower.memory import MemoryPlan, plan_memory
from hwkit.lower.schedule import Schedule, Step
from hwkit.targets.edge.flatbuffer import FileModel, FileOperator, FileTensor
from hwkit.targets.edge.order import progress
from hwkit.targets.edge.views import COPIES, CUT, JOIN, View, views


def planned(model: FileModel) -> tuple[FileModel, MemoryPlan]:
    """``model`` with a place for every activation, and the plan that they come from. TFLM places
    kernels' scratch itself, between and above them.

    Not for files with variables, of which TFLM makes more than the file has. Example: person
    detection of MLPerf Tiny takes 73,728 bytes as TFLM places it, 37,632 so.
    """
    assert model.once is None
    # What lies in another tensor keeps all of that alive, which may take more than a copy.
    codes = [code for code in (CUT, JOIN) if any(op.code == code for op in model.operators)]
    tried = (
        _planned(model, found) for n in range(len(codes) + 1) for found in combinations(codes, n)
    )
    return min(tried, key=lambda of: of[1].arena_bytes)


def _planned(model: FileModel, in_place: Collection[str]) -> tuple[FileModel, MemoryPlan]:
    tensors = {tensor.name: tensor for tensor in model.tensors}
    found = views(model, in_place)
    uses = _uses(model, found, tensors)
    sizes = {root: use.size_bytes for root, use in uses.items()}
    closer = {
        root: {other: use.before(uses[other]) for other in _complete(uses, root)}
        for root, use in uses.items()
    }
    steps = _steps(model, found)
    plan = plan_memory(Schedule(steps, sizes, model.inputs, model.outputs, closer=closer))
    offsets = (
        plan.offset(found[t.name].root) + found[t.name].offset if t.name in found else -1
        for t in model.tensors
    )
    return replace(model, offsets=tuple(offsets)), plan


def _steps(model: FileModel, found: Mapping[str, View]) -> tuple[Step, ...]:
    """A step for each operator, which reads and writes roots; one that was written before and is
    written on is there, as one that is read."""
    there = {found[name].root for name in model.inputs}
    steps = []
    for k, op in enumerate(model.operators):
        names = (name for name in (*op.inputs, *op.outputs) if name is not None)
        touched = dict.fromkeys(found[name].root for name in names if name in found)
        new = tuple(root for root in touched if root not in there)
        steps.append(Step(f"{k}/{op.code}", tuple(r for r in touched if r in there), new))
        there |= {*new}
    return tuple(steps)


@dataclass(slots=True)
class _Use:
    """Of a root by operator: what writes and what reads it, as pairs of bytes written and of the
    first one still to be read (``order``), from its own start on."""

    size_bytes: int
    written: dict[int, int] = field(default_factory=dict)
    """Up to which byte it may be written when the operator has run."""
    read: dict[int, int] = field(default_factory=dict)
    """From which byte on the operator reads it."""
    into: dict[int, list[tuple[_Use, int]]] = field(default_factory=dict)
    """What an operator that reads this one makes of it, and how many bytes before this one that
    must start for it."""

    def before(self, other: _Use) -> int:
        """How many bytes before ``other`` this one must start, or more, so that nothing of that
        is written over that is still to be read."""
        most = 0
        for k, end in self.written.items():
            most = max(most, end - other.still_read(k))
            if k in other.read:
                known = (n for use, n in other.into.get(k, []) if use is self)
                most = max(most, next(known, end - other.read[k]))
        return most

    def still_read(self, k: int) -> int:
        """The first byte that an operator behind ``k`` reads."""
        return min((at for j, at in self.read.items() if j > k), default=self.size_bytes)


def _uses(
    model: FileModel, found: Mapping[str, View], tensors: Mapping[str, FileTensor]
) -> dict[str, _Use]:
    """Of every root; what the caller gives is written before the first operator, what it takes
    is read behind the last one."""
    uses = {view.root: _Use(found[view.root].size_bytes) for view in found.values()}
    for name in model.inputs:
        uses[name].written[-1] = uses[name].size_bytes
    for k, op in enumerate(model.operators):
        sources = [found[name] for name in op.inputs if name is not None and name in found]
        made = found.get(op.outputs[0])  # None: what it makes of constants is one.
        if made is not None and op.code in COPIES and sources[0].root == made.root:
            sources = [made]  # It reads what it makes, in place, and no more.
        elif made is not None:
            into = uses[made.root]
            into.written[k] = max([made.end, *into.written.values()])
            for root, distance in _distances(op, made, found, tensors):
                uses[root].into.setdefault(k, []).append((into, distance))
        for view in sources:
            use = uses[view.root]
            use.read[k] = min(view.offset, use.read.get(k, view.offset))
    for name in model.outputs:
        uses[found[name].root].read[len(model.operators)] = 0
    return uses


def _distances(
    op: FileOperator, made: View, found: Mapping[str, View], tensors: Mapping[str, FileTensor]
) -> Iterator[tuple[str, int]]:
    """By root of which ``op`` reads one part: how far before it the output's root must start."""
    names = [name for name in dict.fromkeys(op.inputs) if name is not None and name in found]
    roots = [found[name].root for name in names]
    for name, root in zip(names, roots, strict=True):
        steps = progress(op, name, tensors)
        if steps is not None and root != made.root and roots.count(root) == 1:
            written, first = steps
            yield root, int((written - first).max()) + made.offset - found[name].offset


def _complete(uses: Mapping[str, _Use], root: str) -> list[str]:
    """The roots that are there, all of them written, when the first byte of ``root`` is."""
    first = min(uses[root].written)
    return [
        other
        for other, use in uses.items()
        if other != root and max(use.written) < first <= max(use.read, default=-1)
    ]
