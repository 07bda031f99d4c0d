"""A package of two inputs and a state as a user compiles it, in each of its forms."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from hwkit import boards
from hwkit.targets.mcu.lower import lower
from hwkit.targets.mcu.package import package
from tests.targets.mcu.stateful import ring
from tests.targets.mcu.test_package import SANITIZERS, C, written

STEPS = 6

MAIN = """\
#include <stdio.h>

#include "hwk.h"

int main(void) {
  if (hwk_init() != HWK_OK || HWK_INPUTS != 2 || HWK_STATES != 1) return 1;
  for (int step = 0; step < 6; step++) {
    if (fread(hwk_input(0), 1, HWK_INPUT_ELEMENTS, stdin) != HWK_INPUT_ELEMENTS) return 2;
    if (fread(hwk_input(1), 1, HWK_INPUT1_ELEMENTS, stdin) != HWK_INPUT1_ELEMENTS) return 3;
    if (hwk_invoke() != HWK_OK) return 4;
    fwrite(hwk_output(0), 1, HWK_OUTPUT_ELEMENTS, stdout);
    if (step == 3 && hwk_reset() != HWK_OK) return 5;
  }
  return hwk_selftest();
}
"""


@pytest.mark.parametrize("kind", ["library", "arduino", "zephyr"])
def test_steps_go_on_until_a_reset(kind: str, tmp_path: Path) -> None:
    graph = ring()
    written(package(lower(graph, boards.load("virtual_m4")), kind), tmp_path)
    (tmp_path / "main.c").write_text(MAIN)
    sources = [str(path) for path in sorted((tmp_path / "src").glob("*.c"))]
    include = [f"-I{folder}" for folder in (tmp_path / "include", tmp_path / "src")]
    program = str(tmp_path / "program")
    main = str(tmp_path / "main.c")
    subprocess.run([*C, *SANITIZERS, *include, main, *sources, "-o", program], check=True)

    rng = np.random.default_rng(3)
    row = rng.integers(0, 256, (STEPS, 1, 6, 2)).astype(np.uint8)
    gain = rng.integers(-128, 128, (STEPS, 5)).astype(np.int8)
    # As the header says: what is unsigned goes in less 128.
    rows = (row.astype(np.int16) - 128).astype(np.int8)
    data = b"".join(r.tobytes() + g.tobytes() for r, g in zip(rows, gain, strict=True))
    done = subprocess.run([program], input=data, capture_output=True, check=True)
    got = np.frombuffer(done.stdout, np.int8).reshape(STEPS, 5)
    parts = [{"row": row[k], "gain": gain[k]} for k in (slice(0, 4), slice(4, STEPS))]
    assert np.array_equal(got, np.concatenate([graph.predict(part)["y"] for part in parts]))


def test_the_header_names_inputs_and_outputs() -> None:
    header = package(lower(ring(), boards.load("virtual_m4")), "library")
    text = header["include/hwk_ring_model.h"].decode()
    for name, macro in (("row", "INPUT"), ("gain", "INPUT1"), ("y", "OUTPUT"), ("next", "OUTPUT1")):
        comment = text.index(f"/* {name}\n")
        assert text.index(f"#define HWK_RING_{macro}_ELEMENTS") > comment
    assert "0..255, is here less 128" in text
