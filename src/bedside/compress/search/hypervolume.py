"""The front of a set of trials, and the volume that it dominates."""

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray
from bedside.base.errors import ShapeError


def front_of(goods: FloatArray) -> BoolArray:
    """Which rows ``(n, M)`` (higher is better in each column) no other row beats; of equal rows all stay.

    One row beats another if it is at least as good everywhere and better somewhere.
    """
    at_least = (goods[:, None, :] >= goods[None, :, :]).all(axis=2)
    better = (goods[:, None, :] > goods[None, :, :]).any(axis=2)
    return np.logical_not(np.asarray((at_least & better).any(axis=0)))


def hypervolume(goods: FloatArray, reference: FloatArray) -> float:
    """Volume that the rows ``(n, M)`` dominate above `reference` ``(M,)``, exactly; higher is better in each column.

    Zitzler & Thiele, IEEE Trans. Evol. Comput. 3(4), 1999; by exclusive volumes (While, Bradstreet & Barone, "WFG",
    IEEE Trans. Evol. Comput. 16(1), 2012).

    Raises
    ------
    ShapeError
        If the columns differ in number, or a number is not finite.
    """
    goods, reference = np.asarray(goods, float), np.asarray(reference, float)
    if goods.ndim != 2 or reference.shape != goods.shape[1:] or not np.isfinite(goods).all():
        raise ShapeError(
            f"got {goods.shape} and a reference of {reference.shape}", expected="(n, M) finite, and (M,)",
            hint="leave out trials without a score",
        )  # fmt: skip
    above = np.unique((goods - reference)[(goods > reference).all(axis=1)], axis=0)
    return _volume(above[front_of(above)]) if len(above) else 0.0


def _volume(above: FloatArray) -> float:
    """Volume of a front ``(n, M)`` above the origin: of each row what the rows after it do not cover."""
    if above.shape[1] == 1:
        return float(above.max())
    if above.shape[1] == 2:
        order = above[np.argsort(-above[:, 0])]
        lower = np.concatenate([[0.0], order[:-1, 1]])
        return float((order[:, 0] * (order[:, 1] - lower)).sum())
    above = above[np.argsort(-above[:, -1])]
    total = 0.0
    for i, row in enumerate(above):
        total += float(row.prod()) - _covered(row, above[i + 1 :])
    return total


def _covered(row: FloatArray, others: FloatArray) -> float:
    if not len(others):
        return 0.0
    limited = np.unique(np.minimum(others, row), axis=0)
    return _volume(limited[front_of(limited)])
