"""A Gaussian with a shrunk covariance, and how far a row of features lies from it."""

from dataclasses import dataclass, field

import numpy as np

from bedside.base.arrays import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupModel:
    """A shrunk Gaussian of one group of features.

    Parameters
    ----------
    mean, scale
        ``(d,)`` each; features are standardized with them first.
    whitener
        ``(d, d)`` lower triangle by rows: its product with the standardized features has unit covariance.
    centre, spread
        Median and scaled median deviation of the log-distance of development images.
    """

    mean: tuple[float, ...] = field(repr=False)
    scale: tuple[float, ...] = field(repr=False)
    whitener: tuple[tuple[float, ...], ...] = field(repr=False)
    centre: float
    spread: float

    def scores(self, features: FloatArray) -> FloatArray:
        """Standardized log-distance of each row of ``(n, d)`` features, ``(n,)``; 0 is typical, large is strange."""
        standardized = (features - np.array(self.mean)) / np.array(self.scale)
        n = len(self.mean)
        matrix = np.zeros((n, n))
        for i, row in enumerate(self.whitener):
            matrix[i, : len(row)] = row
        distance = ((standardized @ matrix.T) ** 2).mean(axis=1)
        return (np.log(distance + 1e-9) - self.centre) / self.spread


def fit_group(features: FloatArray, floors: FloatArray) -> GroupModel:
    """Fit ``(n, d)`` features; `floors` ``(d,)`` are the least standard deviations."""
    mean = features.mean(axis=0)
    scale = np.maximum(features.std(axis=0), floors)
    standardized = (features - mean) / scale
    covariance = shrunk_covariance(standardized)
    whitener = np.linalg.inv(np.linalg.cholesky(covariance))
    rows = tuple(tuple(short(float(x)) for x in row[: i + 1]) for i, row in enumerate(whitener))
    bare = GroupModel(mean=_shorts(mean), scale=_shorts(scale), whitener=rows, centre=0.0, spread=1.0)
    logs = bare.scores(features)
    centre = float(np.median(logs))
    spread = max(1.4826 * float(np.median(np.abs(logs - centre))), 0.1)
    return GroupModel(mean=bare.mean, scale=bare.scale, whitener=rows, centre=short(centre), spread=short(spread))


def shrunk_covariance(standardized: FloatArray) -> FloatArray:
    """Ledoit and Wolf's covariance of centred rows ``(n, d)``: the empirical one, pulled towards a multiple of one.

    A twentieth of the identity is added, so that a feature that never varied in the cohort cannot decide alone.
    """
    n, d = standardized.shape
    empirical = standardized.T @ standardized / n
    target = np.trace(empirical) / d * np.eye(d)
    distance = ((empirical - target) ** 2).sum()
    error = ((standardized**2).T @ (standardized**2) / n - empirical**2).sum() / n
    share = 1.0 if distance <= 0 else min(1.0, max(0.0, error / distance))
    return (1 - share) * empirical + share * target + 0.05 * np.eye(d)


def short(value: float) -> float:
    """Six significant digits: the file stays small, and another machine's rounding cannot change it."""
    return float(f"{value:.6g}")


def _shorts(values: FloatArray) -> tuple[float, ...]:
    return tuple(short(float(x)) for x in values)
