"""How often a nominal 95 % interval holds the truth: simulated patients whose true figures are known.

Scores are normal, one standard deviation in each class, ill patients ``DISTANCE`` higher, so that the AUROC is 0.85;
images of one patient share its disease and half of the variance of its score. Probabilities are calibrated.
"""

import math
from dataclasses import asdict, dataclass
from statistics import NormalDist

import numpy as np

from bedside.base.estimate import Estimate
from bedside.verify.diagnostics import diagnose
from bedside.verify.resampling import unit_weights

AUROC = 0.85
DISTANCE = NormalDist().inv_cdf(AUROC) * math.sqrt(2)
SHARED_FRAC = 0.5
N_REPEATS = 2000
"""Simulated cohorts of a cell: a cover of 95 % is then known to half a point."""

N_DRAWS = 2  # only the ECE is resampled here, and it is not among the figures that are judged
PREVALENCE_STATED = 0.05
_PHI = NormalDist().cdf


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One cell: images, share of ill patients, images a patient (1, or 1 to 5 or 10 at random)."""

    n: int
    prevalence: float
    max_cluster: int

    @property
    def name(self) -> str:
        """Name of its file."""
        return f"coverage-n{self.n}-p{self.prevalence:g}-c{self.max_cluster}"

    @property
    def n_ill_expected(self) -> float:
        """Ill patients that the cell holds on average."""
        return self.n / ((1 + self.max_cluster) / 2) * self.prevalence


SETTINGS = tuple(
    Setting(n=n, prevalence=p, max_cluster=c)
    for n in (50, 200, 500, 2000)
    for p in (0.02, 0.1, 0.5)
    for c in (1, 5, 10)
)


def drawn(setting: Setting, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, calibrated probability and patient of each image, ``(n,)``."""
    sizes = rng.integers(1, setting.max_cluster + 1, size=setting.n)
    patient = np.repeat(np.arange(setting.n), sizes)[: setting.n]
    ill = (rng.random(setting.n) < setting.prevalence)[patient]
    shared, own = rng.normal(size=setting.n)[patient], rng.normal(size=setting.n)
    score = DISTANCE * ill + math.sqrt(SHARED_FRAC) * shared + math.sqrt(1 - SHARED_FRAC) * own
    return ill, _probability(score, setting.prevalence), patient


def _probability(score: np.ndarray, prevalence: float) -> np.ndarray:
    return 1 / (1 + np.exp(-(math.log(prevalence / (1 - prevalence)) + DISTANCE * score - DISTANCE**2 / 2)))


def threshold(prevalence: float) -> float:
    """Probability at the score of 80 % sensitivity."""
    score = DISTANCE - NormalDist().inv_cdf(0.8)
    return float(_probability(np.array([score]), prevalence)[0])


def truths(setting: Setting) -> dict[str, float]:
    """True figures, by their formulas where there are any, else by numerical integration over scores."""
    p = setting.prevalence
    se, sp = 0.8, _PHI(DISTANCE - NormalDist().inv_cdf(0.8))
    tp, fp, fn, tn = p * se, (1 - p) * (1 - sp), p * (1 - se), (1 - p) * sp
    grid = np.linspace(-8, 10, 200_001)
    step = grid[1] - grid[0]
    ill, well = (np.exp(-((grid - m) ** 2) / 2) / math.sqrt(2 * math.pi) * step for m in (DISTANCE, 0.0))
    above_ill, above_well = (np.cumsum(d[::-1])[::-1] - d / 2 for d in (ill, well))
    ppv = p * above_ill / np.maximum(p * above_ill + (1 - p) * above_well, 1e-300)
    prob = _probability(grid, p)
    chance = (tp + fp) * p + (tn + fn) * (1 - p)
    odds = PREVALENCE_STATED / (1 - PREVALENCE_STATED)
    known = {
        "auroc": AUROC,
        "average_precision": float(ill @ ppv),
        "sensitivity": se,
        "specificity": sp,
        "ppv": tp / (tp + fp),
        "npv": tn / (tn + fn),
        "accuracy": tp + tn,
        "balanced_accuracy": (se + sp) / 2,
        "f1": 2 * tp / (2 * tp + fp + fn),
        "mcc": (tp * tn - fp * fn) / math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)),
        "kappa": (tp + tn - chance) / (1 - chance),
        "lr_positive": se / (1 - sp),
        "lr_negative": (1 - se) / sp,
        "brier": float(p * ill @ (1 - prob) ** 2 + (1 - p) * well @ prob**2),
        "calibration_slope": 1.0,
        "calibration_intercept": 0.0,
        "ppv_at_prevalence": odds * se / (1 - sp) / (1 + odds * se / (1 - sp)),
        "npv_at_prevalence": 1 / (1 + odds * (1 - se) / sp),
    }
    for held in (0.90, 0.95):
        rate = _PHI(DISTANCE - NormalDist().inv_cdf(held))
        known[f"sensitivity_at_specificity_{100 * held:.0f}"] = rate
        known[f"specificity_at_sensitivity_{100 * held:.0f}"] = rate
    return known


def run_setting(setting: Setting) -> dict[str, object]:
    """Share of repeats, among the estimable ones, in which the interval of each figure holds the truth."""
    rng = np.random.default_rng([setting.n, round(1000 * setting.prevalence), setting.max_cluster])
    known, at = truths(setting), threshold(setting.prevalence)
    tally = {name: np.zeros(4) for name in known}  # inside, too low, too high, not estimable
    for repeat in range(N_REPEATS):
        ill, probability, patient = drawn(setting, rng)
        weights = unit_weights(patient, len(ill), n_resamples=N_DRAWS, seed=repeat)
        found = diagnose(
            ill, probability, probability >= at, units=patient, weights=weights, prevalence=PREVALENCE_STATED
        )
        for name, truth in known.items():
            tally[name] += _judged(found.metrics[name], truth)
    return {
        "setting": asdict(setting) | {"n_ill_expected": setting.n_ill_expected, "n_repeats": N_REPEATS},
        "figures": {name: _shares(counts) for name, counts in tally.items()},
    }


def _judged(found: Estimate, truth: float) -> np.ndarray:
    if math.isnan(found.value):
        return np.array([0, 0, 0, 1])
    return np.array([found.low <= truth <= found.high, found.high < truth, found.low > truth, 0])


def _shares(counts: np.ndarray) -> dict[str, float]:
    n = counts[:3].sum()
    inside, low, high = (float(c / n) if n else math.nan for c in counts[:3])
    return {"cover": inside, "interval_below": low, "interval_above": high, "not_estimable": float(counts[3])}
