"""Frames in Python: every body survives, every damage is noticed, the stream is found again."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.device.frame import (
    MAX_PAYLOAD_BYTES,
    MAX_WIRE_BYTES,
    Frame,
    FrameReceiver,
    decode,
    encode,
    stuff,
    unstuff,
)

quick = settings(derandomize=True, deadline=None, max_examples=150)
bodies = st.one_of(
    st.binary(max_size=600),
    st.lists(st.sampled_from([b"\0", b"\1" * 253, b"\2" * 254, b"\3" * 255]), max_size=5).map(
        b"".join
    ),
)
frames = st.builds(
    Frame, st.integers(0, 255), st.integers(0, 255), st.integers(0, 0xFFFF), st.binary(max_size=300)
)


@given(bodies)
@quick
def test_stuffing_is_reversible_and_free_of_zeros(body: bytes) -> None:
    stuffed = stuff(body)
    assert 0 not in stuffed
    assert len(stuffed) <= len(body) + len(body) // 254 + 1
    assert unstuff(stuffed) == body


@given(st.binary(max_size=300))
@quick
def test_any_bytes_can_be_unstuffed_or_are_refused(data: bytes) -> None:
    body = unstuff(data)
    assert body is None or len(body) <= len(data)


@given(frames)
@quick
def test_frames_survive(frame: Frame) -> None:
    assert FrameReceiver().receive(encode(frame)) == [frame]


@given(frames, st.data())
@quick
def test_a_flipped_bit_is_noticed(frame: Frame, data: st.DataObject) -> None:
    wire = bytearray(encode(frame))
    wire[data.draw(st.integers(0, len(wire) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert frame not in FrameReceiver().receive(bytes(wire))


@given(frames, st.data())
@quick
def test_a_cut_frame_is_noticed_and_the_next_one_found(frame: Frame, data: st.DataObject) -> None:
    wire = encode(frame)
    cut = wire[: data.draw(st.integers(0, len(wire) - 2))]
    found = FrameReceiver().receive(cut + b"\0" + wire)
    assert found == ([None, frame] if cut else [frame])


@given(st.lists(frames, max_size=4), st.integers(1, 50))
@quick
def test_frames_are_found_whatever_pieces_they_come_in(sent: list[Frame], size: int) -> None:
    wire = b"".join(map(encode, sent))
    receiver = FrameReceiver()
    found = [f for at in range(0, len(wire), size) for f in receiver.receive(wire[at : at + size])]
    assert found == sent


def test_the_longest_frame_passes_and_endless_garbage_is_bounded() -> None:
    longest = Frame(9, 0, 1, b"\1" * MAX_PAYLOAD_BYTES)
    assert len(encode(longest)) <= MAX_WIRE_BYTES
    receiver = FrameReceiver()
    for _ in range(100):
        receiver.receive(b"\xaa" * 10_000)
        assert len(receiver.unfinished) <= MAX_WIRE_BYTES
    assert receiver.garbage_bytes + len(receiver.unfinished) == 1_000_000
    assert receiver.receive(b"\0" + encode(longest)) == [None, longest]


def test_a_length_that_disagrees_is_refused() -> None:
    body = bytes([1, 0, 0, 0, 5, 0])
    crc = encode(Frame(0, 0, 0, b""))  # any CRC: the length is what is looked at below
    assert decode(stuff(body + crc[:4])) is None
