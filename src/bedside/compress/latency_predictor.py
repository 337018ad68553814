"""Costs of a file learned from those that were measured: latency first of all, and what else a search asks.

Two learners compete on folds of the measured files: a ridge regression without negative coefficients (a cost is
a sum of its layers' costs) and boosted trees. The band is conformal: the spread of the errors on left-out files
(Vovk, Gammerman & Shafer, "Algorithmic Learning in a Random World", 2005; Barber et al., Annals of Statistics 49(1),
2021, for the version with folds).
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.errors import InputError
from bedside.base.seam import Requirement, require

Features = dict[str, float]
"""Counts of one network, by name."""

MIN_MEASURED = 6
"""Files that have to be measured before anything is predicted."""

_FOR_TREES = 12
"""Files from which trees compete: fewer only tempt them."""

_N_FOLDS = 5
_REQUIRES = (Requirement("sklearn", "scikit-learn"),)
_SUMMANDS = ("dense_mmacs", "pointwise_mmacs", "depthwise_mmacs", "n_layers", "map_values_m", "input_values_m",
             "int8_kib", "fp32_kib")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """A cost with the band that holds it in `level_frac` of the cases."""

    value: float
    low: float
    high: float
    level_frac: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CostPredictor:
    """A fitted predictor of one quantity.

    Parameters
    ----------
    learner
        The one that erred less on left-out files, ``ridge`` or ``trees``.
    error_frac
        Median relative error on left-out files.
    spread
        Half width of the band, in logarithms.
    """

    learner: str
    error_frac: float
    spread: float
    level_frac: float
    n_measured: int
    columns: tuple[str, ...]
    model: Any

    def predict(self, features: Features) -> Prediction:
        """Predict one network."""
        value = float(_guess(self.learner, self.model, _table([features], self.columns))[0])
        factor = math.exp(self.spread)
        return Prediction(value=value, low=value / factor, high=value * factor, level_frac=self.level_frac)


def learn_costs(
    features: Sequence[Features], measured: Sequence[float], *, level_frac: float = 0.9, seed: int = 0
) -> CostPredictor:
    """Learn one quantity from measured files.

    Parameters
    ----------
    measured
        The quantity of each file, above 0.

    Raises
    ------
    InputError
        If there are fewer than `MIN_MEASURED`, or a value is not positive.
    """
    require("predicting costs", _REQUIRES)
    values = np.asarray(measured, float)
    if len(values) < MIN_MEASURED or len(values) != len(features) or not (values > 0).all():
        raise InputError(
            f"{len(values)} measured files for {len(features)} networks", hint="measure more before predicting",
            expected=f"as many of each, at least {MIN_MEASURED}, above 0",
        )  # fmt: skip
    folds = np.random.default_rng((seed, len(values))).permutation(len(values)) % min(_N_FOLDS, len(values))
    found = {}
    for learner, columns in _columns(features).items():
        table, errors = _table(features, columns), np.empty(len(values))
        for fold in np.unique(folds):
            held = folds == fold
            model = _fit(learner, table[~held], values[~held], seed)
            errors[held] = np.log(_guess(learner, model, table[held]) / values[held])
        found[learner] = errors
    best = min(found, key=lambda learner: float(np.median(np.abs(found[learner]))))
    columns, errors = _columns(features)[best], np.sort(np.abs(found[best]))
    rank = min(len(errors), math.ceil((len(errors) + 1) * level_frac))
    return CostPredictor(
        learner=best,
        error_frac=float(np.median(np.abs(np.expm1(found[best])))),
        spread=float(errors[rank - 1]),
        level_frac=min(level_frac, rank / (len(errors) + 1)),
        n_measured=len(values),
        columns=columns,
        model=_fit(best, _table(features, columns), values, seed),
    )


def _columns(features: Sequence[Features]) -> dict[str, tuple[str, ...]]:
    names = tuple(sorted(features[0]))
    ridge = {"ridge": tuple(name for name in names if name in _SUMMANDS)}
    return ridge | ({"trees": names} if len(features) >= _FOR_TREES else {})


def _table(features: Sequence[Features], columns: Sequence[str]) -> FloatArray:
    return np.array([[one[name] for name in columns] for one in features], float)


def _fit(learner: str, table: FloatArray, values: FloatArray, seed: int) -> Any:
    if learner == "ridge":
        return _fit_ridge(table, values)
    from sklearn.ensemble import GradientBoostingRegressor

    model = GradientBoostingRegressor(n_estimators=40, max_depth=2, learning_rate=0.2, subsample=0.9, random_state=seed)
    return model.fit(np.log1p(table), np.log(values))


def _fit_ridge(table: FloatArray, values: FloatArray) -> tuple[FloatArray, Any]:
    """Least squares of relative errors: each row is divided by its value, so that small networks count like large."""
    from sklearn.linear_model import Ridge

    scale = np.maximum(table.max(axis=0), 1e-12)
    design = np.hstack([np.ones((len(table), 1)), table / scale]) / values[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = Ridge(alpha=1e-4, positive=True, fit_intercept=False).fit(design, np.ones(len(values)))
    return scale, model


def _guess(learner: str, model: Any, table: FloatArray) -> FloatArray:
    if learner == "trees":
        return np.exp(model.predict(np.log1p(table)))
    scale, ridge = model
    return np.maximum(ridge.predict(np.hstack([np.ones((len(table), 1)), table / scale])), 1e-9)
