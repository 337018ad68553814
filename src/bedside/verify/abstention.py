"""When one answer is too much: sets of classes, and referral of unsure cases; fitted on tuning, shown on the test."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import FloatArray, IntArray
from bedside.base.errors import InputError
from bedside.base.estimate import Estimate
from bedside.verify.checking import check_probabilities
from bedside.verify.clusters import Units, n_distinct, unit_index
from bedside.verify.conformal import ConformalCoverage, ConformalRule, fit_conformal, measure_coverage
from bedside.verify.proportions import share
from bedside.verify.selective import SelectiveOutcome, SelectiveRule, fit_selective, measure_selective

COVERAGE_FRAC = 0.9
"""Share of the cases of each class whose set shall hold the truth."""

MAX_ERRORS_FRAC = (0.01, 0.02, 0.05, 0.1, 0.2)
"""Bounds on the share of wrong answers that a referral rule is fitted for, each by itself."""

USUAL_MAX_ERROR_FRAC = 0.05
"""The bound where none is named."""

MIN_PATIENTS = 20
"""Fewer tuning patients fit no rule."""

_N_POINTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class AbstentionRule:
    """How one model file says "one of these" or "ask a person"; fitted on its own tuning outputs.

    Parameters
    ----------
    sets
        Class-conditional, so that the rare class is covered as well as the common one.
    selective
        One rule a bound of `MAX_ERRORS_FRAC`; each holds by itself, not all at once.
    """

    sets: ConformalRule
    selective: tuple[SelectiveRule, ...]

    def bounded(self, max_error_frac: float) -> SelectiveRule:
        """Return the rule of a bound.

        Raises
        ------
        InputError
            If none was fitted for it: a bound that is chosen after the fit is none.
        """
        for rule in self.selective:
            if abs(rule.max_error_frac - max_error_frac) < 1e-9:
                return rule
        raise InputError(
            f"no referral rule for a bound of {max_error_frac:g}",
            expected="one of " + ", ".join(f"{rule.max_error_frac:g}" for rule in self.selective),
            hint="see --max-error",
        )

    def reasons(self, probabilities: FloatArray, calls: IntArray, *, max_error_frac: float) -> list[str]:
        """Why each case is referred, in words, ``(n,)``; empty for one that is answered."""
        rule, sure = self.bounded(max_error_frac), confidence(probabilities, calls)
        if rule.least_confidence is None:
            return [f"no confidence keeps wrong answers below {100 * max_error_frac:g} %"] * len(sure)
        return [
            ""
            if answered
            else f"unsure: {value:.3f} is below {rule.least_confidence:.3f}, "
            f"where more than {100 * max_error_frac:g} % of answers may be wrong"
            for answered, value in zip(rule.answers(sure).tolist(), sure.tolist(), strict=True)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class AbstentionRules:
    """The rules of a bundle, by the name of the model file that each was fitted on (``litert int8``)."""

    of_model: dict[str, AbstentionRule]


def confidence(probabilities: FloatArray, calls: IntArray) -> FloatArray:
    """Probability of the class that is called, ``(n,)``, of ``(n, K)``; below one half where the threshold is low."""
    return np.asarray(probabilities)[np.arange(len(calls)), calls]


def fit_abstention(labels: IntArray, probabilities: FloatArray, calls: IntArray, units: Units = None) -> AbstentionRule:
    """Fit sets and referral rules on tuning cases.

    Parameters
    ----------
    labels, probabilities, calls
        ``(n,)``, ``(n, K)`` and ``(n,)``, at the locked operating point.

    Raises
    ------
    InputError
        With fewer than `MIN_PATIENTS` units, or for a score that is no probability.
    """
    check_probabilities(np.zeros(np.shape(probabilities), bool), probabilities)
    if (n_units := n_distinct(unit_index(units, len(labels)))) < MIN_PATIENTS:
        raise InputError(
            f"{n_units} tuning patients cannot fit a referral rule",
            expected=f"{MIN_PATIENTS} or more",
            hint="add cases",
        )
    right, sure = calls == labels, confidence(probabilities, calls)
    return AbstentionRule(
        sets=fit_conformal(labels, probabilities, coverage_frac=COVERAGE_FRAC, kind="class-conditional", units=units),
        selective=tuple(
            fit_selective(right, sure, max_error_frac=bound, units=units) for bound in MAX_ERRORS_FRAC
        ),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskPoint:
    """If only the surest share of the cases were answered: the share of wrong answers among them."""

    answered_frac: float
    least_confidence: float
    error_frac: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class AbstentionEvidence:
    """What the rules did on the opened test.

    Parameters
    ----------
    n_by_size
        Cases whose set holds 0, 1, ... K classes.
    outcomes
        One a selective rule, in their order.
    curves
        Risk against the share answered, by model (``shipped``, ``reference``).
    """

    rule: AbstentionRule
    n_cases: int
    coverage: ConformalCoverage
    n_by_size: tuple[int, ...]
    outcomes: tuple[SelectiveOutcome, ...]
    curves: dict[str, tuple[RiskPoint, ...]]


Answers = tuple[FloatArray, IntArray]
"""Probabilities ``(n, K)`` and calls ``(n,)``."""


def abstention_evidence(
    rule: AbstentionRule, labels: IntArray, shipped: Answers, reference: Answers, units: Units = None
) -> AbstentionEvidence:
    """Measure coverage and risk on cases that the rule was not fitted on."""
    probabilities, calls = shipped
    right, sure = calls == labels, confidence(*shipped)
    return AbstentionEvidence(
        rule=rule,
        n_cases=len(labels),
        coverage=measure_coverage(rule.sets, labels, probabilities, units),
        n_by_size=tuple(
            np.bincount(rule.sets.sets(probabilities).sum(axis=1), minlength=probabilities.shape[1] + 1).tolist()
        ),
        outcomes=tuple(measure_selective(one, right, sure, units) for one in rule.selective),
        curves={
            "shipped": risk_curve(right, sure, units),
            "reference": risk_curve(reference[1] == labels, confidence(*reference), units),
        },
    )


def risk_curve(right: Sequence[bool] | np.ndarray, sure: FloatArray, units: Units = None) -> tuple[RiskPoint, ...]:
    """Share of wrong answers when the surest 5 %, 10 %, ... 100 % are answered; ties are answered together."""
    right, order = np.asarray(right, bool), np.sort(np.asarray(sure, np.float64))[::-1]
    points = {}
    for k in np.unique(np.ceil(np.linspace(0, len(order), _N_POINTS + 1)[1:]).astype(int)):
        least = float(order[k - 1])
        answered = np.asarray(sure) >= least
        points[least] = RiskPoint(
            answered_frac=float(answered.mean()), least_confidence=least, error_frac=share(~right, answered, units)
        )
    return tuple(points.values())
