"""Answer when sure, refer when not: selective prediction with a bound on the error among what is answered."""

import math
from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.base.errors import InputError
from bedside.base.estimate import Estimate
from bedside.verify.clusters import Units, unit_index
from bedside.verify.distributions import binomial_cdf
from bedside.verify.metrics import check_pair
from bedside.verify.proportions import share

_N_STARTS = 10
_N_STEPS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectiveRule:
    """Answer if the confidence is at least `least_confidence`, else refer; fitted on tuning outputs.

    Parameters
    ----------
    least_confidence
        None where no threshold keeps the bound: then every case is referred.
    max_error_frac
        Share of wrong answers among those given that must not be exceeded.
    delta_frac
        Chance, over tuning sets, that the bound does not hold.
    answered_frac, error_frac
        What the rule did on the tuning cases it was fitted on.
    """

    least_confidence: float | None
    max_error_frac: float
    delta_frac: float
    answered_frac: float
    error_frac: float
    n_tuning: int

    def answers(self, confidence: FloatArray) -> BoolArray:
        """Which cases are answered, ``(n,)``; the others are referred."""
        if self.least_confidence is None:
            return np.zeros(len(confidence), bool)
        return np.asarray(confidence) >= self.least_confidence


def fit_selective(
    correct: BoolArray,
    confidence: FloatArray,
    *,
    max_error_frac: float,
    delta_frac: float = 0.05,
    units: Units = None,
) -> SelectiveRule:
    """Fit the threshold that answers the most cases and keeps the error bound with probability 1 - delta.

    Thresholds are tested from sure to unsure by binomial tails, from 10 starts that share delta, each going on until it
    fails (fixed-sequence testing; Angelopoulos et al., Learn then Test, Ann Appl Stat 2025; for one start, Geifman and
    El-Yaniv, NeurIPS 2017). A patient with any wrong answer counts as one error among answered patients: that bounds
    the mean share of wrong answers a patient.

    Parameters
    ----------
    correct, confidence
        ``(n,)``: whether the call is right, and how sure the model is.
    """
    for name, value in (("error bound", max_error_frac), ("delta", delta_frac)):
        if not 0 < value < 1:
            raise InputError(f"an {name} of {value}", expected="between 0 and 1, such as 0.05", hint="give a share")
    check_pair(correct, confidence)
    if not np.isfinite(confidence).all():
        raise InputError("a confidence is NaN or infinite", expected="numbers", hint="find the cases without an output")
    index = np.unique(unit_index(units, len(correct)), return_inverse=True)[1]
    candidates = _candidates(np.asarray(confidence, np.float64))
    passed = [
        _passes(correct, np.asarray(confidence) >= t, index, max_error_frac, delta_frac / _N_STARTS) for t in candidates
    ]
    reached = -1
    for start in range(0, len(candidates), max(1, math.ceil(len(candidates) / _N_STARTS))):
        at = start
        while at < len(candidates) and passed[at]:
            reached, at = max(reached, at), at + 1
    least = None if reached < 0 else float(candidates[reached])
    answered = np.zeros(len(correct), bool) if least is None else np.asarray(confidence) >= least
    return SelectiveRule(
        least_confidence=least,
        max_error_frac=max_error_frac,
        delta_frac=delta_frac,
        answered_frac=float(answered.mean()),
        error_frac=float((~correct[answered]).mean()) if answered.any() else math.nan,
        n_tuning=int(index.max()) + 1,
    )


def _candidates(confidence: FloatArray) -> FloatArray:
    """At most 100 thresholds from the surest case to all; they depend on confidences only, never on what is right."""
    values = np.unique(confidence)[::-1]
    return values[np.unique(np.linspace(0, len(values) - 1, min(_N_STEPS, len(values))).astype(int))]


def _passes(correct: BoolArray, answered: BoolArray, index: IntArray, max_error_frac: float, delta_frac: float) -> bool:
    n = len(np.unique(index[answered]))
    n_wrong = len(np.unique(index[answered & ~correct]))
    return binomial_cdf(n_wrong, n, max_error_frac) <= delta_frac


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectiveOutcome:
    """What the rule did on other cases; `holds` is False where the whole interval of the error is above the bound."""

    answered_frac: Estimate
    error_frac: Estimate
    error_if_all_answered_frac: Estimate
    holds: bool


def measure_selective(
    rule: SelectiveRule, correct: BoolArray, confidence: FloatArray, units: Units = None
) -> SelectiveOutcome:
    """Share answered and error among the answered on other cases, with intervals over patients."""
    check_pair(correct, confidence)
    answered, everyone = rule.answers(confidence), np.ones(len(correct), bool)
    error = share(~correct, answered, units)
    return SelectiveOutcome(
        answered_frac=share(answered, everyone, units),
        error_frac=error,
        error_if_all_answered_frac=share(~correct, everyone, units),
        holds=math.isnan(error.value) or error.low <= rule.max_error_frac,
    )
