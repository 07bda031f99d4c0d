"""``hwkit narrow``: limits that hold, limits out of reach, and integers that a board agrees on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hwkit.cli import _run
from hwkit.errors import BudgetInfeasible, ConfigError
from hwkit.flow.models import load
from hwkit.flow.narrowing import Limits, at_widths, narrow
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.counts import bitops
from hwkit.ir.ops import Conv2d, Requantize, Rescale, Rounding
from hwkit.ir.types import S8, S32, Array
from tests.lower.patch.test_plan import CHAIN


def samples(count: int = 4) -> dict[str, Array]:
    rng = np.random.default_rng(5)
    shape = CHAIN.tensors["x"].shape
    return {"x": rng.integers(-128, 128, (count, *shape)).astype(np.int8)}


def test_a_share_of_the_bitops_is_held_by_as_few_maps_as_it_takes() -> None:
    found = narrow(CHAIN, samples(), Limits(bitops=0.8))
    assert found.bitops_before == bitops(CHAIN) and found.bitops == bitops(found.graph)
    assert found.bitops <= 0.8 * found.bitops_before
    changed = [one for one in found.maps if one.snr_db is not None]
    assert 0 < len(changed) < len(found.maps)
    for one in found.maps:
        assert one.entropy_after <= one.entropy
        assert one.name in [op.output for op in found.graph.nodes if op.name == one.layer]
        assert str(found.graph.tensors[one.name].dtype) == one.after
    kept = [CHAIN.tensors[name] for name in (*CHAIN.inputs, *CHAIN.outputs)]
    assert kept == [found.graph.tensors[name] for name in (*CHAIN.inputs, *CHAIN.outputs)]


def test_limits_out_of_reach_say_what_is_reached() -> None:
    with pytest.raises(BudgetInfeasible, match=r"bitops 0.01 cannot be met: .* leave 0\.\d+"):
        narrow(CHAIN, samples(), Limits(bitops=0.01))
    with pytest.raises(BudgetInfeasible, match=r"sram 1kB cannot be met.*--input streamed"):
        narrow(CHAIN, samples(), Limits(board="virtual_m0", sram="1kB"))
    with pytest.raises(BudgetInfeasible, match=r"sram 1kB cannot be met.*give more$"):
        narrow(CHAIN, samples(), Limits(board="virtual_m0", sram="1kB", streamed=True))


def test_widths_can_be_given_and_maps_kept() -> None:
    names = [one.name for one in narrow(CHAIN, samples(), Limits()).maps]
    found = at_widths(CHAIN, samples(), {names[0]: 2})
    assert [one.after for one in found.maps if one.after != one.before] == ["s2"]
    assert found.graph.tensors[names[0]].dtype.bits == 2
    with pytest.raises(ConfigError, match="nothing at 4 bits: cannot be had"):
        at_widths(CHAIN, samples(), {"nothing": 4})
    left = narrow(CHAIN, samples(), Limits(bitops=0.9), keep=(names[0],))
    assert names[0] not in [one.name for one in left.maps]
    assert left.graph.tensors[names[0]] == CHAIN.tensors[names[0]]


def test_maps_behind_a_rescale_of_its_own_are_seen() -> None:
    """As importers of QONNX have it: a convolution's sums, then ``Requantize``."""
    b = GraphBuilder("sums")
    x = b.input("x", (4, 4, 2), S8)
    weight = np.ones((2, 1, 1, 2), np.int8)
    one = Rescale((1 << 30,), (31,), Rounding.HALF_UP, -128, 127)
    for k in range(2):
        y = b.add(Conv2d(f"c{k}", x, b.constant(f"w{k}", weight, S8), None, f"s{k}"), S32)
        x = b.add(Requantize(f"r{k}", y, f"m{k}", rescale=one), S8)
    graph = b.build([x])
    found = narrow(graph, {"x": np.zeros((1, 4, 4, 2), np.int8)}, Limits(bitops=0.8))
    assert [one.name for one in found.maps] == ["m0"]
    assert found.graph.tensors["m0"].dtype.bits < 8


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ConfigError, match="lambda 2"):
        narrow(CHAIN, samples(), Limits(), 2.0)
    with pytest.raises(ConfigError, match="on which board"):
        Limits(sram="20kB")
    with pytest.raises(ConfigError, match="above 0, at most 1"):
        Limits(bitops=1.5)
    with pytest.raises(ConfigError, match="there are no samples"):
        narrow(CHAIN, samples(0), Limits())


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, x, out = tmp_path / "m.hwk", tmp_path / "x.npy", tmp_path / "n.hwk"
    CHAIN.save(str(model))
    np.save(x, samples()["x"])
    command = ["narrow", str(model), "-i", str(x), "--bitops", "0.7", "-o", str(out)]
    assert _run([*command, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["bitops"] == bitops(load(out)) <= 0.7 * facts["bitops_before"]
    assert _run(command) == 0
    assert "of entropy" in capsys.readouterr().out
    assert _run([*command[:4], "--bitops", "0.01", "-o", str(out)]) == 1
    assert _run(["verify", str(out), "--board", "virtual_m0", "-n", "2"]) == 0
