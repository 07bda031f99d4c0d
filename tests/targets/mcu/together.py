"""Generated firmware of many models as one program of this machine, under ASan and UBSan."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hwkit import boards
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.types import Array
from hwkit.target import Lowered
from hwkit.targets.mcu.emit import from_device, to_device
from hwkit.targets.mcu.lower import lower
from hwkit.targets.mcu.package import package
from hwkit.targets.mcu.package.names import identifier
from hwkit.toolchain.host_cc import FLAGS, SANITIZERS
from tests import sessions
from tests.conformance.graphs import inputs_for

BOARDS = ("virtual_m4", "virtual_m0", "virtual_rv32")
"""One of each family of kernels that compiles for this machine (all but the M55's)."""

_SAMPLES = 3

_MAIN = """\
#include <stdio.h>
#include <stdint.h>

{includes}

typedef struct {{
  int (*init)(void);
  int (*selftest)(void);
  int8_t *(*input)(void);
  int (*invoke)(void);
  const void *(*output)(void);
  size_t input_bytes, output_bytes;
}} model_t;

{outputs}

static const model_t models[] = {{
{rows}
}};

int main(void) {{
  uint32_t k;
  while (fread(&k, sizeof k, 1, stdin) == 1) {{
    const model_t *m = &models[k];
    if (m->init() != HWK_OK || m->selftest() != HWK_OK) return 1;
    if (fread(m->input(), 1, m->input_bytes, stdin) != m->input_bytes) return 2;
    if (m->invoke() != HWK_OK) return 3;
    fwrite(m->output(), 1, m->output_bytes, stdout);
  }}
  return 0;
}}
"""

_OUTPUT = """\
static int8_t *input_{id}(void) {{ return hwk_{id}_input(0); }}
static const void *output_{id}(void) {{ return hwk_{id}_output(0); }}"""
_ROW = (
    "    {{hwk_{id}_init, hwk_{id}_selftest, input_{id}, hwk_{id}_invoke, output_{id},\n"
    "     HWK_{up}_INPUT_ELEMENTS, HWK_{up}_OUTPUT_ELEMENTS * sizeof(hwk_{id}_output_t)}},"
)


@dataclass(frozen=True, slots=True)
class Model:
    """A graph and its form for a board."""

    graph: Graph
    lowered: Lowered


def lowered_as(graph: Graph, number: int) -> Model:
    """``graph`` as model ``number`` of a program, for one board after the other. Raises what
    ``lower`` does."""
    named = replace(graph, name=f"graph {number}")
    return Model(named, lower(named, boards.load(BOARDS[number % len(BOARDS)])))


def compiled(models: Sequence[Model], folder: Path) -> Path:
    """The program: each package compiled by itself, and what runs the one that it is told."""
    objects: list[str] = []
    include: list[str] = []
    for model in models:
        home = folder / identifier(model.graph.name)
        for name, content in package(model.lowered, "library").items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_bytes(content)
        include.append(f"-I{home / 'include'}")
        own = [include[-1], f"-I{home / 'src'}"]
        sources = sorted(str(path) for path in (home / "src").glob("*.c"))
        # The last -O counts: nothing is optimised away before it is checked.
        subprocess.run(
            ["gcc", *FLAGS, "-O0", *SANITIZERS, *own, "-c", *sources], check=True, cwd=home
        )
        objects += sorted(str(path) for path in home.glob("*.o"))
    ids = [identifier(model.graph.name) for model in models]
    main = folder / "main.c"
    main.write_text(
        _MAIN.format(
            includes="\n".join(f'#include "hwk_{id}_model.h"' for id in ids),
            outputs="\n".join(_OUTPUT.format(id=id) for id in ids),
            rows="\n".join(_ROW.format(id=id, up=id.upper()) for id in ids),
        )
    )
    program = folder / "program"
    command = ["gcc", *FLAGS, *SANITIZERS, *include, str(main), *objects, "-o", str(program)]
    subprocess.run(command, check=True)
    return program


def check(models: Sequence[Model], folder: Path) -> list[int]:
    """Runs every model on a few samples, in turn, and compares all integers with the interpreter's.

    Returns how many these were by model; ``AssertionError`` with the graph for a differing one, or
    with what a sanitizer says.
    """
    inputs = [_inputs(model) for model in models]
    order = [(k, n) for n in range(_SAMPLES) for k in range(len(models))]
    data = b"".join(struct.pack("<I", k) + _sent(models[k], inputs[k][n]) for k, n in order)
    done = subprocess.run([compiled(models, folder)], input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    expected = [_expected(model, x) for model, x in zip(models, inputs, strict=True)]
    compared, at = [0] * len(models), 0
    for k, n in order:
        graph = models[k].lowered.graph
        tensor = graph.tensors[graph.outputs[0]]
        size = len(to_device(expected[k][n], tensor.dtype))
        got = from_device(done.stdout[at : at + size], tensor)
        assert np.array_equal(got, expected[k][n]), (models[k], inputs[k][n], got, expected[k][n])
        at, compared[k] = at + size, compared[k] + got.size
    assert at == len(done.stdout)
    return compared


def _inputs(model: Model) -> Array:
    return sessions.entered(model.graph, model.lowered.graph, inputs_for(model.graph, _SAMPLES, 1))


def _sent(model: Model, x: Array) -> bytes:
    graph = model.lowered.graph
    return to_device(x, graph.tensors[graph.inputs[0]].dtype)


def _expected(model: Model, x: Array) -> Array:
    graph = model.lowered.graph
    return run(graph, {graph.inputs[0]: x})[graph.outputs[0]]
