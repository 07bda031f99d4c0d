"""Generated firmware of many models as one program of this machine, under ASan and UBSan."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hwkit import boards
from hwkit.flow import boundary
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.types import Array
from hwkit.target import Lowered
from hwkit.targets.mcu.emit import from_device, to_device
from hwkit.targets.mcu.lower import McuPlan, lower, tensor_bytes
from hwkit.targets.mcu.package import package
from hwkit.targets.mcu.package.names import identifier
from hwkit.toolchain.host_cc import FLAGS, SANITIZERS
from tests.conformance.graphs import feeds_for

BOARDS = ("virtual_m4", "virtual_m0", "virtual_rv32")
"""One of each family of kernels that compiles for this machine (all but the M55's)."""

_STEPS = 4

_MAIN = """\
#include <stdio.h>
#include <stdint.h>

{includes}

typedef struct {{
  int (*init)(void);
  int (*selftest)(void);
  int (*reset)(void);
  int (*invoke)(void);
  void *(*input)(size_t);
  void *(*rows)(size_t *);
  int (*take)(void);
  const void *(*output)(size_t);
  size_t inputs, outputs, integer_bytes;
  const size_t *input_bytes, *output_bytes;
}} model_t;

{borders}

static const model_t models[] = {{
{rows}
}};

#define MODELS (sizeof models / sizeof models[0])

static int step(const model_t *m) {{
  size_t count, fed = 0;
  for (void *rows; (rows = m->rows(&count)) != NULL; fed += count * m->integer_bytes) {{
    if (m->invoke() != HWK_NOT_READY) return 6;
    if (fread(rows, m->integer_bytes, count, stdin) != count || m->take() != HWK_OK) return 7;
  }}
  if (m->take() != HWK_NOT_READY) return 8;
  for (; fed != 0 && fed < m->input_bytes[0]; fed++) getchar(); /* rows that nobody reads */
  for (size_t i = 0; i < m->inputs && fed == 0; i++) {{
    if (fread(m->input(i), 1, m->input_bytes[i], stdin) != m->input_bytes[i]) return 2;
  }}
  if (m->input(m->inputs) != NULL || m->output(m->outputs) != NULL) return 3;
  if (m->invoke() != HWK_OK) return 4;
  for (size_t i = 0; i < m->outputs; i++) fwrite(m->output(i), 1, m->output_bytes[i], stdout);
  return 0;
}}

int main(void) {{
  for (uint32_t k = 0; k < MODELS; k++) {{
    if (models[k].init() != HWK_OK || models[k].selftest() != HWK_OK) return 1;
  }}
  uint32_t k;
  while (fread(&k, sizeof k, 1, stdin) == 1) {{
    if (k >= MODELS) {{
      if (models[k - MODELS].reset() != HWK_OK) return 5;
      continue;
    }}
    const int result = step(&models[k]);
    if (result != 0) return result;
  }}
  return 0;
}}
"""

_BORDER = """\
static void *input_{id}(size_t k) {{ return hwk_{id}_input(k); }}
static void *rows_{id}(size_t *n) {{ return hwk_{id}_rows(n); }}
static const void *output_{id}(size_t k) {{ return hwk_{id}_output(k); }}
static const size_t input_bytes_{id}[] = {{{inputs}}}, output_bytes_{id}[] = {{{outputs}}};"""
_ROW = (
    "    {{hwk_{id}_init, hwk_{id}_selftest, hwk_{id}_reset, hwk_{id}_invoke, input_{id},\n"
    "     rows_{id}, hwk_{id}_take, output_{id}, HWK_{up}_INPUTS, HWK_{up}_OUTPUTS,\n"
    "     {width}, input_bytes_{id}, output_bytes_{id}}},"
)


@dataclass(frozen=True, slots=True)
class Model:
    """A graph and its form for a board."""

    graph: Graph
    lowered: Lowered[McuPlan]


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
            borders="\n".join(map(_border, models)),
            rows="\n".join(map(_row, models)),
        )
    )
    program = folder / "program"
    command = ["gcc", *FLAGS, *SANITIZERS, *include, str(main), *objects, "-o", str(program)]
    subprocess.run(command, check=True)
    return program


def _border(model: Model) -> str:
    graph = model.lowered.graph
    sizes = {
        of: ", ".join(str(tensor_bytes(graph, name)) for name in names)
        for of, names in (("inputs", graph.inputs), ("outputs", graph.outputs))
    }
    return _BORDER.format(id=identifier(model.graph.name), **sizes)


def _row(model: Model) -> str:
    graph, id = model.lowered.graph, identifier(model.graph.name)
    first = graph.inputs[0]
    width = tensor_bytes(graph, first) // graph.tensors[first].elements
    return _ROW.format(id=id, up=id.upper(), width=width)


def check(models: Sequence[Model], folder: Path) -> list[int]:
    """Runs every model a few steps, in turn, and one more after a reset, and compares all integers
    with the interpreter's.

    Returns how many these were by model; ``AssertionError`` with the graph for a differing one, or
    with what a sanitizer says.
    """
    inputs = [_inputs(model) for model in models]
    order = [(k, n) for n in range(_STEPS) for k in range(len(models))]
    data = b"".join(struct.pack("<I", k) + _sent(models[k], inputs[k], n) for k, n in order)
    for k, model in enumerate(models):
        data += struct.pack("<II", len(models) + k, k) + _sent(model, inputs[k], 0)
    done = subprocess.run([compiled(models, folder)], input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    expected = [run(m.lowered.graph, x) for m, x in zip(models, inputs, strict=True)]
    compared, at = [0] * len(models), 0
    for k, n in (*order, *((k, 0) for k in range(len(models)))):
        graph = models[k].lowered.graph
        for name in graph.outputs:
            wanted, size = expected[k][name][n], tensor_bytes(graph, name)
            got = from_device(done.stdout[at : at + size], graph.tensors[name])
            assert np.array_equal(got, wanted), (models[k], inputs[k], n, name, got, wanted)
            at, compared[k] = at + size, compared[k] + got.size
    assert at == len(done.stdout)
    return compared


def _inputs(model: Model) -> dict[str, Array]:
    feeds = feeds_for(model.graph, _STEPS, 1)
    return boundary.enter(model.graph, model.lowered.graph, feeds)


def _sent(model: Model, feeds: dict[str, Array], step: int) -> bytes:
    graph = model.lowered.graph
    parts = (to_device(feeds[name][step], graph.tensors[name].dtype) for name in graph.inputs)
    return b"".join(parts)
