"""Where an activation's range ends: four observers over one histogram, for every format alike."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import FloatArray, IntArray
from bedside.compress.quantization import Ranges

N_BINS = 2048
PERCENTILE_FRAC = 0.9999
"""Share of the values that the percentile range holds; what is outside is split evenly between both ends."""
N_VALUES_PER_BIN = 32
"""Values that a histogram needs before its divergence says anything of the range: below, bins are empty by chance."""
_N_TELLING = 5
"""Counts from which chance scatters a bin as the normal law says."""
_N_CANDIDATES = 128
_N_ROUNDS = 3

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts of one tensor's values between its smallest and its largest, with 0 always among them.

    Parameters
    ----------
    counts
        ``(N_BINS,)``, equal steps from `low` to `high`.
    """

    low: float
    high: float
    counts: IntArray

    @property
    def step(self) -> float:
        """Width of a bin."""
        return (self.high - self.low) / len(self.counts)

    @property
    def centres(self) -> FloatArray:
        """Middles of the bins, ``(N_BINS,)``."""
        return self.low + (np.arange(len(self.counts)) + 0.5) * self.step

    def with_values(self, values: FloatArray) -> "Histogram":
        """Add values of any shape; what is outside the ends is not counted."""
        found, _ = np.histogram(values, bins=len(self.counts), range=(self.low, self.high))
        return Histogram(self.low, self.high, self.counts + found)


def blank_histogram(low: float, high: float) -> Histogram:
    """An empty histogram between two ends; a tensor of zeros gets a width all the same."""
    low, high = min(0.0, float(low)), max(0.0, float(high))
    return Histogram(low, high if high > low else low + 1e-6, np.zeros(N_BINS, np.int64))


def range_of(histogram: Histogram, ranges: Ranges, *, n_levels: int = 256) -> Range:
    """Smallest and largest value that the integers will stand for; 0 lies between them.

    ``min_max`` clips nothing. ``percentile`` leaves one value in ten thousand outside. ``mse`` minimises the mean
    squared error of rounding and clipping together. ``entropy`` minimises the Kullback-Leibler divergence of the
    rounded histogram from the observed one (Migacz, GTC 2017); a tensor of too few values for that (a squeezed one)
    keeps its ends. The last two search both ends in turn.

    Parameters
    ----------
    n_levels
        Integers at hand: 256 at 8 bits.
    """
    if ranges == "min_max" or not histogram.counts.sum():
        return histogram.low, histogram.high
    if ranges == "percentile":
        return _percentile(histogram)
    if ranges == "mse":
        return _search(histogram, lambda low, high: squared_error(histogram, low, high, n_levels=n_levels))
    if histogram.counts.sum() < N_VALUES_PER_BIN * len(histogram.counts):
        return histogram.low, histogram.high
    shortest, smooth = n_levels * histogram.step, _without_zero(histogram)
    return _search(histogram, lambda low, high: _divergence(smooth, low, high, n_levels), shortest=shortest)


def squared_error(histogram: Histogram, low: float, high: float, *, n_levels: int = 256) -> float:
    """Mean squared error when the histogram's values are clipped to a range and rounded to `n_levels` integers."""
    scale = (high - low) / (n_levels - 1)
    if scale <= 0:
        return float("inf")
    zero = np.round(-low / scale)
    levels = np.clip(np.round(histogram.centres / scale) + zero, 0, n_levels - 1)
    errors = (levels - zero) * scale - histogram.centres
    return float(np.average(errors**2, weights=histogram.counts))


def _percentile(histogram: Histogram) -> Range:
    outside = (1 - PERCENTILE_FRAC) / 2 * histogram.counts.sum()
    first = int(np.argmax(np.cumsum(histogram.counts) > outside))
    last = len(histogram.counts) - int(np.argmax(np.cumsum(histogram.counts[::-1]) > outside))
    return (
        min(0.0, histogram.low + first * histogram.step),
        max(0.0, histogram.low + last * histogram.step),
    )


def _search(histogram: Histogram, cost: Callable[[float, float], float], *, shortest: float = 0.0) -> Range:
    """Move one end, then the other, over even steps between 0 and its extreme; keep what costs least."""
    low, high = histogram.low, histogram.high
    steps = np.arange(_N_CANDIDATES + 1) / _N_CANDIDATES

    def best(candidates: list[Range]) -> Range:
        long_enough = [c for c in candidates if c[1] - c[0] >= max(shortest, 1e-12)] or [(low, high)]
        return min(long_enough, key=lambda ends: (cost(*ends), ends[0] - ends[1]))

    for _ in range(_N_ROUNDS):
        before = (low, high)
        low, high = best([(low, float(step * histogram.high)) for step in steps])
        low, high = best([(float(step * histogram.low), high) for step in steps])
        if (low, high) == before:
            break
    return low, high


def _without_zero(histogram: Histogram) -> Histogram:
    """The bin that holds 0 gets its neighbours' counts: 0 is an integer exactly, however many a ReLU leaves of it."""
    at = min(int(-histogram.low / histogram.step), len(histogram.counts) - 1)
    counts = histogram.counts.copy()
    around = [counts[i] for i in (at - 1, at + 1) if 0 <= i < len(counts)]
    counts[at] = min(counts[at], int(max(around)))
    return Histogram(histogram.low, histogram.high, counts)


def _divergence(histogram: Histogram, low: float, high: float, n_levels: int) -> float:
    """``KL(P || Q)``: P is the histogram with what is clipped put on the ends, Q its inside rounded to the levels.

    Less what chance alone would make of it, half a value for each bin that shares its level (Miller, 1955): few values
    would else speak for narrow ranges, whose bins have a level each.
    """
    first = int(np.round((low - histogram.low) / histogram.step))
    last = max(first + 1, int(np.round((high - histogram.low) / histogram.step)))
    inside = histogram.counts[first:last].astype(np.float64)
    observed = inside.copy()
    observed[0] += histogram.counts[:first].sum()
    observed[-1] += histogram.counts[last:].sum()
    level = np.arange(len(inside)) * n_levels // len(inside)
    filled = (inside > 0).astype(np.float64)
    total, n = np.bincount(level, inside, n_levels), np.bincount(level, filled, n_levels)
    rounded = (total / np.maximum(n, 1))[level] * filled
    if not rounded.sum():
        return float("inf")
    p, q = observed / observed.sum(), np.maximum(rounded / rounded.sum(), 1e-12)
    chance = np.maximum(np.bincount(level, inside >= _N_TELLING, n_levels) - 1, 0).sum() / (2 * observed.sum())
    return float(np.sum(p[p > 0] * np.log(p[p > 0] / q[p > 0])) - chance)
