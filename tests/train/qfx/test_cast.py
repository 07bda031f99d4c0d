"""The cast: its values against a plain definition, its gradients against the closed forms."""

from __future__ import annotations

from math import floor, log

import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from hwkit.errors import ConfigError  # noqa: E402
from hwkit.ir.ops import Overflow, Rounding  # noqa: E402
from hwkit.train.qfx import Cast, Format  # noqa: E402
from hwkit.train.qfx.fixed import ROUNDINGS, compute_dtype, power_of_two  # noqa: E402

MODES = [(r, o) for r in ROUNDINGS for o in Overflow]


def cast(form: Format, fraction: float) -> Cast:
    made = Cast(form)
    with torch.no_grad():
        made.fraction.fill_(fraction)
        made.known.fill_(True)
    return made


def defined(x: float, form: Format, fraction: int) -> float:
    """``overflow(round(x * 2**f)) * 2**-f`` in Python's own numbers."""
    scaled = x * 2.0**fraction
    rounded = {
        Rounding.FLOOR: floor(scaled),
        Rounding.HALF_UP: floor(scaled + 0.5),
        Rounding.HALF_EVEN: round(scaled),
    }[form.rounding]
    if form.overflow is Overflow.WRAP:
        rounded = (rounded - form.low) % (form.high - form.low + 1) + form.low
    return min(max(rounded, form.low), form.high) * 2.0**-fraction


@settings(derandomize=True, deadline=None, max_examples=150)
@given(
    st.sampled_from(MODES),
    st.integers(2, 16),
    st.booleans(),
    st.integers(-8, 12),
    st.lists(st.integers(-(2**20), 2**20), min_size=1, max_size=20),
    st.integers(0, 20),
)
def test_values(
    modes: tuple[Rounding, Overflow],
    width: int,
    signed: bool,
    fraction: int,
    numerators: list[int],
    halvings: int,
) -> None:
    """On numbers of up to 21 bits, with many ties among them."""
    form = Format(width, signed, *modes)
    x = [n / 2**halvings for n in numerators]
    y = cast(form, fraction)(torch.tensor(x))
    assert y.tolist() == [defined(v, form, fraction) for v in x]


@pytest.mark.parametrize(("rounding", "overflow"), MODES)
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("fraction", [-1.0, 2.0, 3.4])
def test_gradients_are_the_closed_forms(
    rounding: Rounding, overflow: Overflow, signed: bool, fraction: float
) -> None:
    form = Format(4, signed, rounding, overflow)
    made = cast(form, fraction)
    digits = round(fraction)
    x = torch.linspace(-40, 40, 97, requires_grad=True)
    for i in range(len(x)):
        x.grad = made.fraction.grad = None
        made(x)[i].backward()
        value = float(x.detach()[i])
        inside = form.low <= value * 2.0**digits <= form.high
        saturated = defined(value, Format(4, signed, rounding), digits)
        expected = log(2) * (value - saturated) if inside else -log(2) * saturated
        assert float(x.grad[i]) == float(inside)
        assert float(x.grad.abs().sum()) == float(inside)
        assert float(made.fraction.grad) == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_gradient_of_the_fraction_is_the_slope_where_rounding_is_fine() -> None:
    """With many digits rounding vanishes, and -ln 2 * y is the real derivative of saturation."""
    made = cast(Format(8, True), 5.0)
    made(torch.tensor([100.0])).backward()
    y = 127 / 32
    assert float(made.fraction.grad) == pytest.approx(-log(2) * y, rel=1e-6)
    step = (127 * 2.0 ** -(5 + 1e-4) - 127 * 2.0 ** -(5 - 1e-4)) / 2e-4
    assert float(made.fraction.grad) == pytest.approx(step, rel=1e-6)


def test_each_channel_has_a_point_of_its_own() -> None:
    made = Cast(Format(4, True), channels=3, axis=1)
    made.calibrate(torch.tensor([[0.8, 7.0, 70.0], [-0.9, -8.0, -80.0]]))
    assert made.digits().tolist() == [3, 0, -4]
    x = torch.ones(2, 3, requires_grad=True)
    (made(x) * torch.tensor([1.0, 2.0, 4.0])).sum().backward()
    assert made.fraction.grad.shape == (3,)
    assert made.fraction.grad[1] == 0


def test_calibration_finds_the_least_error() -> None:
    torch.manual_seed(0)
    x = torch.randn(4000)
    for form in (Format(4), Format(6, rounding=Rounding.FLOOR), Format(8)):
        made = Cast(form)
        made.calibrate(x)
        errors = {f: float((cast(form, f)(x) - x).square().sum().detach()) for f in range(-6, 13)}
        assert errors[int(made.digits())] == min(errors.values())


def test_what_is_refused() -> None:
    with pytest.raises(ConfigError, match="no binary point yet"):
        Cast(Format(4))(torch.ones(2))
    with pytest.raises(ConfigError, match="fixed point of 1 bits"):
        Format(1)
    with pytest.raises(ConfigError, match="rounding"):
        Format(4, rounding=Rounding.DOUBLE)
    with pytest.raises(ConfigError, match="symmetric"):
        Format(4, overflow=Overflow.WRAP, symmetric=True)
    assert (Format(4, symmetric=True).low, Format(4).low, Format(4, signed=False).high) == (
        -7,
        -8,
        15,
    )


def test_powers_of_two_are_exact_and_sums_are_bounded() -> None:
    exponents = torch.arange(-126, 128, dtype=torch.int32)
    assert [float(v) for v in power_of_two(exponents)] == [2.0**e for e in range(-126, 128)]
    assert compute_dtype(1 << 24, "here") == torch.float32
    assert compute_dtype((1 << 24) + 1, "here") == torch.float64
    with pytest.raises(ConfigError, match="here: sums may reach 2147483648"):
        compute_dtype(1 << 31, "here")
