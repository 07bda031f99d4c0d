"""Three models in one program: names that no linker mixes up, and every integer of each."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from hwkit import boards
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import Conv2d, Dense, Padding, Rescale, Reshape, Rounding
from hwkit.ir.types import S8, S32, Array
from hwkit.target import Lowered
from hwkit.targets.mcu.emit import to_device
from hwkit.targets.mcu.lower import McuPlan, lower
from hwkit.targets.mcu.package import package
from hwkit.targets.mcu.package.names import identifier
from tests.targets.mcu.test_package import CPP, SANITIZERS, C, written

pytestmark = pytest.mark.slow

BOARD = boards.load("virtual_m4")
NAMES = ("int", "class " * 50, "output.*/")
"""A keyword, 300 characters, and what would end a comment."""

_PROGRAM = """\
#include <stdio.h>

{includes}

#define RUN(id, UPPER)                                                              \\
  if (fread(hwk_##id##_input(), 1, HWK_##UPPER##_INPUT_ELEMENTS, stdin) !=          \\
      HWK_##UPPER##_INPUT_ELEMENTS) return 0;                                       \\
  if (hwk_##id##_invoke() != HWK_OK) return 2;

#define WRITE(id, UPPER)                                                            \\
  fwrite(hwk_##id##_output(), sizeof(hwk_##id##_output_t), HWK_##UPPER##_OUTPUT_ELEMENTS, stdout);

int main(void) {{
  if ({not_ready}) return 1;
  if ({ready}) return 3;
  for (;;) {{
{runs}
{writes}
  }}
}}
"""


def _graph(name: str, seed: int) -> Graph:
    """A layer of each name that languages keep for themselves, and of any length."""
    rng = np.random.default_rng(seed)
    b = GraphBuilder(name)
    x = b.input("x", (4, 4, 3), S8)
    b.constant("w", rng.integers(-128, 128, (4, 3, 3, 3)), S8)
    r = Rescale((1 << 30,), (37,), Rounding.HALF_UP, -128, 127)
    b.add(Conv2d("while", x, "w", None, "a", padding=Padding(1, 1, 1, 1), rescale=r), S8)
    b.add(Reshape("reg " * 75, "a", "b"), S8, shape=(64,))
    b.constant("v", rng.integers(-128, 128, (5 + seed, 64)), S8)
    b.add(Dense("output", "b", "v", None, "y"), S32)
    return b.build(["y"])


@pytest.fixture(scope="module")
def models() -> list[Lowered[McuPlan]]:
    return [lower(_graph(name, k), BOARD) for k, name in enumerate(NAMES)]


@pytest.fixture(scope="module")
def objects(models: list[Lowered[McuPlan]], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The libraries of all three, each compiled in its folder."""
    made = []
    for k, lowered in enumerate(models):
        folder = written(package(lowered, "library"), tmp_path_factory.mktemp(f"model{k}"))
        sources = sorted(str(path) for path in (folder / "src").glob("*.c"))
        include = [f"-I{folder / name}" for name in ("include", "src")]
        subprocess.run([*C, *SANITIZERS, *include, "-c", *sources], check=True, cwd=folder)
        made += sorted(folder.glob("*.o"))
    return made


def test_every_symbol_carries_its_models_name(
    objects: list[Path], models: list[Lowered[McuPlan]]
) -> None:
    symbols = []
    for path in objects:
        listed = subprocess.run(
            ["nm", "-g", "--defined-only", path], capture_output=True, text=True, check=True
        ).stdout
        names = [line.split()[-1] for line in listed.splitlines()]
        symbols += [name for name in names if not name.startswith("__odr_asan.")]
    assert len(set(symbols)) == len(symbols)
    starts = tuple(f"hwk_{identifier(name)}_" for name in NAMES)
    assert all(name.startswith(starts) for name in symbols), symbols


@pytest.mark.parametrize("language", ["c", "cc"])
def test_three_models_in_turn(
    language: str, objects: list[Path], models: list[Lowered[McuPlan]], tmp_path: Path
) -> None:
    ids = [identifier(name) for name in NAMES]
    pairs = [f"({id}, {id.upper()})" for id in ids]
    program = _PROGRAM.format(
        includes="\n".join(f"#include <hwk_{id}_model.h>" for id in ids),
        not_ready=" || ".join(f"hwk_{id}_selftest() != HWK_NOT_READY" for id in ids),
        ready=" || ".join(
            f"hwk_{id}_init() != HWK_OK || hwk_{id}_selftest() != HWK_OK" for id in ids
        ),
        runs="\n".join(f"    RUN{pair}" for pair in pairs),
        writes="\n".join(f"    WRITE{pair}" for pair in pairs),
    )
    main = tmp_path / f"main.{language}"
    main.write_text(program)
    folders = sorted({path.parent for path in objects})
    include = [f"-I{folder / 'include'}" for folder in folders]
    compiler = C if language == "c" else CPP
    command = [*compiler, *SANITIZERS, *include, str(main), *map(str, objects)]
    subprocess.run([*command, "-o", str(tmp_path / "program")], check=True)
    assert _run(tmp_path / "program", models) == b"".join(_expected(models))


def _inputs(models: list[Lowered[McuPlan]]) -> list[Array]:
    rng = np.random.default_rng(5)
    return [rng.integers(-128, 128, (4, 4, 4, 3)).astype(np.int8) for _ in models]


def _run(program: Path, models: list[Lowered[McuPlan]]) -> bytes:
    """The outputs of all models for one sample each, then for the next."""
    data = b"".join(x.tobytes() for samples in zip(*_inputs(models), strict=True) for x in samples)
    return subprocess.run([program], input=data, capture_output=True, check=True).stdout


def _expected(models: list[Lowered[McuPlan]]) -> list[bytes]:
    outputs = [run(m.graph, {"x": x})["y"] for m, x in zip(models, _inputs(models), strict=True)]
    return [to_device(y, S32) for samples in zip(*outputs, strict=True) for y in samples]


def test_two_networks_of_one_name_do_not_mix() -> None:
    files = [package(lower(_graph("net", seed), BOARD), "library") for seed in (1, 2)]
    headers = [of["include/hwk_net_model.h"].decode() for of in files]
    symbols = [
        re.findall(r"^#define hwk_net_\w+(?:\(\.\.\.\))? (\w+)", text, re.MULTILINE)
        for text in headers
    ]
    assert len(symbols[0]) == 10 and not set(symbols[0]) & set(symbols[1])
