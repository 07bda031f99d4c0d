"""``hwk_numbers.h``: real numbers to integers and back, and the largest, as numpy has them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from hwkit import resources
from hwkit.ir.types import Array

_MAIN = """\
#include <stdio.h>
#include <string.h>
#include "hwk_numbers.h"
int main(void) {
  float values[4];
  int8_t row8[64]; int16_t row16[64]; int32_t row32[64];
  while (fread(values, 4, 4, stdin) == 4) {
    int32_t limits[3];
    memcpy(limits, values + 1, 12);
    const int32_t y = hwk_quantize(values[0], 0.05f, limits[0], limits[1], limits[2]);
    fwrite(&y, 4, 1, stdout);
  }
  for (int k = 0; k < 64; k++) {
    row8[k] = (int8_t)(k * 37 % 23 - 11); row16[k] = row8[k]; row32[k] = -row8[k];
  }
  fprintf(stderr, "%zu %zu %zu %zu %.9g", hwk_argmax_s8(row8, 64), hwk_argmax_s16(row16, 64),
          hwk_argmax_s32(row32, 64), hwk_argmax_s8(row8, 0), (double)hwk_dequantize(-3, 0.05f, 7));
  return 0;
}
"""
_SCALE = np.float32(0.05)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("numbers")
    (folder / "main.c").write_text(_MAIN)
    flags = "-std=c11 -Wall -Wextra -Wconversion -Werror -O1 -fsanitize=address,undefined"
    include = f"-I{resources.folder('firmware') / 'template'}"
    path = folder / "numbers"
    command = ["gcc", *flags.split(), "-fno-sanitize-recover=all", include]
    subprocess.run([*command, str(folder / "main.c"), "-o", str(path)], check=True)
    return path


def quantized(x: Array, zero_point: int, low: int, high: int) -> Array:
    """By the definition, in double precision behind the one division."""
    steps = (x / _SCALE).astype(np.float64)
    whole = np.trunc(steps + np.copysign(0.5, steps))
    clipped: Array = np.clip(whole + zero_point, low, high).astype(np.int32)
    return clipped


@pytest.mark.parametrize(
    ("zero_point", "low", "high"),
    [(0, -128, 127), (-128, -128, 127), (83, -128, 127), (3, -8, 7), (0, -32768, 32767)],
)
def test_every_number_becomes_the_nearest_integer(
    program: Path, zero_point: int, low: int, high: int
) -> None:
    rng = np.random.default_rng(0)
    whole = np.arange(low - 3, high + 4, dtype=np.float32)
    ties = (whole + np.float32(0.5)) * _SCALE
    near = np.nextafter(ties, np.float32(np.inf))
    far = np.array([np.inf, -np.inf, 1e30, -1e30, 0.0, -0.0, 0.49999997 * 0.05], np.float32)
    x = np.concatenate([whole * _SCALE, ties, near, far, rng.normal(0, 9, 999)]).astype(np.float32)
    rows = np.empty((len(x), 4), "<i4")
    rows[:, 0], rows[:, 1:] = x.view("<i4"), (zero_point, low, high)
    done = subprocess.run([str(program)], input=rows.tobytes(), capture_output=True, check=True)
    with np.errstate(over="ignore"):
        assert np.array_equal(
            np.frombuffer(done.stdout, "<i4"), quantized(x, zero_point, low, high)
        )


def test_what_is_no_number_and_the_first_of_the_largest(program: Path) -> None:
    row = np.array([np.float32(np.nan).view("<i4"), 5, -128, 127], "<i4")
    done = subprocess.run([str(program)], input=row.tobytes(), capture_output=True, check=True)
    assert np.frombuffer(done.stdout, "<i4").tolist() == [5]
    values = np.arange(64) * 37 % 23 - 11
    first = [int(np.argmax(values)), int(np.argmax(values)), int(np.argmax(-values)), 0]
    *indices, real = done.stderr.split()
    assert [int(text) for text in indices] == first
    assert np.float32(float(real)) == _SCALE * np.float32(-10)
