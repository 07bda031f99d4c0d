"""What a plan has to know of each kernel: one row. A kernel without one needs nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hwkit.targets.mcu import (
    add_line,
    ahead,
    byte_maps,
    dense_pairs,
    depthwise_rows,
    depthwise_stairs,
    fits,
    layouts,
    mul_line,
    pairs,
    pool_words,
    quads,
    scalar_winograd4,
    scratch,
)
from hwkit.targets.mcu.structs import Struct


@dataclass(frozen=True, slots=True)
class Row:
    """``variant`` is the folder of ``firmware/kernels``, ``name`` the kernel's.

    ``scratch_bytes`` of a descriptor, None for none; ``fits`` says which descriptors it computes,
    None for all; ``reads_ahead`` by how many bytes its output may start before its input, None
    where both lie apart; ``layout`` of its weights, None as they are packed; ``shareable``: its
    inner loops do not depend on the layer's sizes, so that layers can share a copy;
    ``rows_at_once``: output rows come in multiples of it, and the rest is made for nothing where
    fewer are wanted; ``input_bits`` what its input may have at most; ``over_start`` says of a
    descriptor whether its output, no longer than its input, may lie from the start of that on, None
    for none.
    """

    variant: str
    name: str
    scratch_bytes: Callable[[Struct], int] | None = None
    fits: Callable[[Struct], bool] | None = None
    reads_ahead: Callable[[Struct], int] | None = None
    layout: layouts.Layout | None = None
    shareable: bool = False
    rows_at_once: int = 1
    input_bits: int = 32
    over_start: Callable[[Struct], bool] | None = None


ROWS = (
    Row("ref", "conv2d_s8", reads_ahead=ahead.CONV2D),
    Row("ref", "conv2d_s8_s4", reads_ahead=ahead.CONV2D, layout=layouts.nibbles(1)),
    Row("ref", "dense_s8_s4", layout=layouts.nibbles(1)),
    Row("ref", "depthwise_conv2d_s8", reads_ahead=ahead.DEPTHWISE),
    Row("ref", "avg_pool_s8", reads_ahead=ahead.POOL),
    Row("ref", "max_pool_s8", reads_ahead=ahead.POOL),
    Row("ref", "sum_pool_s8", reads_ahead=ahead.POOL),
    Row("ref", "requantize_s32", reads_ahead=ahead.narrowing),
    Row("ref", "requantize_s16", reads_ahead=ahead.widening),
    Row("ref", "add_s8", shareable=True),
    Row(
        "dsp",
        "conv2d_s8",
        scratch_bytes=scratch.conv2d(4),
        reads_ahead=ahead.CONV2D,
        layout=layouts.grouped(2),
        shareable=True,
    ),
    Row(
        "dsp",
        "conv2d_s8_s4",
        scratch_bytes=scratch.conv2d(8),
        reads_ahead=ahead.CONV2D,
        shareable=True,
        layout=layouts.nibbles(2),
    ),
    Row(
        "dsp",
        "conv2d_s4_s4",
        scratch_bytes=quads.scratch_bytes,
        fits=quads.fits,
        reads_ahead=ahead.CONV2D,
        layout=quads.QUADS,
        input_bits=4,
    ),
    Row(
        "dsp",
        "conv2d_s8_h8",
        scratch_bytes=scratch.h8_conv2d,
        fits=fits.h8,
        reads_ahead=ahead.CONV2D,
        layout=layouts.PAIRS,
    ),
    Row(
        "dsp",
        "conv2d_s8_winograd",
        scratch_bytes=scratch.winograd(4, 0),
        fits=fits.winograd,
        reads_ahead=ahead.CONV2D_ROWS,
        rows_at_once=2,
        layout=layouts.winograd,
    ),
    Row(
        "dsp",
        "conv2d_s8_winograd_small",
        scratch_bytes=scratch.winograd(8, 2),
        fits=fits.winograd,
        reads_ahead=ahead.CONV2D_ROWS,
        rows_at_once=2,
    ),
    Row(
        "dsp",
        "conv2d_s8_winograd4",
        scratch_bytes=scratch.winograd4,
        fits=fits.winograd4,
        reads_ahead=ahead.CONV2D_4_ROWS,
        rows_at_once=4,
        layout=layouts.WINOGRAD4,
    ),
    Row(
        "dsp",
        "conv2d_s8_winograd4_small",
        scratch_bytes=scratch.winograd4_small,
        fits=fits.winograd4,
        reads_ahead=ahead.CONV2D_4_ROWS,
        rows_at_once=4,
        layout=layouts.WINOGRAD4_ROWS,
    ),
    Row(
        "dsp",
        "depthwise_conv2d_s8",
        scratch_bytes=scratch.depthwise,
        reads_ahead=ahead.depthwise_rows,
        rows_at_once=2,
        layout=layouts.in_columns,
        shareable=True,
    ),
    Row(
        "dsp",
        "depthwise_conv2d_s8_bands",
        scratch_bytes=scratch.bands,
        fits=fits.bands,
        reads_ahead=ahead.DEPTHWISE_4_ROWS,
        rows_at_once=2,
        layout=layouts.BANDS,
    ),
    Row(
        "dsp",
        "depthwise_conv2d_s8_narrow",
        scratch_bytes=scratch.narrow_depthwise,
        fits=fits.narrow_3x3,
        reads_ahead=ahead.DEPTHWISE_ROWS,
        rows_at_once=2,
        layout=layouts.in_columns,
        shareable=True,
    ),
    Row(
        "dsp",
        "depthwise_conv2d_s8_turned",
        scratch_bytes=scratch.turned,
        fits=fits.turned,
        over_start=ahead.column(1),
    ),
    Row(
        "dsp",
        "dense_s8",
        scratch_bytes=scratch.dense(4),
        reads_ahead=ahead.dense,
        layout=layouts.grouped(4),
        shareable=True,
    ),
    Row(
        "dsp",
        "dense_s8_s4",
        scratch_bytes=scratch.dense(8),
        reads_ahead=ahead.dense,
        shareable=True,
        layout=layouts.nibbles(4),
    ),
    Row(
        "dsp",
        "dense_s8_h8",
        scratch_bytes=scratch.dense(4),
        fits=fits.h8,
        reads_ahead=ahead.dense,
        layout=layouts.PAIRS_OF_4_ROWS,
    ),
    Row("dsp", "matmul_s8", scratch_bytes=scratch.matmul, shareable=True),
    Row(
        "dsp",
        "conv2d_s16",
        scratch_bytes=scratch.conv2d_s16,
        layout=layouts.grouped(2),
        shareable=True,
    ),
    Row("dsp", "depthwise_conv2d_s16", scratch_bytes=scratch.strips, shareable=True),
    Row(
        "dsp",
        "depthwise_conv2d_s16_turned",
        scratch_bytes=scratch.turned,
        fits=fits.turned,
        over_start=ahead.column(2),
    ),
    Row(
        "dsp",
        "dense_s16",
        scratch_bytes=scratch.dense(4),
        layout=layouts.grouped(4),
        shareable=True,
    ),
    Row(
        "v6m",
        "conv2d_s8",
        scratch_bytes=scratch.v6m_conv2d(4),
        reads_ahead=ahead.CONV2D,
        shareable=True,
    ),
    Row(
        "v6m",
        "conv2d_s8_pairs",
        scratch_bytes=scratch.pairs,
        fits=pairs.fits,
        reads_ahead=ahead.CONV2D,
        layout=pairs.laid_out(1),
        shareable=True,
    ),
    Row(
        "v6m",
        "depthwise_conv2d_s8_stairs",
        scratch_bytes=scratch.scalar_depthwise,
        fits=depthwise_stairs.fits,
        reads_ahead=ahead.DEPTHWISE_ROWS,
        rows_at_once=2,
        layout=depthwise_stairs.laid_out,
        shareable=True,
    ),
    Row(
        "v6m",
        "depthwise_conv2d_s8_narrow",
        scratch_bytes=scratch.narrow_scalar_depthwise,
        fits=depthwise_stairs.fits_narrow,
        reads_ahead=ahead.DEPTHWISE_ROWS,
        rows_at_once=2,
        layout=depthwise_stairs.laid_out,
        shareable=True,
    ),
    Row(
        "v6m",
        "conv2d_s8_winograd4",
        scratch_bytes=scratch.scalar_winograd4(1),
        fits=scalar_winograd4.fits,
        reads_ahead=ahead.CONV2D_4_ROWS,
        rows_at_once=4,
        layout=scalar_winograd4.transformed,
    ),
    Row(
        "v6m",
        "conv2d_s8_winograd4_small",
        scratch_bytes=scratch.scalar_winograd4_small(1),
        fits=scalar_winograd4.fits,
        reads_ahead=ahead.CONV2D_4_ROWS,
        rows_at_once=4,
        layout=scalar_winograd4.small,
    ),
    Row(
        "v6m",
        "conv2d_s8_s4",
        scratch_bytes=scratch.v6m_conv2d(8),
        reads_ahead=ahead.CONV2D,
        shareable=True,
        layout=layouts.nibbles(1),
    ),
    Row(
        "v6m",
        "dense_s8",
        scratch_bytes=scratch.v6m_dense(4),
        reads_ahead=ahead.dense,
        shareable=True,
    ),
    Row(
        "v6m",
        "dense_s8_s4",
        scratch_bytes=scratch.v6m_dense(8),
        reads_ahead=ahead.dense,
        shareable=True,
        layout=layouts.nibbles(1),
    ),
    Row(
        "rv32",
        "conv2d_s8",
        scratch_bytes=scratch.rv32_conv2d(4),
        reads_ahead=ahead.CONV2D,
        layout=layouts.grouped(4),
        shareable=True,
    ),
    Row(
        "rv32",
        "conv2d_s8_pairs",
        scratch_bytes=scratch.pairs,
        fits=pairs.fits,
        reads_ahead=ahead.CONV2D,
        layout=pairs.laid_out(3),
        shareable=True,
    ),
    Row(
        "rv32",
        "depthwise_conv2d_s8_rows",
        scratch_bytes=scratch.padding_pixel,
        fits=depthwise_rows.fits,
        reads_ahead=ahead.DEPTHWISE_ROW,
        layout=depthwise_rows.laid_out,
        shareable=True,
    ),
    Row(
        "rv32",
        "conv2d_s8_winograd4",
        scratch_bytes=scratch.scalar_winograd4(2),
        fits=scalar_winograd4.fits,
        reads_ahead=ahead.CONV2D_4_ROWS,
        rows_at_once=4,
        layout=scalar_winograd4.transformed,
    ),
    Row(
        "rv32",
        "conv2d_s8_winograd4_small",
        scratch_bytes=scratch.scalar_winograd4_small(2),
        fits=scalar_winograd4.fits,
        reads_ahead=ahead.CONV2D_4_ROWS,
        rows_at_once=4,
        layout=scalar_winograd4.small,
    ),
    Row(
        "rv32",
        "conv2d_s8_s4",
        scratch_bytes=scratch.rv32_conv2d(8),
        reads_ahead=ahead.CONV2D,
        shareable=True,
        layout=layouts.nibbles(4),
    ),
    Row("rv32", "dense_s8", layout=layouts.grouped(4), shareable=True),
    Row("rv32", "dense_s8_s4", shareable=True, layout=layouts.nibbles(4)),
    Row(
        "scalar",
        "depthwise_conv2d_s8",
        scratch_bytes=scratch.scalar_depthwise,
        reads_ahead=ahead.DEPTHWISE_ROWS,
        rows_at_once=2,
        layout=layouts.by_channel,
        shareable=True,
    ),
    Row(
        "scalar",
        "depthwise_conv2d_s8_narrow",
        scratch_bytes=scratch.narrow_scalar_depthwise,
        fits=fits.narrow,
        reads_ahead=ahead.DEPTHWISE_ROWS,
        rows_at_once=2,
        layout=layouts.by_channel,
        shareable=True,
    ),
    Row(
        "scalar",
        "dense_s8_pairs",
        scratch_bytes=scratch.dense_pairs,
        fits=dense_pairs.fits,
        reads_ahead=ahead.dense,
        layout=dense_pairs.laid_out,
        shareable=True,
    ),
    Row(
        "scalar",
        "dense_s8_s4_pairs",
        scratch_bytes=scratch.dense_pairs_s4,
        reads_ahead=ahead.dense,
        layout=dense_pairs.laid_out_s4,
        shareable=True,
    ),
    Row(
        "scalar",
        "lookup_s8_bytes",
        fits=byte_maps.fits_lookup,
        layout=byte_maps.laid_out,
        shareable=True,
    ),
    Row(
        "scalar",
        "requantize_s8_bytes",
        scratch_bytes=scratch.byte_map,
        fits=byte_maps.fits_requantize,
        shareable=True,
    ),
    Row(
        "scalar",
        "add_s8_line",
        scratch_bytes=scratch.add_line,
        fits=add_line.fits,
        layout=add_line.laid_out,
        shareable=True,
    ),
    Row(
        "scalar",
        "broadcast_add_s8_line",
        scratch_bytes=scratch.add_line,
        fits=add_line.fits,
        layout=add_line.laid_out,
    ),
    Row("scalar", "broadcast_mul_s8_line", fits=mul_line.fits, layout=mul_line.laid_out),
    Row("scalar", "softmax_s8_kept", scratch_bytes=scratch.softmax_kept),
    Row("scalar", "avg_pool_s8_words", fits=pool_words.fits, reads_ahead=ahead.POOL),
    Row("scalar", "sum_pool_s8_words", fits=pool_words.fits, reads_ahead=ahead.POOL),
    Row("mve", "conv2d_s8", scratch_bytes=scratch.mve_conv2d, reads_ahead=ahead.CONV2D),
    Row(
        "mve",
        "conv2d_s8_pairs",
        scratch_bytes=scratch.mve_pairs,
        fits=fits.whole_double,
        reads_ahead=ahead.CONV2D,
        layout=layouts.by_quads,
    ),
    Row(
        "mve",
        "conv2d_s8_s4",
        scratch_bytes=scratch.mve_conv2d_s4,
        reads_ahead=ahead.CONV2D,
        layout=layouts.nibbles(1),
    ),
    Row(
        "mve",
        "depthwise_conv2d_s8",
        scratch_bytes=scratch.mve_depthwise,
        reads_ahead=ahead.DEPTHWISE,
        layout=layouts.in_blocks,
    ),
    Row(
        "mve",
        "depthwise_conv2d_s8_blocks",
        scratch_bytes=scratch.mve_blocks,
        fits=fits.blocks,
        reads_ahead=ahead.DEPTHWISE,
        layout=layouts.by_blocks,
    ),
    Row(
        "mve",
        "dense_s8_s4",
        scratch_bytes=scratch.mve_dense_s4,
        reads_ahead=ahead.dense,
        layout=layouts.nibbles(1),
    ),
    Row("mve", "avg_pool_s8", reads_ahead=ahead.POOL),
    Row("mve", "max_pool_s8", reads_ahead=ahead.POOL),
    Row("mve", "sum_pool_s8", reads_ahead=ahead.POOL),
    Row("mve", "requantize_s32", reads_ahead=ahead.narrowing),
)

_BY_KERNEL = {(row.variant, row.name): row for row in ROWS}


def row(variant: str, name: str) -> Row:
    """The row of a kernel. Example: ``row("dsp", "conv2d_s8").shareable`` is true."""
    return _BY_KERNEL.get((variant, name), Row(variant, name))
