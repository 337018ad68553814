"""How often a verdict says PASS where the small model is worse by exactly the margin (simulated pairs of models)."""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from bedside.base.task import Task
from bedside.verify.equivalence import auroc_equivalence
from bedside.verify.intervals import resamples
from bedside.verify.noninferiority import compare_aurocs
from bedside.verify.proportions import clopper_pearson

MARGIN = 0.05
REFERENCE_AUROC = 0.90
N_REPEATS = 5000
N_REPEATS_DRAWN = 2000
N_DRAWS = 500
SHARED_FRAC = 0.5
CEILING = 0.055
"""For a test at 5 %; half of it for one at 2.5 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """Images, share of ill ones, correlation of the two scores within a class, images a patient, and the verdict."""

    n: int
    prevalence: float
    correlation: float
    verdict: str
    n_of_patient: int = 1
    n_classes: int = 2

    @property
    def name(self) -> str:
        """Name of its file."""
        each = f"c{self.n_of_patient}-k{self.n_classes}"
        return f"{self.verdict}-n{self.n}-p{self.prevalence:.3g}-r{self.correlation:g}-{each}"

    @property
    def words(self) -> str:
        """What it simulates."""
        what = f"{100 * self.prevalence:.0f} % ill" if self.n_classes == 2 else f"{self.n_classes} classes"
        each = f", {self.n_of_patient} images a patient" if self.n_of_patient > 1 else ""
        return f"{self.n} images{each}, {what}, correlation {self.correlation:g}"


_PAIRS = (
    (100, 0.3, 0.5, 1), (200, 0.1, 0.8, 1), (400, 0.1, 0.5, 1), (400, 0.1, 0.8, 1), (400, 0.1, 0.95, 1),
    (1000, 0.05, 0.9, 1), (1000, 0.3, 0.8, 1), (2000, 0.02, 0.8, 1), (500, 0.3, 0.8, 5), (1000, 0.1, 0.8, 5),
)  # fmt: skip
DESIGNS = tuple(
    Design(n=n, prevalence=p, correlation=r, n_of_patient=c, verdict=verdict)
    for verdict in ("non-inferiority", "equivalence")
    for n, p, r, c in _PAIRS
) + tuple(Design(n=n, prevalence=1 / 3, correlation=0.8, n_classes=3, verdict="non-inferiority") for n in (90, 300))


def _pair(design: Design, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Label, patient, and the scores ``(n, K)`` of reference and small model: each class against the rest alike."""
    n_patients = design.n // design.n_of_patient
    patient = np.repeat(np.arange(n_patients), design.n_of_patient)
    at = (np.arange(n_patients) + 0.5) / n_patients
    labels = (at < design.prevalence).astype(int) if design.n_classes == 2 else (at * design.n_classes).astype(int)
    labels = labels[patient]
    is_class = labels[:, None] == np.arange(design.n_classes)

    def noise() -> np.ndarray:
        own = rng.normal(size=is_class.shape)
        if design.n_of_patient == 1:
            return own
        shared = rng.normal(size=(n_patients, design.n_classes))[patient]
        return math.sqrt(SHARED_FRAC) * shared + math.sqrt(1 - SHARED_FRAC) * own

    common, scores = noise(), []
    for area in (REFERENCE_AUROC, REFERENCE_AUROC - MARGIN):
        blurred = math.sqrt(design.correlation) * common + math.sqrt(1 - design.correlation) * noise()
        scores.append(NormalDist().inv_cdf(area) * math.sqrt(2) * is_class + blurred)
    return labels, patient, scores[0], scores[1]


def _passes(design: Design, rng: np.random.Generator, seed: int) -> bool:
    labels, patient, reference, small = _pair(design, rng)
    if design.verdict == "equivalence":
        found = auroc_equivalence(labels == 1, small[:, 1], reference[:, 1], margin=MARGIN, units=patient)
        return found.verdict == "PASS"
    task = Task(classes=("well", "ill", "other")[: design.n_classes])
    draws = [] if task.is_binary else resamples([str(p) for p in patient], n_resamples=N_DRAWS, seed=seed)
    n_patients = design.n // design.n_of_patient
    judged = compare_aurocs(
        task, labels, small, reference, margin=MARGIN, draws=draws, n_patients=n_patients, units=patient
    )
    return judged.verdict == "PASS"


def run_design(design: Design) -> dict[str, object]:
    """Share of PASS over the repeats, with its exact interval."""
    rng = np.random.default_rng([design.n, round(100 * design.correlation), design.n_of_patient, design.n_classes])
    n_repeats = N_REPEATS if design.n_classes == 2 else N_REPEATS_DRAWN
    found = clopper_pearson(sum(_passes(design, rng, seed) for seed in range(n_repeats)), n_repeats)
    one_sided = design.verdict == "non-inferiority"
    how = "logit ellipse" if design.n_classes == 2 else "paired bootstrap of the macro average"
    level = "one-sided at 2.5 %" if one_sided else "TOST at 5 %"
    return {
        "verdict": f"the {design.verdict} verdict ({level}, {how})",
        "error": found.value,
        "low": found.low,
        "high": found.high,
        "ceiling": CEILING / 2 if one_sided else CEILING,
    }
