"""hwkit's memory plan in the file: TFLM puts tensors where the file says.

By itself TFLM places the largest tensors first, and two large ones that are alive one after the
other may not share what lies between. Other runtimes read past the plan.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from hwkit.lower.memory import MemoryPlan, plan_memory
from hwkit.lower.schedule import Schedule, Step
from hwkit.targets.edge.flatbuffer import FileModel


def planned(model: FileModel) -> tuple[FileModel, MemoryPlan]:
    """``model`` with a place for every activation, and the plan that they come from. TFLM places
    kernels' scratch itself, between and above them.

    Not for files with variables, of which TFLM makes more than the file has. Example: person
    detection of MLPerf Tiny takes 73,728 bytes as TFLM places it, 55,296 so.
    """
    assert model.once is None
    sizes = {
        tensor.name: prod(tensor.shape) * np.dtype(tensor.dtype).itemsize
        for tensor in model.tensors
        if tensor.data is None
    }
    steps = tuple(
        Step(
            f"{k}/{op.code}",
            tuple(dict.fromkeys(name for name in op.inputs if name in sizes and name is not None)),
            op.outputs,
        )
        for k, op in enumerate(model.operators)
    )
    plan = plan_memory(Schedule(steps, sizes, model.inputs, model.outputs))
    places = (plan.offset(t.name) if t.name in sizes else -1 for t in model.tensors)
    return replace(model, offsets=tuple(places)), plan
