"""Predictions with the set of classes that cannot be ruled out, the unsure ones referred where that is asked for."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bedside.base.errors import InputError
from bedside.bundle.manifest import ShippedModel
from bedside.bundle.opening import Bundle
from bedside.serve.prediction import REFER, Prediction
from bedside.verify.abstention import AbstentionRule
from bedside.verify.operating_point import OperatingPoint


def rule_of(bundle: Bundle, shipped: ShippedModel, *, max_error_frac: float | None) -> AbstentionRule | None:
    """Return a model's rule, or None where the bundle was sealed without one.

    Raises
    ------
    InputError
        If referral is asked for (`max_error_frac` is not None) and there is no rule, or none for that bound.
    """
    rules = bundle.abstention()
    rule = rules.of_model.get(shipped.artifact.name) if rules else None
    if max_error_frac is not None:
        if rule is None:
            raise InputError(
                f"{bundle.folder.name} has no referral rule for {shipped.artifact.name}",
                expected="a bundle of a classification that holds abstain.json",
                hint="make the bundle again, with 20 tuning patients or more, or leave --abstain out",
            )
        rule.bounded(max_error_frac)
    return rule


def abstained(
    predictions: Sequence[Prediction], rule: AbstentionRule, point: OperatingPoint, *, max_error_frac: float | None
) -> list[Prediction]:
    """Add the sets; with a bound, refer each unsure image that is not referred already."""
    probabilities = np.array([found.probabilities for found in predictions])
    reasons = [""] * len(predictions)
    if max_error_frac is not None:
        reasons = rule.reasons(probabilities, point.calls(probabilities), max_error_frac=max_error_frac)
    answers = []
    for found, row, reason in zip(predictions, rule.sets.sets(probabilities).tolist(), reasons, strict=True):
        in_set = tuple(name for name, inside in zip(found.classes, row, strict=True) if inside)
        answer = replace(found, classes_in_set=in_set)
        if reason and not found.refer:
            answer = replace(answer, called=REFER, is_positive=None, refer=reason)
        answers.append(answer)
    return answers
