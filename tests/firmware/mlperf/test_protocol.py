"""MLPerf Tiny's protocol in C, on the host under sanitizers, around the stub model."""

from __future__ import annotations

import re
import struct
import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit import resources
from hwkit.toolchain import host_cc
from tests.firmware.runtime import stub

SIZE = stub.BYTES
PLAIN = {
    "MODEL": '"ic01"',
    "PROFILE": '"profile"',
    "VENDOR": '"vendor"',
    "INPUT": "HWK_MLPERF_FEATURES",
    "SAMPLE_BYTES": f"{SIZE}u",
    "ELEMENTS": f"{SIZE}u",
    "INPUT_SCALE": "1.0f",
    "INPUT_ZERO_POINT": "(0)",
    "RESULTS": "HWK_MLPERF_SCORES",
    "OUTPUTS": f"{SIZE}u",
    "OUTPUT_TYPE": "int8_t",
    "OUTPUT_SCALE": "1.0f",
    "OUTPUT_ZERO_POINT": "(0)",
    "DECIMALS": "3",
    "ENERGY": "0",
}


@cache
def _program(facts: tuple[tuple[str, str], ...]) -> Path:
    root = resources.folder("firmware")
    sources = [root / "mlperf" / "main.c", root / "mlperf" / "hwk_mlperf.c"]
    sources += [root / "runtime" / "hwk_profile.c", stub.SOURCE, stub.HOST_PLATFORM]
    folders = ("include", "runtime", "mlperf", "platforms/host")
    include = [
        *(f"-I{root / folder}" for folder in folders),
        f"-I{Path(__file__).parent / 'empty'}",
    ]
    defined = [f"-DHWK_MLPERF_{name}={value}" for name, value in facts]
    return host_cc.executable(sources, [*host_cc.SANITIZERS, *include, *stub.flags(), *defined])


def said(wire: bytes, **facts: str) -> str:
    """All that the device says to ``wire`` behind what it says when it starts."""
    program = _program(tuple({**PLAIN, **facts}.items()))
    done = subprocess.run([program], input=wire, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    energy = facts.get("ENERGY") == "1"
    mode, lap = ("energy", "") if energy else ("performance", "m-lap-us-0\r\n")
    start = f"m-timestamp-mode-{mode}\r\n{lap}m-init-done\r\nm-ready\r\n"
    text = done.stdout.decode("latin-1")
    assert text.startswith(start)
    return text.removeprefix(start)


def ask(*commands: str, **facts: str) -> list[list[str]]:
    """The lines that answer each command."""
    text = said("".join(f"{command}%" for command in commands).encode(), **facts)
    answers = text.split("m-ready\r\n")
    assert answers.pop() == "" and len(answers) == len(commands)
    return [answer.splitlines() for answer in answers]


def loading(sample: bytes) -> list[str]:
    parts = [sample[k : k + 31] for k in range(0, len(sample), 31)]
    return [f"db load {len(sample)}", *(f"db {part.hex()}" for part in parts)]


def results(sample: bytes, **facts: str) -> str:
    *_, lines = ask(*loading(sample), "infer 1 0", **facts)
    (found,) = (line for line in lines if line.startswith("m-results-["))
    return found.removeprefix("m-results-[").removesuffix("]")


SAMPLE = bytes((k * 37 + 5) % 256 for k in range(SIZE))


def test_it_says_who_it_is() -> None:
    name, profile, timestamp = ask("name", "profile", "timestamp")
    assert name == ["m-name-dut-[vendor]"]  # the host says that it is hardware
    assert profile == ["m-profile-[profile]", "m-model-[ic01]"]
    assert timestamp == ["m-lap-us-0"]  # and has no clock


def test_a_run_of_inferences_has_the_runners_lines_in_its_order() -> None:
    load, first, *_, last, infer, again = ask(*loading(SAMPLE), "infer 3 2", "results")
    assert load == [f"m-[Expecting {SIZE} bytes]"]
    assert (first, last) == ([], ["m-load-done"])
    results = infer[-1]
    assert infer == [
        "m-warmup-start-2",
        "m-warmup-done",
        "m-infer-start-3",
        "m-lap-us-0",
        "m-lap-us-0",
        "m-infer-done",
        results,
    ]
    assert again == [results]
    # Warm-ups are ten unless it is said.
    assert ask(*loading(SAMPLE), "infer 1")[-1][0] == "m-warmup-start-10"


def test_scores_keep_the_order_and_are_above_zero() -> None:
    y = np.frombuffer(stub.add_one(SAMPLE), np.int8).astype(int)
    assert results(SAMPLE) == ",".join(str(value - y.min() + 1) for value in y)


def test_pixels_are_less_128_inside_and_shown_as_they_came() -> None:
    y = (np.frombuffer(SAMPLE, np.uint8) ^ 0x80).view(np.int8) + np.int8(1)
    whole = y.astype(int)
    expected = ",".join(str(value - whole.min() + 1) for value in whole)
    assert results(SAMPLE, INPUT="HWK_MLPERF_PIXELS") == expected
    *_, shown = ask(*loading(SAMPLE), "db print", INPUT="HWK_MLPERF_PIXELS")
    assert shown[0] == "m-buffer-" + "-".join(f"{byte:02x}" for byte in SAMPLE[:8])
    assert len(shown) == SIZE // 8


@pytest.mark.parametrize("scale", [2.0**-8, 0.0123])
def test_real_values_are_printed_as_printf_does(scale: float) -> None:
    sample = bytes(range(SIZE)) if scale < 0.005 else SAMPLE
    y = np.frombuffer(stub.add_one(sample), np.int8).astype(np.float32)
    reals = (y + np.float32(128)) * np.float32(scale)
    facts = {"OUTPUT_SCALE": f"{float(np.float32(scale)).hex()}f", "OUTPUT_ZERO_POINT": "(-128)"}
    shown = results(sample, RESULTS="HWK_MLPERF_PROBABILITIES", **facts)
    assert shown == ",".join(f"{float(value):.3f}" for value in reals)


@given(st.lists(st.integers(-(1 << 31), (1 << 31) - 1), min_size=16, max_size=16))
@settings(max_examples=15, deadline=None, derandomize=True, database=None)
def test_values_of_any_size(values: list[int]) -> None:
    """Thousandths from one side of what 32 bits hold to zero, ties among them."""
    wanted = struct.pack("<16i", *values)
    sample = bytes((byte - 1) % 256 for byte in wanted)
    facts = {"OUTPUTS": "16u", "OUTPUT_TYPE": "int32_t", "OUTPUT_SCALE": "0x1p-11f"}
    shown = results(sample, RESULTS="HWK_MLPERF_PROBABILITIES", **facts).split(",")
    scaled = [float(np.float32(value) * np.float32(2**-11)) for value in values]
    assert shown == [f"{value:.3f}" for value in scaled]


def test_reals_are_quantized_and_compared_with_what_came_out() -> None:
    rng = np.random.default_rng(1)
    scale, zero = np.float32(0.39), 11
    x = rng.uniform(-70, 70, SIZE).astype("<f4")
    x[:5] = [np.nan, np.inf, -np.inf, scale * np.float32(0.5), scale * np.float32(-2.5)]
    finite = np.nan_to_num(x / scale, nan=-1024, posinf=1024, neginf=-1024)
    rounded = np.sign(finite) * np.floor(np.abs(finite) + np.float32(0.5))
    q = np.clip(rounded + zero, -128, 127).astype(np.int8)
    y = q + np.int8(1)
    facts = {
        "INPUT": "HWK_MLPERF_REALS",
        "SAMPLE_BYTES": f"{4 * SIZE}u",
        "INPUT_SCALE": f"{float(scale).hex()}f",
        "INPUT_ZERO_POINT": f"({zero})",
    }
    scores = [int(text) for text in results(x.tobytes(), **facts).split(",")]
    assert scores == [int(value) - int(y.min()) + 1 for value in y]
    x[:3] = 0.0
    y[:3] = np.int8(zero + 1)
    squares = ((y.astype(np.float32) + 3) * np.float32(0.4) - x) ** 2
    total = np.add.accumulate(squares, dtype=np.float32)[-1] / np.float32(SIZE)
    facts |= {"RESULTS": "HWK_MLPERF_DISTANCE", "OUTPUT_ZERO_POINT": "(-3)"}
    shown = results(x.tobytes(), **facts, OUTPUT_SCALE=f"{float(np.float32(0.4)).hex()}f")
    assert shown == f"{float(total):.3f}"


def test_energy_mode_prints_no_time() -> None:
    *_, lines = ask(*loading(SAMPLE), "infer 2 1", ENERGY="1")
    assert lines[:3] == ["m-warmup-start-1", "m-warmup-done", "m-infer-start-2"]
    assert not any("lap" in line for line in lines)


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("db", "e-[Command 'db' requires a subcommand]"),
        ("db load 0", "e-[Command 'db load' requires the # of bytes, >0]"),
        ("db load", "e-[Command 'db load' requires the # of bytes, >0]"),
        ("db load 65", "Supplied buffer size 65 exceeds maximum of 64"),
        ("db load 99999999999999", "Supplied buffer size 2147483647 exceeds maximum of 64"),
        ("db 00", "e-[No byte is expected; 'db load' comes first]"),
        ("db 0", "e-[Insufficent number of hex digits]"),
        ("db 0x", "e-[Invalid hex digit in 0x]"),
        ("infer 0 0", "e-[Inference iterations must be >0]"),
        ("infer 1 -1", "e-[Inference warmup must be >=0]"),
        ("infer 1 0", "e-[The sample is not loaded]"),
        ("results", "e-[No inference yet]"),
        ("nonsense 1", "e-[Unknown command: nonsense]"),
        ("", "e-[Unknown command: ]"),
        ("x" * 81, "e-[Command longer than 80 characters]"),
    ],
)
def test_what_it_refuses(command: str, complaint: str) -> None:
    assert ask(command, "name") == [[complaint], ["m-name-dut-[vendor]"]]


@given(
    st.lists(
        st.one_of(
            st.sampled_from([b"name%", b"db load 8%", b"db 0011%", b"db print%", b"infer 1 0%"]),
            st.binary(max_size=100),
            st.text("dblo 0123fF%x", max_size=90).map(str.encode),
        ),
        max_size=12,
    )
)
@settings(max_examples=25, deadline=None, derandomize=True, database=None)
def test_it_survives_garbage(parts: list[bytes]) -> None:
    wire = b"".join(parts)
    wire = re.sub(rb"infer\s+\d{3,}", b"infer 1", wire)
    assert said(wire + b"%").count("m-ready") == wire.count(b"%") + 1
