"""Range observers against known answers and slower, independent searches."""

import itertools

import numpy as np
import pytest

from bedside.base.digest import digest_array
from bedside.base.errors import InputError
from bedside.compress.quantization import FLOAT, LayerBits, LayerRule, QuantizationPlan, check_rules
from bedside.compress.ranges import Histogram, blank_histogram, range_of, squared_error

RNG = np.random.default_rng(0)


def histogram(values: np.ndarray) -> Histogram:
    return blank_histogram(values.min(), values.max()).with_values(values)


def test_min_max_is_the_smallest_and_the_largest_and_holds_zero() -> None:
    assert range_of(histogram(np.array([-2.0, 3.0])), "min_max") == (-2.0, 3.0)
    assert range_of(histogram(np.array([1.0, 3.0])), "min_max") == (0.0, 3.0)
    assert range_of(histogram(np.array([-3.0, -1.0])), "min_max") == (-3.0, 0.0)


def test_percentile_is_the_quantile_of_the_values() -> None:
    values = RNG.normal(size=400_000)
    low, high = range_of(histogram(values), "percentile")
    step = np.ptp(values) / 2048
    assert low == pytest.approx(np.quantile(values, 0.00005), abs=2 * step)
    assert high == pytest.approx(np.quantile(values, 0.99995), abs=2 * step)


def test_percentile_of_what_a_relu_leaves_keeps_zero() -> None:
    low, high = range_of(histogram(np.maximum(RNG.normal(size=100_000), 0)), "percentile")
    assert low == 0
    assert 3 < high < 5


@pytest.mark.parametrize("ranges", ["percentile", "mse", "entropy"])
def test_even_values_are_hardly_clipped(ranges: str) -> None:
    low, high = range_of(histogram(RNG.uniform(-1, 1, 500_000)), ranges)  # type: ignore[arg-type]
    assert low == pytest.approx(-1, abs=0.03)
    assert high == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("ranges", ["percentile", "entropy"])
def test_one_stray_value_is_clipped(ranges: str) -> None:
    values = np.append(RNG.normal(size=200_000), 100.0)
    low, high = range_of(histogram(values), ranges)  # type: ignore[arg-type]
    assert high < 20
    assert low > -8


def test_the_squared_error_of_one_stray_value_has_a_closed_form() -> None:
    """``(c - low)^2 / (12 * 255^2) + (100 - c)^2 / n`` is smallest where its derivative is 0."""
    n = 200_000
    values = np.append(RNG.normal(size=n - 1), 100.0)
    low, high = range_of(histogram(values), "mse")
    a, b = 1 / (12 * 255**2), 1 / n
    assert high == pytest.approx((100 * b + low * a) / (a + b), abs=5)


def test_squared_error_is_that_of_the_rounded_values() -> None:
    values = RNG.normal(size=50_000)
    scale, zero = 6.0 / 255, np.round(3.0 / (6.0 / 255))
    rounded = (np.clip(np.round(values / scale) + zero, 0, 255) - zero) * scale
    assert squared_error(histogram(values), -3, 3) == pytest.approx(np.mean((rounded - values) ** 2), rel=0.05)


def test_no_range_of_a_grid_beats_the_squared_error_search() -> None:
    found = histogram(np.append(RNG.laplace(size=20_000), [40.0, -25.0]))
    best = squared_error(found, *range_of(found, "mse"))
    grid = itertools.product(np.linspace(found.low, 0, 40), np.linspace(0, found.high, 40))
    assert best <= 1.02 * min(squared_error(found, low, high) for low, high in grid)
    assert best < squared_error(found, found.low, found.high)


def test_a_tensor_of_zeros_has_a_range() -> None:
    low, high = range_of(histogram(np.zeros(10)), "mse")
    assert low <= 0 < high


def plan(*rules: tuple[str, str], **widths: int) -> QuantizationPlan:
    return QuantizationPlan(
        n_observed=1, observation=digest_array(np.zeros(1)), **widths,  # type: ignore[arg-type]
        rules=tuple(LayerRule(layer=layer, keeps=keeps) for layer, keeps in rules),  # type: ignore[arg-type]
    )  # fmt: skip


def test_rules_hold_for_a_path_and_all_below_it() -> None:
    found = plan(("a", "a16"), ("a.b", "w4"), ("a.c", "float"))
    assert found.bits_of("a.x") == LayerBits(weights=8, activations=16)
    assert found.bits_of("a.b.conv") == LayerBits(weights=4, activations=16)
    assert found.bits_of("a.c.conv") == FLOAT
    assert found.bits_of("ab") == LayerBits(weights=8, activations=8)
    assert found.label == "w8a8, 3 layers otherwise"
    assert plan(weight_bits=4, activation_bits=16).label == "w4a16"


def test_a_rule_for_a_layer_that_is_not_there_names_the_nearest() -> None:
    with pytest.raises(InputError, match=r"blocks\.3\.conf") as caught:
        check_rules(plan(("blocks.3.conf", "float")), ["", "blocks", "blocks.3", "blocks.3.conv"])
    assert "blocks.3.conv" in caught.value.hint


def test_entropy_says_nothing_of_a_few_values() -> None:
    found = histogram(RNG.normal(size=2_000))
    assert range_of(found, "entropy") == (found.low, found.high)


def test_entropy_is_not_misled_by_the_zeros_of_a_relu() -> None:
    values = RNG.normal(size=400_000)
    _, plain = range_of(histogram(values), "entropy")
    _, cut = range_of(histogram(np.maximum(values, 0)), "entropy")
    assert cut > 3
    assert cut == pytest.approx(plain, abs=1.2)
