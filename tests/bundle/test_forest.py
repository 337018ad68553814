"""The forest plot says in words what it draws, and leaves out what is not known."""

import math

import pytest

pytest.importorskip("matplotlib", reason="figures need the workshop extra")

from bedside.base.estimate import Estimate
from bedside.bundle.forest import ForestRow, forest_svg


def made(value: float) -> Estimate:
    low, high = (0.0, 1.0) if math.isnan(value) else (value - 0.05, value + 0.05)
    return Estimate(value=value, low=low, high=high, n_patients=20)


def test_a_forest_has_every_finding_and_its_numbers() -> None:
    rows = [
        ForestRow(name="effusion", counts="3 of 20", shipped=made(0.8), reference=made(0.85)),
        ForestRow(name="hernia", counts="0 of 20", shipped=made(math.nan), reference=made(math.nan)),
        ForestRow(name="mean", counts="", shipped=made(0.8), reference=made(0.85), is_average=True),
    ]
    svg = forest_svg(rows, what="AUROC")
    assert svg == forest_svg(rows, what="AUROC")
    assert "effusion 0.800 [0.750, 0.850]" in svg
    assert "hernia not estimable" in svg
    for word in ("3 of 20", "shipped", "reference"):
        assert word in svg
