"""Integers in and out of NumPy's files: ``.npy``, ``.npz``, and several by name."""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from tokenize import TokenError
from typing import BinaryIO, Protocol

import numpy as np

from hwkit.errors import ConfigError, FormatError
from hwkit.files import check_writable, opened, size_text, write_whole
from hwkit.ir.types import Array

MAX_ARRAY_BYTES = 1 << 30
"""Of one file of inputs, and of what its arrays take in memory together."""

_REMEDY = "give an existing .npy or .npz"
_DAMAGED = "save it again with numpy"
_UNREADABLE = (  # what NumPy's parser of headers and the modules below zipfile raise
    ValueError,
    TypeError,
    SyntaxError,
    TokenError,
    OverflowError,
    EOFError,
    KeyError,
    MemoryError,
    RecursionError,
    RuntimeError,
    NotImplementedError,
    zipfile.BadZipFile,
    lzma.LZMAError,
    zlib.error,
)
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


class Borders(Protocol):
    """What has inputs and outputs by name: a graph, or a network with float parts."""

    @property
    def name(self) -> str: ...

    @property
    def inputs(self) -> tuple[str, ...]: ...

    @property
    def outputs(self) -> tuple[str, ...]: ...


INTEGERS, NUMBERS = "iu", "iuf"
"""Kinds of dtypes that are taken: a graph's, and those of a network with float parts."""


def load_array(path: str | Path, kinds: str = INTEGERS) -> Array:
    """The integers in a ``.npy`` file (never pickle), first axis the batch.

    Any byte order, C or Fortran order. ``ConfigError`` when it cannot be opened or holds something
    else than integers, ``FormatError`` when it is damaged: nothing is allocated for a shape that
    the file is too short for.
    """
    path = Path(path)
    with opened(path, MAX_ARRAY_BYTES, _REMEDY) as stream:
        return _array(stream, str(path), kinds)


def load_arrays(path: str | Path, kinds: str = INTEGERS) -> dict[str, Array]:
    """The arrays in an ``.npz`` file by name; see ``load_array``."""
    path = Path(path)
    found: dict[str, Array] = {}
    left = MAX_ARRAY_BYTES
    with opened(path, MAX_ARRAY_BYTES, _REMEDY) as stream:
        try:
            with zipfile.ZipFile(stream) as archive:
                for member in archive.infolist():
                    name = member.filename.removesuffix(".npy")
                    if name in found:
                        raise ValueError(f"{name!r:.60} is there twice")
                    left -= member.file_size
                    if left < 0:
                        raise ConfigError(
                            f"{path}: its arrays take more than {size_text(MAX_ARRAY_BYTES)}; "
                            "give fewer inputs at once"
                        )
                    data = archive.read(member)
                    found[name] = _array(io.BytesIO(data), f"{path}: {name!r:.60}", kinds)
        except _UNREADABLE as error:
            raise FormatError(f"{path}: not a readable .npz ({error}); {_DAMAGED}") from error
    return found


def _array(stream: BinaryIO, where: str, kinds: str) -> Array:
    try:
        version = np.lib.format.read_magic(stream)
        if version not in _HEADERS:
            raise ValueError(f"version {version}")
        shape, fortran_order, dtype = _HEADERS[version](stream)
        if any(type(length) is not int or length < 0 for length in shape):
            raise ValueError(f"shape {shape}")
    except _UNREADABLE as error:
        text = " ".join(str(error).split())
        raise FormatError(f"{where}: not a readable .npy ({text:.200}); {_DAMAGED}") from error
    if dtype.kind not in kinds or len(shape) < 2:
        wanted = "integers" if kinds == INTEGERS else "numbers"
        raise ConfigError(f"{where}: holds {dtype}{shape}; needs {wanted}, first axis the batch")
    size = prod(shape) * dtype.itemsize
    start = stream.tell()
    present = stream.seek(0, io.SEEK_END) - start
    if present != size:
        raise FormatError(
            f"{where}: not a readable .npy ({present} bytes of data, {dtype}{shape} takes {size}); "
            f"{_DAMAGED}"
        )
    stream.seek(start)
    values = np.frombuffer(stream.read(size), dtype)
    values = values.reshape(shape, order="F" if fortran_order else "C")
    return np.ascontiguousarray(values, dtype.newbyteorder("="))


def load_inputs(graph: Borders, sources: Sequence[str], kinds: str = INTEGERS) -> dict[str, Array]:
    """The inputs of ``graph`` by name, from ``x.npy``, from ``a=x.npy`` and ``b=y.npy``, or from an
    ``.npz`` with an array of each name.

    ``ConfigError`` for names that are missing, unknown or given twice, and batches that differ.
    """
    named: dict[str, Array] = {}
    for source in sources:
        name, path = _split(source, graph.inputs, "input")
        if name is None and Path(path).suffix == ".npz":
            arrays = load_arrays(path, kinds)
            if len(arrays) == len(graph.inputs) == 1:
                arrays = dict(zip(graph.inputs, arrays.values(), strict=True))
        else:
            arrays = {
                _only(graph.inputs, "input") if name is None else name: load_array(path, kinds)
            }
        if twice := named.keys() & arrays.keys():
            raise ConfigError(f"input {min(twice)!r} is given twice; give each once")
        named |= arrays
    _check_names(named, graph)
    return named


def _check_names(named: Mapping[str, Array], graph: Borders) -> None:
    inputs = ", ".join(graph.inputs)
    if unknown := [name for name in named if name not in graph.inputs]:
        raise ConfigError(f"no input {unknown[0]!r:.60}; {graph.name} has {inputs}")
    if missing := [name for name in graph.inputs if name not in named]:
        raise ConfigError(
            f"input {missing[0]!r} is missing; {graph.name} has {inputs}: give each as "
            "-i name=x.npy, or an .npz with all of them"
        )
    if len({len(x) for x in named.values()}) > 1:
        sizes = ", ".join(f"{name} {len(x)}" for name, x in named.items())
        raise ConfigError(f"inputs of different batches ({sizes}); give as many of each")


def output_files(graph: Borders, targets: Sequence[str]) -> dict[str, Path]:
    """Where each output goes, by name: ``y.npy``, ``a=y.npy`` and ``b=z.npy`` (those not named are
    not kept), or an ``.npz`` for all of them.

    ``ConfigError`` for names that no output has or that come twice, and for what can't be written.
    """
    found: dict[str, Path] = {}
    for target in targets:
        name, text = _split(target, graph.outputs, "output")
        path = Path(text)
        check_writable(path)
        if name is None and path.suffix == ".npz":
            names = graph.outputs
        else:
            names = (_only(graph.outputs, "output") if name is None else name,)
        if twice := found.keys() & set(names):
            raise ConfigError(f"output {min(twice)!r} is given twice; give each once")
        if path in found.values():
            raise ConfigError(f"{path}: is given twice; give each output a file of its own")
        found |= dict.fromkeys(names, path)
    return found


def _split(text: str, names: Sequence[str], kind: str) -> tuple[str | None, str]:
    """``name=path`` in two, the name None for a path alone. A path may hold ``=`` too, so what
    stands before one is a name where the graph has it, or where no file is called so."""
    for name in names:
        if text.startswith(f"{name}="):
            return name, text[len(name) + 1 :]
    name, equals, path = text.partition("=")
    if equals and "/" not in name and not Path(text).exists():
        raise ConfigError(f"no {kind} {name!r:.60} (of {path}); the model has {', '.join(names)}")
    return None, text


def _only(names: Sequence[str], kind: str) -> str:
    if len(names) != 1:
        letter = kind[0]
        raise ConfigError(
            f"the model has {len(names)} {kind}s, {', '.join(names)}; give each as "
            f"-{letter} name={'xy'[kind == 'output']}.npy, or an .npz for all of them"
        )
    return names[0]


def save_outputs(files: Mapping[str, Path], values: Mapping[str, Array]) -> None:
    """Writes each output to its file of ``output_files``, each whole or not at all."""
    for path in dict.fromkeys(files.values()):
        names = [name for name, file in files.items() if file == path]
        buffer = io.BytesIO()
        if path.suffix == ".npz":
            _save_npz(buffer, {name: values[name] for name in names})
        else:
            np.save(buffer, values[names[0]], allow_pickle=False)
        write_whole(path, buffer.getvalue())


def _save_npz(stream: BinaryIO, values: Mapping[str, Array]) -> None:
    """As ``np.savez``, which takes no output that is called ``file``."""
    with zipfile.ZipFile(stream, "w") as archive:
        for name, value in values.items():
            # The time of day would make two runs differ.
            member = zipfile.ZipInfo(f"{name}.npy")
            with archive.open(member, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, value, allow_pickle=False)
