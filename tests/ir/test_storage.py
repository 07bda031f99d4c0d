"""Storage: what is packed comes back, and lies where the definition says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwkit.errors import ConfigError, FormatError
from hwkit.ir.storage import WHOLE_BYTES, Storage, Storages
from hwkit.ir.types import S8, U8, Array, IntType, TensorType

WIDTHS = (1, 2, 4, 8, 16, 32)


@st.composite
def stored(draw: st.DrawFn) -> tuple[Storage, TensorType, Array]:
    """A storage, a type that it holds and integers of that type, the extremes among them."""
    storage = Storage(draw(st.sampled_from(WIDTHS)))
    dtype = IntType(draw(st.integers(1, storage.bits)), draw(st.booleans()))
    shape = tuple(draw(st.lists(st.integers(1, 5), max_size=3)))
    tensor = TensorType(shape, dtype)
    one = st.integers(dtype.low, dtype.high) | st.sampled_from([dtype.low, dtype.high])
    values = draw(st.lists(one, min_size=tensor.elements, max_size=tensor.elements))
    return storage, tensor, np.array(values, dtype.container).reshape(shape)


@given(stored())
def test_unpack_inverts_pack(case: tuple[Storage, TensorType, Array]) -> None:
    storage, tensor, x = case
    data = storage.pack(x)
    assert len(data) == storage.bytes_of(tensor)
    back = storage.unpack(data, tensor)
    assert back.dtype == tensor.dtype.container and back.shape == tensor.shape
    np.testing.assert_array_equal(back, x)


@given(stored())
def test_integer_k_has_bits_k_times_width_of_the_little_endian_number(
    case: tuple[Storage, TensorType, Array],
) -> None:
    storage, _, x = case
    number = sum((int(v) % (1 << storage.bits)) << k * storage.bits for k, v in enumerate(x.flat))
    assert int.from_bytes(storage.pack(x), "little") == number


@given(stored())
def test_the_target_takes_the_narrowest_of_its_storages(
    case: tuple[Storage, TensorType, Array],
) -> None:
    storage, tensor, x = case
    storages = Storages(tuple(w for w in WIDTHS if w >= storage.bits))
    assert storages.of(tensor.dtype) == storage
    assert storages.bytes_of(tensor) == storage.bytes_of(tensor)
    assert storages.pack(x, tensor.dtype) == storage.pack(x)
    np.testing.assert_array_equal(storages.unpack(storage.pack(x), tensor), x)


@pytest.mark.parametrize(
    ("bits", "lanes", "values", "data"),
    [
        (1, 8, [1, 0, 1, 1, 0, 0, 0, 0, 1], b"\x0d\x01"),
        (2, 4, [1, -2, -1], b"\x39"),
        (4, 2, [1, -2, 3], b"\xe1\x03"),
        (8, 1, [-1, 200], b"\xff\xc8"),
        (16, 1, [-2, 0x1234], b"\xfe\xff\x34\x12"),
        (32, 1, [-2], b"\xfe\xff\xff\xff"),
        (4, 2, [], b""),
    ],
)
def test_bytes_by_hand(bits: int, lanes: int, values: list[int], data: bytes) -> None:
    assert Storage(bits).lanes == lanes
    assert Storage(bits).pack(np.array(values, np.int64)) == data


@pytest.mark.parametrize(
    ("bits", "size"), [(1, 1), (8, 1), (9, 2), (12, 2), (16, 2), (17, 4), (32, 4)]
)
def test_default_is_whole_bytes(bits: int, size: int) -> None:
    assert WHOLE_BYTES.bytes_of(TensorType((1,), IntType(bits, True))) == size


def test_sign_decides_how_a_byte_reads() -> None:
    assert WHOLE_BYTES.unpack(b"\xff", TensorType((1,), S8)).tolist() == [-1]
    assert WHOLE_BYTES.unpack(b"\xff", TensorType((1,), U8)).tolist() == [255]


def test_refusals() -> None:
    with pytest.raises(ConfigError, match="storage of 3 bits: give one of"):
        Storage(3)
    with pytest.raises(ConfigError, match="s17: stored in at most 16 bits here"):
        Storages((8, 16)).of(IntType(17, True))
    with pytest.raises(FormatError, match="integer -9: has more than 4 bits"):
        Storage(4).pack(np.array([0, -9]))
    with pytest.raises(FormatError, match="integer 16: has more than 4 bits"):
        Storage(4).pack(np.array([16]))
    with pytest.raises(FormatError, match=r"1 bytes for 3 integers of 4 bits: these take 2"):
        Storage(4).unpack(b"\x00", TensorType((3,), IntType(4, True)))
