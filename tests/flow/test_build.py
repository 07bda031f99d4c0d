"""Builds are whole or absent, and made once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwkit import boards, targets
from hwkit.boards import FoldingGoal, folded_for
from hwkit.errors import ConfigError, ToolFailed
from hwkit.files import replace_folder
from hwkit.flow import build
from hwkit.flow.shape import shaped
from hwkit.flow.verify import verify
from hwkit.revision import called
from hwkit.target import Artifact, BuildPlan, Lowered
from hwkit.toolchain import process
from hwkit.toolchain.cache import cache_folder
from tests.flow.test_verify import network
from tests.processes import has_ended

BOARD = "host_tflm"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_the_same_plan_is_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    target, lowered = build.lower(network(), BOARD)
    first = build.cached(target, lowered)

    def fail(*arguments: object) -> None:
        raise AssertionError("built again")

    monkeypatch.setattr(targets.get(lowered.board), "build", fail)
    assert build.cached(target, lowered).folder == first.folder


@pytest.mark.parametrize(
    ("board", "packages", "flashed", "message"),
    [
        ("virtual_m4", (), True, "virtual_m4 has no programmer"),
        ("virtual_m4", ("library", "tflm"), False, "take board host_tflm"),
        ("rtl_sim", ("library",), False, "board rtl_sim has axi_stream"),
        ("host_litert", ("tflm",), False, "board host_litert has none of that kind"),
    ],
)
def test_what_a_board_lacks_is_said_before_anything_is_built(
    board: str,
    packages: tuple[str, ...],
    flashed: bool,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lower(*arguments: object) -> None:
        raise AssertionError("lowered first")

    monkeypatch.setattr(build, "lower", lower)
    with pytest.raises(ConfigError, match=message):
        build.deploy(network(), board, tmp_path / "out", packages, flashed=flashed)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("damage", ["cut", "flipped", "removed", "seal"])
def test_a_damaged_cache_is_built_again(damage: str) -> None:
    """What a power cut can leave: the entry is there, its content is not."""
    target, lowered = build.lower(network(), BOARD)
    path = build.cached(target, lowered).path
    content = path.read_bytes()
    if damage == "cut":
        path.write_bytes(content[:9])
    elif damage == "flipped":
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "removed":
        path.unlink()
    else:
        (path.parent / ".complete").write_text("[")
    assert build.cached(target, lowered).path.read_bytes() == content


def test_facts_that_are_damaged_are_made_again() -> None:
    """The file that runs is whole, what lies beside it is not."""
    target, lowered = build.lower(network(), BOARD)
    first = build.cached(target, lowered)
    for path in (p for p in first.folder.rglob("*.json") if p != first.path):
        path.write_text("[")
    again = build.cached(target, lowered)
    assert dict(again.facts) == dict(first.facts) and again.path.is_file()


def test_a_build_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, lowered = build.lower(network(), BOARD)
    whole = target.build

    def fails(plan: object, lowered: object, out: Path) -> None:
        (out / "half").write_text("half")
        raise ToolFailed("cc", 1, "log")

    monkeypatch.setattr(targets.get(lowered.board), "build", fails)
    with pytest.raises(ToolFailed):
        build.cached(target, lowered)
    with pytest.raises(ToolFailed):
        build.deploy(network(), BOARD, tmp_path / "d")
    assert not (tmp_path / "d").exists()
    assert not list((tmp_path / "cache" / "hwkit" / "builds").iterdir())

    monkeypatch.setattr(targets.get(lowered.board), "build", whole)
    build.deploy(network(), BOARD, tmp_path / "d")
    before = sorted(p.name for p in (tmp_path / "d").iterdir())
    monkeypatch.setattr(targets.get(lowered.board), "build", fails)
    with pytest.raises(ToolFailed):
        build.deploy(network(1), BOARD, tmp_path / "d")
    assert sorted(p.name for p in (tmp_path / "d").iterdir()) == before


def test_deploys_are_equal_and_replace_each_other(tmp_path: Path) -> None:
    first = build.deploy(network(), BOARD, tmp_path / "d")
    content = (tmp_path / "d" / "model.tflite").read_bytes()
    (tmp_path / "d" / "model.tflite").write_bytes(b"edited")
    assert build.deploy(network(), BOARD, tmp_path / "d") == first
    assert (tmp_path / "d" / "model.tflite").read_bytes() == content


def test_a_killed_deploy_leaves_the_old_one(tmp_path: Path) -> None:
    """The process is killed while it builds; what was deployed before is untouched."""
    out = tmp_path / "d"
    build.deploy(network(), BOARD, out)
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    code = (
        "import sys, time, pathlib\n"
        "from hwkit.flow import build\n"
        "from hwkit.targets.edge.target import TARGET as edge\n"
        "from tests.flow.test_verify import network\n"
        "def slow(plan, lowered, folder):\n"
        "    (folder / 'model.tflite').write_bytes(b'half')\n"
        "    pathlib.Path(sys.argv[2]).touch()\n"
        "    time.sleep(60)\n"
        "edge.build = slow\n"
        "build.deploy(network(1), 'host_tflm', sys.argv[1])\n"
    )
    started = tmp_path / "started"
    child = subprocess.Popen([sys.executable, "-c", code, str(out), str(started)], cwd=Path.cwd())
    deadline = time.monotonic() + 60
    while not started.exists():
        assert child.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before
    build.deploy(network(), BOARD, out)


def test_a_terminated_command_cleans_up(tmp_path: Path) -> None:
    """SIGTERM while a compiler runs: no half-made folder, no compiler left behind."""
    out, started = tmp_path / "d", tmp_path / "pid"
    code = (
        "import sys, pathlib\n"
        "from hwkit import cli\n"
        "from hwkit.targets.edge.target import TARGET as edge\n"
        "from hwkit.toolchain.process import run\n"
        "def slow(plan, lowered, folder):\n"
        "    run(['sh', '-c', f'echo $$ > {sys.argv[1]}; exec sleep 60'], folder / 'log')\n"
        "edge.build = slow\n"
        "cli.main(sys.argv[2:])\n"
    )
    model = tmp_path / "m.hwk"
    network().save(str(model))
    arguments = ["deploy", str(model), "--board", BOARD, "-o", str(out)]
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(started), *arguments], stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while not (started.exists() and started.read_text().endswith("\n")):
        assert child.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    child.terminate()
    assert child.communicate()[1] == b"" and child.returncode == 128 + signal.SIGTERM
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cache", "m.hwk", "pid"]
    assert not list((tmp_path / "cache" / "hwkit" / "builds").iterdir())
    assert has_ended(int(started.read_text()))


def test_deploys_into_one_folder_meet(tmp_path: Path) -> None:
    """Folders put in one place by several threads: always one whole folder, never an error."""
    out = tmp_path / "d"

    def put(number: int) -> None:
        for turn in range(20):
            beside = tmp_path / f"{number}-{turn}"
            beside.mkdir()
            for name in ("a", "b"):
                (beside / name).write_text(f"{number}-{turn}")
            replace_folder(beside, out)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put, range(4)))
    assert (out / "a").read_text() == (out / "b").read_text()
    assert [p.name for p in tmp_path.iterdir()] == ["d"]


def test_a_build_that_another_process_made_first_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    target, lowered = build.lower(network(), BOARD)
    whole = target.build
    folders: list[Path] = []

    def overtaken(plan: BuildPlan, lowered: Lowered[Any], out: Path) -> Artifact[Any]:
        monkeypatch.setattr(targets.get(lowered.board), "build", whole)
        folders.append(build.cached(target, lowered).folder)
        (folders[0] / "in use").touch()
        return whole(plan, lowered, out)

    monkeypatch.setattr(targets.get(lowered.board), "build", overtaken)
    assert build.cached(target, lowered).folder == folders[0]
    assert (folders[0] / "in use").exists()
    assert [p.name for p in folders[0].parent.iterdir()] == [folders[0].name]


def test_out_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("mine")
    with pytest.raises(ConfigError, match="was not made by deploy"):
        build.deploy(network(), BOARD, tmp_path / "f")
    with pytest.raises(ConfigError, match="cannot be made"):
        build.deploy(network(), BOARD, tmp_path / "f" / "d")


def test_unsigned_integers_cross_the_border_unchanged() -> None:
    """A board computes u8 as s8; the user sees u8 on both sides."""
    from hwkit.flow.predict import predict
    from hwkit.ir.builder import GraphBuilder
    from hwkit.ir.ops import MaxPool2d
    from hwkit.ir.types import U8, Quantization

    b = GraphBuilder("unsigned")
    b.input("x", (2, 2, 1), U8, Quantization((0.5,)))
    b.add(MaxPool2d("m", "x", "y", (2, 2), (2, 2)), U8, Quantization((0.5,)))
    graph = b.build(["y"])
    x = np.array([[[[0], [255]], [[128], [7]]]], np.uint8)
    for board in ("host_tflm", "virtual_m4"):
        y = predict(graph, x, board)[graph.outputs[0]]
        assert y.dtype == np.uint8 and y.tolist() == [[[[255]]]]


def no_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on a compiler or any other tool that is run fails the test."""

    def ran(command: Sequence[str], *arguments: object, **options: object) -> None:
        raise AssertionError(f"{command[0]} was run")

    monkeypatch.setattr(process, "run", ran)


def test_what_was_deployed_is_verified_and_deployed_again_without_a_tool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = "virtual_m4"
    verify(network(1), board, samples=1)  # the emulator is made once for all networks
    first = build.deploy(network(), board, tmp_path / "d")
    no_tool(monkeypatch)
    assert verify(network(), board, samples=2).exact
    assert build.deploy(network(), board, tmp_path / "e") == first
    made = {p.relative_to(tmp_path / "d") for p in (tmp_path / "d").rglob("*") if p.is_file()}
    assert len(made) > 3
    for name in made:
        assert (tmp_path / "d" / name).read_bytes() == (tmp_path / "e" / name).read_bytes()


@pytest.mark.parametrize("name", ["model.c", "firmware.elf"])
def test_a_damaged_source_in_the_cache_is_not_deployed(name: str, tmp_path: Path) -> None:
    first = build.deploy(network(), "virtual_m4", tmp_path / "d")
    _, artifact = build.artifact_for(network(), "virtual_m4", None)
    whole = (artifact.folder / name).read_bytes()
    (artifact.folder / name).write_bytes(whole[:-1])
    assert build.deploy(network(), "virtual_m4", tmp_path / "d") == first
    left = (tmp_path / "d" / name).read_bytes()
    assert left.replace(f" by hwkit {called()}".encode(), b"") == whole


def test_what_killed_builds_left_goes_after_a_day() -> None:
    builds = cache_folder("builds")
    yesterday = time.time() - 100_000
    for name in (".old.a", ".young.b", "old.c"):
        (builds / name).mkdir()
        (builds / name / "file").write_text("part")
        if "old" in name:
            os.utime(builds / name, (yesterday, yesterday))
    build.cached(*build.lower(network(), BOARD))
    names = {path.name for path in builds.iterdir()}
    assert ".old.a" not in names and {".young.b", "old.c"} <= names


def test_a_rate_for_a_board_that_folds_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="host_litert: its designs are not folded"):
        build.deploy(network(), "host_litert", tmp_path / "out", goal=FoldingGoal(lut=100))


def test_more_luts_than_the_part_has_are_refused() -> None:
    board = boards.load("finn_sim")
    with pytest.raises(ConfigError, match="finn_sim: 60000 LUT, its part has 53200"):
        folded_for(board, FoldingGoal(lut=60_000))
    goal = folded_for(board, FoldingGoal(frames_per_second=7)).fpga
    assert goal is not None and goal.frames_per_second == 7


def test_a_link_to_a_folder_is_deployed_into(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("real")
    for _ in range(2):
        build.deploy(network(), BOARD, link)
        assert link.is_symlink() and (tmp_path / "real" / "deploy.json").is_file()
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "cache") == ["link", "real"]
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ConfigError, match="loop"):
        build.deploy(network(), BOARD, tmp_path / "loop")


def test_predict_measures_no_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """It uses the choice that is remembered, or the rule's kernels."""
    from hwkit.targets.mcu import choice

    def fail(*arguments: object) -> None:
        raise AssertionError("measured")

    monkeypatch.setattr(choice, "choice", fail)
    _, lowered = build.lower(network(), "virtual_m4", measure=False)
    assert lowered.plan.choice.note == "nothing was measured for this build"
    with pytest.raises(AssertionError, match="measured"):
        build.lower(network(), "virtual_m4")


def test_kernels_are_chosen_on_microcontrollers_only() -> None:
    board = shaped(boards.load("nucleo_l4r5zi"), {"optimize": "speed"})
    assert board.mcu is not None and board.mcu.optimize == "speed"
    assert shaped(board, {"optimize": None}) is board
    with pytest.raises(ConfigError, match="host_tflm: --optimize is for microcontrollers"):
        shaped(boards.load("host_tflm"), {"optimize": "size"})
