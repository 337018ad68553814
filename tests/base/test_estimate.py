"""An estimate is never a bare number, and never a made-up one."""

import math

import pytest

from bedside.base.estimate import Estimate


def test_it_shows_its_interval() -> None:
    assert str(Estimate(value=0.9, low=0.5963, high=0.9821, n_patients=10)) == "0.900 [0.596, 0.982]"


def test_what_the_data_cannot_give_is_said() -> None:
    assert str(Estimate(value=math.nan, low=0, high=1, n_patients=0)) == "not estimable"


@pytest.mark.parametrize(("low", "high"), [(0.6, 0.7), (0.1, 0.4), (0.7, 0.3)])
def test_a_value_outside_its_interval_is_refused(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="outside its interval"):
        Estimate(value=0.5, low=low, high=high, n_patients=3)


@pytest.mark.parametrize("level", [0, 1, 95, -0.5])
def test_a_level_is_a_fraction(level: float) -> None:
    with pytest.raises(ValueError, match="level"):
        Estimate(value=0.5, low=0, high=1, n_patients=3, level_frac=level)


def test_rounding_does_not_refuse_a_sound_value() -> None:
    assert Estimate(value=1.0, low=0.2, high=1.0 - 1e-12, n_patients=3).value == 1
