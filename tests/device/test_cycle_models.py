"""The cycle models that schedule a run of code: each rule on a few instructions, cycles exact.

The sequences of the Cortex-M7 and M33 are those that their sources timed on silicon, the
Cortex-M55's the diagrams of LLVM's model, the RV32 cores' the latencies of their manuals.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.device.virtual.cost_models import _MODELS
from hwkit.device.virtual.native import cost
from tests.device.assembled import assembled

M7 = {
    "add.w r0, r1, r2; add.w r3, r4, r5": 1,
    "add.w r0, r1, r2; add.w r3, r4, r5; add.w r6, r7, r8": 2,
    "adds r0, r1, r2; adds r3, r0, r1": 1,  # the first adder's result, in its own cycle
    "eor.w r0, r1, r2; eor.w r3, r0, r1": 2,
    "ldr r0, [r1]; ldr r2, [r1, #4]": 1,
    "ldr r0, [r1]; ldr r2, [r1, #8]": 2,  # words of one bank
    "ldr r0, [r1]; ldr r2, [r3, #8]": 1,
    "ldr r0, [r1]; add r2, r0": 2,
    "ldr r0, [r1]; nop.w; add.w r2, r0, r3, lsl #1": 2,
    "ldr r0, [r1]; nop.w; add.w r2, r3, r0, lsl #1": 3,  # through the shifter, a cycle earlier
    "ldrb r0, [r1]; add r2, r0": 3,
    "ldr r0, [r1]; ldr r2, [r0]": 3,
    "smlad r0, r1, r2, r0; smlad r0, r3, r4, r0; smlad r0, r1, r2, r0": 3,
    "smlad r0, r1, r2, r0; add r3, r0": 3,
    "ldr r1, [r2]; smlad r0, r1, r3, r0": 3,
    "ldr r0, [r2]; smlad r0, r1, r3, r0": 1,
    "smlad r0, r1, r2, r0; str r5, [r6]": 2,
    "smlad r0, r1, r2, r0; ldr r5, [r6]": 1,
    "sxtb16 r0, r1; add r2, r3": 1,
    "add r2, r3; sxtb16 r0, r1": 2,  # lanes only as the older one
    "sxtb16 r0, r1; sxtb16 r2, r3": 2,
    "add.w r0, r1, r2, ror #24; add.w r3, r4, r5, ror #24": 2,
    "add.w r0, r1, #1; add.w r3, r4, r5, ror #24": 1,
    "lsr.w r0, r1, #3; lsl.w r2, r3, #4": 1,
    "mov r0, r1; ldr r2, [r0]": 2,
    "eor r0, r1, r3; ldr r2, [r0]": 3,
    "sxtb r0, r1; ldr r2, [r0]": 3,
    "ldm r0!, {r1-r4}": 2,
    "ldm r0!, {r1-r3}; add r5, r6": 3,
    "push {r4-r8, lr}": 3,
    "str r0, [r1]; str r2, [r3]": 2,
    "ldr r0, [r1]; str r0, [r2]": 1,
    "ldr r0, [r1], #4; ldr r2, [r3], #4": 1,
    "subs r7, #1; bne .": 1,
    "udiv r0, r1, r2; add r3, r4": 8,
    "vmov s0, r0; vmov s1, r1": 2,
}
M33 = {
    "adds r0, r1, r2; adds r3, r4, r5": 2,
    "ldr r0, [r1]; add r2, r0": 3,
    "ldr r0, [r1]; nop; add r2, r0": 3,
    "ldr r0, [r1]; smlad r0, r2, r3, r0": 2,
    "ldr r1, [r0]; smlad r0, r1, r3, r0": 3,
    "ldr r0, [r1]; str r0, [r2]": 2,
    "smlad r0, r1, r2, r0; smlad r0, r3, r4, r0": 2,
    "smlad r0, r1, r2, r3; add r0, r1": 3,
    "muls r0, r1, r0": 2,
    "mul r2, r1, r0": 1,
    "add.w r3, r4, r5, ror #24; add r3, r1": 3,
    "add.w r3, r4, r5, ror #24; mla r3, r1, r2, r3": 2,
    "sxtab r3, r4, r5; mla r3, r1, r2, r3": 2,
    "bfi r0, r1, #3, #4; add r0, r2": 2,
    "eors r0, r1, #0x1fc0": 2,
    "eor r0, r1, #0x1fc0": 1,
    "ldrd r0, r1, [r2]": 2,
    "ldmia r6!, {r0-r3}": 4,
    "mov.n r10, r10; it eq; addeq.w r0, r1, r2, ror #23; add r0, r3": 4,
    "nop; nop": 1,
    "add r0, r1; nop": 1,
    "sdiv r0, r1, r2; add r3, r4": 8,
}
M33_BRANCHES = {  # cycles when it falls through, and when it is taken
    "subs r7, #1; bne .": (1, 3),
    "adds r3, r4; beq .": (1, 3),
    "subs r7, #1; add r0, r1; bne .": (2, 3),
    "subs r7, #1; ldmia r6!, {r0-r3}; bne .": (5, 6),
    "add r0, r1; b .": (1, 2),
}
M55 = {
    "vldrw.u32 q0, [r0]; vadd.i32 q1, q0, q1; vmul.i32 q2, q1, q2; vstrw.32 q2, [r1]": 4,
    "vldrb.u8 q0, [r0]; vldrb.u8 q1, [r1]; vadd.i8 q2, q0, q1; vstrb.8 q2, [r2]": 5,
    "vldrb.u8 q0, [r0], #16; vmladava.s8 r2, q0, q1": 2,
    "vmladava.s8 r2, q0, q1; vmladava.s8 r4, q2, q3; vmladava.s8 r2, q0, q1": 5,
    "vmladava.s8 r2, q0, q1; add r2, r1": 3,
    "vmullb.s8 q0, q1, q2; vadd.i16 q3, q0, q3": 3,
    "vqrdmulh.s32 q0, q1, q2; vrshl.s32 q0, q0, q3; vadd.i32 q0, q0, q4": 5,
    "vmax.s8 q0, q1, q2; vmin.s8 q3, q1, q2": 3,
    "vmovlb.s8 q0, q1; vmul.i16 q2, q0, q3": 2,
    "vpst; vstrbt.8 q0, [r0]": 2,
    "vctp.8 r0; vctp.8 r1": 2,
    "vdup.32 q0, r1; vadd.i32 q1, q0, q1": 3,
    "vadd.i32 q0, q1, r2; vshl.i32 q2, q3, #2": 3,
    "vmov.i32 q0, #0; vmla.s32 q1, q2, r3": 2,
    "vqmovnb.s32 q0, q1; vstrb.8 q0, [r0]": 3,
    "adds r0, #1; ldr r1, [r2]": 1,
    "adds r0, r1; adds r2, r3": 2,
    "adds r0, #1; ldr r1, [r0]": 2,
    "1: vldrb.u8 q0, [r0], #16; vmladava.s8 r2, q0, q1; le lr, 1b": 2,
}
E31 = {
    "add a0, a1, a2; add a3, a4, a5": 2,
    "lw a0, 0(a1); add a2, a0, a3": 3,
    "lw a0, 0(a1); nop; add a2, a0, a3": 3,
    "lb a0, 0(a1); add a2, a0, a3": 4,
    "lhu a0, 0(a1); add a2, a0, a3": 4,
    "mul a0, a1, a2; add a3, a4, a5": 2,
    "mul a0, a1, a2; mul a3, a4, a5": 6,
    "mul a0, a1, a2; add a0, a0, a1": 6,
    "div a0, a1, a2": 18,
    "c.lw a0, 0(a1); c.add a0, a2": 3,
    "c.mv a0, a1; c.addi a0, 1; c.sw a0, 4(a1)": 3,
    "csrr a0, mcycle; add a0, a0, a1": 4,
}
HAZARD3 = {
    "lw a0, 0(a1); add a2, a0, a3": 3,
    "lw a0, 0(a1); sw a0, 0(a2)": 2,
    "lw a0, 0(a1); lw a2, 0(a0)": 3,
    "lb a0, 0(a1); add a2, a3, a4; add a2, a2, a0": 3,
    "mul a0, a1, a2; mul a3, a4, a5; mul a0, a0, a3": 3,
    "mulh a0, a1, a2; add a0, a0, a1": 2,
    "remu a0, a1, a2": 18,
}


@pytest.mark.parametrize(
    ("model", "board", "cases"),
    [
        ("cortex-m7", "virtual_m7", M7),
        ("cortex-m33", "virtual_m33", M33),
        ("cortex-m55", "virtual_m55", M55),
        ("e31", "virtual_rv32", E31),
        ("hazard3", "virtual_rv32", HAZARD3),
    ],
)
def test_each_rule(model: str, board: str, cases: dict[str, int], tmp_path: Path) -> None:
    pieces = assembled(board, list(cases), tmp_path)
    found = {piece: cost(model, code) for piece, code in zip(cases, pieces, strict=True)}
    assert {piece: of.cycles for piece, of in found.items()} == cases
    counted = {piece: of.instructions for piece, of in found.items()}
    assert counted == {piece: len(piece.split(";")) for piece in cases}


def test_branches_of_cortex_m33(tmp_path: Path) -> None:
    pieces = assembled("virtual_m33", list(M33_BRANCHES), tmp_path)
    for (piece, cycles), code in zip(M33_BRANCHES.items(), pieces, strict=True):
        of = cost("cortex-m33", code)
        assert (of.cycles, of.cycles + of.taken_cycles) == cycles, piece
        assert bool(of.conditional) == (not piece.endswith("b .")), piece


def test_a_branch_says_whether_it_may_fall_through(tmp_path: Path) -> None:
    cases = {
        "cortex-m7": ("virtual_m7", "bne .", "b ."),
        "hazard3": ("virtual_rv32", "beqz a0, .", "ret"),
        "e31": ("virtual_rv32", "bltu a0, a1, .", "jal ra, ."),
    }
    for model, (board, *branches) in cases.items():
        pieces = assembled(board, branches, tmp_path)
        assert [cost(model, code).conditional for code in pieces] == [1, 0], model


@given(st.sampled_from(sorted(_MODELS)), st.binary(max_size=64))
@settings(derandomize=True, deadline=None, max_examples=400)
def test_any_bytes_have_a_cost(model: str, code: bytes) -> None:
    of = cost(model, code)
    assert len(code) // 4 <= of.instructions + 1 and of.instructions <= len(code) // 2
    assert of.cycles <= 300 * of.instructions
    assert 2 * of.cycles >= of.instructions - of.instructions // 2  # never more than two in one
