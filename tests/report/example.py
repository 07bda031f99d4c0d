"""A complete, small summary: two models, three lanes, one loop. Built by hand; the figures are
invented, chosen so that every part of the report has something to show."""

from __future__ import annotations

from dataclasses import replace

from hwkit.allocate.cost import CostRow, SensitivityRow
from hwkit.profile.measurement import Figures, Measurement
from hwkit.profile.statistics import Spread
from hwkit.report.summary import (
    Accuracy,
    Deploy,
    Exactness,
    Layer,
    Lifetime,
    Loop,
    LoopState,
    MemoryMap,
    Model,
    Summary,
)
from hwkit.target import WHOLE_MODEL, Identity, Kind

LAYERS = (
    Layer("conv1", "Conv2d", (14, 14, 16), 8, 28224, 144, (), "u8"),
    Layer("depthwise2", "DepthwiseConv2d", (14, 14, 16), 8, 28224, 144, ("conv1",), "u8"),
    Layer("pointwise2", "Conv2d", (14, 14, 16), 8, 50176, 256, ("depthwise2",), "s8"),
    Layer("residual2", "Add", (14, 14, 16), None, 0, 0, ("conv1", "pointwise2"), "u8"),
    Layer("conv3", "Conv2d", (7, 7, 32), 8, 225792, 4608, ("residual2",), "u8"),
    Layer("pool", "AvgPool2d", (1, 1, 32), None, 0, 0, ("conv3",), "u8"),
    Layer("flatten", "Reshape", (32,), None, 0, 0, ("pool",), "u8"),
    Layer("classifier", "Dense", (10,), 8, 320, 320, ("flatten",), "s8"),
)
DENSE_LAYERS = (
    Layer("dense1", "Dense", (32,), 6, 2048, 1536, (), "u6"),
    Layer("dense2", "Dense", (10,), 6, 320, 240, ("dense1",), "s16"),
)
BITS = {"conv1": 8, "depthwise2": 8, "pointwise2": 8, "conv3": 8, "classifier": 8}
PLAN = {**BITS, "conv3": 4, "pointwise2": 4}
CREATED = "2026-01-31T12:00:00Z"
CYCLES = (131000, 254000, 101000, 36000, 402000, 9000, 10, 1100)


def spread(value: float) -> Spread:
    """Of a figure that repeats within 2 %."""
    return Spread(min=value, median=value, p95=round(value * 1.02, 3), mad=round(value * 0.004, 3))


def profile(board: str, kind: Kind, model: str = "mnist_w8") -> Measurement:
    """On a microcontroller board: instructions and cycles; elsewhere microseconds."""
    mcu = board.startswith("virtual")
    rows = tuple(
        Figures(
            index,
            layer.name,
            layer.op,
            layer.macs,
            instructions=round(cycles * 0.82) if mcu else None,
            cycles=cycles if mcu else None,
            us=cycles / 64 if mcu else cycles / 20000,
            spread={"us": spread(cycles / 64 if mcu else cycles / 20000)},
        )
        for index, (layer, cycles) in enumerate(zip(LAYERS, CYCLES, strict=True))
    )
    total = Figures(
        WHOLE_MODEL,
        "total",
        "Model",
        sum(row.macs for row in rows),
        instructions=sum(row.instructions or 0 for row in rows) if mcu else None,
        cycles=sum(row.cycles or 0 for row in rows) if mcu else None,
        us=sum(row.us or 0 for row in rows),
    )
    identity = Identity(kind, "example", 64_000_000 if mcu else None)
    return Measurement(board, identity, model, "", "", 30, 5, rows, total, time_utc=CREATED)


def memory_map() -> MemoryMap:
    """Eight steps in an arena of 9,408 bytes."""
    tensors = (
        Lifetime("input", 0, 784, 0, 0),
        Lifetime("conv1", 784, 3136, 0, 3),
        Lifetime("depthwise2", 3920, 3136, 1, 2),
        Lifetime("pointwise2", 7056, 3136, 2, 3),
        Lifetime("residual2", 3920, 3136, 3, 4),
        Lifetime("conv3", 0, 1568, 4, 5),
        Lifetime("pool", 1568, 32, 5, 7),
        Lifetime("classifier", 1600, 10, 7, 7),
    )
    return MemoryMap(tensors, 10192, flash_limit_bytes=4 << 20, ram_limit_bytes=4 << 20)


def loop() -> Loop:
    """8 bits everywhere, then a plan with two layers at 4 bits."""
    before = LoopState(BITS, 0.974, 934110, None, 22870, "simulated")
    predicted = LoopState(PLAN, None, 861000, None, 20438, "estimated")
    after = LoopState(PLAN, 0.971, 863420, None, 20462, "simulated")
    rows = tuple(
        CostRow(name, bits, 320 * bits, 40000 + 900 * bits, None, None, None, "simulated",
                     "virtual_m4")
        for name in BITS
        for bits in (4, 8)
    )  # fmt: skip
    sensitivity = tuple(
        SensitivityRow(name, bits, 0.001 * (9 - bits) * (i + 1))
        for i, name in enumerate(BITS)
        for bits in (4, 8)
    )
    return Loop("mnist_w8", "virtual_m4", "latency=870000cycles,flash=21kB", before, predicted,
                after, sensitivity, rows, True)  # fmt: skip


def summary() -> Summary:
    """Everything at once."""
    models = (
        Model("mnist_w8", "mnist.toml", "w8 a8", Accuracy(0.978, 0.975, 0.974), 1000, 3, LAYERS,
              10000, "MNIST, 5,000 images", "5f" * 32, ((480, 14), (12, 494))),
        Model("digits_pow2", "digits_pow2.toml", "w6 a6", Accuracy(0.969, 0.958, 0.958), 360, 0,
              DENSE_LAYERS, 3600, "digits, 8x8", "a1" * 32),
    )  # fmt: skip
    exactness = (
        Exactness("mnist_w8", "virtual_m4", 1000, 10000, 0, 0),
        Exactness("mnist_w8", "host_litert", 1000, 10000, 0, 12),
        Exactness("mnist_w8", "host_tflm", 1000, 10000, 0, 9),
        Exactness("digits_pow2", "hls4ml_csim", 360, 3600, 0, 0),
    )
    m4 = {
        "board": "virtual_m4", "artifact": "firmware.elf", "weight_bytes": 5872,
        "code_bytes": 16998, "flash_bytes": 22870, "arena_bytes": 10192, "stack_bytes": 1536,
        "ram_bytes": 13120, "tools": {"zig": "0.15.1"}, "digest": "c3" * 32,
    }  # fmt: skip
    hls = {"board": "hls4ml_csim", "artifact": "myproject.so", "tools": {"hls4ml": "1.3.0"}}
    return Summary(
        created_utc=CREATED,
        commit="0123456789abcdef",
        models=models,
        exactness=exactness,
        profiles=(
            profile("virtual_m4", "emulator"),
            profile("host_litert", "hardware"),
            profile("host_tflm", "hardware"),
        ),
        deploys=(
            replace(Deploy.from_facts("mnist_w8", m4), memory=memory_map()),
            Deploy.from_facts("digits_pow2", hls),
        ),
        loop=loop(),
        tools={"hwkit": "0.1.0", "python": "3.11.7", "numpy": "2.4.1", "zig": "0.15.1"},
        seconds={"train": 74.2, "freeze": 3.1, "deploy": 12.0, "verify": 21.9, "loop": 80.4},
    )
