"""Decision curve: does acting on the model beat treating all, or none? (Vickers and Elkin, Med Decis Making 2006)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray
from bedside.base.errors import InputError
from bedside.base.estimate import Estimate
from bedside.verify.calibration import mean_estimate
from bedside.verify.clusters import Units, unit_index
from bedside.verify.metrics import check_pair

THRESHOLDS = tuple(round(0.01 * i, 2) for i in range(1, 100))


@dataclass(frozen=True, slots=True, kw_only=True)
class NetBenefit:
    """Net benefit a patient at one threshold probability; that of treating none is 0.

    Net benefit is ``TP/n - FP/n * p/(1-p)``: true positives, less false ones at the price that the threshold sets.
    """

    threshold_prob: float
    model: Estimate
    treat_all: Estimate
    model_minus_all: Estimate


def decision_curve(
    positive: BoolArray, probability: FloatArray, units: Units = None, *, thresholds: Sequence[float] = THRESHOLDS
) -> tuple[NetBenefit, ...]:
    """Net benefit of the model and of treating all at each threshold, with intervals over patients.

    Raises
    ------
    InputError
        For a threshold that is not between 0 and 1, both excluded.
    """
    check_pair(positive, probability)
    if wrong := [t for t in thresholds if not 0 < t < 1]:
        raise InputError(f"a threshold of {wrong[0]}", expected="between 0 and 1", hint="leave 0 and 1 out")
    index, truth = unit_index(units, len(positive)), np.asarray(positive, np.float64)
    curve = []
    for threshold in thresholds:
        odds = threshold / (1 - threshold)
        gain = truth - (1 - truth) * odds
        acted = gain * (np.asarray(probability) >= threshold)
        ends = {"low": -odds, "high": 1.0}
        curve.append(
            NetBenefit(
                threshold_prob=float(threshold),
                model=mean_estimate(acted, index, **ends),
                treat_all=mean_estimate(gain, index, **ends),
                model_minus_all=mean_estimate(acted - gain, index, low=-1.0, high=max(odds, 1e-12)),
            )
        )
    return tuple(curve)
