"""Test bench of the core beside this folder: python tb/bench.py [verilator|icarus]

Every port's beats lie in NAME.npy. Both sides wait at random; every output beat is compared, with
its TLAST, and what is offered must stay until it is taken. Needs cocotb, numpy and the simulator.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, RisingEdge

HERE = Path(__file__).resolve().parent
ROUNDS = int(os.environ.get("HWK_ROUNDS", "1"))
"""How often the inferences are sent, a reset in front of each."""


def beats(name: str) -> list[int]:
    """The beats of a port as unsigned words."""
    rows = np.load(HERE / f"{name}.npy")
    return [int.from_bytes(row.tobytes(), "little") for row in rows]


def port(dut: Any, name: str, signal: str) -> Any:
    return getattr(dut, f"{name}_{signal}")


async def send(dut: Any, name: str, rng: random.Random, patience: float) -> None:
    """Offers every beat and keeps it until it was taken."""
    for beat in beats(name):
        while rng.random() < patience:
            port(dut, name, "tvalid").value = 0
            await FallingEdge(dut.aclk)
        port(dut, name, "tdata").value = beat
        port(dut, name, "tvalid").value = 1
        while True:
            await RisingEdge(dut.aclk)
            taken = int(port(dut, name, "tready").value)
            await FallingEdge(dut.aclk)
            if taken:
                break
    port(dut, name, "tvalid").value = 0


async def receive(dut: Any, name: str, rng: random.Random, patience: float, length: int) -> None:
    """Takes as many beats as there should be; one that waits must not change."""
    expected, seen, offered = beats(name), 0, None
    while seen < len(expected):
        ready = rng.random() >= patience
        port(dut, name, "tready").value = int(ready)
        await RisingEdge(dut.aclk)
        valid = int(port(dut, name, "tvalid").value)
        beat = None
        if valid:
            beat = (int(port(dut, name, "tdata").value), int(port(dut, name, "tlast").value))
        assert offered is None or beat == offered, f"{name}: beat {seen} changed while it waited"
        if beat is not None and ready:
            last = int((seen + 1) % length == 0)
            assert beat == (expected[seen], last), f"{name}: beat {seen} is {beat}"
            seen += 1
        offered = None if ready else beat
        await FallingEdge(dut.aclk)
    port(dut, name, "tready").value = 0


@cocotb.test()
async def every_beat(dut: Any) -> None:
    """Without waiting, and with waits on either side and both."""
    inputs = sorted(path.stem for path in HERE.glob("s*_axis.npy"))
    outputs = sorted(path.stem for path in HERE.glob("m*_axis.npy"))
    inferences = int(os.environ["HWK_INFERENCES"])
    Clock(dut.aclk, 10, unit="ns").start()
    for seed in range(ROUNDS):
        for into, out in ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.5, 0.5)):
            dut.aresetn.value = 0
            for name in inputs:
                port(dut, name, "tvalid").value = 0
                port(dut, name, "tlast").value = 0
            for name in outputs:
                port(dut, name, "tready").value = 0
            for _ in range(3):
                await FallingEdge(dut.aclk)
            dut.aresetn.value = 1
            jobs = [send(dut, name, random.Random(f"{name}{seed}"), into) for name in inputs]
            jobs += [
                receive(
                    dut, name, random.Random(f"{name}{seed}"), out, len(beats(name)) // inferences
                )
                for name in outputs
            ]
            tasks = [cocotb.start_soon(job) for job in jobs]
            for task in tasks:
                await task


def main(simulator: str) -> None:
    """Compiles the core and runs the bench."""
    from cocotb_tools.check_results import get_results
    from cocotb_tools.runner import get_runner

    folder = HERE.parent
    (top,) = (path.stem for path in folder.glob("*_axis.v"))
    # Verilator's makefile calls python, which may be on no path: the one that runs this.
    os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    os.environ["HWK_INFERENCES"] = (HERE / "inferences").read_text().strip()
    runner = get_runner(simulator)
    runner.build(
        sources=sorted([*folder.glob("*.v"), *folder.glob("rtl/*.v"), *folder.glob("rtl/*.sv")]),
        hdl_toplevel=top,
        build_args=["-Wno-fatal"] if simulator == "verilator" else ["-g2012"],
        build_dir=folder / "sim",
        timescale=("1ns", "1ps"),
    )
    results = runner.test(
        hdl_toplevel=top, test_module="bench", build_dir=folder / "sim", test_dir=HERE
    )
    tests, failed = get_results(results)
    print(f"{top}: {tests} tests, {failed} failed")
    sys.exit(int(failed > 0 or tests == 0))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "verilator")
