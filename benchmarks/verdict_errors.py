"""How often a verdict says PASS where the small model is worse by exactly the margin (simulated pairs of models)."""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from bedside.base.task import Task
from bedside.verify.delong import delong_test
from bedside.verify.equivalence import judge_equivalence
from bedside.verify.intervals import resamples
from bedside.verify.noninferiority import compare_aurocs
from bedside.verify.proportions import clopper_pearson

MARGIN = 0.05
REFERENCE_AUROC = 0.90
N_REPEATS = 2000
N_DRAWS = 300
TASK = Task(classes=("well", "ill"))
CEILING = 0.055


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """Cases, share of ill ones, correlation of the two scores within a class, and the verdict that is judged."""

    n: int
    prevalence: float
    correlation: float
    verdict: str

    @property
    def name(self) -> str:
        """Name of its file."""
        return f"{self.verdict}-n{self.n}-p{self.prevalence:g}-r{self.correlation:g}"


DESIGNS = tuple(
    Design(n=n, prevalence=p, correlation=r, verdict=verdict)
    for verdict, settings in (
        ("non-inferiority", ((100, 0.3, 0.5),)),
        ("equivalence", ((100, 0.3, 0.5), (400, 0.1, 0.8), (1000, 0.3, 0.8))),
    )
    for n, p, r in settings
)


def _pair(design: Design, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth and the scores of reference and small model, as probabilities."""
    ill = np.arange(design.n) < round(design.prevalence * design.n)
    shared = rng.normal(size=design.n)
    scores = []
    for area in (REFERENCE_AUROC, REFERENCE_AUROC - MARGIN):
        noise = math.sqrt(design.correlation) * shared + math.sqrt(1 - design.correlation) * rng.normal(size=design.n)
        scores.append(1 / (1 + np.exp(-(NormalDist().inv_cdf(area) * math.sqrt(2) * ill + noise))))
    return ill, scores[0], scores[1]


def _passes(design: Design, ill: np.ndarray, reference: np.ndarray, small: np.ndarray, seed: int) -> bool:
    if design.verdict == "equivalence":
        return judge_equivalence(delong_test(ill, small, reference).difference, MARGIN).verdict == "PASS"
    draws = resamples([str(i) for i in range(design.n)], n_resamples=N_DRAWS, seed=seed)
    both = [np.stack([1 - score, score], axis=1) for score in (small, reference)]
    found = compare_aurocs(TASK, ill.astype(np.int64), *both, margin=MARGIN, draws=draws, n_patients=design.n)
    return found.verdict == "PASS"


def run_design(design: Design) -> dict[str, object]:
    """Share of PASS over the repeats, with its exact interval."""
    rng = np.random.default_rng([design.n, round(100 * design.correlation)])
    n_passed = sum(_passes(design, *_pair(design, rng), seed) for seed in range(N_REPEATS))
    found = clopper_pearson(n_passed, N_REPEATS)
    level = "5 %, TOST on DeLong" if design.verdict == "equivalence" else "2.5 % one-sided, paired bootstrap"
    return {
        "verdict": f"the {design.verdict} verdict ({level})",
        "error": found.value,
        "low": found.low,
        "high": found.high,
        "ceiling": CEILING,
    }
