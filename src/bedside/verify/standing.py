"""How one model stands on one set of images, with the bootstrap draws that paired differences need."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray, IntArray
from bedside.base.estimate import Estimate
from bedside.base.task import Task
from bedside.data.preprocess import Preprocess
from bedside.runtime.session import Session
from bedside.verify.drawn_auroc import drawn_aurocs
from bedside.verify.intervals import wilson
from bedside.verify.noninferiority import auroc_of
from bedside.verify.operating_point import OperatingPoint
from bedside.verify.outputs import outputs_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One model on one set of images: AUROC, and accuracy, sensitivity, specificity at its locked operating point."""

    auroc: Estimate
    accuracy: Estimate
    sensitivity: Estimate
    specificity: Estimate


@dataclass(frozen=True, slots=True)
class Model:
    """A model that is tried: its session and its locked operating point."""

    session: Session
    point: OperatingPoint


@dataclass(frozen=True, slots=True)
class Drawn:
    """An AUROC with its bootstrap draws; differences are taken draw by draw."""

    value: float
    draws: FloatArray

    def minus(self, other: "Drawn") -> "Drawn":
        """Difference of values, and of draws one by one."""
        return Drawn(self.value - other.value, self.draws - other.draws)


@dataclass(frozen=True, slots=True)
class Bench:
    """What every measurement shares."""

    task: Task
    labels: IntArray
    units: Sequence[str]
    weights: FloatArray
    preprocess: Preprocess

    @property
    def n_patients(self) -> int:
        """Number of units of independence."""
        return len(set(self.units))

    def measure(self, model: Model, images: ByteArray) -> tuple[Standing, Drawn]:
        """Run a model on ``(n, *spec.shape)`` uint8 images; its AUROC once more with its draws."""
        outputs = outputs_of(model.session, images, self.preprocess)
        p = model.point.probabilities(outputs)
        area = Drawn(auroc_of(self.task, self.labels, p), drawn_aurocs(self.task, self.labels, p, self.weights))
        called = model.point.calls(p)
        positive, hit = self.labels == self.task.positive, called == self.labels
        called_positive = called == self.task.positive
        return (
            Standing(
                auroc=self.estimate(area, lowest=0.0),
                accuracy=self._share(hit, np.ones_like(hit)),
                sensitivity=self._share(called_positive, positive),
                specificity=self._share(~called_positive, ~positive),
            ),
            area,
        )

    def minus(self, first: Drawn, second: Drawn) -> Drawn:
        """Difference of two AUROCs, draw by draw."""
        return first.minus(second)

    def mean(self, losses: Sequence[Drawn]) -> Drawn:
        """Mean of several, draw by draw."""
        return Drawn(float(np.mean([x.value for x in losses])), np.mean([x.draws for x in losses], axis=0))

    def _share(self, hits: np.ndarray, among: np.ndarray) -> Estimate:
        n_units = len({unit for unit, inside in zip(self.units, among, strict=True) if inside})
        return wilson(int((hits & among).sum()), int(among.sum()), n_patients=n_units or None)

    def estimate(self, found: Drawn, *, lowest: float = -1.0) -> Estimate:
        """Percentile interval; where the value is not known, from `lowest` to 1."""
        known = found.draws[~np.isnan(found.draws)]
        if math.isnan(found.value) or not len(known):
            return Estimate(value=math.nan, low=lowest, high=1.0, n_patients=self.n_patients, method="bootstrap")
        low, high = np.percentile(known, [2.5, 97.5])
        return Estimate(
            value=found.value,
            low=float(min(low, found.value)),
            high=float(max(high, found.value)),
            n_patients=self.n_patients,
            method=f"paired bootstrap by patient, {len(known)} draws",
        )
