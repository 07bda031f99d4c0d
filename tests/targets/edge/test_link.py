"""Boards that are other machines: here this one, behind a server of OpenSSH's and a stand-in for
adb. The same integers, and nothing stays there whatever happens on the way."""

from __future__ import annotations

import json
import os
import shlex
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hwkit import boards
from hwkit.boards import EdgeBoard, EdgeLink
from hwkit.cli import main
from hwkit.errors import ConfigError, DeviceError, ToolMissing
from hwkit.flow.predict import predict
from hwkit.flow.verify import verify
from hwkit.ir.feeds import random_feeds
from hwkit.ir.interpret import Interpreter
from hwkit.targets.edge import supervised
from hwkit.targets.edge.loaded import load, version_on
from hwkit.targets.edge.supervised import Child, Refused
from hwkit.toolchain import isolated
from tests.targets.edge import sshd
from tests.targets.edge.networks import residual
from tests.targets.edge.test_supervised import _FAKE

_X = np.array([[1, 2], [3, 4]], np.int8)
_BOARD = """name = "pi"
title = "This machine, as if it were another"
target = "edge"
source = "tests"

[edge]
runtime = "{runtime}"
threads = 1
cpus = [{cpu}]

[edge.link]
host = "board"
config = "{config}"
python = "{python}"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Server]:
    try:
        with sshd.server(tmp_path_factory.mktemp("sshd")) as running:
            yield running
    except (ToolMissing, PermissionError) as error:
        pytest.skip(str(error))


@pytest.fixture(autouse=True)
def own_processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No child outlives its test."""
    mine: dict[supervised._Place, Child] = {}
    monkeypatch.setattr(supervised, "_shared", mine)
    yield
    for child in mine.values():
        child.close()


@pytest.fixture
def fake_python(tmp_path: Path) -> Path:
    """A Python whose TFLM does what the model says, and that leaves its number in ``pid``."""
    package = tmp_path / "fake" / "tflite_micro" / "python" / "tflite_micro"
    package.mkdir(parents=True)
    (package / "runtime.py").write_text(_FAKE)
    for folder in (package, package.parent, package.parent.parent):
        (folder / "__init__.py").touch()
    path = os.pathsep.join((str(tmp_path / "fake"), *filter(None, sys.path)))
    return _script(
        tmp_path / "python",
        f"echo $$ > {shlex.quote(str(tmp_path / 'pid'))}\n"
        f'PYTHONPATH={shlex.quote(path)} exec {shlex.quote(sys.executable)} "$@"\n',
    )


def _script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def _board(folder: Path, server: sshd.Server, runtime: str, python: str) -> Path:
    path = folder / "pi.toml"
    cpu = min(os.sched_getaffinity(0))
    path.write_text(_BOARD.format(runtime=runtime, config=server.config, python=python, cpu=cpu))
    return path


def _link(server: sshd.Server, at: Path | str, **changes: str) -> EdgeLink:
    given = {"host": server.name, "config": str(server.config), "python": str(at)}
    return EdgeLink(**(given | changes))


def _is_gone(pid: int) -> bool:
    """Whether process ``pid`` ends in a while; one that nobody has waited for is one that ended."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            text = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return True
        if text.rsplit(")", 1)[1].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False


def test_the_same_integers_with_another_python(server: sshd.Server, tmp_path: Path) -> None:
    """tflite-runtime, which needs numpy 1, by the Python of its own environment."""
    try:
        there = isolated.get("tflite-runtime")
    except ToolMissing as missing:
        pytest.skip(str(missing))
    path = _board(tmp_path, server, "tflite_runtime", str(there.python))
    graph = residual()
    assert verify(graph, str(path), samples=4).check().integers > 500
    section = boards.load(str(path)).edge
    assert section is not None and version_on(section) == "2.14.0"


def test_commands(server: sshd.Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A profile says where and with what it was taken; predictions are the interpreter's."""
    board, model = _board(tmp_path, server, "litert", sys.executable), tmp_path / "m.hwk"
    graph = residual()
    graph.save(str(model))
    with pytest.raises(SystemExit) as left:
        main(["profile", str(model), "--board", str(board), "--repeats", "3", "--json"])
    said = capsys.readouterr()
    assert left.value.code == 0, said.err
    found = json.loads(said.out)
    assert found["identity"]["name"].startswith("LiteRT 2")
    assert found["identity"]["delegate"] == "XNNPACK" and found["identity"]["host"]
    assert found["identity"]["cpus"] == str(min(os.sched_getaffinity(0)))
    assert found["whole"]["us"] > 0
    x = random_feeds(graph, 3, 1)
    got = predict(graph, x, str(board))
    assert all(np.array_equal(got[name], y) for name, y in Interpreter(graph).infer(x).items())


def test_a_cable_that_is_pulled(
    server: sshd.Server, tmp_path: Path, fake_python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of an inference: one line here, no process there, and the next call connects
    again."""
    board = EdgeBoard("tflm", link=_link(server, fake_python))
    hanging = load(board, b"hang")
    pid = int((tmp_path / "pid").read_text())
    sent = Child._send

    def cut(self: Child, *given: object) -> None:
        sent(self, *given)  # type: ignore[arg-type]
        server.cut()

    with monkeypatch.context() as patch:
        patch.setattr(Child, "_send", cut)
        with pytest.raises(DeviceError, match=r"^board: no connection, or it .* broke off") as said:
            hanging.run([_X])
    assert "\n" not in str(said.value) and _is_gone(pid)
    assert np.array_equal(load(board, b"well").run([_X])[0], _X[:, None] + 1)


def test_a_model_that_hangs_there(
    server: sshd.Server, tmp_path: Path, fake_python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = EdgeBoard("tflm", link=_link(server, fake_python))
    hanging = load(board, b"hang")
    monkeypatch.setattr(supervised, "INFERENCE_LIMIT_S", 0.3)
    with pytest.raises(DeviceError, match=r"^TFLM on board took longer than 0.3 s on a model"):
        hanging.run([_X])
    assert _is_gone(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"host": "ssh://127.0.0.1:1"}, "^ssh://127.0.0.1:1: no connection.*refused"),
        ({"python": "/no/python"}, r"^board: /no/python there ended with code 127 \(.*no/python"),
        ({"python": "/bin/echo"}, "answered rubbish"),
    ],
)
def test_what_cannot_be_reached_is_one_line(
    server: sshd.Server, changes: dict[str, str], said: str
) -> None:
    with pytest.raises(DeviceError, match=said) as caught:
        load(EdgeBoard("tflm", link=_link(server, sys.executable, **changes)), b"well")
    assert "\n" not in str(caught.value)


def test_what_is_not_installed_there(server: sshd.Server, tmp_path: Path) -> None:
    """A Python without packages has no numpy; one without the runtime names its package."""
    bare = _script(tmp_path / "bare", f'exec {shlex.quote(sys.executable)} -I -S "$@"\n')
    board = EdgeBoard("tflm", link=_link(server, bare))
    with pytest.raises(Refused, match=r"TFLM on board refuses .*No module named 'numpy'"):
        load(board, b"well")
    without = EdgeBoard("tflite_runtime", link=_link(server, sys.executable))
    with pytest.raises(ToolMissing, match=r"tflite-runtime on board .* -m pip install"):
        version_on(without)


def test_by_adb(tmp_path: Path, fake_python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for adb, which runs here what it is told to run on a device."""
    (tmp_path / "bin").mkdir()
    _script(
        tmp_path / "bin" / "adb",
        '[ "$1 $2 $3 $4" = "-s abc shell -T" ] || exit 9\nshift 4\nexec sh -c "$*"\n',
    )
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    link = EdgeLink("abc", "adb", str(fake_python))
    board = EdgeBoard("tflm", link=link)
    assert np.array_equal(load(board, b"well").run([_X])[0], _X[:, None] + 1)
    with pytest.raises(DeviceError, match=r"^abc: .* there ended with code 7"):
        load(board, b"exit").run([_X])


def test_cpus_that_are_not_there() -> None:
    with pytest.raises(Refused, match=r"cpus \[99999\] cannot be had .*; there are \[\d"):
        load(EdgeBoard("tflm", cpus=(99999,)), b"well")


def test_a_port_is_not_what_such_a_board_has(server: sshd.Server, tmp_path: Path) -> None:
    path = _board(tmp_path, server, "litert", sys.executable)
    with pytest.raises(ConfigError, match="runs on board, as its file says; leave --port out"):
        verify(residual(), str(path), port="/dev/ttyUSB0")
