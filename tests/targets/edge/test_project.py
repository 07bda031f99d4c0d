"""The TFLM project: proven in the interpreter, complete, built against a stand-in of TFLM."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwkit.errors import BitExactnessError, ConfigError
from hwkit.ir.types import Array
from hwkit.targets.edge import project
from hwkit.targets.edge.emit import MODEL, emit
from hwkit.targets.edge.loaded import Loaded, run_all
from hwkit.targets.edge.project import package
from hwkit.targets.edge.project.operators import operators, registration
from tests.cmake import program
from tests.predicted import predicted
from tests.targets.edge.networks import lowered, residual

pytest.importorskip("tflite_micro", reason="tflite-micro is not installed")

FAKE = Path(__file__).parent / "fake_tflm"
INPUT_BYTES, OUTPUT_BYTES = 8 * 8 * 3, 5


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return package(lowered(residual(), "host_tflm"), "tflm")


def array(files: dict[str, bytes], file: str, name: str) -> Array:
    """The bytes of a C++ array."""
    text = files[file].decode()
    body = text[text.index(f"{name}[") :].split("{", 1)[1].split("}", 1)[0]
    return np.array([int(part, 16) for part in re.findall(r"0x[0-9a-f]{2}", body)], np.uint8)


def written(files: dict[str, bytes], folder: Path) -> tuple[Path, Path, str]:
    """The project, a checkout of the stand-in, and what its makefile is told."""
    for name, content in files.items():
        path = folder / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    shutil.copytree(FAKE, folder / "tflm")
    fake = f"-DFAKE_INPUT_BYTES={INPUT_BYTES} -DFAKE_OUTPUT_BYTES={OUTPUT_BYTES}"
    fake += " -DFAKE_NAMESPACE=hwk_residual_tflm"
    return folder / "project", folder / "tflm", fake


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "-C", str(folder), *arguments], capture_output=True, text=True, check=False
    )


def test_the_array_is_the_model_and_the_goldens_are_the_runtimes(files: dict[str, bytes]) -> None:
    form = lowered(residual(), "host_tflm")
    assert files[MODEL] == emit(form).files[MODEL]
    assert array(files, "model_data.cc", "kModelData").tobytes() == files[MODEL]
    x = array(files, "golden.cc", "kGoldenInputs").view(np.int8).reshape(2, 8, 8, 3)
    y = array(files, "golden.cc", "kGoldenOutputs").view(np.int8).reshape(2, 5)
    session = Loaded("tflm", files[MODEL])
    (got,) = run_all(session, x)
    assert np.array_equal(got, y) and np.array_equal(predicted(form.graph, x), y)
    (arena,) = map(int, re.findall(rb"kArenaBytes = (\d+)", files["main.cc"]))
    wanted = session.facts["arena_bytes"]
    assert wanted <= arena < wanted + 16


def test_the_resolver_has_the_operators_of_the_file_and_no_other(files: dict[str, bytes]) -> None:
    names = operators(lowered(residual(), "host_tflm").graph)
    assert names == (
        "ADD", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "MAX_POOL_2D", "RESHAPE",
        "SOFTMAX",
    )  # fmt: skip
    text = files["ops.h"].decode()
    assert f"MicroMutableOpResolver<{len(names)}>" in text
    assert text.count("resolver.Add") == len(names)
    with pytest.raises(ConfigError, match="NO_SUCH"):
        registration("NO_SUCH")


def test_make_builds_and_runs_it(files: dict[str, bytes], tmp_path: Path) -> None:
    folder, tflm, fake = written(files, tmp_path)
    flags = "CXXFLAGS=-Wall -Wextra -Werror"
    done = make(folder, f"TFLM_DIR={tflm}", f"TFLM_ARGS=FAKE='{fake}'", flags, "run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "initialized" in done.stdout and "2 samples passed; arena used 7 of" in done.stdout


def test_a_wrong_integer_on_the_device_is_found(files: dict[str, bytes], tmp_path: Path) -> None:
    folder, tflm, fake = written(files, tmp_path)
    done = make(folder, f"TFLM_DIR={tflm}", f"TFLM_ARGS=FAKE='{fake} -DFAKE_WRONG'", "run")
    assert done.returncode != 0 and "sample 0: FAILED" in done.stdout


def test_make_says_what_is_missing(files: dict[str, bytes], tmp_path: Path) -> None:
    folder, _, _ = written(files, tmp_path)
    assert "TFLM_DIR is not set" in make(folder).stderr
    assert "is no tflite-micro" in make(folder, f"TFLM_DIR={tmp_path}").stderr


def test_cmake_builds_and_runs_it(files: dict[str, bytes], tmp_path: Path) -> None:
    cmake, ctest = program("cmake"), program("ctest")
    folder, tflm, fake = written(files, tmp_path)
    build = folder / "build"
    configure = [cmake, "-S", str(folder), "-B", str(build), f"-DTFLM_DIR={tflm}"]
    for command in (
        [*configure, f"-DTFLM_ARGS=FAKE='{fake}'"],
        [cmake, "--build", str(build)],
        [ctest, "--test-dir", str(build), "--output-on-failure"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "100% tests passed" in done.stdout
    refused = subprocess.run(
        [cmake, "-S", str(folder), "-B", str(tmp_path / "other")], capture_output=True, text=True
    )
    assert refused.returncode != 0 and "TFLM_DIR" in refused.stderr


def test_other_boards_and_kinds_are_refused() -> None:
    with pytest.raises(ConfigError, match="host_tflm"):
        package(lowered(residual(), "host_litert"), "tflm")
    with pytest.raises(ConfigError, match="'library'"):
        package(lowered(residual(), "host_tflm"), "library")


def test_a_graph_that_is_not_the_files_is_caught() -> None:
    form = lowered(residual(), "host_tflm")
    x = project._inputs(form.graph)
    (outputs,) = run_all(Loaded("tflm", emit(form).files[MODEL]), x)
    project._check(form.graph, x, outputs)
    outputs = outputs.copy()
    outputs[3, 2] ^= 1
    with pytest.raises(BitExactnessError, match=r"3,2"):
        project._check(form.graph, x, outputs)


def test_any_name_makes_a_program() -> None:
    form = lowered(residual(), "host_tflm")
    odd = replace(form, graph=replace(form.graph, name='A "net"\n*/'))
    files = package(odd, "tflm")
    assert b"project(a__net_____tflm CXX)" in files["CMakeLists.txt"]
    assert b'"net"' not in b"".join(content for name, content in files.items() if name != MODEL)
