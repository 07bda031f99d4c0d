"""Projects built by FINN itself: hardware layers, folding, estimates, code, every integer."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, reject, settings
from onnx import numpy_helper

from hwkit import boards, targets
from hwkit.boards import Board
from hwkit.errors import BudgetInfeasible, ConfigError, FormatError, UnsupportedOp
from hwkit.flow.verify import verify
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import (
    Add,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Padding,
    Rescale,
    Reshape,
    Rounding,
    SumPool2d,
)
from hwkit.ir.types import S8, U8, Array, IntType
from hwkit.target import WHOLE_MODEL, Artifact
from hwkit.targets.finn.graph import Network
from hwkit.targets.finn.simulate import write_feeds
from hwkit.targets.kept import KeptStates
from hwkit.toolchain.isolated import Installed
from tests import sessions
from tests.conformance.graphs import feeds_for, graphs
from tests.examples import more
from tests.targets.finn.test_network import ANY_SCALE, DYADIC

S4, U4 = IntType(4, True), IntType(4, False)
# FINN installs itself and starts a dozen times, two seconds each.
pytestmark = pytest.mark.slow

AROUND = Padding(1, 1, 1, 1)


def residual() -> Graph:
    """A small network with every hardware layer that a residual one has."""
    rng = np.random.default_rng(5)
    b = GraphBuilder("residual")
    b.input("x", (8, 8, 1), U8)

    def weights(name: str, *shape: int) -> str:
        return b.constant(name, rng.integers(-8, 8, shape), S4)

    def bias(name: str, channels: int) -> str:
        return b.constant(name, rng.integers(-200, 200, channels), IntType(32, True))

    def into(dtype: IntType, *ratios: int) -> Rescale:
        return Rescale(ratios, (12,) * len(ratios), Rounding.HALF_UP, dtype.low, dtype.high)

    conv = Conv2d(
        "conv", "x", weights("w0", 6, 3, 3, 1), bias("b0", 6), "a", (2, 2), AROUND,
        rescale=into(U4, 40, 41, 43, 44, 45, 46),
    )  # fmt: skip
    b.add(conv, U4)
    depthwise = DepthwiseConv2d(
        "depthwise", "a", weights("w1", 1, 3, 3, 6), None, "d", padding=AROUND, rescale=into(U4, 99)
    )
    b.add(depthwise, U4)
    b.add(Conv2d("point", "d", weights("w2", 6, 1, 1, 6), None, "p", rescale=into(S8, 700)), S8)
    double = Rescale((2,), (0,), Rounding.HALF_UP, -(2**31), 2**31 - 1)
    b.add(Add("add", ("a", "p"), "s", input_rescales=(None, double), rescale=into(U4, 500)), U4)
    b.add(SumPool2d("pool", "s", "m", (4, 4), (4, 4), rescale=into(U4, 256)), U4)
    b.add(Reshape("flatten", "m", "f"), U4, shape=(6,))
    b.add(Dense("dense", "f", weights("w3", 5, 6), bias("b3", 5), "y", rescale=into(S8, 2000)), S8)
    return b.build(["y"])


@pytest.fixture(scope="module")
def built(finn_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Artifact[Network]:
    board = boards.load("finn_sim")
    target = targets.get(board)
    low = target.lower(residual(), board)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(finn_home))
        return target.build(target.emit(low), low, tmp_path_factory.mktemp("project"))


def test_every_integer_of_every_layer(built: Artifact[Network], finn: Installed) -> None:
    graph = residual()
    found = verify(graph, "finn_sim", samples=40, artifact_folder=built.folder)
    assert (found.differing, found.moved, found.first) == (0, 0, None)
    # Outputs of 40 samples, and for two of them every layer: FINN drops the reshape.
    layers = sum(graph.tensors[name].elements for name in ("a", "d", "p", "s", "m"))
    assert found.integers == 40 * 5 + 2 * layers


def test_facts_and_profile_are_finns_estimates(built: Artifact[Network], finn: Installed) -> None:
    report = built.folder / "out" / "report"
    cycles = json.loads((report / "estimate_layer_cycles.json").read_text())
    total = json.loads((report / "estimate_layer_resources.json").read_text())["total"]
    budget = json.loads((built.folder / "goal.json").read_text())["budget"]
    facts = built.facts
    assert facts["evidence"] == "estimated"
    assert facts["interval_cycles"] == max(cycles.values())
    assert (facts["lut"], facts["dsp"]) == (total["LUT"], total["DSP"])
    assert all(total[resource] <= budget[resource] for resource in budget)
    assert facts["tools"]["finn-plus"] == "1.6.1"
    target = targets.get(built.board)
    with target.open(built) as session:
        assert session.identity.build == target.emit(built.lowered).digest()
        with pytest.raises(ConfigError, match="0 repeats"):
            session.timed({"x": np.zeros((1, 8, 8, 1), np.uint8)}, 0, 0)
    rows = sessions.profile(built, np.zeros((1, 8, 8, 1), np.uint8), 2)
    assert rows[0] == rows[1] and len(rows[0]) == len(built.lowered.graph.nodes) + 1
    busy = {row.name: row.cycles for row in rows[0]}
    kinds = ("FMPadding", "ConvolutionInputGenerator", "MVAU", "Thresholding")
    first = [next(node for node in cycles if node.startswith(kind)) for kind in kinds]
    assert busy["conv"] == max(cycles[node] for node in first)
    assert rows[0][-1].index == WHOLE_MODEL and busy["whole"] == facts["cycles_per_inference"]


def test_code_is_generated_for_every_layer(built: Artifact[Network]) -> None:
    nodes = json.loads((built.folder / "out/report/estimate_layer_cycles.json").read_text())
    folders = [path.name for path in (built.folder / "code").iterdir()]
    for node in nodes:
        assert any(name.startswith(f"code_gen_ipgen_{node}_") for name in folders), node


def test_thresholds_that_moved_are_found(built: Artifact[Network], finn: Installed) -> None:
    path = built.folder / "network.onnx"
    whole = path.read_bytes()
    model = onnx.load_from_string(whole)
    (t,) = (each for each in model.graph.initializer if each.name == "depthwise/thresholds")
    values = numpy_helper.to_array(t).copy()
    values += 30
    t.CopyFrom(numpy_helper.from_array(values, t.name))
    path.write_bytes(model.SerializeToString())
    try:
        found = verify(residual(), "finn_sim", samples=4, artifact_folder=built.folder)
    finally:
        path.write_bytes(whole)
    assert found.differing > 0
    assert found.first is not None and found.first.layer == "depthwise"
    assert found.first.expected > found.first.got


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("network.onnx", b"garbage"),
        ("network.onnx", b""),
        ("out/report/estimate_layer_cycles.json", b"{}"),
        ("out/report/estimate_network_performance.json", b"[1]"),
        ("build.json", b"{}"),
    ],
)
def test_a_damaged_build_is_one_line(
    built: Artifact[Network], finn: Installed, name: str, content: bytes
) -> None:
    path = built.folder / name
    whole = path.read_bytes()
    path.write_bytes(content)
    try:
        with pytest.raises(FormatError):
            targets.get(built.board).artifact(built.folder, built.lowered)
    finally:
        path.write_bytes(whole)


def test_another_networks_build_is_refused(built: Artifact[Network], finn: Installed) -> None:
    target = targets.get(built.board)
    other = target.lower(replace(residual(), name="other"), built.board)
    with pytest.raises(ConfigError, match="was built from another network"):
        target.artifact(built.folder, other)
    with pytest.raises(ConfigError, match="holds no finn_sim build"):
        target.artifact(built.folder / "code", built.lowered)


def with_lut(lut: int) -> Board:
    board = boards.load("finn_sim")
    assert board.fpga is not None and board.fpga.resources is not None
    resources = replace(board.fpga.resources, lut=lut)
    return replace(board, fpga=replace(board.fpga, resources=resources))


def test_a_part_that_is_too_small_is_refused_with_the_number(
    finn: Installed, tmp_path: Path
) -> None:
    board = with_lut(100)
    target = targets.get(board)
    low = target.lower(residual(), board)
    with pytest.raises(BudgetInfeasible, match=r"takes \d+ LUT of 60 \(60% of the part"):
        target.build(target.emit(low), low, tmp_path)


def test_every_integer_of_random_graphs(finn: Installed, tmp_path: Path) -> None:
    """Through FINN's conversion, folding and code generation, all in one process."""
    board = boards.load("finn_sim")
    target = targets.get(board)
    wanted: dict[Path, dict[str, Array]] = {}
    for alone, examples in ((DYADIC, 12), (ANY_SCALE, 16)):
        space = replace(alone, inputs=3, outputs=3, states=2)
        # Graphs that the target refuses are drawn again: they are most of them.
        calm = [HealthCheck.filter_too_much, HealthCheck.too_slow]

        @settings(max_examples=more(examples), database=None, suppress_health_check=calm)
        @given(graphs(space))
        def one(graph: Graph) -> None:
            try:
                low = target.lower(graph, board)
            except UnsupportedOp:
                reject()
            folder = tmp_path / f"{len(wanted):03}"
            folder.mkdir()
            for name, content in target.emit(low).files.items():
                (folder / name).write_bytes(content)
            feeds = feeds_for(graph, 3, 1)
            states = KeptStates(low.graph).feeds(3)
            write_feeds(folder / "x.npz", low.graph, {**feeds, **states})
            np.save(folder / "wanted.npy", np.array(graph.outputs, np.str_))
            wanted[folder] = run(low.graph, feeds)

        one()
    finn.run([str(Path(__file__).with_name("many.py")), str(tmp_path)], tmp_path / "log")
    compared = 0
    for folder, expected in wanted.items():
        if (folder / "refusal.json").is_file():
            continue
        y = np.load(folder / "y.npz")
        assert y["names"].tolist() == list(expected)
        for k, (name, values) in enumerate(expected.items()):
            got = y[f"array{k}"].reshape(values.shape)
            np.testing.assert_array_equal(got, values, f"{folder}: {name}")
        compared += 1
    assert compared > len(wanted) // 2 and compared > 15
