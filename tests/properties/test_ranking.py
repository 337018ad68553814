"""What a ranking may not depend on."""

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from bedside.verify.metrics import auroc, ranks

PAIRS = st.lists(st.tuples(st.booleans(), st.integers(-1000, 1000)), min_size=2, max_size=60)


def apart(pairs: list[tuple[bool, int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([p for p, _ in pairs]), np.array([float(s) for _, s in pairs])


@given(PAIRS)
def test_a_strictly_rising_transform_changes_no_rank(pairs: list[tuple[bool, int]]) -> None:
    _, score = apart(pairs)
    for rising in (score * 3 + 7, np.arctan(score / 500), score**3, np.exp(score / 1000)):
        np.testing.assert_array_equal(ranks(rising), ranks(score))


@given(PAIRS)
def test_auroc_is_the_chance_that_a_sick_one_ranks_above_a_healthy_one(pairs: list[tuple[bool, int]]) -> None:
    positive, score = apart(pairs)
    assume(positive.any() and not positive.all())
    sick, healthy = score[positive][:, None], score[~positive][None]
    assert abs(auroc(positive, score) - ((sick > healthy) + 0.5 * (sick == healthy)).mean()) < 1e-12


@given(PAIRS)
def test_turning_the_score_or_the_labels_round_turns_the_auroc_round(pairs: list[tuple[bool, int]]) -> None:
    positive, score = apart(pairs)
    assume(positive.any() and not positive.all())
    assert abs(auroc(positive, score) + auroc(positive, -score) - 1) < 1e-12
    assert abs(auroc(positive, score) + auroc(~positive, score) - 1) < 1e-12


@given(PAIRS, st.integers(0, 1000))
def test_the_order_of_the_cases_does_not_matter(pairs: list[tuple[bool, int]], seed: int) -> None:
    positive, score = apart(pairs)
    assume(positive.any() and not positive.all())
    order = np.random.default_rng(seed).permutation(len(score))
    assert auroc(positive[order], score[order]) == auroc(positive, score)


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=50))
def test_ranks_add_up(values: list[int]) -> None:
    n = len(values)
    assert ranks(np.array(values, float)).sum() == n * (n + 1) / 2
