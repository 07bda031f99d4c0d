"""What a user sees: exit codes, one line for each error, nothing damaged."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from hwkit import cli
from hwkit.cli import _run
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.ops import Clamp
from hwkit.ir.types import S8, Array


@pytest.fixture
def model(tmp_path: Path) -> Path:
    b = GraphBuilder("clamp")
    b.input("x", (3,), S8)
    b.add(Clamp("c", "x", "y", 0, 6), S8)
    path = tmp_path / "m.hwk"
    b.build(["y"]).save(str(path))
    return path


def refused(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 2) -> str:
    """Runs a command that must fail with ``code`` and one line on stderr; returns the line."""
    assert _run(arguments) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("hwkit: ") and err.count("\n") == 1 and "Traceback" not in err
    return err


def test_help_is_quick_and_shows_examples() -> None:
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, "-m", "hwkit", "--help"], capture_output=True, text=True, check=True
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        # Of the processor, not of the clock on the wall: other tests run beside this one.
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(seconds) < 0.3
    commands = (
        "allocate boards demo deploy doctor explain import inspect plan predict profile report "
        "train verify completion init"
    )
    assert all(name in done.stdout for name in commands.split())
    for name in commands.split():
        done = subprocess.run(
            [sys.executable, "-m", "hwkit", name, "--help"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert "Example: hwkit " in done.stdout


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, hwkit.cli; hwkit.cli._run(['--help']);"
        "heavy = {'numpy', 'onnx', 'torch', 'scipy', 'serial'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_predict_by_the_interpreter(model: Path, tmp_path: Path) -> None:
    x, y = tmp_path / "x.npy", tmp_path / "y.npy"
    np.save(x, np.array([[-3, 3, 9]], np.int8))
    assert _run(["predict", str(model), "-i", str(x), "-o", str(y)]) == 0
    assert np.load(y).tolist() == [[0, 3, 6]]


def test_inspect_json(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(["inspect", str(model), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["layers"][0]["op"] == "Clamp"
    assert facts["total"] == {"macs": 0, "weight_bytes": 0}


def test_inspect_names_what_goes_in_and_out(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(["inspect", str(model)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:3] == ["input  x: 3, s8", "output y: 3, s8"]


def test_a_board_that_times_whole_inferences(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = ("--store", str(tmp_path / "m.sqlite"), "--repeats", "1")
    assert _run(["profile", str(model), "--board", "interpreter", *store]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "this board times whole inferences, not layers"
    assert len(lines) == 3 and lines[2].split()[0] == "total"


def test_a_board_whose_layers_are_not_told_apart(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(capsys, "explain", str(model), "--board", "interpreter")
    assert "choose a microcontroller" in line


@pytest.mark.slow
def test_explain(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(["explain", str(model), "--board", "virtual_m4", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["unit"] == "cycles" and told["format"] == 1
    (layer,) = told["layers"]
    assert layer["op"] == "Clamp" and layer["time"] == told["total"]["time"] > 0
    assert layer["per_mac"] is layer["best_per_mac"] is None and layer["changes"] == []
    assert _run(["explain", str(model), "--board", "virtual_m4"]) == 0
    assert "Clamp" in capsys.readouterr().out.splitlines()[1]


def test_missing_damaged_and_foreign_models(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no such file" in refused(capsys, "inspect", str(tmp_path / "none.hwk"))
    data = model.read_bytes()
    cut = tmp_path / "cut.hwk"
    cut.write_bytes(data[:-9])
    assert "damaged" in refused(capsys, "inspect", str(cut))
    flipped = bytearray(data)
    flipped[40] ^= 4
    cut.write_bytes(bytes(flipped))
    assert "checksum" in refused(capsys, "verify", str(cut), "--board", "virtual_m4")
    foreign = tmp_path / "m.txt"
    foreign.write_text("hello")
    assert "unknown ending" in refused(
        capsys, "import", str(foreign), "-o", str(tmp_path / "o.hwk")
    )
    assert not (tmp_path / "o.hwk").exists()


@pytest.mark.parametrize("name", ["m.onnx", "m.tflite"])
@pytest.mark.parametrize("content", [b"", b"\0" * 64, b"not a model", bytes(range(256)) * 8])
def test_damaged_foreign_formats(
    name: str, content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    line = refused(capsys, "import", str(path), "-o", str(tmp_path / "o.hwk"))
    assert name in line


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((1, 3), np.float32), "needs integers"),
        (np.full((1, 3), np.nan), "needs integers"),
        (np.zeros((1, 4), np.int8), "has shape (1, 4); expected (batch, 3)"),
        (np.full((1, 3), 300), "values 300..300"),
        (np.zeros(3, np.int8), "first axis the batch"),
    ],
)
def test_wrong_inputs(
    x: Array,
    message: str,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path, out = tmp_path / "x.npy", tmp_path / "y.npy"
    np.save(path, x)
    out.write_bytes(b"kept")
    line = refused(capsys, "predict", str(model), "-i", str(path), "-o", str(out))
    assert message in line
    assert out.read_bytes() == b"kept"


def test_unreadable_arrays(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.zeros((4, 3), np.int8))
    path.write_bytes(path.read_bytes()[:-5])
    refused(capsys, "predict", str(model), "-i", str(path), "-o", str(tmp_path / "y.npy"))
    np.save(path, np.array([{"a": 1}], object), allow_pickle=True)
    refused(capsys, "predict", str(model), "-i", str(path), "-o", str(tmp_path / "y.npy"))


@pytest.mark.parametrize(
    "shape", ["(9" + "9" * 400 + ", 3)", "(1000000000000, 3)", "(-1, 3)", "((1,), 3)", "(True, 3)"]
)
def test_arrays_of_hostile_shapes(
    shape: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header = f"{{'descr': '|i1', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    path = tmp_path / "x.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(9))
    line = refused(capsys, "predict", str(model), "-i", str(path), "-o", str(tmp_path / "y.npy"))
    assert "x.npy: not a readable .npy" in line


def test_progress_on_a_terminal_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with cli.terminal.busy("working"):
        time.sleep(0.3)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with pytest.raises(ValueError, match="stop"), cli.terminal.busy("work\x1bing"):
        time.sleep(0.6)
        raise ValueError("stop")
    out, err = capsys.readouterr()
    assert out == "" and "work\\x1bing 0 s" in err and err.endswith("\r\x1b[K")


def test_counts_that_make_no_sense(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verify = ("verify", str(model), "--board", "virtual_m4")
    assert "do not fit in memory; at most" in refused(capsys, *verify, "-n", "1" + "0" * 30)
    path = tmp_path / "x.npy"
    np.save(path, np.zeros((0, 3), np.int8))
    assert "nothing would be compared" in refused(capsys, *verify, "-i", str(path))
    refused(capsys, "profile", str(model), "--board", "virtual_m4", "--repeats", "9" * 20)


def test_a_port_without_its_board(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x, y = tmp_path / "x.npy", tmp_path / "y.npy"
    np.save(x, np.zeros((1, 3), np.int8))
    predict = ("predict", str(model), "-i", str(x), "-o", str(y))
    assert "give --board" in refused(capsys, *predict, "--port", "socket://127.0.0.1:1")
    assert "give --board" in refused(capsys, *predict, "--artifact", str(tmp_path))
    assert not y.exists()


def test_names_cannot_steer_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    b = GraphBuilder("clamp")
    b.input("x", (3,), S8)
    b.add(Clamp("a\x1b[31m\nb" + "c" * 5000, "x", "y", 0, 6), S8)
    path = tmp_path / "m.hwk"
    b.build(["y"]).save(str(path))
    assert _run(["inspect", str(path)]) == 0
    assert "a\\x1b[31m\\nb" in (out := capsys.readouterr().out) and "\x1b" not in out
    line = refused(capsys, "inspect", str(tmp_path / ("\x1b]0;title\x07" + "x" * 5000)))
    assert "\\x1b]0;title\\x07" in line and len(line) < 1100


def test_boards_known_and_unknown(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(["boards", "--json"]) == 0
    names = {row["name"] for row in json.loads(capsys.readouterr().out)["boards"]}
    assert {"virtual_m4", "host_litert", "host_tflm", "hls4ml_csim"} <= names
    for name in names:
        assert _run(["boards", "show", name, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["source"]
    assert "no board 'toaster'" in refused(capsys, "verify", str(model), "--board", "toaster")


def test_flashing_needs_a_programmer(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(
        capsys, "deploy", str(model), "--board", "virtual_m4", "-o", str(tmp_path / "d"), "--flash"
    )
    assert "no programmer" in line


def test_usage_errors_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert "No such command" in refused(capsys, "frobnicate")
    assert "Missing option '--board'" in refused(capsys, "verify", "m.hwk")
    assert "0 is not in the range" in refused(
        capsys, "verify", "m.hwk", "--board", "virtual_m4", "-n", "0"
    )


def test_deploy_never_replaces_a_foreign_folder(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").write_text("years of work")
    line = refused(capsys, "deploy", str(model), "--board", "virtual_m4", "-o", str(mine))
    assert "was not made by deploy" in line
    assert (mine / "thesis.tex").read_text() == "years of work"


def test_full_disk_is_one_line(
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x, y = tmp_path / "x.npy", tmp_path / "y.npy"
    np.save(x, np.zeros((1, 3), np.int8))
    y.write_bytes(b"old")

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    line = refused(capsys, "predict", str(model), "-i", str(x), "-o", str(y))
    assert "No space left" in line
    assert y.read_bytes() == b"old"


def test_report_without_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(capsys, "report", str(tmp_path), "-o", str(tmp_path / "r.html"))
    assert "summary.json" in line


def test_doctor_lists_tools_and_boards(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert all(tool["version"] or tool["remedy"] for tool in found["tools"])
    assert any(board["name"] == "virtual_m4" for board in found["boards"])


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of files that are none; a name says what is wrong with one, the ending is added."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lfs").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    (tmp_path / "deep").write_text("[" * 100_000)
    (tmp_path / "nan").write_text('{"weight_bits": {"a": NaN, "b": 1e999}, "board": -1}')
    (tmp_path / "noise").write_bytes(bytes(range(256)) * 9)
    (tmp_path / "empty").touch()
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    (tmp_path / "dangling").symlink_to("nowhere")
    with (tmp_path / "sparse").open("wb") as stream:
        stream.truncate(5 << 30)
    return tmp_path


@pytest.mark.parametrize(
    "name",
    (
        "lfs",
        "deep",
        "nan",
        "noise",
        "empty",
        "folder",
        "pipe",
        "device",
        "dangling",
        "sparse",
        "no",
    ),
)
def test_hostile_files_are_refused_everywhere(
    name: str, model: Path, hostile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    m, kept = str(model), hostile / "kept"
    kept.write_bytes(b"kept")

    def given(ending: str) -> str:
        link = hostile / f"{name}.{ending}"
        link.symlink_to(name)
        return link.name

    lines = [refused(capsys, "inspect", given(ending)) for ending in ("hwk", "onnx", "tflite")]
    lines += [
        refused(capsys, "import", f"{name}.onnx", "-o", "kept"),
        refused(capsys, "predict", m, "-i", given("npy"), "-o", "kept"),
        refused(capsys, "predict", m, "-i", f"x={name}.npy", "-o", "kept"),
        refused(capsys, "predict", m, "-i", given("npz"), "-o", "kept"),
        refused(capsys, "verify", m, "--board", "virtual_m4", "-i", f"{name}.npy"),
        refused(capsys, "train", given("toml"), "-o", "run"),
        refused(capsys, "train", "digits", "-o", "run", "--plan", given("json")),
        refused(capsys, "report", name, "-o", "kept"),
    ]
    said = {"lfs": "git lfs pull", "sparse": "is 5,368,709,120 bytes; at most"}
    for line in lines[:-1]:
        assert said.get(name, "") in line
    assert kept.read_bytes() == b"kept" and not (hostile / "run").exists()


@pytest.mark.parametrize("out", ["folder", "lfs/below", "pipe/below", "loop"])
def test_outputs_that_cannot_be_are_refused_first(
    out: str, model: Path, hostile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (hostile / "loop").symlink_to("loop")
    np.save("x.npy", np.zeros((1, 3), np.int8))
    for command in (["import"], ["predict", "-i", "x.npy"]):
        line = refused(capsys, command[0], str(model), *command[1:], "-o", out)
        assert f"{out}: cannot be written" in line


@pytest.mark.parametrize("out", ["/dev/null", "pipe", "lfs", "device"])
def test_folders_that_are_none_are_refused(
    out: str, model: Path, hostile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(capsys, "deploy", str(model), "--board", "virtual_m4", "-o", out)
    assert "give a folder" in refused(capsys, "train", "digits", "-o", out)
    assert (hostile / "lfs").is_file() and (hostile / "pipe").is_fifo()


def test_devices_and_links_as_outputs(model: Path, hostile: Path) -> None:
    np.save("x.npy", np.array([[-3, 3, 9]], np.int8))
    predict = ("predict", str(model), "-i", "x.npy", "-o")
    assert _run([*predict, "/dev/null"]) == 0 and Path("/dev/null").is_char_device()
    assert _run([*predict, "dangling"]) == 0 and Path("dangling").is_symlink()
    assert np.load("nowhere").tolist() == [[0, 3, 6]]
    assert _run(["import", str(model), "-o", "/dev/null"]) == 0
    assert Path("/dev/null").is_char_device()


def test_a_model_on_stdout_is_whole(model: Path) -> None:
    command = [sys.executable, "-m", "hwkit", "import", str(model), "-o", "/dev/stdout"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stdout == model.read_bytes() and done.stderr == b"/dev/stdout: 1 nodes\n"


@pytest.mark.parametrize(
    "budget",
    [
        "",
        "flash",
        "flash=",
        "flash=-1B",
        "flash=nan",
        "flash=1e9999B",
        "flash=1",
        "x=1",
        "lut=1.5.5",
        "flash=1kB,flash=2kB",
        "latency=3",
        "flash=0.1B",
        f"flash={'9' * 5000}B",
    ],
)
def test_budgets_that_are_none(
    budget: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ("allocate", str(tmp_path), "--board", "virtual_m4", "-o", str(tmp_path / "p.json"))
    assert "budget" in refused(capsys, *run, "--budget", budget)


@pytest.mark.parametrize("number", ["-1", "1.5", "x", "", "0x10"])
def test_numbers_that_are_none(
    number: str, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    m4, ulx3s = (str(model), "--board", "virtual_m4"), (str(model), "--board", "ulx3s_85f")
    for command, board, option in (
        ("verify", m4, "-n"),
        ("verify", m4, "--seed"),
        ("profile", m4, "--repeats"),
        ("deploy", ulx3s, "--lut"),
        ("deploy", ulx3s, "--frames-per-second"),
    ):
        assert option in refused(capsys, command, *board, option, number)


@pytest.mark.parametrize("name", ["", "virtual_m5", "\udcff\udcfe", "a\0b"])
def test_boards_that_are_none(
    name: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        refused(capsys, "boards", "show", name),
        refused(capsys, "bringup", name),
        *(
            refused(capsys, c, str(model), "--board", name)
            for c in ("verify", "profile", "explain")
        ),
        refused(capsys, "deploy", str(model), "--board", name, "-o", str(tmp_path / "d")),
    ]
    for line in lines:
        assert ("did you mean 'virtual_m" in line) == ("virtual" in name)


def test_arguments_that_are_no_text(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name of bytes that are not UTF-8 is a name like others."""
    odd = str(tmp_path / "\udcff.hwk")
    assert _run(["import", str(model), "-o", odd]) == 0
    assert "\\udcff.hwk: 1 nodes" in capsys.readouterr().out
    assert _run(["inspect", odd]) == 0
    capsys.readouterr()
    assert "\\udcfe" in refused(capsys, "inspect", str(tmp_path / "\udcfe.hwk"))


@pytest.mark.parametrize(
    "store", ["pipe", "/dev/null", "folder", "lfs", "sparse", "noise", "lfs/x"]
)
def test_stores_that_are_none_are_refused_before_a_build(
    store: str,
    model: Path,
    hostile: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*arguments: object) -> None:
        raise AssertionError("built")

    monkeypatch.setattr("hwkit.flow.profiling.artifact_for", fail)
    line = refused(capsys, "profile", str(model), "--board", "virtual_m4", "--store", store)
    assert store in line
