"""What each rewrite leaves behind, node by node and number by number.

The property tests beside this see whether integers stay; here stands that a rewrite happens at all,
and that every field goes where it belongs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from hwkit.errors import GraphError, UnsupportedOp
from hwkit.ir.arith import float32_multiplier, quantize_multiplier
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import (
    Add,
    AvgPool2d,
    Clamp,
    Constant,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Lookup,
    MaxPool2d,
    Mul,
    Op,
    Overflow,
    Pad,
    Padding,
    Prelu,
    Requantize,
    Rescale,
    Reshape,
    Rounding,
    Sub,
    SumPool2d,
)
from hwkit.ir.traits import Weighted
from hwkit.ir.types import S8, S32, U8, IntType, Quantization
from hwkit.lower.checked import apply
from hwkit.lower.fuse_requantize import fuse_requantize, narrowed
from hwkit.lower.map_bits import first_read, map_sites, with_map_bits
from hwkit.lower.offset_to_bias import rounded_to_bias, whole_steps_to_bias
from hwkit.lower.reshape_last import reshape_last
from hwkit.lower.retarget_rounding import in_rounding, retarget_rounding
from hwkit.lower.saturating import require_saturating
from hwkit.lower.shift_to_signed import from_signed, offset, shift_to_signed, to_signed
from hwkit.lower.weight_bits import weighted_layers, with_weight_bits
from tests.predicted import predicted


def half_even(multiplier: int, shift: int, zero_point: int = 0) -> Rescale:
    return Rescale((multiplier,), (shift,), Rounding.HALF_EVEN, -128, 127, zero_point)


R = [half_even(m, s, z) for m, s, z in ((3, 4, 1), (5, 6, -2), (7, 5, 3), (9, 8, 4), (11, 7, 5))]
"""Five rescales that can't be taken for each other."""


def every_rescale() -> Graph:
    """One op of each class that has a rescale, in a chain."""
    b = GraphBuilder("rescales")
    b.input("x", (4, 4, 2), S8)
    b.constant("w", np.arange(4).reshape(2, 1, 1, 2) - 3, S8)
    b.constant("d", np.arange(8).reshape(1, 2, 2, 2) - 4, S8)
    b.constant("slope", np.array([[[3, -7]]]), S8)
    b.add(Conv2d("conv", "x", "w", None, "c", rescale=R[0]), S8)
    b.add(DepthwiseConv2d("deep", "x", "d", None, "e", rescale=R[1]), S8)
    b.add(Prelu("prelu", "c", "slope", "p", R[2], R[3], 5, 6), S8)
    b.add(Add("add", ("c", "p"), "a", (1, 2), (R[0], R[1]), rescale=R[2]), S8)
    b.add(Sub("sub", ("a", "p"), "s", (3, 4), (R[3], None), rescale=R[4]), S8)
    b.add(Mul("mul", ("s", "a"), "m", (1, 2), rescale=R[1]), S8)
    b.add(SumPool2d("pool", "m", "q", (2, 1), (1, 1), rescale=R[3]), S8)
    b.add(Requantize("again", "q", "r", R[4], 9), S8)
    b.constant("f", np.arange(6).reshape(3, 2), S8)
    b.add(Dense("dense", "r", "f", None, "y", rescale=R[0]), S8)
    return b.build(["y", "e"])


def _rescales(op: Op) -> dict[str, Rescale]:
    """Every rescale of an op by the place that it has in it."""
    found = {}
    for name in ("rescale", "positive", "negative"):
        if (r := getattr(op, name, None)) is not None:
            found[name] = r
    for k, r in enumerate(getattr(op, "input_rescales", ())):
        if r is not None:
            found[f"input {k}"] = r
    return found


@pytest.mark.parametrize("rounding", list(Rounding))
def test_every_rescale_stays_in_its_place_when_rounding_changes(rounding: Rounding) -> None:
    graph = every_rescale()
    kinds = {type(op): (rounding,) for op in graph.nodes}
    target, changed = retarget_rounding(graph, kinds, "target")
    for old, new in zip(graph.nodes, target.nodes, strict=True):
        before, after = _rescales(old), _rescales(new)
        assert before.keys() == after.keys()
        assert (old.name in changed) == (rounding is not Rounding.HALF_EVEN)
        for place, r in before.items():
            m, s = after[place].multiplier[0], after[place].shift[0]
            assert Fraction(m, 1 << s) == Fraction(r.multiplier[0], 1 << r.shift[0])
            same = replace(r, multiplier=(m,), shift=(s,), rounding=rounding)
            assert after[place] == same, (old.name, place)


def test_only_what_is_not_allowed_changes_and_only_that_is_named() -> None:
    graph = every_rescale()
    allowed = {
        Add: (Rounding.DOUBLE, Rounding.FLOOR),
        Prelu: (Rounding.HALF_UP, Rounding.HALF_EVEN),
    }
    target, changed = retarget_rounding(graph, allowed, "target")
    assert changed == ("add",)
    assert {r.rounding for r in _rescales(target.nodes[3]).values()} == {Rounding.DOUBLE}
    assert [op for op in target.nodes if op.name != "add"] == [
        op for op in graph.nodes if op.name != "add"
    ]


@pytest.mark.parametrize(
    ("rounding", "form"),
    [(Rounding.DOUBLE, quantize_multiplier), (Rounding.FLOAT32, float32_multiplier)],
)
def test_forms_of_each_channel(
    rounding: Rounding, form: Callable[[float], tuple[int, int]]
) -> None:
    r = Rescale((1, 5, 0), (3, 9, 4), Rounding.FLOOR, -128, 127)
    got = in_rounding(r, (rounding,), "n", "t")
    pairs = [form(1 / 8), form(5 / 512), form(0.0)]
    assert got.multiplier == tuple(m for m, _ in pairs)
    assert got.shift == tuple(s for _, s in pairs)
    assert in_rounding(r, (rounding, Rounding.FLOOR), "n", "t") == r


def test_a_multiplier_without_a_form_is_refused_by_name() -> None:
    r = Rescale((1 << 30,), (0,), Rounding.FLOOR, -128, 127)
    with pytest.raises(UnsupportedOp, match=r"node.*no .*double.* form of its rescale"):
        in_rounding(r, (Rounding.DOUBLE,), "node", "target")


# Fusing.


def _accumulating(kind: type[Op]) -> GraphBuilder:
    """x -> op -> s32 ``sum``."""
    b = GraphBuilder("fuse")
    b.input("x", (3, 3, 2), S8)
    b.input("z", (3, 3, 2), S8)
    b.constant("w", np.arange(4).reshape(2, 1, 1, 2), S8)
    b.constant("d", np.arange(2).reshape(1, 1, 1, 2), S8)
    b.constant("f", np.arange(4).reshape(2, 2), S8)
    ops: dict[type[Op], Op] = {
        Conv2d: Conv2d("op", "x", "w", None, "sum"),
        DepthwiseConv2d: DepthwiseConv2d("op", "x", "d", None, "sum"),
        Dense: Dense("op", "x", "f", None, "sum"),
        Add: Add("op", ("x", "z"), "sum"),
        Sub: Sub("op", ("x", "z"), "sum"),
        Mul: Mul("op", ("x", "z"), "sum"),
        SumPool2d: SumPool2d("op", "x", "sum", (1, 1), (1, 1)),
    }
    b.add(ops[kind], S32)
    return b


KINDS = (Conv2d, DepthwiseConv2d, Dense, Add, Sub, Mul, SumPool2d)


@pytest.mark.parametrize("kind", KINDS)
def test_what_sums_takes_the_requantize_and_the_clamp_behind_it(kind: type[Op]) -> None:
    b = _accumulating(kind)
    b.add(Requantize("narrow", "sum", "r", R[0]), S8)
    b.add(Clamp("relu", "r", "y", -4, 9), S8)
    graph = apply(b.build(["y"]), fuse_requantize)
    (op,) = graph.nodes
    assert isinstance(op, kind) and op.output == "y" and op.name == "op"
    assert getattr(op, "rescale", None) == replace(R[0], low=-4, high=9)


def _kept(b: GraphBuilder, outputs: list[str]) -> list[str]:
    return [op.name for op in apply(b.build(outputs), fuse_requantize).nodes]


def test_what_must_not_be_fused() -> None:
    centred = _accumulating(Add)
    centred.add(Requantize("narrow", "sum", "y", R[0], 3), S8)
    assert _kept(centred, ["y"]) == ["op", "narrow"]

    seen = _accumulating(Add)
    seen.add(Requantize("narrow", "sum", "y", R[0]), S8)
    assert _kept(seen, ["y", "sum"]) == ["op", "narrow"]

    twice = _accumulating(Add)
    twice.add(Requantize("one", "sum", "y", R[0]), S8)
    twice.add(Requantize("two", "sum", "v", R[1]), S8)
    assert _kept(twice, ["y", "v"]) == ["op", "one", "two"]

    narrow = _accumulating(Add)
    narrow.add(Requantize("one", "sum", "r", R[0]), S8)
    narrow.add(Requantize("two", "r", "y", R[1]), S8)
    assert _kept(narrow, ["y"]) == ["op", "two"]

    wraps = _accumulating(Add)
    wrap = Rescale((1,), (1,), Rounding.FLOOR, -128, 127, overflow=Overflow.WRAP)
    wraps.add(Requantize("narrow", "sum", "r", wrap), S8)
    wraps.add(Clamp("relu", "r", "y", 0, 9), S8)
    assert _kept(wraps, ["y"]) == ["op", "relu"]

    raw = _accumulating(Add)
    raw.add(Clamp("relu", "sum", "y", 0, 9), S32)
    assert _kept(raw, ["y"]) == ["op", "relu"]

    input_alone = GraphBuilder("alone")
    input_alone.input("x", (3,), S8)
    input_alone.add(Requantize("narrow", "x", "r", R[0]), S8)
    input_alone.add(Clamp("relu", "r", "y", 0, 9), S8)
    graph = apply(input_alone.build(["y"]), fuse_requantize)
    assert graph.nodes == (Requantize("narrow", "x", "y", replace(R[0], low=0, high=9)),)


def test_the_last_reader_of_several_layers_keeps_the_order() -> None:
    """Two sums side by side: each takes its own requantize."""
    b = GraphBuilder("two")
    b.input("x", (3,), S8)
    b.add(Add("a", ("x", "x"), "sa"), S32)
    b.add(Mul("b", ("x", "x"), "sb"), S32)
    b.add(Requantize("ra", "sa", "ya", R[0]), S8)
    b.add(Requantize("rb", "sb", "yb", R[1]), S8)
    b.add(Add("c", ("ya", "yb"), "y", rescale=R[2]), S8)
    graph = apply(b.build(["y"]), fuse_requantize)
    assert [(op.name, getattr(op, "rescale", None)) for op in graph.nodes] == [
        ("a", R[0]),
        ("b", R[1]),
        ("c", R[2]),
    ]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 300, (0, 127)), (-300, 5, (-128, 5)), (200, 300, (200, 200)), (-400, -300, (-300, -300)),
     (-128, 127, (-128, 127)), (3, 3, (3, 3))],
)  # fmt: skip
def test_narrowed_is_a_clamp_behind_a_clamp(low: int, high: int, expected: tuple[int, int]) -> None:
    r = narrowed(half_even(1, 0), low, high)
    assert (r.low, r.high) == expected
    for value in range(-130, 130):
        inner = min(max(value, -128), 127)
        assert min(max(value, r.low), r.high) == min(max(inner, low), high)


def _reshaped(r: Rescale, shape: tuple[int, ...]) -> GraphBuilder:
    b = GraphBuilder("reshape")
    b.input("x", (2, 3), S8)
    b.add(Reshape("flat", "x", "f"), S8, shape=shape)
    b.add(Requantize("narrow", "f", "y", r), S8)
    return b


def test_a_reshape_lets_pass_what_sees_the_same_channels() -> None:
    each = Rescale((1, 2, 3), (1, 2, 3), Rounding.FLOOR, -128, 127)
    for r, shape in ((each, (2, 1, 3)), (R[0], (6,))):
        graph = apply(_reshaped(r, shape).build(["y"]), reshape_last)
        assert [op.name for op in graph.nodes] == ["narrow", "flat"]
        assert (graph.tensors["f"].shape, graph.tensors["y"].shape) == ((2, 3), shape)
    six = Rescale(tuple(range(1, 7)), (3,) * 6, Rounding.FLOOR, -128, 127)
    graph = apply(_reshaped(six, (6,)).build(["y"]), reshape_last)
    assert [op.name for op in graph.nodes] == ["flat", "narrow"]


def test_a_reshape_that_is_seen_stays() -> None:
    b = _reshaped(R[0], (6,))
    b.add(Clamp("other", "f", "z", 0, 3), S8)
    for outputs in (["y", "z"], ["y", "f"]):
        names = [op.name for op in apply(b.build(outputs), reshape_last).nodes]
        assert names.index("flat") < names.index("narrow")


# Signed activations.


def test_moving_into_signed_types_by_half_of_the_range() -> None:
    b = GraphBuilder("u")
    b.input("x", (5,), U8, Quantization((0.5,), 100))
    b.add(Clamp("c", "x", "y", 3, 250), U8, Quantization((0.5,), 100))
    graph = b.build(["y"])
    tensor = graph.tensors["x"]
    assert (offset(tensor), offset(replace(tensor, dtype=IntType(4, False)))) == (128, 8)
    assert offset(replace(tensor, dtype=S8)) == 0
    x = np.array([0, 128, 200, 255], np.uint8)
    moved = to_signed(x, tensor)
    assert (moved.tolist(), moved.dtype) == ([-128, 0, 72, 127], np.dtype(np.int8))
    back = from_signed(moved, tensor)
    assert (back.tolist(), back.dtype) == (x.tolist(), np.dtype(np.uint8))
    shifted = shift_to_signed(graph)
    assert shifted.nodes == (Clamp("c", "x", "y", -125, 122),)
    facts = shifted.tensors["y"].quantization
    assert facts is not None and (facts.zero_point, facts.scale) == (-28, (0.5,))
    assert shifted.tensors["x"].dtype == S8


def test_tables_constants_and_borders_move_with_their_tensors() -> None:
    b = GraphBuilder("u")
    b.input("x", (2, 2, 1), U8)
    b.constant("t", np.arange(255, -1, -1), U8)
    b.constant("signed", np.arange(-128, 128), S8)
    b.constant("k", np.array([[[9], [250]]]), U8)
    b.add(Lookup("table", "x", "t", "a"), U8)
    b.add(Pad("pad", "a", "p", Padding(1, 0, 0, 2), 7), U8)
    b.add(MaxPool2d("max", "p", "m", (2, 2), (1, 1)), U8)
    b.add(Constant("const", "k", "c"), U8)
    r = Rescale((1,), (0,), Rounding.FLOOR, 10, 240, 20)
    b.add(Add("add", ("x", "c"), "s", (30, 40), rescale=r), U8)
    b.add(Lookup("last", "s", "signed", "y"), S8)
    graph = b.build(["y", "m"])
    shifted = shift_to_signed(graph)
    add = next(op for op in shifted.nodes if isinstance(op, Add))
    assert add.input_zero_points == (-98, -88)
    assert add.rescale == replace(r, zero_point=-108, low=-118, high=112)
    assert next(op for op in shifted.nodes if isinstance(op, Pad)).value == -121
    assert shifted.constants["t"].tolist() == list(range(127, -129, -1))
    assert shifted.constants["k"].ravel().tolist() == [-119, 122]
    assert shifted.constants["signed"].tolist() == list(range(-128, 128))
    x = np.arange(0, 256, 4).astype(np.uint8).reshape(16, 2, 2, 1)
    before = run(graph, {"x": x})
    after = run(shifted, {"x": to_signed(x, graph.tensors["x"])})
    for name in ("y", "m"):
        assert np.array_equal(from_signed(after[name], graph.tensors[name]), before[name])


def test_means_of_unsigned_integers_are_refused() -> None:
    for dtype in (U8, S8):
        b = GraphBuilder("mean")
        b.input("x", (2, 2, 1), dtype)
        b.add(AvgPool2d("mean", "x", "y", (2, 2), (1, 1), Padding(), dtype.low, dtype.high), dtype)
        if dtype is S8:
            assert shift_to_signed(b.build(["y"])).nodes == b.build(["y"]).nodes
            continue
        with pytest.raises(UnsupportedOp, match="mean"):
            shift_to_signed(b.build(["y"]))


# Offsets, widths, wrapping.


def _with_offset(r: Rescale, bias: list[int] | None, weights: list[list[int]]) -> Graph:
    b = GraphBuilder("offset")
    b.input("x", (2,), S8)
    b.constant("w", np.array(weights), S8)
    if bias is not None:
        b.constant("b", np.array(bias), S32)
    b.add(Dense("fc", "x", "w", None if bias is None else "b", "y", rescale=r), S8)
    return b.build(["y"])


def _bias_and_offset(graph: Graph) -> tuple[list[int] | None, tuple[int, ...]]:
    (op,) = graph.nodes
    assert isinstance(op, Dense) and op.rescale is not None
    bias = None if op.bias is None else graph.constants[op.bias].tolist()
    return bias, op.rescale.offset


def test_steps_of_an_offset() -> None:
    weights = [[1, 2], [3, 4], [5, 6]]
    r = Rescale((4, 5, 0), (5, 5, 5), Rounding.HALF_UP, -128, 127, offset=(10, -7, 9))
    graph = apply(_with_offset(r, [3, -1, 8], weights), whole_steps_to_bias)
    assert _bias_and_offset(graph) == ([5, -3, 8], (2, 3, 9))
    same = Rescale((4,), (5,), Rounding.HALF_UP, -128, 127, offset=(10,))
    assert _bias_and_offset(apply(_with_offset(same, None, weights), whole_steps_to_bias)) == (
        [2, 2, 2],
        (2,),
    )
    rounded, moved = rounded_to_bias(_with_offset(same, None, weights), "t")
    # Products are multiples of 4 and 16 is added to them: from 8 to 11 all offsets give the same.
    assert (_bias_and_offset(rounded), moved) == (([2, 2, 2], (0,)), ())
    finer = replace(same, multiplier=(5,))
    for steps, bias in ((6, 1), (8, 2)):
        graph = _with_offset(replace(finer, offset=(steps,)), None, weights)
        rounded, moved = rounded_to_bias(graph, "t")
        assert (_bias_and_offset(rounded), moved) == (([bias] * 3, (0,)), ("fc",))


def test_layers_without_an_offset_stay_as_they_are() -> None:
    b = GraphBuilder("plain")
    b.input("x", (2,), S8)
    b.constant("w", np.array([[1, 2], [3, 4]]), S8)
    b.add(Dense("first", "x", "w", None, "y", rescale=R[0]), S8)
    b.add(Dense("raw", "y", "w", None, "z"), S32)
    graph = b.build(["z"])
    assert whole_steps_to_bias(graph).nodes == graph.nodes
    assert rounded_to_bias(graph, "t")[0].nodes == graph.nodes


def test_a_bias_that_would_leave_32_bits_keeps_its_offset() -> None:
    largest = 128 * 100 * 2
    for bias, moves in (((1 << 31) - 1 - largest - 2, True), ((1 << 31) - 1 - largest - 1, False)):
        r = Rescale((4,), (31,), Rounding.HALF_UP, -128, 127, offset=(8,))
        graph = _with_offset(r, [bias], [[100, 100]])
        after = whole_steps_to_bias(graph)
        assert _bias_and_offset(after) == (([bias + 2], (0,)) if moves else ([bias], (8,)))
        # Where no bias can take the offset, the output hardly depends on the sum: it is constant.
        rounded, _ = rounded_to_bias(graph, "t")
        x = np.array([[-128, -128], [127, 127], [0, 0]])
        assert np.array_equal(predicted(rounded, x), predicted(graph, x))


def test_what_does_not_depend_on_its_inputs_has_no_weights() -> None:
    b = GraphBuilder("constant")
    b.input("x", (2, 2, 2), S8)
    b.constant("d", np.arange(1, 9).reshape(1, 2, 2, 2), S8)
    b.constant("w", np.arange(1, 5).reshape(2, 1, 1, 2), S8)
    r = Rescale((0, 1), (5, 5), Rounding.HALF_UP, -128, 127, offset=(7 << 5, 9))
    b.add(DepthwiseConv2d("dw", "x", "d", None, "h", rescale=r), S8)
    b.add(Conv2d("pw", "h", "w", None, "y", rescale=r), S8)
    graph, _ = rounded_to_bias(b.build(["y"]), "t")
    deep, flat = (graph.constants[op.weight] for op in graph.nodes if isinstance(op, Weighted))
    assert deep.ravel().tolist() == [0, 2, 0, 4, 0, 6, 0, 8]
    assert flat.ravel().tolist() == [0, 0, 3, 4]
    x = np.random.default_rng(0).integers(-128, 128, (50, 8)).reshape(50, 2, 2, 2)
    assert np.array_equal(predicted(graph, x), predicted(b.build(["y"]), x))


def test_names_of_new_biases_are_new() -> None:
    b = GraphBuilder("names")
    b.input("x", (1,), S8)
    b.constant("w", np.array([[1]]), S8)
    b.constant("fc.bias", np.array([5]), S32)
    r = Rescale((4,), (5,), Rounding.HALF_UP, -128, 127, offset=(8,))
    b.add(Dense("fc", "x", "w", "fc.bias", "y", rescale=r), S8)
    graph = whole_steps_to_bias(b.build(["y"]))
    (op,) = graph.nodes
    assert isinstance(op, Dense) and op.bias == "fc.bias.1"
    assert graph.constants["fc.bias.1"].tolist() == [7]


def test_weights_in_fewer_bits() -> None:
    b = GraphBuilder("bits")
    b.input("x", (2, 2, 2), S8)
    b.constant("w", np.array([-128, 127, 16, 15]).reshape(2, 1, 1, 2), S8)
    b.constant("n", np.array([1, -2]).reshape(1, 1, 1, 2), IntType(2, True))
    r = Rescale((3, 5), (38, 3), Rounding.HALF_UP, -128, 127)
    b.add(Conv2d("c", "x", "w", None, "s"), S32)
    b.add(Requantize("q", "s", "a", r), S8)
    b.add(DepthwiseConv2d("d", "a", "n", None, "e"), S32)
    b.add(Clamp("k", "e", "y", -5, 5), S32)
    graph = b.build(["y"])
    assert weighted_layers(graph) == ("c", "d")
    narrow = with_weight_bits(graph, 4)
    first, second, _ = narrow.nodes
    assert isinstance(first, Conv2d) and isinstance(second, DepthwiseConv2d)
    assert first.rescale == replace(r, shift=(34, 0)) and second.rescale is None
    assert narrow.constants["w"].ravel().tolist() == [-8, 7, 1, 1]
    assert narrow.constants["n"].ravel().tolist() == [1, -2]
    assert narrow.tensors["w"].dtype == narrow.tensors["n"].dtype == IntType(4, True)


def test_biases_and_offsets_shrink_with_the_sums() -> None:
    b = GraphBuilder("bias")
    b.input("x", (2,), S8)
    b.constant("w", np.array([[64, -64], [127, 1]]), S8)
    b.constant("b", np.array([640, -96]), S32)
    r = Rescale((3, 5), (38, 2), Rounding.HALF_UP, -128, 127, offset=(1 << 20, -(1 << 20)))
    b.add(Dense("d", "x", "w", "b", "y", rescale=r), S8)
    (narrow,) = with_weight_bits(b.build(["y"]), 2).nodes
    graph = with_weight_bits(b.build(["y"]), 2)
    assert isinstance(narrow, Dense) and narrow.bias is not None
    assert graph.constants[narrow.weight].tolist() == [[1, -1], [1, 0]]
    assert graph.constants[narrow.bias].tolist() == [10, -1]  # 640 / 64, -96 / 64 = -1.5, up
    assert narrow.rescale == replace(r, shift=(32, 0), offset=(1 << 14, -(1 << 18)))


def test_maps_in_fewer_bits() -> None:
    b = GraphBuilder("maps")
    b.input("x", (2,), S8)
    b.constant("w", np.array([[64, -64], [127, 1]]), S8)
    r = Rescale((1,), (7,), Rounding.HALF_UP, -128, 127)
    b.add(Dense("d", "x", "w", None, "m", rescale=r), S8)
    b.add(Dense("e", "m", "w", None, "n", rescale=r), S8)
    b.add(Dense("f", "n", "w", None, "y", rescale=r), S8)
    graph = b.build(["y"])
    assert [site.name for site in map_sites(graph)] == ["m", "n"]
    narrow = with_map_bits(graph, 4)
    assert {n: narrow.tensors[n].dtype.bits for n in "xmny"} == {"x": 8, "m": 4, "n": 4, "y": 8}
    one = with_map_bits(graph, 2, {"n"})
    assert {n: one.tensors[n].dtype.bits for n in "mn"} == {"m": 8, "n": 2}
    assert with_map_bits(graph, 8).nodes == graph.nodes
    assert first_read(graph, {"m": "m", "n": "m"}) == {"e": "m", "f": "m"}


def test_what_wraps_is_refused_where_integers_saturate() -> None:
    b = GraphBuilder("wraps")
    b.input("x", (3,), S8)
    wrap = Rescale((1,), (1,), Rounding.FLOOR, -8, 7, overflow=Overflow.WRAP)
    b.add(Requantize("first", "x", "a", R[0]), S8)
    b.add(Requantize("second", "a", "y", wrap), IntType(4, True))
    with pytest.raises(UnsupportedOp, match=r"second.*wraps into -8\.\.7"):
        require_saturating(b.build(["y"]), "target")
    with pytest.raises(GraphError):
        apply(b.build(["y"]), lambda graph: replace(graph, outputs=("nothing",)))
