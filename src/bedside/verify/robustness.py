"""Corrupted images through the shipped model and its reference: how much more does the small one lose?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bedside.base.arrays import ByteArray, IntArray
from bedside.base.estimate import Estimate
from bedside.base.task import Task
from bedside.data.corrupting import corrupt
from bedside.data.corruptions import SEVERITIES, Suite
from bedside.data.preprocess import Preprocess
from bedside.runtime.session import Session
from bedside.verify.drawn_auroc import draw_weights
from bedside.verify.intervals import resamples
from bedside.verify.operating_point import OperatingPoint
from bedside.verify.spoiling import Spoil, spoilt_pairs, worst_of
from bedside.verify.standing import Bench, Model, Standing

N_DRAWS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class CorruptionResult:
    """One corruption at one severity.

    Parameters
    ----------
    shipped_loss, reference_loss
        AUROC on clean images less the AUROC on corrupted ones, paired by patient.
    excess_loss
        `shipped_loss` less `reference_loss`: what *compression* lost; above zero the small model suffers more.
    """

    corruption: str
    severity: int
    shipped: Standing
    reference: Standing
    shipped_loss: Estimate
    reference_loss: Estimate
    excess_loss: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Robustness:
    """Common corruptions of a modality (after Hendrycks & Dietterich, ICLR 2019) on shipped model and reference.

    Parameters
    ----------
    of_corruption
        Excess loss of each corruption, mean over its severities.
    mean_shipped_loss, mean_reference_loss, mean_excess_loss
        Mean over all corruptions and severities.
    """

    suite: Suite
    severities: tuple[int, ...]
    clean_shipped: Standing
    clean_reference: Standing
    results: tuple[CorruptionResult, ...]
    of_corruption: dict[str, Estimate]
    mean_shipped_loss: Estimate
    mean_reference_loss: Estimate
    mean_excess_loss: Estimate
    n_cases: int
    n_patients: int
    seed: int

    @property
    def worst(self) -> CorruptionResult:
        """Where the shipped model's AUROC falls most."""
        return worst_of(self.results)


def corruption_robustness(
    task: Task,
    images: ByteArray,
    labels: IntArray,
    units: Sequence[str],
    preprocess: Preprocess,
    suite: Suite,
    *,
    shipped: tuple[Session, OperatingPoint],
    reference: tuple[Session, OperatingPoint],
    severities: Sequence[int] = SEVERITIES,
    seed: int = 0,
    n_draws: int = N_DRAWS,
    tick: Callable[[int, int, str], None] = lambda done, total, what: None,
    spoil: Spoil = corrupt,
) -> Robustness:
    """Try both models on every corruption of the suite at every severity.

    Parameters
    ----------
    images
        Test images after `Preprocess.geometry`, ``(n, C, H, W)`` uint8: a corruption is applied at the size that the
        model sees, so that a severity means the same for every scanner.
    labels, units
        True class and unit of independence of each image.
    shipped, reference
        Session and locked operating point; the reference is the fp32 reference, or the shipped model's own fp32 file.

    spoil
        Corrupts a stack of images by name, severity and seed; volumes have one of their own.

    Raises
    ------
    InputError
        Without a corruption or a severity, or with a severity outside 1 to 5.
    """
    weights = draw_weights(resamples(units, n_resamples=n_draws, seed=seed), len(labels))
    bench = Bench(task, labels, units, weights, preprocess)
    found = spoilt_pairs(
        bench, images, suite, shipped=Model(*shipped), reference=Model(*reference), severities=severities, spoil=spoil,
        seed=seed, tick=tick,
    )  # fmt: skip
    return Robustness(
        suite=suite,
        severities=tuple(severities),
        clean_shipped=found.clean_shipped,
        clean_reference=found.clean_reference,
        results=tuple(
            CorruptionResult(
                corruption=pair.corruption, severity=pair.severity, shipped=pair.shipped, reference=pair.reference,
                shipped_loss=pair.shipped_loss, reference_loss=pair.reference_loss, excess_loss=pair.excess_loss,
            )
            for pair in found.pairs
        ),
        of_corruption=found.of_corruption,
        mean_shipped_loss=found.mean_shipped_loss,
        mean_reference_loss=found.mean_reference_loss,
        mean_excess_loss=found.mean_excess_loss,
        n_cases=len(labels),
        n_patients=bench.n_patients,
        seed=seed,
    )  # fmt: skip
