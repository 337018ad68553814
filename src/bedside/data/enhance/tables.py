"""Whole-number tables of exp(-x): decimal arithmetic rounds alike everywhere, a machine's own libm need not."""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from functools import cache

import numpy as np

from bedside.base.arrays import IntArray

UNIT = 1 << 16
"""A weight of 1."""


@cache
def falling_exponential(scale: float, n: int) -> IntArray:
    """``round(UNIT * exp(-i / scale))`` for i from 0 to n - 1."""
    with localcontext() as context:
        context.prec, context.rounding = 28, ROUND_HALF_EVEN
        step = (-1 / Decimal(scale)).exp()
        weight, table = Decimal(UNIT), []
        for _ in range(n):
            table.append(int(weight.to_integral_value()))
            weight *= step
    return np.array(table, np.int64)


def box_sums(values: IntArray, radius: int) -> IntArray:
    """Sums over squares of side ``2 radius + 1``: ``(H + 2 radius, W + 2 radius)`` to ``(H, W)``, exact."""
    side = 2 * radius + 1
    total = np.zeros((values.shape[0] + 1, values.shape[1] + 1), np.int64)
    np.cumsum(values, axis=0, out=total[1:, 1:])
    np.cumsum(total[1:, 1:], axis=1, out=total[1:, 1:])
    return total[side:, side:] - total[:-side, side:] - total[side:, :-side] + total[:-side, :-side]
