"""Sanity checks of attacks: values in the report, shown when they fail."""

from collections.abc import Sequence

from bedside.verify.adversarial import AttackCurve, SanityCheck

LARGE_EPS = 128
"""Grey levels at which every image can be made mid-grey, so that nothing can be told apart."""

BROKEN_ACC = 0.1
"""Accuracy that a working attack may leave at the large size."""

SLACK = 0.02
"""Difference in accuracy that two attacks may have by chance."""


def check_attacks(curves: Sequence[AttackCurve]) -> tuple[SanityCheck, ...]:
    """Every check that the curves at hand allow.

    1. Accuracy falls to nearly nothing at the largest size, for each attack that sees the model; for a size below
       `LARGE_EPS` a failure may mean a robust model, and says so.
    2. No black-box or transfer attack is stronger than the strongest white-box attack on the same model.
    3. The same attack with more effort is not weaker.
    """
    direct = [curve for curve in curves if curve.access != "transfer"]
    checks = [_falls(curve) for curve in direct]
    checks += [
        _not_stronger(weak, [c for c in curves if c.access == "white-box" and c.victim == weak.victim])
        for weak in curves
        if weak.access != "white-box" and any(c.access == "white-box" and c.victim == weak.victim for c in curves)
    ]
    for few in curves:
        checks += [
            _not_weaker(few, many)
            for many in curves
            if (few.attack, few.victim, few.access) == (many.attack, many.victim, many.access)
            and many.effort > few.effort
        ]
    return tuple(checks)


def _falls(curve: AttackCurve) -> SanityCheck:
    last = curve.points[-1]
    passed = last.accuracy.value <= BROKEN_ACC
    hint = "" if passed or last.eps_levels >= LARGE_EPS else f"; try {LARGE_EPS} grey levels or more effort"
    return SanityCheck(
        name=f"{curve.attack} on {curve.victim}: accuracy falls to nearly nothing at the largest size",
        passed=passed,
        detail=f"accuracy {last.accuracy.value:.3f} at {last.eps_levels} grey levels, ceiling {BROKEN_ACC:g}{hint}",
    )


def _not_stronger(weak: AttackCurve, strong: Sequence[AttackCurve]) -> SanityCheck:
    left: dict[int, float] = {}
    for point in (p for curve in strong for p in curve.points):
        left[point.eps_levels] = min(point.accuracy.value, left.get(point.eps_levels, 1.0))
    gaps = {p.eps_levels: left[p.eps_levels] - p.accuracy.value for p in weak.points if p.eps_levels in left}
    worst = max(gaps, key=lambda eps: gaps[eps])
    return SanityCheck(
        name=f"{weak.attack} ({weak.access}) is not stronger than white-box attacks on {weak.victim}",
        passed=gaps[worst] <= SLACK,
        detail=f"at {worst} grey levels white-box leaves {gaps[worst]:+.3f} more accuracy, allowed {SLACK:g}",
    )


def _not_weaker(few: AttackCurve, many: AttackCurve) -> SanityCheck:
    gaps = {
        point.eps_levels: point.accuracy.value - before.accuracy.value
        for point in many.points
        if (before := few.at(point.eps_levels)) is not None
    }
    worst = max(gaps, key=lambda eps: gaps[eps])
    return SanityCheck(
        name=f"{many.attack} on {many.victim}: {many.effort} steps are not weaker than {few.effort}",
        passed=gaps[worst] <= SLACK,
        detail=f"at {worst} grey levels more effort leaves {gaps[worst]:+.3f} more accuracy, allowed {SLACK:g}",
    )
