"""The mean of losses that are small for most cases and large for a few rare ones, such as the Brier score."""

import numpy as np

from bedside.base.arrays import FloatArray, IntArray
from bedside.base.estimate import Estimate
from bedside.verify.clusters import Units, n_distinct, standard_error, unit_index, unit_sums
from bedside.verify.distributions import t_quantile
from bedside.verify.proportions import score_interval

_UNSEEN_CASES = 0.5
_UNSEEN_UNITS = 3


def mean_loss_estimate(losses: FloatArray, units: Units = None, *, worst: float = 1.0) -> Estimate:
    """Mean of ``(n,)`` losses in [0, `worst`] with an interval that reckons with the rare case that was not drawn.

    A cohort of 50 without its one ill patient has a mean loss near 0 and no spread to say otherwise, so an interval
    from the spread alone holds the truth in a quarter of such cohorts. Here the losses are taken as hits of size
    ``c = sum L^2 / sum L``, half a case of the worst loss added to both sums, and ``mean / c`` is a share with Wilson's
    interval and Student's quantile: its upper end does not fall to 0 with the spread. Where units repeat, the share's
    design effect is that of the data, weighed by the number of units that carry the loss, ``(sum S)^2 / sum S^2`` over
    their sums S, against three units of which one has the worst loss in each image.
    """
    index = unit_index(units, len(losses))
    share_, n = np.asarray(losses, np.float64) / worst, len(losses)
    value, n_units = float(share_.mean()), n_distinct(index)
    error, dof = standard_error((share_ - value) / n, index)
    total, squares = float(share_.sum()), float(share_ @ share_)
    size = min(1.0, (squares + _UNSEEN_CASES) / (total + _UNSEEN_CASES))
    effect = 1.0 if n_units == n else _design_effect(share_, index, error, size)
    low, high = score_interval(value / size, n / effect, t_quantile(0.975, max(1.0, dof)))
    return Estimate(
        value=value * worst, low=min(value, size * low) * worst, high=max(value, min(1.0, size * high)) * worst,
        n_patients=n_units, method="Wilson of the loss as hits of one size, an unseen worst case added, Student",
    )  # fmt: skip


def _design_effect(losses: FloatArray, index: IntArray, error: float, size: float) -> float:
    sums, sizes, n = unit_sums(losses, index), np.bincount(index), len(losses)
    drawn_size = float(sizes @ sizes) / n  # images in the unit of an image picked at random
    of_sums = float(sums @ sums)
    unseen = (of_sums + drawn_size**2) / (float(sums.sum()) + drawn_size) / size
    spread = float(np.mean(losses * losses) - np.mean(losses) ** 2)
    if not of_sums or not spread > 0:
        return max(1.0, unseen)
    n_carrying = float(sums.sum()) ** 2 / of_sums
    seen = error * error * n / spread
    return max(1.0, (n_carrying * seen + _UNSEEN_UNITS * unseen) / (n_carrying + _UNSEEN_UNITS))
