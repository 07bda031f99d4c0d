"""``hwkit quantize`` to a run folder, its report, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("brevitas")

import hwkit  # noqa: E402
from hwkit.allocate.plan import BitPlan  # noqa: E402
from hwkit.cli import main  # noqa: E402
from hwkit.errors import UnsupportedOp  # noqa: E402
from hwkit.flow.loop import read_sensitivity  # noqa: E402
from hwkit.train.ptq import quantize  # noqa: E402
from hwkit.train.ptq.distilled import distilled  # noqa: E402
from hwkit.train.ptq.trace import traced  # noqa: E402
from tests.train.ptq.nets import dilated_pool, labelled, narrow, noise, residual  # noqa: E402

NETS = "tests.train.ptq.nets"
QUICK = ["--method", "mse", "--method", "nearest", "--method", "no-equalize"]


def _run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["quantize", *arguments])
    return int(left.value.code or 0)


def test_a_run_has_what_a_trained_one_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state, out, plan = tmp_path / "state.pt", tmp_path / "run", tmp_path / "plan.json"
    torch.save(residual().state_dict(), state)
    BitPlan({"depthwise": 4}).save(plan)
    given = ["--state", str(state), "--calibration", f"{NETS}:given", "--plan", str(plan)]
    code = _run(f"{NETS}:Residual", *given, "--test", f"{NETS}:labelled", "-o", str(out), *QUICK)
    printed = capsys.readouterr().out
    assert code == 0 and "accuracy on 16 test samples: float 1.0000" in printed
    assert "fc " in printed and "ranges by mse" in printed
    facts = json.loads((out / "train.json").read_text())
    assert facts["weight_bits"] == {"conv": 8, "depthwise": 4, "fc": 8}
    assert facts["accuracy"]["float"] == 1.0 and facts["accuracy_on"] == "test"
    assert [row["name"] for row in facts["layers"]] == [
        "x", "conv", "depthwise", "relu_1", "mean", "fc",
    ]  # fmt: skip
    graph = hwkit.load(out / "model.hwk")
    with np.load(out / "test.npz") as test:
        answers = np.asarray(graph.predict(test["inputs"])).argmax(1)
        assert (answers == test["labels"]).mean() == facts["accuracy"]["integer"]
    assert np.load(out / "calibration.npy").dtype == np.uint8
    rows = {(r.layer, r.bits): r.value for r in read_sensitivity(out / "sensitivity.json").rows}
    assert set(rows) == {(p, b) for p in ("conv", "depthwise", "fc") for b in range(2, 9)}
    assert all(rows[p, 4] > rows[p, 8] for p in ("conv", "depthwise", "fc"))
    with pytest.raises(SystemExit):
        main(["report", str(out), "-o", str(tmp_path / "report.html")])
    page = (tmp_path / "report.html").read_text()
    assert "depthwise" in page and "What each" not in page and "ranges by mse" in page


def test_the_library_gives_a_graph_or_a_run(tmp_path: Path) -> None:
    x, labels = labelled()
    quick = ["mse", "nearest", "no-equalize", "no-correct"]
    graph = hwkit.quantize(residual(), x, methods=quick)
    run = tmp_path / "run"
    facts = hwkit.quantize(residual(), [(x, labels)], run, weights=6, methods=quick)
    assert graph.tensors["conv.weight"].dtype.bits == 8
    assert facts["weight_bits"]["conv"] == 6 and facts["accuracy_on"] == "calibration"


def test_samples_from_batch_norms_have_their_statistics() -> None:
    network = traced(residual(), noise(2, 3, 8, 8)).unfolded
    x = distilled(network, (3, 8, 8), 32, seed=0, steps=60)
    assert x.shape == (32, 3, 8, 8)
    distances = []
    for given in (x, 3 * noise(32, 3, 8, 8)):
        y = network.get_submodule("conv")(given)
        spread = network.get_submodule("bn").running_var.sqrt()
        distances.append(float((y.std((0, 2, 3)) - spread).square().sum()))
    assert distances[0] < distances[1]


def test_a_run_without_data(tmp_path: Path) -> None:
    out = tmp_path / "run"
    given = ["--shape", "3x8x8", "--samples", "16", "-o", str(out), *QUICK]
    assert _run(f"{NETS}:residual", *given) == 0
    facts = json.loads((out / "train.json").read_text())
    assert facts["accuracy_on"] == "" and facts["dataset"] == "batch norms"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([f"{NETS}:residual"], "of --shape none; give --calibration DATA"),
        ([f"{NETS}:residual", "--shape", "3x-8"], "of --shape '3x-8'"),
        ([f"{NETS}:narrow", "--shape", "6"], "has no batch norms"),
        ([f"{NETS}:no_network", "--shape", "6"], "gives str; give a torch.nn.Module"),
        (["nowhere.module:net", "--shape", "6"], "cannot be made (ModuleNotFoundError"),
        (["m.pth", "--shape", "6"], "no float network that is read; give package"),
        (["m.tflite", "--shape", "6"], "m.tflite: "),
        ([f"{NETS}:residual", "--calibration", "x.npy"], "x.npy: "),
        ([f"{NETS}:residual", "--state", "x.pt", "--shape", "6"], "x.pt: "),
        ([f"{NETS}:residual", "--shape", "6", "--method", "best"], "method 'best' is unknown"),
        ([f"{NETS}:residual", "--shape", "6", "--weights", "9"], "9 bits is not in 2..8"),
    ],
)
def test_one_line_for_what_is_wrong(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(*arguments, "-o", str(tmp_path / "run")) == 2
    complained = capsys.readouterr().err.strip()
    assert message in complained and "\n" not in complained


def test_a_state_of_another_network_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save(narrow().state_dict(), tmp_path / "other.pt")
    given = ["--state", str(tmp_path / "other.pt"), "--shape", "3x8x8"]
    assert _run(f"{NETS}:residual", *given, "-o", str(tmp_path / "run")) == 2
    assert "does not fit Residual" in capsys.readouterr().err


def test_what_the_importer_refuses_is_refused_before_rounding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("tried a rounding first")

    monkeypatch.setattr(quantize, "_try", never)
    network = dilated_pool()
    for out in ((), (tmp_path / "run",)):
        with pytest.raises(UnsupportedOp, match="dilated max pool"):
            hwkit.quantize(network, noise(4, 2, 6, 6), *out, weights=4)
