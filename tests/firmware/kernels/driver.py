"""The kernels of one variant, compiled for this machine under ASan and UBSan, behind a pipe."""

from __future__ import annotations

import hashlib
import struct
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from hwkit import resources
from hwkit.files import write_whole
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Op, activations
from hwkit.ir.storage import Storage
from hwkit.ir.types import Array
from hwkit.targets.mcu.emit import from_device, to_device
from hwkit.targets.mcu.emit_packed import HEADERS
from hwkit.targets.mcu.kernels import Kernel, alternatives, listed, root
from hwkit.targets.mcu.layers import Call, calls
from hwkit.targets.mcu.layouts import laid_out
from hwkit.targets.mcu.lower import tensor_bytes
from hwkit.targets.mcu.packed import FORMS, MOVES, fits, packed
from hwkit.targets.mcu.read_ahead import overlaps
from hwkit.targets.mcu.structs import Enumerator, Struct, Table, Value
from hwkit.toolchain import host_cc
from hwkit.toolchain.cache import cache_folder

HERE = Path(__file__).parent
FLAGS = ("-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-g")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
VARIANTS = {
    "ref": ("ref",),
    "dsp": ("dsp", "ref"),
    "v6m": ("v6m", "scalar", "ref"),
    "rv32": ("rv32", "scalar", "ref"),
}
"""Folders of firmware/kernels by the name of a variant, best first."""


def includes(variant: str) -> list[str]:
    """Include folders of the kernels of one variant on this machine."""
    firmware = resources.folder("firmware")
    kernels = [firmware / "kernels" / folder for folder in VARIANTS[variant]]
    folders = [firmware / "include", *kernels, firmware / "kernels"]
    return [f"-I{folder}" for folder in folders]


def tested(folders: Sequence[str]) -> tuple[tuple[str, str, int], ...]:
    """Name, descriptor and inputs of every kernel, then of the alternatives that one of ``folders``
    has."""
    of = {name: (descriptor, inputs) for name, descriptor, inputs in listed()}
    others = ((k, *of[name]) for name, k in alternatives() if folder_of(k, folders))
    return tuple(dict.fromkeys((*listed(), *others)))


def folder_of(kernel: str, folders: Sequence[str]) -> str:
    """The first of ``folders`` that has the kernel; "" if none has."""
    return next((f for f in folders if (root() / f / f"hwk_{kernel}.h").is_file()), "")


def listings(folders: Sequence[str]) -> dict[str, bytes]:
    """The files that driver.c includes: every kernel's header, and the list of them."""
    names = tested(folders)
    lines = ['#include "hwk_kernels.h"', *(f"#include <hwk_{k}.h>" for k, _, _ in names)]
    lines += [f"#include <hwk_{name}.h>" for name in HEADERS]
    listing = [f"HWK_KERNEL({k}, {d}, {n})" for k, d, n in names]
    forms = [
        f"HWK_PACKED({k}, {d}, {n}, {0 if d in MOVES else n})" for k, d, n in names if d in FORMS
    ]
    texts = {"all_kernels.h": lines, "tested_kernels.inc": listing, "packed_kernels.inc": forms}
    return {name: "".join(f"{line}\n" for line in of).encode() for name, of in texts.items()}


def compile_driver(variant: str) -> Path:
    """Compiles driver.c with every kernel of ``variant``, or takes it from the cache, which keys
    it by all that it includes; the executable's path."""
    content = listings(VARIANTS[variant])
    digest = hashlib.sha256(b"".join(content.values())).hexdigest()
    folder = cache_folder("drivers") / digest[:16]
    for name, text in content.items():
        if not (folder / name).exists():
            write_whole(folder / name, text)
    # Not optimized: compiling takes longer than running, and sanitizers see every access.
    flags = ["-O0", *host_cc.SANITIZERS, f"-I{folder}", *includes(variant)]
    return host_cc.executable([HERE / "driver.c"], flags)


@dataclass(frozen=True)
class Answer:
    """What a kernel wrote, and what its scratch twin said."""

    output: bytes
    scratch_bytes: int


class Driver:
    """A running driver; ``call`` runs one kernel."""

    def __init__(self, variant: str, path: Path, folders: Sequence[str] = ()) -> None:
        """``folders`` of firmware/kernels, best first, where they are not those of ``variant``."""
        self.variant = variant
        self._folders = folders or VARIANTS[variant]
        self._kernels = tested(self._folders)
        self._index = {name: k for k, (name, _, _) in enumerate(self._kernels)}
        forms = [name for name, descriptor, _ in self._kernels if descriptor in FORMS]
        self._packed = {name: len(self._kernels) + k for k, name in enumerate(forms)}
        self._process = subprocess.Popen(
            [path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate()

    def call(
        self,
        call: Call,
        inputs: list[bytes],
        output: bytes,
        in_place: int | None = None,
        ahead_bytes: int | None = None,
        scratch_bytes: int = 0,
    ) -> Answer:
        """Runs ``call``, in its packed form with ``scratch_bytes``; ``output`` is the output's
        memory before it, ``in_place`` the number of the input whose memory it shares; with
        ``ahead_bytes`` it starts so much before the first input, and may run into it."""
        if call.packing is None:
            message = [_number(self._index[call.kernel]), _struct(call.descriptor)]
        else:
            message = [_number(self._packed[call.kernel]), _struct(call.packing)]
            message += [_number(scratch_bytes), _struct(call.descriptor)]
        message += [_bytes(data) for data in inputs]
        shared = -1 if in_place is None else in_place
        if ahead_bytes is not None:
            shared = -2 - ahead_bytes
        message += [_number(shared), _bytes(output)]
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        stdin.write(b"".join(message))
        stdin.flush()
        answer = stdout.read(4 + len(output))
        if len(answer) != 4 + len(output):
            _, errors = self._process.communicate()
            raise AssertionError(f"hwk_{call.kernel} died:\n{errors.decode()}")
        return Answer(answer[4:], int.from_bytes(answer[:4], "little"))

    def layer(
        self, graph: Graph, op: Op, values: Mapping[str, Array], overlapping: bool = False
    ) -> Array:
        """The output of ``op`` for one sample, the same from every kernel that fits; also holds the
        scratch formulas to the twins. With ``overlapping`` the output runs into the input as far
        as the kernel allows."""
        output = bytes(tensor_bytes(graph, op.output))
        for call in calls(graph, op):
            inputs = [to_device(values[x], graph.tensors[x].dtype) for x in call.inputs]
            first, *others = (
                self._computed(call, kernel, inputs, output, overlapping)
                for kernel in self._fitting(call)
            )
            assert all(other == first for other in others), f"{call.kernel} and its alternatives"
            output = first
        if not calls(graph, op):
            (source,) = activations(op)
            return values[source].reshape(graph.tensors[op.output].shape)
        return from_device(output, graph.tensors[op.output])

    def packed_layer(
        self,
        graph: Graph,
        op: Op,
        values: Mapping[str, Array],
        stored: Mapping[str, Storage],
        overlapping: bool = False,
    ) -> Array:
        """As ``layer``, with tensors ``stored`` so."""
        tensor = graph.tensors[op.output]
        output = bytes(stored[op.output].bytes_of(tensor))
        for call in calls(graph, op):
            inputs = [stored[x].pack(values[x]) for x in call.inputs]
            before, found = output, []
            for kernel in self._listed(call):
                if not fits(call, kernel, stored, op.output):
                    continue
                form = packed(replace(call, kernel=kernel.name), kernel, stored, op.output)
                ahead = -(-form.ahead_bytes // 4) * 4 if form.ahead_bytes is not None else None
                answer = self.call(
                    form.call,
                    inputs,
                    before,
                    ahead_bytes=ahead if overlapping else None,
                    scratch_bytes=form.scratch_bytes,
                )
                assert answer.scratch_bytes == form.scratch_bytes, kernel.name
                found.append(stored[op.output].unpack(answer.output, tensor))
                output = answer.output
            for kernel_output in found:
                assert np.array_equal(kernel_output, found[0]), f"{call.kernel}, alternatives"
        return stored[op.output].unpack(output, tensor)

    def _fitting(self, call: Call) -> list[Kernel]:
        """The kernel that ``call`` names, and the alternatives that can compute it."""
        narrow = [k for k in self._listed(call) if call.input_bits <= k.row.input_bits]
        return [kernel for kernel in narrow if kernel.fits(call.descriptor)]

    def _listed(self, call: Call) -> list[Kernel]:
        """The kernel that ``call`` names, and the alternatives."""
        names = (call.kernel, *(other for of, other in alternatives() if of == call.kernel))
        known = {name: (descriptor, n) for name, descriptor, n in self._kernels}
        return [
            Kernel(name, *known[name], folder_of(name, self._folders))
            for name in names
            if name in known
        ]

    def _computed(
        self, call: Call, kernel: Kernel, inputs: list[bytes], output: bytes, overlapping: bool
    ) -> bytes:
        call = replace(call, kernel=kernel.name)
        ahead = overlaps((call,), {call.kernel: kernel}) if overlapping else {}
        # Kernels want their inputs at a multiple of 4.
        ahead_bytes = -(-ahead[call.inputs[0]] // 4) * 4 if ahead else None
        over_start = kernel.row.over_start
        if overlapping and over_start and over_start(call.descriptor):
            ahead_bytes = 0 if len(output) <= len(inputs[0]) else None
        answer = self.call(
            laid_out(call, kernel.row.layout), inputs, output, ahead_bytes=ahead_bytes
        )
        assert answer.scratch_bytes == kernel.scratch_bytes(call.descriptor), kernel.name
        return answer.output


def run_graph(driver: Driver, graph: Graph, x: Array) -> dict[str, Array]:
    """Every tensor of a lowered graph for a batch, each layer computed by ``driver``."""
    kept: dict[str, list[Array]] = {}
    for sample in x:
        values = {graph.inputs[0]: sample}
        for op in graph.nodes:
            values[op.output] = driver.layer(graph, op, values)
        for name, value in values.items():
            kept.setdefault(name, []).append(value)
    return {name: np.stack(samples) for name, samples in kept.items()}


def _number(value: int) -> bytes:
    return struct.pack("<i", value)


def _bytes(data: bytes) -> bytes:
    return _number(len(data)) + data


def _struct(value: Struct) -> bytes:
    return b"".join(_field(field) for field in value.fields.values())


def _field(value: Value) -> bytes:
    if value is None:
        return _number(-1)
    if isinstance(value, Enumerator):
        return _number(value.value)
    if isinstance(value, Table):
        return _bytes(value.values.tobytes())
    if isinstance(value, Struct):
        return _struct(value)
    if isinstance(value, tuple):
        return b"".join(_field(part) for part in value)
    return _number(value)
