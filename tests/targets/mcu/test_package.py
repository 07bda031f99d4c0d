"""The packages: built without a warning, run under the sanitizers, the interpreter's integers."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from hwkit import boards
from hwkit.errors import ConfigError, UnsupportedOp
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.types import Array
from hwkit.lower.shift_to_signed import to_signed
from hwkit.target import Lowered
from hwkit.targets.mcu.emit import from_device, to_device
from hwkit.targets.mcu.lower import McuPlan, lower
from hwkit.targets.mcu.package import KINDS, package
from hwkit.targets.mcu.package.names import identifier
from tests.cmake import program
from tests.conformance.graphs import graphs, inputs_for
from tests.conformance.spaces import MCU
from tests.flow.mlperf.models import dense
from tests.targets.mcu.models import residual

BOARD = boards.load("virtual_m4")
C = ("gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-g")
CPP = ("g++", "-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O1", "-g")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")

_MAIN = """\
#include <cstdio>

#include <hwk.h>

int main() {
  static_assert(HWK_INPUT_LOW < HWK_INPUT_HIGH, "");
  if (hwk_invoke() != HWK_NOT_READY || hwk_selftest() != HWK_NOT_READY) return 1;
  if (hwk_init() != HWK_OK || hwk_selftest() != HWK_OK) return 2;
  if (hwk_arena_bytes() != HWK_ARENA_BYTES) return 3;
  if (HWK_OUTPUT_ARGMAX() >= HWK_OUTPUT_ELEMENTS) return 5;
  while (std::fread(hwk_input(), 1, HWK_INPUT_ELEMENTS, stdin) == HWK_INPUT_ELEMENTS) {
    if (hwk_invoke() != HWK_OK) return 4;
    std::fwrite(hwk_output(), sizeof(hwk_output_t), HWK_OUTPUT_ELEMENTS, stdout);
  }
  return 0;
}
"""


def taken_by(kind: str) -> Graph:
    """Any network, but a benchmark's firmware wants one of the benchmark's sizes."""
    return dense(3072, 10) if kind.startswith("mlperf_tiny") else residual()


def written(files: Mapping[str, bytes], folder: Path) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def outputs(lowered: Lowered[McuPlan], x: Array, folder: Path) -> Array:
    """The library's C sources and a C++ program that uses them, run on ``x``."""
    written(package(lowered, "library"), folder)
    (folder / "main.cc").write_text(_MAIN)
    include = f"-I{folder / 'include'}"
    objects = []
    for source in sorted((folder / "src").glob("*.c")):
        made = source.with_suffix(".o")
        command = [*C, *SANITIZERS, include, f"-I{folder / 'src'}", "-c", str(source)]
        subprocess.run([*command, "-o", str(made)], check=True)
        objects.append(str(made))
    program = str(folder / "program")
    main = str(folder / "main.cc")
    subprocess.run([*CPP, *SANITIZERS, include, main, *objects, "-o", program], check=True)
    graph = lowered.graph
    source_type, output = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    data = b"".join(to_device(sample, source_type.dtype) for sample in x)
    done = subprocess.run([program], input=data, capture_output=True, check=True)
    size = len(done.stdout) // len(x)
    parts = [done.stdout[k * size : (k + 1) * size] for k in range(len(x))]
    return np.stack([from_device(part, output) for part in parts])


def check(graph: Graph, folder: Path) -> None:
    lowered = lower(graph, BOARD)
    name, out = lowered.graph.inputs[0], lowered.graph.outputs[0]
    x = to_signed(inputs_for(graph, 4, 2), graph.tensors[name])
    assert np.array_equal(outputs(lowered, x, folder), run(lowered.graph, {name: x})[out])


@pytest.mark.parametrize("bits", [8, 4])
def test_the_library_computes_the_interpreters_integers(bits: int, tmp_path: Path) -> None:
    check(residual(bits), tmp_path)


def test_random_graphs(tmp_path_factory: pytest.TempPathFactory) -> None:
    space = replace(MCU, max_ops=7)

    @settings(max_examples=4, derandomize=True, deadline=None, database=None)
    @given(graphs(space))
    def one(graph: Graph) -> None:
        try:
            lower(graph, BOARD)
        except UnsupportedOp:
            return
        check(graph, tmp_path_factory.mktemp("package"))

    one()


def test_a_damaged_table_fails_the_self_test(tmp_path: Path) -> None:
    files = package(lower(residual(), BOARD), "library")
    name = "src/model_data.c"
    text, edits = re.subn(rb"(layer0_weights.*?\{\s*)-?\d+", rb"\g<1>77", files[name], flags=re.S)
    assert edits == 1 and text != files[name]
    files[name] = text
    written(files, tmp_path)
    sources = [str(path) for path in sorted((tmp_path / "src").glob("*.c"))]
    program, example = str(tmp_path / "selftest"), str(tmp_path / "example" / "selftest.c")
    include = [f"-I{tmp_path / 'include'}", f"-I{tmp_path / 'src'}"]
    subprocess.run([*C, *include, *sources, example, "-o", program], check=True)
    done = subprocess.run([program], capture_output=True, text=True)
    assert done.returncode == 2 and "FAILED" in done.stdout


def test_the_header_says_what_the_model_is() -> None:
    lowered = lower(residual(), BOARD)
    text = package(lowered, "library")["include/hwk_residual_model.h"].decode()
    for line in (
        '#define HWK_RESIDUAL_MODEL_NAME "residual"',
        f"#define HWK_RESIDUAL_ARENA_BYTES {lowered.plan.memory.arena_bytes}",
        "#define HWK_RESIDUAL_INPUT_ELEMENTS 192",
        "8 x 8 x 3, integers",
        "#define HWK_RESIDUAL_OUTPUT_ELEMENTS 5",
        "typedef int32_t hwk_residual_output_t;",
    ):
        assert line in text, line


def test_cmake_builds_it_and_its_self_test_passes(tmp_path: Path) -> None:
    cmake, ctest = program("cmake"), program("ctest")
    written(package(lower(residual(), BOARD), "library"), tmp_path)
    build = tmp_path / "build"
    for command in (
        [cmake, "-S", str(tmp_path), "-B", str(build), "-DCMAKE_C_FLAGS=-Wall -Wextra -Werror"],
        [cmake, "--build", str(build)],
        [ctest, "--test-dir", str(build), "--output-on-failure"],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "100% tests passed" in done.stdout
    # Without a build type too, what the figures are measured with.
    flags = [path.read_text() for path in build.rglob("hwk_residual.dir/flags.make")]
    assert len(flags) == 1 and "-O2" in flags[0]


def test_cmake_installs_it_for_find_package(tmp_path: Path) -> None:
    cmake = program("cmake")
    written(package(lower(residual(), BOARD), "library"), tmp_path / "library")
    user = tmp_path / "user"
    user.mkdir()
    (user / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.13)\nproject(user C)\n"
        "find_package(hwk_residual REQUIRED)\n"
        f"add_executable(user {tmp_path}/library/example/selftest.c)\n"
        "target_link_libraries(user PRIVATE hwk::residual)\n"
    )
    prefix = tmp_path / "prefix"
    for command in (
        ["-S", str(tmp_path / "library"), "-B", str(tmp_path / "b"), "-DCMAKE_BUILD_TYPE=Debug"],
        ["--build", str(tmp_path / "b")],
        ["--install", str(tmp_path / "b"), "--prefix", str(prefix)],
        ["-S", str(user), "-B", str(user / "b"), f"-DCMAKE_PREFIX_PATH={prefix}"],
        ["--build", str(user / "b")],
    ):
        done = subprocess.run([cmake, *command], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    done = subprocess.run([user / "b" / "user"], capture_output=True, text=True, check=True)
    assert "self-test passed" in done.stdout


def test_what_other_builds_read_in_the_library() -> None:
    files = package(lower(residual(), BOARD), "library")
    # https://docs.platformio.org/en/latest/manifests/library-json
    manifest = json.loads(files["library.json"])
    assert manifest["name"] == "hwk_residual" and manifest["build"]["flags"] == ["-O2"]
    assert "idf_component_register(SRCS ${HWK_SOURCES}" in files["CMakeLists.txt"].decode()
    for kind in KINDS:
        assert b"Apache License" in package(lower(taken_by(kind), BOARD), kind)["LICENSE"]


def test_arduino_sources_ask_for_speed() -> None:
    text = package(lower(residual(), BOARD), "arduino")["src/model.c"].decode()
    assert text.index("defined(ARDUINO)") < text.index('#pragma GCC optimize("O2")')
    assert text.index('#pragma GCC optimize("O2")') < text.index("#include")


@pytest.mark.parametrize("kind", ["arduino", "zephyr"])
def test_the_other_packages_hold_the_same_sources(kind: str, tmp_path: Path) -> None:
    lowered = lower(residual(), BOARD)
    first, other = package(lowered, "library"), package(lowered, kind)
    shared = {name: content for name, content in first.items() if name.startswith("src/")}
    assert shared.items() <= other.items()
    # Nothing hides a header of the C library or of another library.
    names = {name.removeprefix("src/") for name in shared}
    assert all(name.startswith(("hwk", "model")) for name in names), names
    folder = "src" if kind == "arduino" else "include"
    for header in ("hwk.h", "hwk_numbers.h", "hwk_residual_model.h"):
        assert other[f"{folder}/{header}"] == first[f"include/{header}"]
    written(other, tmp_path)
    # As their build systems do: each source by itself, with the folders that they put first.
    include = [f"-I{tmp_path / 'src'}", f"-I{tmp_path / 'include'}"]
    for source in sorted((tmp_path / "src").glob("*.c")):
        subprocess.run([*C, "-fsyntax-only", *include, str(source)], check=True)
    assert not any(b"@" in content for name, content in other.items() if "src/" not in name)


def test_arduino_library_fields() -> None:
    files = package(lower(residual(), BOARD), "arduino")
    lines = files["library.properties"].decode().splitlines()
    fields = dict(line.split("=", 1) for line in lines)
    assert all(line.count("=") >= 1 and line == line.strip() for line in lines)
    # https://arduino.github.io/arduino-cli/latest/library-specification
    assert set(fields) >= {
        "name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url",
        "architectures",
    }  # fmt: skip
    assert fields["name"] == "hwk_residual" and fields["includes"] == "hwk.h"
    assert fields["category"] == "Data Processing"
    assert all(part.isdigit() for part in fields["version"].split("."))
    sketch = files["examples/selftest/selftest.ino"].decode()
    assert "void setup()" in sketch and "void loop()" in sketch
    folders = {name.split("/")[0] for name in files if "/" in name}
    assert folders == {"src", "examples"}
    assert b"\t" in files["keywords.txt"]


def test_zephyr_module_files() -> None:
    files = package(lower(residual(), BOARD), "zephyr")
    assert files["zephyr/module.yml"].decode().splitlines() == [
        "name: hwk_residual",
        "build:",
        "  cmake: zephyr",
        "  kconfig: zephyr/Kconfig",
    ]
    listed = files["zephyr/CMakeLists.txt"].decode()
    for name in files:
        if name.startswith("src/") and name.endswith(".c"):
            assert f"../{name}" in listed
    assert "config HWK_RESIDUAL\n\tbool" in files["zephyr/Kconfig"].decode()
    assert files["samples/selftest/prj.conf"] == b"CONFIG_HWK_RESIDUAL=y\n"
    assert "if(CONFIG_HWK_RESIDUAL)" in listed
    assert "zephyr_library_compile_options(-O2)" in listed
    assert (
        "  hwkit.residual.selftest:\n    min_ram: "
        in files["samples/selftest/sample.yaml"].decode()
    )


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_same_graph_gives_the_same_bytes(kind: str) -> None:
    first, second = (package(lower(taken_by(kind), BOARD), kind) for _ in range(2))
    assert first == second


def test_an_unknown_kind_is_refused() -> None:
    lowered = lower(residual(), BOARD)
    with pytest.raises(ConfigError, match="library, arduino, zephyr"):
        package(lowered, "snap")
    with pytest.raises(ConfigError, match="host_tflm"):
        package(lowered, "tflm")


def test_any_name_makes_an_identifier() -> None:
    assert identifier("net-v2.1") == "net_v2_1"
    assert identifier('a"\n*/b') == "a_b" and identifier("__init__") == "init"
    assert identifier("Größe 2") == "gr_e_2"
    assert identifier("") == identifier("*") == "model"
    assert len(identifier("x" * 99)) == 40 and identifier("x" * 39 + "__y") == "x" * 39
