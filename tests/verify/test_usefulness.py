"""Net benefit and reliability of two models, and where acting on one surely helps."""

import math

import numpy as np
import pytest

from bedside.base.errors import InputError
from bedside.base.jsonform import from_json, to_json
from bedside.verify.usefulness import THRESHOLDS, Usefulness, usefulness


def cases(n: int = 800, skill: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    positive = rng.random(n) < 0.3
    return positive, 1 / (1 + np.exp(-(skill * (positive - 0.5) + rng.normal(size=n) - 0.8)))


def test_net_benefit_is_that_of_its_definition() -> None:
    positive, probability = cases()
    found = usefulness("ill", positive, {"shipped": probability, "reference": np.full(800, 0.3)})
    for point in found.decision["shipped"]:
        acted, odds = probability >= point.threshold_prob, point.threshold_prob / (1 - point.threshold_prob)
        by_hand = (acted & positive).mean() - odds * (acted & ~positive).mean()
        assert point.model.value == pytest.approx(by_hand, abs=1e-12)
    assert [p.threshold_prob for p in found.decision["reference"]] == list(THRESHOLDS)
    assert found.prevalence_frac == pytest.approx(positive.mean())


def test_a_good_model_helps_in_the_middle_and_a_coin_nowhere() -> None:
    positive, probability = cases()
    coin = np.random.default_rng(1).random(800)
    found = usefulness("ill", positive, {"shipped": probability, "reference": coin})
    assert 0.3 in found.beats_both()
    assert len(found.beats_both("reference")) <= 1


def test_the_bins_hold_every_case() -> None:
    positive, probability = cases(101)
    found = usefulness("ill", positive, {"shipped": probability}, [f"p{i // 3}" for i in range(101)])
    assert sum(b.n_cases for b in found.reliability["shipped"]) == 101
    assert to_json(from_json(Usefulness, to_json(found))) == to_json(found)


@pytest.mark.parametrize("wrong", [math.nan, 1.5, -0.2])
def test_scores_that_are_no_probabilities_are_refused(wrong: float) -> None:
    positive, probability = cases(50)
    probability[7] = wrong
    with pytest.raises(InputError):
        usefulness("ill", positive, {"shipped": probability})
