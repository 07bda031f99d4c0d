"""A built artifact with one weight changed: found, and named to the integer, on every board."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

from hwkit.cli import _run
from hwkit.flow.build import deploy
from hwkit.flow.verify import verify
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Conv2d, Dense, Padding, Rescale, Reshape, Rounding
from hwkit.ir.types import S8, Quantization
from tests.sessions import random_inputs

pytestmark = pytest.mark.slow

BOARDS = [
    "virtual_m4",
    "host_litert",
    "host_tflm",
    "rtl_sim",
    pytest.param("hls4ml_csim", marks=pytest.mark.slow),
]


def network(seed: int = 3) -> Graph:
    """conv -> dense with dyadic scales, so that every board takes it."""
    rng = np.random.default_rng(seed)
    b = GraphBuilder("small")
    b.input("x", (4, 4, 2), S8, Quantization((1 / 16,)))
    b.constant("conv.w", rng.integers(-100, 100, (4, 3, 3, 2)), S8, Quantization((1 / 64,)))
    r = Rescale((1,), (8,), Rounding.HALF_EVEN, -128, 127)
    conv = Conv2d("conv", "x", "conv.w", None, "c", padding=Padding(1, 1, 1, 1), rescale=r)
    b.add(conv, S8, Quantization((1 / 4,)))
    b.add(Reshape("flat", "c", "f"), S8, Quantization((1 / 4,)), (64,))
    b.constant("fc.w", rng.integers(-100, 100, (3, 64)), S8, Quantization((1 / 64,)))
    r = Rescale((1,), (9,), Rounding.HALF_EVEN, -128, 127)
    b.add(Dense("fc", "f", "fc.w", None, "y", rescale=r), S8, Quantization((2.0,)))
    return b.build(["y"])


def change_firmware(folder: Path) -> None:
    """Changes one weight of the first layer inside firmware.elf."""
    path = folder / "firmware.elf"
    data = bytearray(path.read_bytes())
    with path.open("rb") as stream:
        elf = ELFFile(stream)
        (symbol,) = elf.get_section_by_name(".symtab").get_symbol_by_name("layer0_weights")
        address = symbol["st_value"]
        segment = next(
            s for s in elf.iter_segments("PT_LOAD") if 0 <= address - s["p_vaddr"] < s["p_filesz"]
        )
        offset = segment["p_offset"] + address - segment["p_vaddr"]
    data[offset] = (data[offset] + 64) % 256
    path.write_bytes(bytes(data))


def change_tflite(folder: Path) -> None:
    """Changes one weight of the first layer inside model.tflite."""
    path = folder / "model.tflite"
    data = bytearray(path.read_bytes())
    weights = network().constants["conv.w"].tobytes()
    assert data.count(weights) == 1
    offset = data.index(weights)
    data[offset] = (data[offset] + 64) % 256
    path.write_bytes(bytes(data))


def change_memory_image(folder: Path) -> None:
    """Changes one weight of the first layer in the image that its ROM is filled from."""
    path = min(folder.glob("rtl/conv_weights_*.hex"))
    text = path.read_text()
    path.write_text(f"{int(text[0], 16) ^ 4:x}{text[1:]}")


def change_project(folder: Path) -> None:
    """Changes one weight of the first layer in the hls4ml project's sources."""
    path = min(folder.rglob("weights/w*.h"))
    text = path.read_text()
    numbers = re.search(r"\{(\s*)([^,}]+)", text)
    assert numbers
    changed = (
        text[: numbers.start(2)] + f"{-float(numbers.group(2)) - 1:g}" + text[numbers.end(2) :]
    )
    path.write_text(changed)


CHANGES = {
    "virtual_m4": change_firmware,
    "host_litert": change_tflite,
    "host_tflm": change_tflite,
    "hls4ml_csim": change_project,
    "rtl_sim": change_memory_image,
}


@pytest.mark.parametrize("board", BOARDS)
def test_one_changed_weight_is_named(
    board: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, folder = tmp_path / "m.hwk", tmp_path / "build"
    network().save(str(model))
    deploy(network(), board, folder)
    facts = json.loads((folder / "deploy.json").read_text())
    assert facts["board"] == board and facts["digest"] and facts["tools"]
    assert (folder / facts["artifact"]).exists()
    arguments = ["verify", str(model), "--board", board, "-n", "8", "--artifact", str(folder)]
    assert _run(arguments) == 0
    assert "0 differing" in capsys.readouterr().out

    CHANGES[board](folder)
    assert _run([*arguments, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    first = found["first"]
    assert found["differing"] > 0
    assert first["layer"] == "conv" and first["expected"] != first["got"]

    assert _run(arguments) == 1
    line = capsys.readouterr().err
    where = ",".join(str(i) for i in first["index"])
    assert line == f"hwkit: conv[{where}]: expected {first['expected']}, got {first['got']}\n"


def test_the_differing_integer_is_the_interpreters(tmp_path: Path) -> None:
    """``expected`` at ``index`` really is what the interpreter has there."""
    deploy(network(), "virtual_m4", tmp_path / "b")
    change_firmware(tmp_path / "b")
    x = random_inputs(network(), 4, 5)
    result = verify(network(), "virtual_m4", x, artifact_folder=tmp_path / "b")
    assert result.first is not None
    from hwkit.ir.interpret import run

    conv = run(network(), {"x": x}, keep=["c"])["c"]
    assert conv[result.first.index] == result.first.expected


def test_another_model_in_the_folder_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "m.hwk"
    network().save(str(model))
    arguments = ["verify", str(model), "--board", "virtual_m4", "--artifact", str(tmp_path)]
    assert _run(arguments) == 2
    assert "firmware.elf" in capsys.readouterr().err
