"""Pruned .tflite files: the dense weights of a sparse record, and every field of it checked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hwkit.errors import FormatError
from hwkit.importers.tflite.sparse import Level, Sparsity, densified
from hwkit.ir.types import Array
from hwkit.targets.edge.flatbuffer import schema
from tests.importers.tflite.files import activation, file_bytes, operator, weights
from tests.importers.tflite.test_faults import as_litert, changed, imported


def pruned(rng: np.random.Generator, shape: tuple[int, ...], block: int = 1) -> Array:
    """Integers of which whole blocks of ``block`` columns are 0, some rows too."""
    kept = rng.random((*shape[:-1], shape[-1] // block)) < 0.3
    kept[rng.integers(shape[0])] = False
    dense = rng.integers(1, 100, shape) * np.repeat(kept, block, axis=-1)
    return np.asarray(dense.astype(np.int8))


def recorded(dense: Array, order: tuple[int, ...], block: int) -> tuple[Array, Sparsity]:
    """Values and record of a matrix: the level before the blocks is compressed, all others dense.
    Blocks of ``block`` columns; 1: none."""
    rows, columns = dense.shape
    tiles = dense.reshape(rows, columns // block, block).transpose(*order, 2)
    kept = tiles.any(axis=2)
    segments = np.concatenate([[0], np.cumsum(kept.sum(axis=1))])
    levels = [Level(kept.shape[0], None), Level(0, (segments, np.nonzero(kept)[1]))]
    blocks: tuple[int, ...] = ()
    if block > 1:
        levels.append(Level(block, None))
        order, blocks = (*order, 2), (1,)
    return tiles[kept].reshape(-1), Sparsity(order, blocks, tuple(levels))


@pytest.mark.parametrize("block", [1, 2, 4])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("seed", range(5))
def test_dense_again(seed: int, order: tuple[int, int], block: int) -> None:
    dense = pruned(np.random.default_rng(seed), (6, 8), block)
    values, record = recorded(dense, order, block)
    assert values.size < dense.size
    np.testing.assert_array_equal(densified(values, (6, 8), record, "w"), dense)


def test_the_example_of_the_documentation() -> None:
    record = Sparsity(
        (0, 1), (), (Level(2, None), Level(0, (np.array([0, 1, 2]), np.array([2, 0]))))
    )
    assert densified(np.array([7, 9]), (2, 3), record, "w").tolist() == [[0, 0, 7], [9, 0, 0]]


_DENSE = pruned(np.random.default_rng(0), (4, 6), 2)
_VALUES, _RECORD = recorded(_DENSE, (0, 1), 2)
_ROWS, _COLUMNS, _BLOCK = _RECORD.levels
assert _COLUMNS.compressed is not None
_SEGMENTS, _INDICES = _COLUMNS.compressed


def _with_columns(segments: Any, indices: Any) -> Sparsity:
    columns = Level(0, (np.asarray(segments), np.asarray(indices)))
    return replace(_RECORD, levels=(_ROWS, columns, _BLOCK))


@pytest.mark.parametrize(
    "record",
    [
        replace(_RECORD, order=(0, 0, 2)),
        replace(_RECORD, order=(0, 1, 3)),
        replace(_RECORD, order=(2, 1, 0)),
        replace(_RECORD, order=(0, 1)),
        replace(_RECORD, order=()),
        replace(_RECORD, block_map=(2,)),
        replace(_RECORD, block_map=(-1,)),
        replace(_RECORD, block_map=(1, 1)),
        replace(_RECORD, block_map=()),
        replace(_RECORD, block_map=(0,)),
        replace(_RECORD, levels=_RECORD.levels[:2]),
        replace(_RECORD, levels=()),
        replace(_RECORD, levels=(Level(5, None), _COLUMNS, _BLOCK)),
        replace(_RECORD, levels=(Level(2**31 - 1, None), _COLUMNS, _BLOCK)),
        replace(_RECORD, levels=(_ROWS, _COLUMNS, Level(4, None))),
        replace(_RECORD, levels=(_ROWS, _COLUMNS, Level(0, None))),
        replace(_RECORD, levels=(_ROWS, _COLUMNS, Level(-2, None))),
        replace(_RECORD, levels=(_ROWS, _COLUMNS, _COLUMNS)),
        replace(_RECORD, levels=(_ROWS, Level(3, None), _BLOCK)),
        _with_columns(_SEGMENTS[:-1], _INDICES),
        _with_columns([*_SEGMENTS, _SEGMENTS[-1]], _INDICES),
        _with_columns(_SEGMENTS + 1, _INDICES),
        _with_columns(_SEGMENTS[::-1], _INDICES),
        _with_columns([], []),
        _with_columns(_SEGMENTS, _INDICES[:-1]),
        _with_columns(_SEGMENTS, _INDICES + 3),
        _with_columns(_SEGMENTS, _INDICES - 9),
        _with_columns(_SEGMENTS, _INDICES[::-1] * 0),
    ],
    ids=range(28),
)
def test_a_record_that_contradicts_itself(record: Sparsity) -> None:
    with pytest.raises(FormatError, match=r"w: its sparsity record has .*; damaged, copy it again"):
        densified(_VALUES, (4, 6), record, "w")


def test_values_that_are_too_few_or_too_many() -> None:
    for values in (_VALUES[:-1], np.append(_VALUES, 1)):
        with pytest.raises(FormatError, match="values for"):
            densified(values, (4, 6), _RECORD, "w")


def test_a_shape_beyond_all_memory() -> None:
    with pytest.raises(FormatError, match="shape"):
        densified(_VALUES, (1 << 30, 1 << 30), _RECORD, "w")


# In files


def sparse_file(dense: Array, vectors: str, densify: bool) -> bytes:
    """A dense layer whose weight is sparse, itself or behind a DENSIFY."""
    values, record = recorded(dense, (0, 1), 1)
    outputs, inputs = dense.shape
    scale = tuple(np.linspace(0.01, 0.02, outputs).tolist())
    tensors = [
        activation("x", (1, inputs)),
        weights("sparse", values.reshape(1, -1), scale[0]),
        weights("w", dense, scale),
        activation("y", (1, outputs), 0.9),
    ]
    operators = [operator("DENSIFY", ("sparse",), ("w",))] if densify else []
    name = "w" if densify else "sparse"
    options = "FullyConnectedOptions"
    operators.append(operator("FULLY_CONNECTED", ("x", name, None), options=options))

    def prune(tree: Any) -> None:
        s = schema()
        holder, weight = tree.subgraphs[0].tensors[1:3]
        holder.shape = list(dense.shape)
        holder.quantization = weight.quantization
        weight.buffer = 0 if densify else weight.buffer
        holder.sparsity = s.SparsityParametersT()
        holder.sparsity.traversalOrder = list(record.order)
        holder.sparsity.dimMetadata = [_level(s, level, vectors) for level in record.levels]

    return changed(file_bytes(tensors, operators), prune)


def _level(s: Any, level: Level, vectors: str) -> Any:
    made = s.DimensionMetadataT()
    made.denseSize = level.size
    if level.compressed is not None:
        made.format = s.DimensionType.SPARSE_CSR
        kind = getattr(s.SparseIndexVector, vectors)
        made.arraySegmentsType = made.arrayIndicesType = kind
        made.arraySegments, made.arrayIndices = (getattr(s, f"{vectors}T")() for _ in range(2))
        dtype = {"Uint8Vector": np.uint8, "Uint16Vector": np.uint16}.get(vectors, np.int32)
        made.arraySegments.values, made.arrayIndices.values = (
            numbers.astype(dtype) for numbers in level.compressed
        )
    return made


@pytest.mark.parametrize("vectors", ["Uint8Vector", "Uint16Vector", "Int32Vector"])
def test_a_densified_weight(vectors: str) -> None:
    """TFLM has no sparse weights; LiteRT densifies them."""
    dense = pruned(np.random.default_rng(1), (5, 16))
    graph = as_litert(sparse_file(dense, vectors, densify=True))
    np.testing.assert_array_equal(graph.constants["fully_connected_1/weight"], dense)


def test_a_sparse_weight_itself() -> None:
    dense = pruned(np.random.default_rng(2), (5, 16))
    graph = imported(sparse_file(dense, "Uint8Vector", densify=False))
    np.testing.assert_array_equal(graph.constants["fully_connected_0/weight"], dense)


def test_a_record_without_its_numbers() -> None:
    model = sparse_file(pruned(np.random.default_rng(1), (5, 16)), "Uint8Vector", densify=True)

    def forget(tree: Any) -> None:
        tree.subgraphs[0].tensors[1].sparsity.dimMetadata[1].arraySegments = None

    with pytest.raises(FormatError, match="tensor 'sparse': its sparsity record has 0 segments"):
        imported(changed(model, forget))
