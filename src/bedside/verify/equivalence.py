"""Verdicts on a difference against a margin set beforehand: non-inferior, or the same give or take (TOST)."""

import math
from dataclasses import dataclass

from bedside.base.arrays import BoolArray, FloatArray
from bedside.base.errors import InputError
from bedside.base.estimate import Estimate
from bedside.verify.clusters import Units
from bedside.verify.distributions import normal_quantile
from bedside.verify.noninferiority import NonInferiority, Verdict
from bedside.verify.paired_auroc import paired_areas


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivalence:
    """Two one-sided tests (Schuirmann, J Pharmacokinet Biopharm 1987) at 5 % each.

    PASS if the 90 % interval of the difference lies inside ``(-margin, margin)``, FAIL if the 95 % interval lies wholly
    outside it, else INCONCLUSIVE. `p_value` is the larger of the two one-sided ones, NaN where there is no error.
    """

    verdict: Verdict
    difference: Estimate
    margin: float
    p_value: float

    def __str__(self) -> str:
        return f"{self.verdict}: difference {self.difference} (90 %) against +/-{self.margin:g}, p = {self.p_value:.3g}"


def check_margin(margin: float) -> None:
    """Refuse a margin that is no margin."""
    if not 0 < margin < 1:
        raise InputError(
            f"a margin of {margin}", expected="a number between 0 and 1, such as 0.02", hint="set it before you look"
        )


def judge_non_inferiority(difference: Estimate, margin: float) -> NonInferiority:
    """Verdict on a 95 % interval of any figure's difference (small model minus reference): one-sided at 2.5 %."""
    check_margin(margin)
    if math.isnan(difference.value):
        return NonInferiority(verdict="INCONCLUSIVE", difference=difference, margin=margin)
    verdict: Verdict = "PASS" if difference.low > -margin else "FAIL" if difference.high < -margin else "INCONCLUSIVE"
    return NonInferiority(verdict=verdict, difference=difference, margin=margin)


def judge_equivalence(difference: Estimate, margin: float) -> Equivalence:
    """TOST from a symmetric 95 % interval on the normal scale, whose error is its width over 2 x 1.96.

    An interval without width counts as exact; one that spans all that is possible proves nothing.
    """
    check_margin(margin)
    if math.isnan(difference.value):
        return Equivalence(verdict="INCONCLUSIVE", difference=difference, margin=margin, p_value=math.nan)
    reach = normal_quantile(0.95) / normal_quantile((1 + difference.level_frac) / 2)
    narrow = Estimate(
        value=difference.value,
        low=difference.value - reach * (difference.value - difference.low),
        high=difference.value + reach * (difference.high - difference.value),
        n_patients=difference.n_patients,
        level_frac=0.90,
        method=difference.method,
    )
    verdict = _verdict(narrow, difference, margin)
    return Equivalence(verdict=verdict, difference=narrow, margin=margin, p_value=_tost_p(difference, margin))


def _tost_p(difference: Estimate, margin: float) -> float:
    z = normal_quantile((1 + difference.level_frac) / 2)
    tails = []
    for distance, width in (
        (margin + difference.value, difference.value - difference.low),
        (margin - difference.value, difference.high - difference.value),
    ):
        if width > 0:
            tails.append(0.5 * math.erfc(distance / (width / z) / math.sqrt(2)))
        else:
            tails.append(0.0 if distance > 0 else 1.0)
    return max(tails)


def auroc_equivalence(
    positive: BoolArray, small: FloatArray, reference: FloatArray, *, margin: float, units: Units = None
) -> Equivalence:
    """Equivalence of two AUROCs on the same cases, by the intervals of `PairedAreas` at 90 and 95 %."""
    found = paired_areas(positive, small, reference, units)
    if isinstance(found, Estimate):
        return judge_equivalence(found, margin)
    check_margin(margin)
    narrow, wide = found.interval(0.90), found.interval(0.95)
    sides = [p if abs(found.value) < margin else 1 - p for p in (found.p_value(-margin), found.p_value(margin))]
    return Equivalence(verdict=_verdict(narrow, wide, margin), difference=narrow, margin=margin, p_value=max(sides))


def _verdict(narrow: Estimate, wide: Estimate, margin: float) -> Verdict:
    if -margin < narrow.low and narrow.high < margin:
        return "PASS"
    return "FAIL" if wide.high < -margin or wide.low > margin else "INCONCLUSIVE"
