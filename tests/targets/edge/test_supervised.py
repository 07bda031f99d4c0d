"""Whatever a model does to its runtime, hwkit lives on and says in one line what happened."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from hwkit.cli import main
from hwkit.errors import DeviceError
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.ops import Softmax, SoftmaxKind
from hwkit.ir.types import S8, Quantization
from hwkit.targets.edge import supervised
from hwkit.targets.edge.flatbuffer import FileModel, FileOperator, FileTensor, write
from hwkit.targets.edge.loaded import Loaded
from hwkit.targets.edge.original import run_original
from hwkit.targets.edge.supervised import Child, Refused

_FAKE = '''
import os, signal, time
import numpy as np

class Interpreter:
    """Does what the model's bytes say when it is run."""

    @classmethod
    def from_bytes(cls, model, arena_size):
        self = cls()
        self.what = model.decode()
        if self.what == "refuse":
            raise RuntimeError("no\\nnever")
        return self

    def get_input_details(self, place):
        return {"shape": (1, 2)}

    def set_input(self, sample, place):
        self.sample = sample

    def invoke(self):
        if self.what == "abort":
            os.write(2, b"CHECK failed: multiplier > 0\\n")
            os.abort()
        if self.what == "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
        if self.what == "exit":
            os._exit(7)
        if self.what == "hang":
            time.sleep(1000)
        if self.what == "eat":
            self.meal = np.ones(16 << 30, np.int8)
        if self.what == "print":
            os.write(1, b"rubbish {}\\n")
        if self.what == "inject":
            os.write(self.answers(), b"rubbish\\n")
        if self.what == "lie":
            os.write(self.answers(), b'{"outputs": [["int8", [1000000]]]}\\n')
        if self.what == "silent":
            os.write(self.answers(), b'{"ns": [1]}\\n')
        if self.what == "endless":
            while True:
                os.write(self.answers(), bytes(1 << 16))

    def answers(self):
        return min(fd for fd in map(int, os.listdir("/proc/self/fd")) if fd > 2 and is_pipe(fd))

    def get_output(self, k):
        return self.sample + np.int8(1)

    def print_allocations(self):
        os.write(2, b"Arena allocation total 99 bytes\\n")

def is_pipe(fd):
    try:
        return "pipe" in os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return False
'''
_X = np.array([[1, 2], [3, 4]], np.int8)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def fake(tmp_path: Path) -> Child:
    return _fake(tmp_path)


def _fake(tmp_path: Path) -> Child:
    """A child whose TFLM is the one above."""
    package = tmp_path / "fake" / "tflite_micro" / "python" / "tflite_micro"
    package.mkdir(parents=True)
    (package / "runtime.py").write_text(_FAKE)
    for folder in (package, package.parent, package.parent.parent):
        (folder / "__init__.py").touch()
    return Child("model.tflite", (str(tmp_path / "fake"), *sys.path))


def _logs(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "cache" / "hwkit" / "logs").iterdir())


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("abort", r"died of SIGABRT on model.tflite \(CHECK failed: multiplier > 0\)"),
        ("segfault", "died of SIGSEGV on model.tflite"),
        ("exit", "ended with code 7 on model.tflite"),
        ("hang", "took longer than 0.5 s on model.tflite"),
        ("inject", r"answered rubbish .* on model.tflite"),
        ("lie", r"answered rubbish .* on model.tflite"),
        ("silent", r"answered rubbish .* on model.tflite"),
        ("endless", "answered without end on model.tflite"),
    ],
)
def test_a_runtime_that_goes_wrong(
    what: str, said: str, fake: Child, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = Loaded("tflm", what.encode(), child=fake)
    with monkeypatch.context() as patch:
        if what == "hang":
            patch.setattr(supervised, "INFERENCE_LIMIT_S", 0.5)
        with pytest.raises(DeviceError, match=f"^TFLM {said}.*what it printed is in ") as caught:
            loaded.run([_X])
    assert caught.value.exit_code == 3 and "\n" not in str(caught.value)
    (log,) = _logs(tmp_path)
    assert str(log) in str(caught.value)
    # The next model gets a new process.
    assert np.array_equal(Loaded("tflm", b"well", child=fake).run([_X])[0], _X[:, None] + 1)
    fake.close()
    assert _logs(tmp_path) == [log]


def test_a_runtime_that_eats_memory(fake: Child) -> None:
    loaded = Loaded("tflm", b"eat", child=fake)
    with pytest.raises(Refused, match=f"more than {8 << 30} bytes of memory"):
        loaded.run([_X])


def test_a_runtime_that_says_no(fake: Child) -> None:
    with pytest.raises(Refused, match=r"^TFLM refuses model.tflite: no$"):
        Loaded("tflm", b"refuse", child=fake)


def test_an_interrupted_request_is_not_the_next_ones_answer(
    fake: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = Loaded("tflm", b"well", child=fake)

    def interrupted(self: Child, limit_s: float, runtime: str) -> bytes:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Child, "_line", interrupted)
        with pytest.raises(KeyboardInterrupt):
            loaded.run([_X])
    assert np.array_equal(loaded.run([_X + 1])[0], _X[:, None] + 2)


def test_what_a_runtime_prints_is_no_answer(fake: Child, tmp_path: Path) -> None:
    loaded = Loaded("tflm", b"print", child=fake)
    assert loaded.facts == {"arena_bytes": 99}
    assert np.array_equal(loaded.run([_X])[0], _X[:, None] + 1)
    assert "rubbish {}" in _logs(tmp_path)[0].read_text()


def test_one_process_serves_an_artifact(tmp_path: Path) -> None:
    child = _fake(tmp_path)
    loaded = Loaded("tflm", b"well", child=child)
    assert child._process is not None
    process = child._process
    for _ in range(3):
        loaded.run([_X])
    times = loaded.times_us([_X], 5, 2)
    assert child._process is process and len(times) == 5 and min(times) > 0
    # It ends with the last that holds it, and leaves nothing.
    del loaded, child
    assert process.poll() is not None and not _logs(tmp_path)


def test_a_child_ends_with_its_starter(tmp_path: Path) -> None:
    """Also one that was killed and could not say goodbye: standard input ends."""
    program = (
        "import os; from hwkit.targets.edge.supervised import Child; c = Child('m', ());"
        "c._started('litert'); print(c._process.pid, flush=True); os._exit(1)"
    )
    printed = os.popen(f'{sys.executable} -c "{program}"').read()
    status = Path(f"/proc/{int(printed)}")
    end = time.monotonic() + 10
    while status.exists() and time.monotonic() < end:
        time.sleep(0.02)
    assert not status.exists()


def _tiny_softmax() -> bytes:
    """A step so small that TFLM's softmax has no multiplier for it: a check ends the process."""
    tensors = (
        FileTensor("x", (1, 10), "int8", (1e-12,), 0),
        FileTensor("y", (1, 10), "int8", (1 / 256,), -128),
    )
    softmax = FileOperator("SOFTMAX", ("x",), ("y",), "SoftmaxOptions", {"beta": 1.0})
    return write(FileModel("m", tensors, (softmax,), ("x",), ("y",)))


def test_a_file_that_ends_tflm(tmp_path: Path) -> None:
    path = tmp_path / "tiny.tflite"
    path.write_bytes(_tiny_softmax())
    x = np.zeros((1, 10), np.int8)
    with pytest.raises(DeviceError, match=f"TFLM died of SIGABRT on {re.escape(str(path))}"):
        run_original(path, [x], "tflm")
    assert run_original(path, [x], "litert")[0].shape == (1, 10)


def test_a_graph_that_ends_tflm_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    b = GraphBuilder("tiny")
    b.input("x", (10,), S8, Quantization((1e-12,)))
    b.add(Softmax("softmax", "x", "y", 1e-12, SoftmaxKind.FIXED), S8)
    b.build(["y"]).save(str(tmp_path / "m.hwk"))
    with pytest.raises(SystemExit) as left:
        main(["verify", str(tmp_path / "m.hwk"), "--board", "host_tflm"])
    said = capsys.readouterr().err
    assert left.value.code == 3 and said.count("\n") == 1
    assert "softmax: TFLM died of SIGABRT" in said
