"""Corrupted images through the shipped model and its reference: how much more does the small one lose?"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bedside.base.arrays import ByteArray, IntArray
from bedside.base.errors import InputError
from bedside.base.estimate import Estimate
from bedside.base.task import Task
from bedside.data.corrupting import corrupt
from bedside.data.corruptions import SEVERITIES, Suite
from bedside.data.preprocess import Preprocess
from bedside.runtime.session import Session
from bedside.verify.drawn_auroc import draw_weights
from bedside.verify.intervals import resamples
from bedside.verify.operating_point import OperatingPoint
from bedside.verify.standing import Bench, Drawn, Model, Standing

N_DRAWS = 500


class Spoil(Protocol):
    """Corrupt images ``(n, ...)`` uint8 into new ones of the same shape."""

    def __call__(self, images: ByteArray, name: str, severity: int, *, seed: int) -> ByteArray:
        """Return them; the same seed gives the same images."""
        ...


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
        return max(self.results, key=lambda r: -math.inf if math.isnan(r.shipped_loss.value) else r.shipped_loss.value)


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
    _check(suite, severities)
    bench = Bench(task, labels, units, draw_weights(resamples(units, n_resamples=n_draws, seed=seed), len(labels)),
                   preprocess)  # fmt: skip
    models = (Model(*shipped), Model(*reference))
    (clean_shipped, area_shipped), (clean_reference, area_reference) = (bench.measure(m, images) for m in models)
    results: list[CorruptionResult] = []
    lost: dict[str, list[tuple[Drawn, Drawn]]] = {}
    total = len(suite.names) * len(severities)
    for name in suite.names:
        for severity in severities:
            spoilt = spoil(images, name, severity, seed=seed)
            (standing, area), (beside, area_beside) = (bench.measure(m, spoilt) for m in models)
            loss, loss_beside = area_shipped.minus(area), area_reference.minus(area_beside)
            lost.setdefault(name, []).append((loss, loss_beside))
            results.append(
                CorruptionResult(
                    corruption=name, severity=severity, shipped=standing, reference=beside,
                    shipped_loss=bench.estimate(loss), reference_loss=bench.estimate(loss_beside),
                    excess_loss=bench.estimate(loss.minus(loss_beside)),
                )
            )  # fmt: skip
            tick(len(results), total, f"{name}, severity {severity}")
    pairs = [pair for of_name in lost.values() for pair in of_name]
    return Robustness(
        suite=suite,
        severities=tuple(severities),
        clean_shipped=clean_shipped,
        clean_reference=clean_reference,
        results=tuple(results),
        of_corruption={name: bench.estimate(_mean([a.minus(b) for a, b in of])) for name, of in lost.items()},
        mean_shipped_loss=bench.estimate(_mean([loss for loss, _ in pairs])),
        mean_reference_loss=bench.estimate(_mean([loss for _, loss in pairs])),
        mean_excess_loss=bench.estimate(_mean([a.minus(b) for a, b in pairs])),
        n_cases=len(labels),
        n_patients=bench.n_patients,
        seed=seed,
    )


def _mean(losses: Sequence[Drawn]) -> Drawn:
    return Drawn(float(np.mean([x.value for x in losses])), np.mean([x.draws for x in losses], axis=0))


def _check(suite: Suite, severities: Sequence[int]) -> None:
    if not suite.names or not severities:
        raise InputError("no corruption, or no severity", expected="one of each at least", hint="see --severity")
    if outside := [s for s in severities if s not in SEVERITIES]:
        raise InputError(f"a severity of {outside[0]}", expected="1, 2, 3, 4 or 5", hint="see --severity")
