"""How many patients would do: power and sample size of a verdict against a margin, and of an interval's width."""

import math

from bedside.base.errors import InputError
from bedside.verify.distributions import normal_quantile

_SQRT2 = math.sqrt(2)


def _normal_cdf(z: float) -> float:
    return 0.5 * math.erfc(-z / _SQRT2)


def non_inferiority_power(
    *, true_difference: float, margin: float, standard_error: float, alpha_frac: float = 0.025
) -> float:
    """Chance of a PASS: the lower end of the interval of a difference clears ``-margin``, one-sided at `alpha_frac`.

    Examples
    --------
    >>> round(non_inferiority_power(true_difference=0.0, margin=0.02, standard_error=0.01), 3)
    0.516
    """
    _check_error(standard_error)
    return _normal_cdf((true_difference + margin) / standard_error - normal_quantile(1 - alpha_frac))


def equivalence_power(
    *, true_difference: float, margin: float, standard_error: float, alpha_frac: float = 0.05
) -> float:
    """Chance that the two one-sided tests both reject (Julious, Stat Med 2004, section 5); 0 at least."""
    _check_error(standard_error)
    z = normal_quantile(1 - alpha_frac)
    sides = ((margin + s * true_difference) / standard_error - z for s in (1, -1))
    return max(0.0, sum(map(_normal_cdf, sides)) - 1)


def patients_for_non_inferiority(
    *,
    true_difference: float,
    margin: float,
    standard_error: float,
    n_patients: int,
    power_frac: float = 0.8,
    alpha_frac: float = 0.025,
) -> int | None:
    """Patients needed for the power, from the error that `n_patients` gave (errors shrink with the root of n).

    None where the true difference is at or beyond the margin: no number of patients would do.
    """
    _check_error(standard_error)
    distance = true_difference + margin
    if distance <= 0:
        return None
    reach = normal_quantile(1 - alpha_frac) + normal_quantile(power_frac)
    return math.ceil(n_patients * (reach * standard_error / distance) ** 2)


def patients_for_equivalence(
    *,
    true_difference: float,
    margin: float,
    standard_error: float,
    n_patients: int,
    power_frac: float = 0.8,
    alpha_frac: float = 0.05,
) -> int | None:
    """Fewest patients whose TOST has the power, by bisection; None where the difference is beyond the margin."""
    _check_error(standard_error)
    if abs(true_difference) >= margin:
        return None

    def enough(n: int) -> bool:
        error = standard_error * math.sqrt(n_patients / n)
        got = equivalence_power(
            true_difference=true_difference, margin=margin, standard_error=error, alpha_frac=alpha_frac
        )
        return got >= power_frac

    high = 1
    while not enough(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def patients_for_width(share_frac: float, half_width: float, *, prevalence: float = 1.0) -> int:
    """Patients for a 95 % interval of a share that reaches `half_width` to each side (Buderer, Acad Emerg Med 1996).

    `prevalence` is the share of patients that count: of the ill for sensitivity, of the well for specificity.
    """
    if not (0 <= share_frac <= 1 and 0 < half_width < 1 and 0 < prevalence <= 1):
        raise InputError(
            f"share {share_frac}, half width {half_width}, prevalence {prevalence}",
            expected="fractions between 0 and 1",
            hint="half width and prevalence are above 0",
        )
    z = normal_quantile(0.975)
    return math.ceil(math.ceil(z * z * share_frac * (1 - share_frac) / half_width**2) / prevalence)


def _check_error(standard_error: float) -> None:
    if not standard_error > 0:
        raise InputError(
            f"a standard error of {standard_error}", expected="above 0", hint="take it from an interval: width / 3.92"
        )
