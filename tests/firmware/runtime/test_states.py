"""Several inputs and outputs and states over the wire, against the model in Python."""

from __future__ import annotations

import random
import subprocess

from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.device.frame import Frame, FrameReceiver, encode
from hwkit.device.protocol import Command, Status
from tests.firmware.runtime import states, stub
from tests.firmware.runtime.states import Model
from tests.firmware.runtime.stub import u32


def ask(*requests: tuple[int, bytes]) -> list[Frame]:
    """The firmware's answers to requests one after the other."""
    return stub.answers(states.host_program(), requests)


X = [random.Random(k).randbytes(10) for k in range(6)]


def test_info_counts_the_tensors_and_gives_their_bytes() -> None:
    (answer,) = ask((Command.INFO, b""))
    assert answer.payload[5:8] == bytes((2, 3, 2))
    assert answer.payload[80:108] == u32(*states.INPUTS, *states.OUTPUTS, *states.STATES)
    assert answer.payload[108:] == b"states"


def test_successive_steps_and_a_reset() -> None:
    model = Model()
    steps = ask(*((Command.RUN, x) for x in X), (Command.RESET, b""), (Command.RUN, X[3]))
    assert [s.payload for s in steps[: len(X)]] == [model.infer(x) for x in X]
    assert steps[-2] == Frame(Command.RESET, 0, len(X) + 1, b"")
    assert steps[-1].payload == Model().infer(X[3])


def test_power_on_gives_the_initial_values() -> None:
    (state,) = ask((Command.READ_STATE, u32(0, 7)))
    assert state.payload == Model().states()


def test_a_range_crosses_from_one_tensor_into_the_next() -> None:
    model = Model()
    y = model.infer(X[0])
    *_, output, state, none = ask(
        (Command.LOAD_INPUT, u32(0) + X[0][:9]),
        (Command.LOAD_INPUT, u32(5) + X[0][5:]),
        (Command.INFER, u32(1)),
        (Command.READ_OUTPUT, u32(5, 9)),
        (Command.READ_STATE, u32(4, 2)),
        (Command.READ_STATE, u32(7, 0)),
    )
    assert output.payload == y[5:14]
    assert state.payload == model.states()[4:6]
    assert (none.status, none.payload) == (0, b"")


def test_states_are_written_and_read_in_parts() -> None:
    model = Model()
    model.set_states(bytes((1, 40, 50, 60, 70, 80, 9)))
    frames = ask(
        (Command.WRITE_STATE, u32(1) + bytes((40, 50, 60, 70, 80))),
        (Command.READ_STATE, u32(0, 7)),
        (Command.RUN, X[1]),
    )
    assert frames[1].payload == bytes((1, 40, 50, 60, 70, 80, 9))
    assert frames[2].payload == model.infer(X[1])


def test_a_layer_is_observed_and_the_states_put_back() -> None:
    model = Model()
    model.infer(X[0])
    held = model.states()
    frames = ask(
        (Command.RUN, X[0]),
        (Command.READ_STATE, u32(0, 7)),
        (Command.LOAD_INPUT, u32(0) + X[1]),
        (Command.INFER, u32(1)),
        (Command.READ_LAYER, u32(0, 5)),
        (Command.WRITE_STATE, u32(0) + held),
        (Command.RUN, X[1]),
    )
    assert frames[1].payload == held
    y = model.infer(X[1])
    assert frames[4].payload == u32(5) + y[-5:]
    assert frames[-1].payload == y


def test_a_repeated_run_takes_one_step() -> None:
    info = encode(Frame(Command.INFO, 0, 0, b""))
    run = encode(Frame(Command.RUN, 0, 1, X[0]))
    again = encode(Frame(Command.RUN, 0, 2, X[0]))
    done = subprocess.run(
        [states.host_program()], input=info + run * 3 + again, capture_output=True, timeout=60
    )
    model = Model()
    first, second = model.infer(X[0]), model.infer(X[0])
    _, *got = [f.payload for f in FrameReceiver().receive(done.stdout) if f is not None]
    assert got == [first] * 3 + [second] and first != second


def test_the_self_test_takes_four_steps_and_leaves_the_initial_values() -> None:
    run, check, state = ask(
        (Command.RUN, X[0]), (Command.SELFTEST, b""), (Command.READ_STATE, u32(0, 7))
    )
    assert run.status == 0
    assert check.payload == u32(states.selftest_crc32(), states.selftest_crc32())
    assert state.payload == Model().states()


def test_what_lies_outside_is_refused() -> None:
    refused = [
        (Command.RUN, X[0][:9]),
        (Command.RUN, X[0] + b"x"),
        (Command.LOAD_INPUT, u32(0) + X[0] + b"x"),
        (Command.WRITE_STATE, u32(0) + bytes(8)),
        (Command.WRITE_STATE, u32(8)),
        (Command.WRITE_STATE, u32(0xFFFFFFFF) + bytes(2)),
        (Command.WRITE_STATE, bytes(3)),
        (Command.READ_STATE, u32(0, 8)),
        (Command.READ_STATE, u32(8, 0)),
        (Command.READ_STATE, u32(2, 0xFFFFFFFF)),
        (Command.READ_STATE, u32(0)),
    ]
    frames = ask(*refused, (Command.READ_STATE, u32(0, 7)))
    assert [f.status for f in frames[:-1]] == [Status.BAD_ARGUMENT] * len(refused)
    assert frames[-1].payload == Model().states()


requests = st.one_of(
    st.tuples(st.just(int(Command.RUN)), st.binary(min_size=9, max_size=11)),
    st.tuples(
        st.sampled_from([int(Command.LOAD_INPUT), int(Command.WRITE_STATE)]),
        st.builds(
            lambda at, data: u32(at) + data,
            st.integers(0, 11) | st.integers(0, 0xFFFFFFFF),
            st.binary(max_size=12),
        ),
    ),
    st.tuples(
        st.sampled_from([int(Command.READ_STATE), int(Command.READ_OUTPUT)]),
        st.builds(u32, st.integers(0, 16) | st.integers(0, 0xFFFFFFFF), st.integers(0, 16)),
    ),
    st.tuples(st.just(int(Command.RESET)), st.just(b"")),
    st.tuples(st.integers(11, 255), st.binary(max_size=20)),
)


@given(st.lists(requests, max_size=12))
@settings(derandomize=True, deadline=None, max_examples=60)
def test_any_requests_leave_what_the_model_would(wanted: list[tuple[int, bytes]]) -> None:
    model = Model()
    *frames, state, run = ask(*wanted, (Command.READ_STATE, u32(0, 7)), (Command.RUN, X[5]))
    for (command, payload), frame in zip(wanted, frames, strict=True):
        if command == Command.RUN and len(payload) == 10:
            assert frame.payload == model.infer(payload)
        elif command == Command.RESET:
            model = Model()
        elif command == Command.WRITE_STATE and frame.status == 0:
            at, data = int.from_bytes(payload[:4], "little"), payload[4:]
            held = bytearray(model.states())
            held[at : at + len(data)] = data
            assert len(held) == 7
            model.set_states(bytes(held))
    assert state.payload == model.states()
    assert run.payload == model.infer(X[5])
