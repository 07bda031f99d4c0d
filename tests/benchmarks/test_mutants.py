"""The faults that ``benchmarks.mutants`` plants, and what it says about them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from benchmarks.mutants import compiled, places, report
from benchmarks.mutants.groups import GROUPS
from benchmarks.mutants.mutation import mutations
from tests.firmware.cores import test_kernels as cores
from tests.firmware.kernels import packed_cases, test_broadcast, test_kernels
from tests.firmware.mve import test_kernels as mve

ROOT = Path(__file__).parents[2]

PYTHON = '''"""Text stays: 1 < 2."""
def f(a: int, b: int = 3) -> int:
    if a < b and g(a, b):
        raise ValueError(f"{a + 1} is wrong")
    return max(a, b) + (a << 2)
'''
C = """/* 1 < 2 */
#define SIDE 4
int32_t f(int32_t a, int32_t n) {
  for (int32_t i = 0; i < n; ++i) {
    a = a + g(a, 7);
  }
  __asm__("adds r0, #3\\n");
  return a;
}
"""


def made(tmp_path: Path, name: str, text: str) -> set[tuple[str, str]]:
    (tmp_path / name).write_text(text)
    return {m.lines(text) for m in mutations(tmp_path, name)}


def test_faults_in_python(tmp_path: Path) -> None:
    found = made(tmp_path, "m.py", PYTHON)
    before = "if a < b and g(a, b):"
    for after in ("a <= b and g(a, b)", "a < b or g(a, b)", "a < b and g(b, a)", "a < b", "False"):
        assert (before, f"if {after}:") in found
    assert ("return max(a, b) + (a << 2)", "return max(a, b) - (a << 2)") in found
    assert ("return max(a, b) + (a << 2)", "return max(a, b) + (a << 3)") in found
    assert ("return max(a, b) + (a << 2)", "return max(b, a) + (a << 2)") not in found
    assert not any("1 < 2" in one or "raise" in one for one, _ in found)
    for m in mutations(tmp_path, "m.py"):
        ast.parse(m.applied(PYTHON))


def test_faults_in_c(tmp_path: Path) -> None:
    found = made(tmp_path, "m.c", C)
    loop, line = "for (int32_t i = 0; i < n; ++i) {", "a = a + g(a, 7);"
    assert (loop, "for (int32_t i = 0; i <= n; ++i) {") in found
    assert (loop, "for (int32_t i = 1; i < n; ++i) {") in found
    for after in ("a = a - g(a, 7);", "a = a + g(a, 8);", "a = a + g(7, a);", ""):
        assert (line, after) in found
    assert ('__asm__("adds r0, #3\\n");', '__asm__("adds r0, #4\\n");') in found
    assert not any("1 < 2" in one or "#define" in one for one, _ in found)


def test_every_file_has_a_place_and_faults() -> None:
    by_file = places.by_file(ROOT)
    for folder in ("hwkit/ir/arith.py", "firmware/kernels/mve", "hls/rtl/hwk_fifo.v"):
        assert any(path.startswith(folder) for path in by_file)
    for place in set(by_file.values()):
        for selection in place.tests:
            paths = [part.split("::")[0] for part in selection if part.startswith("tests/")]
            assert paths and all((ROOT / path).exists() for path in paths)


def test_explained_survivors_are_lines_that_are_there() -> None:
    for path, before, after in report.explained():
        lines = [" ".join(line.split()) for line in (ROOT / path).read_text().splitlines()]
        assert before in lines and before != after, (path, before)


@pytest.mark.parametrize("variant", sorted(compiled.VARIANTS))
def test_kernels_that_hold_a_file(variant: str, tmp_path: Path) -> None:
    for name in ("boards", "firmware", "tests/firmware"):
        for path in (ROOT / name).rglob("*"):
            copy = tmp_path / path.relative_to(ROOT)
            if path.is_file():
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(path.read_bytes())
    kernels = compiled.Kernels(tmp_path)
    kept = ["softmax_kept"] if variant in ("v6m", "rv32", "rvv") else []
    assert kernels.groups("hwk_softmax_s8.h", variant) == ["softmax", *kept]
    assert {"requantize", "dense"} <= set(kernels.groups("hwk_rescale.h", variant))
    alone = ["winograd"] if variant == "dsp" else []
    assert kernels.groups("hwk_conv2d_s8_winograd.h", variant) == alone
    kernels.cut("softmax")
    text = kernels.list.read_text()
    assert "HWK_KERNEL(softmax_s8, softmax, 1)" in text and "HWK_KERNEL(add_s8" not in text
    form = "virtual_m55 mve" if variant == "mve" else f"host {variant}"
    whole = compiled.code(tmp_path, form, "firmware/kernels/ref/hwk_softmax_s8.h")
    assert whole is not None
    kernels.restore()
    assert kernels.list.read_bytes() == (ROOT / "firmware/kernels/kernels.inc").read_bytes()


def test_groups_name_kernels_and_tests_that_are_there() -> None:
    listed = (ROOT / "firmware/kernels/kernels.inc").read_text()
    for group, row in GROUPS.items():
        for kernel in row.kernels:
            assert f"HWK_KERNEL({kernel}, " in listed
        for other in row.alternatives:
            assert f", {other})" in listed
        for test in (*compiled.host_tests(group, "ref"), *compiled.core_tests(group, "dsp")):
            path, _, name = test.partition("::")
            assert f"def {name.partition('[')[0]}(" in (ROOT / path).read_text()


LEFT_OUT = {
    "hls/rtl/hwk_tap.v": "it writes what a simulation sees, for whoever looks for a difference",
}


def test_no_file_of_a_network_is_forgotten() -> None:
    """One that is mutated belongs to kernels, all of which have a group."""
    by_file = places.by_file(ROOT)
    for folder in ("firmware/kernels", "hls/rtl", "hwkit/lower", "hwkit/importers"):
        for path in sorted((ROOT / folder).rglob("*.*")):
            name = path.relative_to(ROOT).as_posix()
            if path.suffix in (".h", ".v", ".py") and path.name != "__init__.py":
                assert name in by_file or name in LEFT_OUT, name
    kernels = compiled.Kernels(ROOT, quiet=False)
    for name, place in by_file.items():
        assert not place.variant or kernels.groups(name, place.variant), name


def test_no_example_of_a_kernel_is_forgotten() -> None:
    names = {
        *(f"kernels:{name}" for name in test_kernels.EXAMPLES),
        *(f"broadcast:{name}" for name in test_broadcast.EXAMPLES),
        *(f"packed:{name}" for name in packed_cases.EXAMPLES),
    }
    found = {name for row in GROUPS.values() for name in row.host}
    assert {name for name in found if not re.search("::|read_ahead|long_sums", name)} == names
    packed = {f"packed:{name}" for name in cores.PACKED_FORMS}
    found = {name for row in GROUPS.values() for name in row.core}
    assert {name for name in found if not name.startswith(":")} == {*cores.COUNTS, *packed}
    packed = {f"packed:{name}" for name in mve.PACKED_FORMS}
    assert {name for row in GROUPS.values() for name in row.mve} == {*mve.COUNTS, *packed}
