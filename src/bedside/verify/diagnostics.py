"""Every figure of one yes-or-no question, each with its interval; and of many labels at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.base.estimate import Estimate
from bedside.verify.agreement import f1_estimate, kappa_estimate, mcc_estimate, mean_of_two
from bedside.verify.average_precision import average_precision_estimate
from bedside.verify.averages import FIGURES, column_draws, macro_estimate, micro_estimates
from bedside.verify.calibration import brier_estimate, recalibration
from bedside.verify.checking import check_probabilities, flags_of
from bedside.verify.clusters import Units, few_note, n_distinct, unit_index
from bedside.verify.delong import auroc_estimate
from bedside.verify.fixed_rate import sensitivity_at_specificity_estimate, specificity_at_sensitivity_estimate
from bedside.verify.intervals import N_RESAMPLES
from bedside.verify.metrics import expected_calibration_error
from bedside.verify.proportions import likelihood_ratios, predictive_values, share
from bedside.verify.resampling import (
    RankedDraws,
    Weights,
    percentile,
    unit_weights,
    weighted_calibration_error,
)

HELD_FRAC = (0.90, 0.95)
"""Rates at which specificity or sensitivity is held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostics:
    """Figures of one question by name, with what must be known before they are believed."""

    metrics: dict[str, Estimate]
    flags: tuple[str, ...]
    n_cases: int
    n_positive: int
    n_patients: int


def diagnose(
    positive: BoolArray,
    probability: FloatArray,
    called: BoolArray,
    *,
    units: Units = None,
    weights: Weights | None = None,
    prevalence: float | None = None,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Diagnostics:
    """Score one yes-or-no question.

    Parameters
    ----------
    positive, probability, called
        Truth, probability of the positive class in [0, 1], and the call at the locked threshold; each ``(n,)``.
    units
        Unit of independence of each case; None where each stands for itself.
    weights
        Bootstrap weights ``(B, n)`` if they were made before, else `n_resamples` of them are made from `seed`.
    prevalence
        Also re-weight PPV and NPV to it.

    Raises
    ------
    ShapeError, InputError
        For arrays that do not match, NaN, or scores outside 0 to 1.
    """
    check_probabilities(positive, probability)
    index = unit_index(units, len(positive))
    if weights is None:
        weights = unit_weights(index, len(positive), n_resamples=n_resamples, seed=seed)
    at_threshold = _at_threshold(positive, called, index)
    area = auroc_estimate(positive, probability, index)
    metrics = {
        "auroc": area,
        "average_precision": average_precision_estimate(positive, probability, index),
        **at_threshold,
        **_held(positive, probability, index),
        **_probabilities(positive, probability, index, weights),
    }
    if prevalence is not None:
        ppv, npv = predictive_values(at_threshold["sensitivity"], at_threshold["specificity"], prevalence)
        metrics |= {"ppv_at_prevalence": ppv, "npv_at_prevalence": npv}
    return Diagnostics(
        metrics=metrics,
        flags=flags_of(positive, area, (n_distinct(index[positive]), n_distinct(index[~positive]))),
        n_cases=len(positive),
        n_positive=int(positive.sum()),
        n_patients=n_distinct(index),
    )


def _at_threshold(positive: BoolArray, called: BoolArray, index: IntArray) -> dict[str, Estimate]:
    sensitivity, specificity = share(called, positive, index), share(~called, ~positive, index)
    lr_positive, lr_negative = likelihood_ratios(sensitivity, specificity)
    note = few_note(n_distinct(index[positive]), n_distinct(index[~positive]), "approximate")
    found = {
        "sensitivity": sensitivity,
        "specificity": specificity,
        "ppv": share(positive, called, index),
        "npv": share(~positive, ~called, index),
        "accuracy": share(called == positive, np.ones(len(called), bool), index),
        "balanced_accuracy": mean_of_two(sensitivity, specificity),
        "f1": f1_estimate(positive, called, index),
        "mcc": mcc_estimate(positive, called, index),
        "kappa": kappa_estimate(positive.astype(np.int64), called.astype(np.int64), 2, index),
        "lr_positive": lr_positive,
        "lr_negative": lr_negative,
    }
    for name in ("ppv", "npv", "f1"):  # shares of other cases, which a handful of ill patients moves all the same
        found[name] = replace(found[name], method=found[name].method + note)
    return found


def _held(positive: BoolArray, probability: FloatArray, index: IntArray) -> dict[str, Estimate]:
    found = {}
    for held in HELD_FRAC:
        given = (positive, probability, held, index)
        found[f"sensitivity_at_specificity_{100 * held:.0f}"] = sensitivity_at_specificity_estimate(*given)
        found[f"specificity_at_sensitivity_{100 * held:.0f}"] = specificity_at_sensitivity_estimate(*given)
    return found


def _probabilities(
    positive: BoolArray, probability: FloatArray, index: IntArray, weights: Weights
) -> dict[str, Estimate]:
    fitted = recalibration(positive, probability, index)
    error = expected_calibration_error(positive, probability)
    return {
        "brier": brier_estimate(positive, probability, index),
        "ece": percentile(error, weighted_calibration_error(positive, probability, weights), n_distinct(index)),
        "calibration_slope": fitted.slope,
        "calibration_intercept": fitted.intercept,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelDiagnostics:
    """Figures of each of many labels, and their averages."""

    labels: dict[str, Diagnostics]
    averages: dict[str, Estimate]


def diagnose_labels(
    truth: BoolArray,
    probability: FloatArray,
    thresholds_prob: Mapping[str, float],
    *,
    units: Units = None,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> LabelDiagnostics:
    """Score many labels that may hold at once, or many classes against the rest, over one set of resamples.

    Parameters
    ----------
    truth, probability
        ``(n, L)``, columns in the order of `thresholds_prob`.
    thresholds_prob
        Threshold of each label by name; a case at it is called.
    """
    check_probabilities(truth, probability)
    index = unit_index(units, len(truth))
    weights = unit_weights(index, len(truth), n_resamples=n_resamples, seed=seed)
    draws = column_draws(truth, probability, weights)
    labels = {
        name: diagnose(truth[:, k], probability[:, k], probability[:, k] >= threshold, units=index, weights=weights)
        for k, (name, threshold) in enumerate(thresholds_prob.items())
    }
    return LabelDiagnostics(labels=labels, averages=averages_of(truth, probability, index, weights, draws))


def averages_of(
    truth: BoolArray,
    probability: FloatArray,
    units: Units,
    weights: Weights,
    draws: Sequence[RankedDraws | None] | None = None,
) -> dict[str, Estimate]:
    """Macro and micro AUROC and average precision of ``(n, L)``; `draws` if they were made before."""
    draws = column_draws(truth, probability, weights) if draws is None else draws
    index = unit_index(units, len(truth))
    micro = micro_estimates(truth, probability, weights, index)
    macro = {f: macro_estimate(f, truth, probability, draws, index) for f in FIGURES}
    return {f"macro_{f}": found for f, found in macro.items()} | {f"micro_{f}": found for f, found in micro.items()}
