"""Fuzzes what reads files of others: coverage-guided bytes, and valid files with one field changed.

python -m benchmarks.fuzz DOOR FOLDER [libFuzzer options]     DOOR: tflite, qonnx, hwk or npy

wants ``pip install 'hwkit[fuzz]'``. Everything but a result or one of hwkit's one-line errors, and
what takes more than ``SLOW_S`` seconds, is written to FOLDER once for each place it comes from; the
run goes on. Example: ``python -m benchmarks.fuzz tflite /tmp/found -max_total_time=1200``.
"""

from __future__ import annotations

import hashlib
import io
import json
import random
import resource
import struct
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import atheris
import numpy as np

with atheris.instrument_imports(include=["hwkit"]):
    from hwkit.errors import HwkitError
    from hwkit.flow.arrays import load_array
    from hwkit.flow.models import load
    from hwkit.importers.qonnx import importer as qonnx
    from hwkit.importers.tflite import importer as tflite
    from hwkit.ir import serialize
    from hwkit.ir.graph import Graph

from tests.conformance.tflite_graphs import TYPES, kinds, random_file

INSTRUMENTED = (qonnx, tflite)
"""What ``load`` would import later: by then it is too late to count their branches."""

SLOW_S = 5.0
MEMORY_BYTES = 4 << 30
_RUN_ELEMENTS = 4096
"""Graphs whose largest tensor is no larger are also saved, loaded and run."""
_INTERESTING = (0, 1, -1, 2, 3, 4, 7, 8, 127, 128, 255, 256, 32767, 65536, 2**31 - 1, -(2**31))


def _read(path: Path) -> None:
    """What a user's command does with a model file."""
    graph = load(path)
    if (
        isinstance(graph, Graph)
        and max(t.elements for t in graph.tensors.values()) <= _RUN_ELEMENTS
    ):
        again = serialize.from_bytes(serialize.to_bytes(graph))
        again.predict({name: _zeros(again, name) for name in again.inputs})


def _zeros(graph: Graph, name: str) -> Any:
    tensor = graph.tensors[name]
    return np.zeros((1, *tensor.shape), tensor.dtype.container)


def _number(rng: random.Random, old: Any) -> Any:
    if isinstance(old, float):
        return rng.choice((0.0, -1.0, 1e-30, 1e30, float("nan"), float("inf"), old * 2, old / 3))
    return rng.choice((*_INTERESTING, int(old) + 1, int(old) - 1))


def _mutate_tree(node: Any, rng: random.Random) -> None:
    """Changes one leaf of a tree of objects and lists (a flatbuffer's object API)."""
    for _ in range(40):
        names = [n for n, v in vars(node).items() if v is not None and not callable(v)]
        if not names:
            return
        name = rng.choice(names)
        value = getattr(node, name)
        if isinstance(value, bool | int | float | np.integer | np.floating):
            setattr(node, name, _number(rng, value))
            return
        if isinstance(value, np.ndarray) and value.size:
            changed = value.copy()
            at = rng.randrange(value.size)
            with np.errstate(all="ignore"):
                try:
                    changed.reshape(-1)[at] = _number(rng, value.reshape(-1)[at].item())
                except OverflowError:
                    changed.reshape(-1)[at] = 0
            setattr(node, name, changed if rng.random() < 0.8 else changed[:-1])
            return
        if isinstance(value, list) and value:
            at = rng.randrange(len(value))
            if hasattr(value[at], "__dict__"):
                node = value[at]
                continue
            if rng.random() < 0.2:
                value.pop(at)
            else:
                value[at] = _number(rng, value[at])
            return
        if hasattr(value, "__dict__"):
            node = value


def _mutate_tflite(data: bytes, rng: random.Random) -> bytes:
    import flatbuffers

    from hwkit.targets.edge.flatbuffer import schema

    tree = schema().ModelT.InitFromPackedBuf(bytearray(data), 0)
    for _ in range(rng.randint(1, 3)):
        _mutate_tree(tree, rng)
    builder = flatbuffers.Builder(1024)
    builder.Finish(tree.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _mutate_onnx(data: bytes, rng: random.Random) -> bytes:
    import onnx

    model = onnx.ModelProto()
    model.ParseFromString(data)
    for _ in range(rng.randint(1, 3)):
        _mutate_message(model, rng)
    return bytes(model.SerializeToString())


def _mutate_message(message: Any, rng: random.Random) -> None:
    for _ in range(40):
        fields = message.ListFields()
        if not fields:
            return
        field, value = rng.choice(fields)
        repeated = hasattr(value, "append") and not isinstance(value, (str, bytes))
        if repeated:
            at = rng.randrange(len(value))
            action = rng.random()
            if hasattr(value[at], "ListFields"):
                if action < 0.06:
                    del value[at]
                    return
                if action < 0.1:
                    value.add().CopyFrom(value[rng.randrange(len(value))])
                    return
                message = value[at]
                continue
            value[at] = _scalar(value[at], rng)
            return
        if hasattr(value, "ListFields"):
            message = value
            continue
        setattr(message, field.name, _scalar(value, rng))
        return


def _scalar(value: Any, rng: random.Random) -> Any:
    if isinstance(value, str):
        return rng.choice(("", value + "x", value[:-1], value * 40, "\n"))
    if isinstance(value, bytes):
        at = rng.randrange(len(value) + 1)
        return rng.choice(
            (b"", value[:at], value[:at] + bytes([rng.randrange(256)]) + value[at + 1 :])
        )
    if isinstance(value, float):
        return _number(rng, value)
    return rng.choice((0, 1, 2, 3, 7, 8, 255, 2**31 - 1, max(value - 1, 0), value + 1))


def _mutate_hwk(data: bytes, rng: random.Random) -> bytes:
    """One value of the header changed, with a checksum that is right again."""
    magic, version, length = struct.unpack_from("<4sIQ", data)
    header, rest = json.loads(data[16 : 16 + length]), data[16 + length : -32]
    for _ in range(rng.randint(1, 3)):
        _mutate_json(header, rng)
    text = json.dumps(header).encode()
    body = struct.pack("<4sIQ", magic, version, len(text)) + text + rest
    return body + hashlib.sha256(body).digest()


def _mutate_json(value: Any, rng: random.Random) -> None:
    for _ in range(40):
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return
        key = rng.choice(keys)
        inner = value[key]
        if isinstance(inner, dict | list) and inner and rng.random() < 0.93:
            value = inner
            continue
        if rng.random() < 0.1:
            del value[key]
        elif isinstance(inner, int | float) and not isinstance(inner, bool):
            value[key] = _number(rng, inner)
        else:
            value[key] = rng.choice((None, [], {}, "", "x", 0, -1, 1e300, True, [0], {"a": 1}))
        return


def _mutate_npy(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        changed[rng.randrange(min(len(changed), 128))] = rng.choice(
            b"()[]{}',:<>|0129ifuOVx \n\\#\0\xff"
        )
    return bytes(changed)


def _npy_seeds() -> list[bytes]:
    seeds = []
    for value in (np.zeros((2, 3), np.int8), np.arange(8, dtype="<i4").reshape(2, 2, 2)):
        stream = io.BytesIO()
        np.save(stream, value)
        seeds.append(stream.getvalue())
    return seeds


def _hwk_seeds() -> list[bytes]:
    from hwkit.importers.tflite.file import parse
    from hwkit.importers.tflite.importer import convert

    return [serialize.to_bytes(convert(parse(data), "m")) for data in _tflite_seeds()]


def _tflite_seeds() -> list[bytes]:
    """A small file of each operator and type."""
    return [
        random_file(np.random.default_rng(seed), dtype, kind).data
        for dtype in TYPES
        for seed, kind in enumerate(kinds(dtype))
    ]


_Mutate = Callable[[bytes, random.Random], bytes]
DOORS: dict[str, tuple[Callable[[Path], object], str, _Mutate, Callable[[], list[bytes]]]] = {
    "tflite": (_read, ".tflite", _mutate_tflite, _tflite_seeds),
    "qonnx": (_read, ".onnx", _mutate_onnx, lambda: []),
    "hwk": (_read, ".hwk", _mutate_hwk, _hwk_seeds),
    "npy": (load_array, ".npy", _mutate_npy, _npy_seeds),
}


def place(error: BaseException) -> str:
    """The innermost line of hwkit's that ``error`` comes from, and its type."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "/hwkit/" in f.filename]
    last = frames[-1] if frames else None
    where = "outside" if last is None else f"{Path(last.filename).stem}_{last.name}_{last.lineno}"
    return f"{type(error).__name__}_{where}"


def main(arguments: list[str]) -> None:
    door, folder, *options = arguments
    read, ending, mutate, seeds = DOORS[door]
    found = Path(folder)
    found.mkdir(parents=True, exist_ok=True)
    corpus = found / "corpus"
    corpus.mkdir(exist_ok=True)
    for seed in seeds():
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    scratch = Path(tempfile.mkdtemp()) / f"fuzzed{ending}"

    def keep(what: str, data: bytes) -> None:
        target = found / f"{what}{ending}"
        if not target.exists() or target.stat().st_size > len(data):
            target.write_bytes(data)
            print(f"\nfound {what} ({len(data)} bytes)", file=sys.stderr, flush=True)

    def one(data: bytes) -> None:
        scratch.write_bytes(data)
        start = time.process_time()
        try:
            read(scratch)
        except HwkitError as error:
            if "\n" in str(error) or len(str(error)) > 2000:
                keep("message_" + place(error), data)
        except (Exception, RecursionError, MemoryError) as error:
            keep(place(error), data)
        if time.process_time() - start > SLOW_S:
            keep(f"slow_{hashlib.sha256(data).hexdigest()[:8]}", data)

    def mutated(data: bytes, max_size: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if rng.random() < 0.6:
            try:
                return mutate(data, rng)[:max_size]
            except Exception:  # the bytes are no longer a file that has fields
                pass
        return bytes(atheris.Mutate(data, max_size))

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    atheris.Setup(
        [sys.argv[0], *options, "-max_len=65536", "-timeout=60", str(corpus)],
        one,
        custom_mutator=mutated,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
