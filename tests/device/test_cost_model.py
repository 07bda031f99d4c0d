"""The cost models against the tables of DDI 0439 and DDI 0484, instruction by instruction."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.device.virtual.native import cost


def cortex_m4_cost(code: bytes) -> tuple[int, int]:
    of = cost("cortex-m4", code)
    return of.instructions, of.cycles


def cortex_m0plus_cost(code: bytes) -> tuple[int, int]:
    of = cost("cortex-m0plus", code)
    return of.instructions, of.cycles


def halfwords(*values: int) -> bytes:
    return b"".join(value.to_bytes(2, "little") for value in values)


@pytest.mark.parametrize(
    ("name", "code", "cycles"),
    [
        ("adds r0, r0, #1", (0x1C40,), 1),
        ("muls r0, r1, r0", (0x4348,), 1),
        ("ldr r0, [pc, #4]", (0x4801,), 2),
        ("ldr r0, [r1, r2]", (0x5888,), 2),
        ("str r0, [r1, r2]", (0x5088,), 1),
        ("ldrsb r0, [r1, r2]", (0x5688,), 2),
        ("ldrb r0, [r1]", (0x7808,), 2),
        ("strh r0, [r1]", (0x8008,), 1),
        ("ldr r0, [sp, #4]", (0x9801,), 2),
        ("push {r4, lr}", (0xB510,), 3),
        ("pop {r4, pc}", (0xBD10,), 3),
        ("ldm r0!, {r1, r2, r3}", (0xC80E,), 4),
        ("stm r0!, {r1}", (0xC002,), 2),
        ("it eq", (0xBF08,), 1),
        ("bx lr", (0x4770,), 1),
        ("b .", (0xE7FE,), 1),
        ("bl .+4", (0xF000, 0xF800), 1),
        ("ldr.w r0, [r1]", (0xF8D1, 0x0000), 2),
        ("str.w r0, [r1]", (0xF8C1, 0x0000), 1),
        ("ldrsb.w r0, [r1, r2]", (0xF911, 0x0002), 2),
        ("ldrd r0, r1, [r2]", (0xE9D2, 0x0100), 3),
        ("strd r0, r1, [r2], #8", (0xE8E2, 0x0102), 3),
        ("ldmia.w r0!, {r1-r4}", (0xE8B0, 0x001E), 5),
        ("push.w {r4-r11, lr}", (0xE92D, 0x4FF0), 10),
        ("tbb [pc, r0]", (0xE8DF, 0xF000), 2),
        ("tbh [pc, r0, lsl #1]", (0xE8DF, 0xF010), 2),
        ("ldrex r0, [r1]", (0xE851, 0x0F00), 2),
        ("smlad r0, r1, r2, r3", (0xFB21, 0x3002), 1),
        ("smlal r0, r1, r2, r3", (0xFBC2, 0x0103), 1),
        ("smmlar r0, r1, r2, r3", (0xFB51, 0x3012), 1),
        ("sxtb16 r0, r1, ror #8", (0xFA2F, 0xF091), 1),
        ("sdiv r0, r1, r2", (0xFB91, 0xF0F2), 7),
        ("udiv r0, r1, r2", (0xFBB1, 0xF0F2), 7),
        ("ssat r0, #8, r1", (0xF301, 0x0007), 1),
        ("mrs r0, control", (0xF3EF, 0x8014), 2),
        ("dsb sy", (0xF3BF, 0x8F4F), 1),
        ("vldr s0, [r0]", (0xED90, 0x0A00), 2),
        ("vldmia r0, {s0-s3}", (0xEC90, 0x0A04), 5),
        ("vmov s0, r0", (0xEE00, 0x0A10), 1),
        ("vmov r0, r1, s0, s1", (0xEC51, 0x0A10), 2),
        ("vadd.f32 s0, s0, s0", (0xEE30, 0x0A00), 1),
        ("vmul.f32 s0, s0, s0", (0xEE20, 0x0A00), 1),
        ("vmla.f32 s0, s0, s0", (0xEE00, 0x0A00), 3),
        ("vfma.f32 s0, s0, s0", (0xEEA0, 0x0A00), 3),
        ("vdiv.f32 s0, s0, s0", (0xEE80, 0x0A00), 14),
        ("vsqrt.f32 s0, s0", (0xEEB1, 0x0AC0), 14),
        ("vcvt.s32.f32 s0, s0", (0xEEBD, 0x0AC0), 1),
    ],
)
def test_one_instruction(name: str, code: tuple[int, ...], cycles: int) -> None:
    assert cortex_m4_cost(halfwords(*code)) == (1, cycles), name


def test_neighbouring_loads_overlap() -> None:
    load, add = 0x6808, 0x1C40
    assert cortex_m4_cost(halfwords(load, load, load)) == (3, 4)
    assert cortex_m4_cost(halfwords(load, add, load)) == (3, 5)


@pytest.mark.parametrize(
    ("name", "code", "cycles"),
    [
        ("adds r0, r0, #1", (0x1C40,), 1),
        ("muls r0, r1, r0", (0x4348,), 1),
        ("ldr r0, [pc, #4]", (0x4801,), 2),
        ("ldr r0, [r1, r2]", (0x5888,), 2),
        ("str r0, [r1, r2]", (0x5088,), 2),
        ("ldrb r0, [r1]", (0x7808,), 2),
        ("strh r0, [r1]", (0x8008,), 2),
        ("str r0, [sp, #4]", (0x9001,), 2),
        ("add r0, sp, #4", (0xA801,), 1),
        ("sxtb r0, r0", (0xB240,), 1),
        ("rev r0, r0", (0xBA00,), 1),
        ("push {r4, lr}", (0xB510,), 3),
        ("pop {r4}", (0xBC10,), 2),
        ("pop {r4, pc}: 5 with its branch", (0xBD10,), 4),
        ("ldm r0!, {r1, r2, r3}", (0xC80E,), 4),
        ("stm r0!, {r1}", (0xC002,), 2),
        ("beq .: 2 when taken", (0xD0FE,), 1),
        ("b .: 2 with its branch", (0xE7FE,), 1),
        ("bx lr: 2 with its branch", (0x4770,), 1),
        ("bl .+4: 3 with its branch", (0xF000, 0xF800), 2),
        ("mrs r0, primask", (0xF3EF, 0x8010), 3),
        ("dsb sy", (0xF3BF, 0x8F4F), 3),
    ],
)
def test_one_instruction_of_cortex_m0plus(name: str, code: tuple[int, ...], cycles: int) -> None:
    assert cortex_m0plus_cost(halfwords(*code)) == (1, cycles), name


@given(st.binary(max_size=64).map(lambda code: code[: len(code) & ~1]))
@settings(derandomize=True, deadline=None, max_examples=200)
def test_models_agree_on_the_number_of_instructions(code: bytes) -> None:
    # The count alone takes a 32-bit instruction that is cut off for a whole one.
    instructions = cost("", code).instructions
    for core in ("m0plus", "m4", "m7", "m33", "m55"):
        assert 0 <= instructions - cost(f"cortex-{core}", code).instructions <= 1


@given(st.binary(max_size=64))
@settings(derandomize=True, deadline=None, max_examples=200)
def test_any_bytes_have_a_cost(code: bytes) -> None:
    instructions, cycles = cortex_m4_cost(code)
    assert len(code) // 4 <= instructions + 1
    assert instructions <= len(code) // 2
    assert instructions <= cycles <= 260 * max(1, instructions)
