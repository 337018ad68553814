"""What k folds say about a training procedure, with the variance that overlapping training sets ask for."""

import math
from collections.abc import Sequence

import numpy as np

from bedside.base.errors import InputError
from bedside.base.estimate import Estimate
from bedside.verify.clusters import blank
from bedside.verify.delong import PairedTest
from bedside.verify.distributions import t_cdf, t_quantile


def cross_validated(
    scores: Sequence[float], *, test_over_train_frac: float, n_patients: int, low: float = 0.0, high: float = 1.0
) -> Estimate:
    """Mean over (repeated) folds with Nadeau and Bengio's corrected variance (Machine Learning 2003).

    Parameters
    ----------
    scores
        One a fold, of every repeat, ``(J,)``; NaN where a fold could not be scored: left out and counted.
    test_over_train_frac
        Test size over training size of one fold: 1/(k-1) with k folds.
    low, high
        What the figure can be; the interval is cut there.

    Notes
    -----
    The variance of the mean of J scores is ``(1/J + n_test/n_train) s^2``, with Student's J - 1 degrees of freedom
    (Bouckaert and Frank, PAKDD 2004, for repeated folds). Fewer than 2 scores: the interval is [`low`, `high`].
    """
    if not test_over_train_frac > 0:
        raise InputError(
            f"test over training size {test_over_train_frac}",
            expected="above 0, 1/(k-1) for k folds",
            hint="see k_folds",
        )
    known = np.array([s for s in scores if not math.isnan(s)], np.float64)
    method = f"corrected t (Nadeau and Bengio), {len(known)} of {len(scores)} folds"
    if not len(known):
        return blank(n_patients, low=low, high=high, method=method)
    value = float(known.mean())
    if len(known) < 2:
        return Estimate(value=value, low=low, high=high, n_patients=n_patients, method=method)
    half = t_quantile(0.975, len(known) - 1) * _error(known, test_over_train_frac)
    return Estimate(
        value=value, low=max(low, value - half), high=min(high, value + half), n_patients=n_patients, method=method
    )


def _error(scores: np.ndarray, test_over_train_frac: float) -> float:
    return math.sqrt((1 / len(scores) + test_over_train_frac) * float(scores.var(ddof=1)))


def corrected_resampled_test(
    first: Sequence[float], second: Sequence[float], *, test_over_train_frac: float, n_patients: int
) -> PairedTest:
    """Corrected resampled t-test of two procedures over the same folds; equal scores in all give p = 1.

    Raises
    ------
    InputError
        If the two do not come from the same folds.
    """
    if len(first) != len(second):
        raise InputError(
            f"{len(first)} and {len(second)} folds", expected="the same folds", hint="run both on one split"
        )
    gaps = np.array([a - b for a, b in zip(first, second, strict=True)], np.float64)
    difference = cross_validated(
        gaps.tolist(), test_over_train_frac=test_over_train_frac, n_patients=n_patients, low=-1.0
    )
    known = gaps[~np.isnan(gaps)]
    p = math.nan
    if len(known) > 1:
        error = _error(known, test_over_train_frac)
        p = 2 * t_cdf(-abs(difference.value) / error, len(known) - 1) if error else float(difference.value == 0)
    return PairedTest(test="corrected resampled t", difference=difference, p_value=p)
