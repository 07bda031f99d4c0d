"""Kernels that share tests, the nearest first: what is compiled for a fault in one of them, and
which tests run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Group:
    """``kernels`` and ``alternatives`` of kernels.inc that are compiled together, and the names of
    their examples in the tests of the host, of a core with instructions of its own, and of the
    Cortex-M55. A group with ``packed`` is there for faults in these headers of packed forms
    (``hwkit.targets.mcu.emit_packed.HEADERS``), another with alternatives for those in these alone.

    Example: ``GROUPS["dense"].host`` is ``("kernels:dense",)``, the file
    ``tests/firmware/kernels/test_kernels.py`` and the name there. Of cores ``dense`` is its name
    among whole bytes, ``packed:dense`` among packed forms, ``:test_name`` a test.
    """

    kernels: tuple[str, ...]
    host: tuple[str, ...]
    core: tuple[str, ...] = ()
    mve: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()
    packed: tuple[str, ...] = ()

    @property
    def own(self) -> tuple[str, ...]:
        """The headers that this group tests, without ``hwk_`` and ``.h``."""
        return self.packed or self.alternatives or self.kernels


GROUPS = {
    "dense": Group(
        ("dense_s8", "dense_s8_s4"),
        ("kernels:dense",),
        ("dense", "wide_dense"),
        ("wide_dense", "dense"),
    ),
    "conv2d": Group(
        ("conv2d_s8", "conv2d_s8_s4"),
        ("kernels:conv2d", "kernels:conv2d_into_int8"),
        ("conv2d", "wide_conv2d"),
        ("wide_conv2d", "conv2d"),
    ),
    "depthwise": Group(
        ("depthwise_conv2d_s8",),
        ("kernels:depthwise", "kernels:depthwise_3x3", "kernels:depthwise_1d"),
        ("depthwise", "depthwise_3x3", "wide_depthwise"),
        ("wide_depthwise", "depthwise_3x3", "depthwise"),
    ),
    "requantize": Group(
        ("requantize_s8", "requantize_s32"),
        ("kernels:requantize", "read_ahead:requantize"),
        ("requantize",),
        ("requantize",),
    ),
    "add": Group(
        ("add_s8",),
        ("kernels:add", "kernels::test_add_over_either_of_its_inputs", "read_ahead:add"),
        ("add",),
        ("wide_add", "add"),
    ),
    "pool": Group(
        ("sum_pool_s8", "avg_pool_s8", "max_pool_s8"),
        (
            "kernels:pool",
            "kernels:sum_pool",
            "broadcast::test_means_have_smaller_multipliers",
        ),
        (),
        ("wide_pool", "pool", "sum_pool"),
    ),
    "elementwise": Group(
        ("clamp_s8", "lookup_s8", "pad_s8", "concat_s8"),
        ("kernels:elementwise", "read_ahead:elementwise"),
        (),
        ("elementwise",),
    ),
    "matmul": Group(
        ("matmul_s8", "matmul_s16", "matmul_s16_long"),
        ("kernels:matmul", "kernels:matmul_16"),
        ("matmul",),
    ),
    "real": Group(
        ("softmax_table_s8", "layer_norm_s8", "layer_norm_s16"),
        ("kernels:softmax_table", "kernels:layer_norm"),
        ("softmax_table", "layer_norm"),
    ),
    "softmax": Group(("softmax_s8",), ("kernels:softmax",), (), ("softmax",)),
    "broadcast": Group(
        ("broadcast_add_s8", "broadcast_mul_s8", "add_s8"), ("broadcast:broadcast",)
    ),
    "prelu": Group(("prelu_s8",), ("broadcast:prelu",)),
    "moved": Group(("gather_s8", "resize_nearest_s8"), ("broadcast:moved",)),
    "constant": Group(("constant_s8",), ("broadcast::test_constant",)),
    "wide": Group(
        ("rescale_s8", "rescale_s32", "sum_pool_s32", "add_s32", "requantize_s32"),
        ("kernels:wide",),
    ),
    "dense_h8": Group(
        ("dense_s8",),
        ("kernels:dense_into_int8", "packed:dense_from_int8"),
        alternatives=("dense_s8_h8",),
    ),
    "dense_pairs": Group(
        ("dense_s8", "dense_s8_s4"),
        ("kernels:dense_on_a_line",),
        ("dense_on_a_line",),
        alternatives=("dense_s8_pairs", "dense_s8_s4_pairs"),
    ),
    "bytes": Group(
        ("requantize_s8", "lookup_s8"),
        ("kernels:requantize", "kernels:elementwise"),
        alternatives=("requantize_s8_bytes", "lookup_s8_bytes"),
    ),
    "pool_words": Group(
        ("avg_pool_s8", "sum_pool_s8"),
        ("kernels:pool_in_words",),
        ("pool_in_words",),
        alternatives=("avg_pool_s8_words", "sum_pool_s8_words"),
    ),
    "softmax_kept": Group(
        ("softmax_s8",), ("kernels:softmax",), ("softmax",), alternatives=("softmax_s8_kept",)
    ),
    "broadcast_line": Group(
        ("broadcast_add_s8", "broadcast_mul_s8"),
        ("kernels:broadcast_on_a_line",),
        ("broadcast_on_a_line",),
        alternatives=("broadcast_add_s8_line", "broadcast_mul_s8_line"),
    ),
    "conv2d_h8": Group(
        ("conv2d_s8",),
        ("kernels:conv2d_into_int8", "packed:conv2d_from_int8"),
        alternatives=("conv2d_s8_h8",),
    ),
    "winograd": Group(
        ("conv2d_s8",),
        ("kernels:conv2d_3x3_into_int8", "kernels:conv2d_3x3", "packed:conv2d_3x3_from_int8"),
        alternatives=("conv2d_s8_winograd", "conv2d_s8_winograd_small"),
    ),
    "winograd4": Group(
        ("conv2d_s8",),
        ("kernels:conv2d_3x3_into_int8", "kernels:conv2d_on_a_line"),
        alternatives=("conv2d_s8_winograd4", "conv2d_s8_winograd4_small"),
    ),
    "pairs": Group(
        ("conv2d_s8",),
        ("kernels:conv2d_on_a_line", "packed:conv2d_on_a_line"),
        alternatives=("conv2d_s8_pairs",),
    ),
    "lines": Group(
        ("depthwise_conv2d_s8",),
        ("kernels:depthwise_on_a_line",),
        alternatives=(
            "depthwise_conv2d_s8_rows",
            "depthwise_conv2d_s8_stairs",
            "depthwise_conv2d_s8_narrow",
        ),
    ),
    "add_line": Group(
        ("add_s8",), ("kernels:add_on_a_line",), ("add_on_a_line",), alternatives=("add_s8_line",)
    ),
    "bands": Group(
        ("depthwise_conv2d_s8",),
        ("kernels:depthwise_3x3_into_int8", "kernels:depthwise_3x3", "packed:depthwise_from_int8"),
        alternatives=("depthwise_conv2d_s8_bands", "depthwise_conv2d_s8_narrow"),
    ),
    "turned": Group(
        ("depthwise_conv2d_s8",),
        ("kernels:depthwise_1d", "packed:depthwise_1d"),
        alternatives=("depthwise_conv2d_s8_turned",),
    ),
    "dense_16": Group(("dense_s16",), ("kernels:dense_16",), ("dense_16",)),
    "conv2d_16": Group(("conv2d_s16",), ("kernels:conv2d_16",), ("conv2d_16",)),
    "depthwise_16": Group(("depthwise_conv2d_s16",), ("kernels:depthwise_16",), ("depthwise_16",)),
    "long_16": Group(
        (
            *("dense_s16_long", "conv2d_s16_long", "depthwise_conv2d_s16_long"),
            *("dense_s16", "conv2d_s16", "depthwise_conv2d_s16"),
        ),
        ("long_sums:dense", "long_sums:conv2d", "long_sums:depthwise_conv2d", "kernels:long_16"),
        ("long_16",),
    ),
    "requantize_16": Group(
        ("requantize_s16", "requantize_s8", "requantize_s32", "rescale_s8", "rescale_s32"),
        ("kernels:requantize_16",),
        ("requantize_16",),
    ),
    "add_16": Group(("add_s16",), ("kernels:add_16",)),
    "pool_16": Group(
        ("sum_pool_s16", "avg_pool_s16", "max_pool_s16"),
        ("kernels:pool_16", "kernels:sum_pool_16"),
    ),
    "elementwise_16": Group(
        (
            *("clamp_s16", "pad_s16", "lookup_s16", "lookup_s16_s8", "lookup_s8_s16"),
            *("clamp_s8", "pad_s8", "lookup_s8", "concat_s8"),
        ),
        ("kernels:elementwise_16",),
    ),
    "softmax_16": Group(("softmax_s16",), ("kernels:softmax_16",)),
    "broadcast_16": Group(
        ("broadcast_add_s16", "broadcast_mul_s16", "add_s16"), ("broadcast:broadcast_16",)
    ),
    "moved_16": Group(("gather_s16", "gather_s8", "resize_nearest_s8"), ("broadcast:moved_16",)),
    "turned_16": Group(
        ("depthwise_conv2d_s16",),
        ("kernels:depthwise_1d_16",),
        alternatives=("depthwise_conv2d_s16_turned",),
    ),
    "argmax": Group(("argmax_s8", "argmax_s16", "argmax_s32"), ("kernels:argmax",)),
    "bilinear": Group(("resize_bilinear_s8",), ("kernels:bilinear",)),
    "bilinear_16": Group(
        ("resize_bilinear_s16", "resize_bilinear_s16_long"),
        ("kernels:bilinear_16", "kernels:bilinear_long"),
    ),
    "four_bits": Group(
        ("conv2d_s8", "conv2d_s8_s4"),
        ("kernels::test_products_of_four_bits", "packed:conv2d_4x4"),
        (":test_products_of_four_bits",),
        alternatives=("conv2d_s4_s4",),
    ),
    "conv2d_pairs_of_bytes": Group(
        ("conv2d_s8", "conv2d_s8_s4"),
        (),
        mve=("conv2d_into_int8", "conv2d", "wide_conv2d"),
        alternatives=("conv2d_s8_pairs",),
    ),
    "blocks": Group(
        ("depthwise_conv2d_s8",),
        (),
        mve=("depthwise_3x3_into_int8", "depthwise_3x3", "wide_depthwise", "depthwise"),
        alternatives=("depthwise_conv2d_s8_blocks",),
    ),
    "packed_elements": Group(
        (
            *("requantize_s8", "requantize_s16", "requantize_s32", "clamp_s8", "lookup_s8"),
            *("add_s8", "pad_s8", "concat_s8"),
        ),
        (
            *("packed:large_elements", "packed:large_moves"),
            *("packed:elementwise", "packed:requantize", "packed:add"),
        ),
        ("packed:large_elements", "packed:large_moves", "packed:elementwise"),
        ("packed:large_elements", "packed:large_moves", "packed:elementwise"),
        packed=("packed_elements", "packed_moves"),
    ),
    "packed_moves": Group(
        ("gather_s8", "resize_nearest_s8"),
        ("packed:large_turns", "packed:moved"),
        packed=("packed_moves",),
    ),
    "packed_dense": Group(
        ("dense_s8", "dense_s8_s4"),
        ("packed:large_dense", "packed:dense"),
        ("packed:large_dense", "packed:dense"),
        ("packed:large_dense", "packed:dense"),
        packed=("packed_dense",),
    ),
    "packed_window": Group(
        (
            *("depthwise_conv2d_s8", "conv2d_s8", "conv2d_s8_s4", "conv2d_s16"),
            *("sum_pool_s8", "avg_pool_s8", "max_pool_s8"),
        ),
        (
            *("packed:large_windows", "packed:sum_pool", "packed:pool"),
            *("packed:depthwise", "packed:conv2d", "packed:conv2d_16"),
        ),
        ("packed:large_windows", "packed:depthwise", "packed:conv2d", "packed:conv2d_from_int8"),
        ("packed:large_windows", "packed:depthwise", "packed:conv2d", "packed:conv2d_from_int8"),
        alternatives=("conv2d_s8_h8", "conv2d_s8_pairs"),
        packed=("packed_window",),
    ),
}
