"""Refuse what cannot be scored, and flag what should not be believed."""

import math
from collections.abc import Sequence

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray
from bedside.base.errors import InputError, ShapeError
from bedside.base.estimate import Estimate
from bedside.verify.clusters import FEW

SWAPPED = "the whole interval of the AUROC lies below 0.5: labels or scores may be swapped"
ONE_CLASS = "one class only: what compares classes cannot be estimated"
PERFECT = "the scores separate the classes perfectly: look for a leak or a shortcut"

FEW_PATIENTS = (
    "only {n} patients of one class: no interval of what compares classes keeps its 95 % exactly; "
    "each says in its method whether it is conservative or approximate"
)


def check_probabilities(positive: BoolArray, probability: FloatArray) -> None:
    """Refuse scores that are no probabilities.

    Raises
    ------
    ShapeError
        If the two differ in length or are empty.
    InputError
        If a score is NaN or infinite, or lies outside 0 to 1.
    """
    if np.shape(positive) != np.shape(probability) or not np.size(positive):
        raise ShapeError(
            f"got {np.shape(positive)} and {np.shape(probability)}",
            expected="two equal shapes, not empty",
            hint="take both from one list of cases",
        )
    if n_bad := int((~np.isfinite(probability)).sum()):
        raise InputError(
            f"{n_bad} of {np.size(probability)} scores are NaN or infinite",
            expected="a probability of every case",
            hint="find the cases without an output; leaving them out would flatter the model",
        )
    outside = (np.asarray(probability) < 0) | (np.asarray(probability) > 1)
    if outside.any():
        raise InputError(
            f"{int(outside.sum())} scores lie outside 0 to 1, first: {float(np.asarray(probability)[outside][0]):g}",
            expected="probabilities",
            hint="pass logits through OperatingPoint.probabilities first",
        )


def check_labels(names: Sequence[str], known: Sequence[str], *, where: str) -> None:
    """Refuse labels that the model does not know.

    Raises
    ------
    InputError
        Naming each such label.
    """
    if unknown := sorted(set(names) - set(known)):
        raise InputError(
            f"{where} has labels that the model does not know: {', '.join(unknown)}",
            expected="only " + ", ".join(known),
            hint="rename them in the label column, or leave those cases out",
        )


def flags_of(positive: BoolArray, auroc: Estimate, n_each: tuple[int, int]) -> tuple[str, ...]:
    """What a reader must know before believing any figure.

    Parameters
    ----------
    n_each
        Patients with a positive and patients with a negative case.
    """
    if math.isnan(auroc.value):
        return (ONE_CLASS,) if positive.all() or not positive.any() else ()
    few = (FEW_PATIENTS.format(n=min(n_each)),) if min(n_each) < FEW else ()
    if auroc.high < 0.5:
        return (SWAPPED, *few)
    return (PERFECT, *few) if auroc.value == 1 else few
