"""Files: same graph same bytes, and nothing damaged gets in."""

import hashlib
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwkit.errors import ConfigError, FormatError, HwkitError
from hwkit.ir import serialize
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Dense, Padding, Rescale, Reshape, Rounding
from hwkit.ir.ops import Pad as PadOp
from hwkit.ir.types import S8, Quantization


def small_graph() -> Graph:
    b = GraphBuilder("small")
    b.input("x", (2, 2, 1), S8, Quantization((0.5,), -3))
    b.add(PadOp("pad", "x", "p", Padding(1, 0, 0, 0), -3), S8, Quantization((0.5,), -3))
    b.add(Reshape("flat", "p", "f"), S8, Quantization((0.5,), -3), (6,))
    b.constant("w", np.arange(12).reshape(2, 6), S8)
    r = Rescale((2**30,), (33,), Rounding.DOUBLE, -128, 127)
    b.add(Dense("fc", "f", "w", None, "y", -3, rescale=r), S8)
    return b.build(["y"], {"source": "test"})


Change = Callable[[dict[str, Any]], object]


def with_header(change: Change) -> bytes:
    """A file whose checksum is right and whose header was edited by ``change``."""
    data = serialize.to_bytes(small_graph())
    length = struct.unpack_from("<Q", data, 8)[0]
    header = json.loads(data[16 : 16 + length])
    change(header)
    text = json.dumps(header).encode()
    body = data[:8] + struct.pack("<Q", len(text)) + text + data[16 + length : -32]
    return body + hashlib.sha256(body).digest()


def test_round_trip_and_equal_bytes(tmp_path: Path) -> None:
    graph = small_graph()
    path = tmp_path / "m.hwk"
    serialize.save(graph, path)
    again = serialize.load(path)
    assert serialize.to_bytes(again) == serialize.to_bytes(small_graph())
    assert again.nodes == graph.nodes and dict(again.tensors) == dict(graph.tensors)
    assert [p.name for p in tmp_path.iterdir()] == ["m.hwk"]


def test_every_truncation_is_refused() -> None:
    data = serialize.to_bytes(small_graph())
    for length in range(len(data)):
        with pytest.raises(FormatError):
            serialize.from_bytes(data[:length])


def test_every_flipped_bit_is_refused() -> None:
    data = serialize.to_bytes(small_graph())
    for position in range(0, len(data) * 8, 7):
        flipped = bytearray(data)
        flipped[position // 8] ^= 1 << (position % 8)
        with pytest.raises(FormatError):
            serialize.from_bytes(bytes(flipped))


@pytest.mark.parametrize(
    "change",
    [
        lambda h: h.pop("nodes"),
        lambda h: h["nodes"][0].update(op="Evil"),
        lambda h: h["nodes"][0].update(op=[]),
        lambda h: h["nodes"][0].update(extra=1),
        lambda h: h["nodes"][0].pop("output"),
        lambda h: h["nodes"][0].update(value=1000),
        lambda h: h["nodes"][0]["padding"].update(top=1 << 40),
        lambda h: h["nodes"][0]["padding"].update(top=-1),
        lambda h: h["nodes"][2]["rescale"].update(shift=[400]),
        lambda h: h["nodes"][2]["rescale"].update(multiplier=[]),
        lambda h: h["nodes"][2]["rescale"].update(rounding="sideways"),
        lambda h: h["nodes"][2].update(weight="nowhere"),
        lambda h: h["nodes"].reverse(),
        lambda h: h["tensors"]["w"].update(shape=[1 << 30, 1 << 30]),
        lambda h: h["tensors"]["w"].update(shape=[]),
        lambda h: h["tensors"]["w"].update(shape=[12]),
        lambda h: h["tensors"]["w"]["dtype"].update(bits=64),
        lambda h: h["tensors"]["x"]["quantization"].update(scale=[-1.0]),
        lambda h: h["tensors"]["x"].update(shape=[1 << 20, 1 << 20, 1]),
        lambda h: h.update(inputs=[]),
        lambda h: h.update(inputs=["w"]),
        lambda h: h.update(outputs=["nowhere"]),
        lambda h: h.update(constants=["w", "w"]),
        lambda h: h.update(tensors=[]),
        lambda h: h.update(nodes={}),
        lambda h: h.update(metadata=3),
    ],
)
def test_hostile_headers_are_refused_in_one_line(
    change: Callable[[dict[str, Any]], object],
) -> None:
    with pytest.raises(FormatError) as caught:
        serialize.from_bytes(with_header(change))
    assert "\n" not in str(caught.value)


def test_not_a_number_cannot_be_saved() -> None:
    b = GraphBuilder("nan")
    b.input("x", (2,), S8, Quantization((float("nan"),)))
    b.add(Reshape("r", "x", "y"), S8, None, (2,))
    with pytest.raises(HwkitError, match="x: scales must be finite and above 0"):
        b.build(["y"])


def test_other_version_and_missing_file(tmp_path: Path) -> None:
    data = bytearray(serialize.to_bytes(small_graph()))
    data[4] = 9
    with pytest.raises(FormatError, match="version 9"):
        serialize.from_bytes(bytes(data))
    with pytest.raises(ConfigError, match="give an existing"):
        serialize.load(tmp_path / "none.hwk")


def test_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.hwk"
    path.write_bytes(b"old")

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ConfigError, match="No space left on device"):
        serialize.save(small_graph(), path)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["m.hwk"]
