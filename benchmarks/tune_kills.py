"""SIGKILL at random moments of the closed loop: ``python -m benchmarks.tune_kills [KILLS [SEED
[RECIPE]]]``.

A network (RECIPE, by ``hwkit tune``; without one a network of two layers that is made without
training, so that builds and measurements are what is killed) is tuned once undisturbed. Then it is
tuned in fresh folders by processes that are killed a random time after their start, up to the whole
time that it took, and started again until one ends by itself; so on until KILLS were killed. After
each kill the steps that were there before it must be there as they were; at the end plan, network
and image must be, to the byte, those of the undisturbed run. The compiler's cache is shared, as
it is for users.
"""

from __future__ import annotations

import hashlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.csvfile import write

BOARD = "virtual_m4"
BUDGET = "latency=100ms,flash=16kB"
LEFT = (f"plan-{BOARD}.json", f"model-{BOARD}.hwk", f"{BOARD}/firmware.elf")


def command(recipe: str, run: Path) -> list[str]:
    if not recipe:
        return [sys.executable, "-m", "tests.flow.tuning.networks", str(run), "-1", BUDGET]
    return [
        sys.executable, "-m", "hwkit", "tune", recipe, "--board", BOARD, "--budget", BUDGET,
        "--widths", "8,4", "--no-baselines", "-o", str(run),
    ]  # fmt: skip


def digests(run: Path) -> dict[str, str]:
    return {name: hashlib.sha256((run / name).read_bytes()).hexdigest() for name in LEFT}


def seals(run: Path) -> dict[str, str]:
    """Each finished step's seal, which has the digests of its files."""
    return {path.parent.name: path.read_text() for path in run.glob("steps/[!.]*/step.json")}


def main(kills: int, seed: int, recipe: str) -> None:
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole"
        subprocess.run(command(recipe, Path(folder) / "warm"), check=True, capture_output=True)
        start = time.monotonic()
        subprocess.run(command(recipe, whole), check=True, capture_output=True)
        seconds = time.monotonic() - start
        steps = len(seals(whole))
        killed = ended = lost = repeated = different = 0
        while killed < kills:
            run = Path(folder) / f"run{ended}"
            while True:
                before = seals(run)
                process = subprocess.Popen(command(recipe, run), stdout=subprocess.DEVNULL)
                try:
                    code = process.wait(chance.uniform(0, seconds))
                except subprocess.TimeoutExpired:
                    process.kill()
                    code = process.wait()
                after = seals(run)
                lost += sum(after.get(name) != text for name, text in before.items())
                if code == -signal.SIGKILL:
                    killed += 1
                    begun = len(list(run.glob("steps/.[!l]*")))
                    repeated = max(repeated, begun)
                    print(f"kill {killed}: {len(after)} of {steps} steps", flush=True)
                    if killed == kills:
                        code = subprocess.run(command(recipe, run), capture_output=True,
                                              check=False).returncode  # fmt: skip
                if code != -signal.SIGKILL:
                    break
            different += code != 0 or digests(run) != digests(whole) or len(seals(run)) != steps
            ended += 1
        row = {
            "network": recipe or "two dense layers",
            "board": BOARD,
            "kills": killed,
            "runs ended": ended,
            "steps": steps,
            "steps lost": lost,
            "most under way at a kill": repeated,
            "runs that differ": different,
            "seconds undisturbed": round(seconds, 1),
            "evidence": "measured",
        }
        write("tune_kills", [row])


if __name__ == "__main__":
    kills, seed, recipe = [*sys.argv[1:], *("50", "0", "")[len(sys.argv) - 1 :]]
    main(int(kills), int(seed), recipe)
