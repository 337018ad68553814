"""Who teaches: the reference alone, or several of them fitted from different seeds; part of stop 3."""

from dataclasses import replace
from typing import TYPE_CHECKING

from bedside.base.arrays import FloatArray
from bedside.base.errors import RecipeError
from bedside.cohort_stops import Material
from bedside.fitting_stops import referenced, taught
from bedside.running import Run
from bedside.train.baseline import Baseline, load_reference
from bedside.train.plan import TrainPlan

if TYPE_CHECKING:
    from torch import nn

SEED_STEP = 1000
"""Between the seeds of an ensemble's members, so that runs of neighbouring seeds do not share them."""


def taught_by_all(
    run: Run, material: Material, reference: "nn.Module", baseline: Baseline, plan: TrainPlan, *, is_own: bool = False
) -> FloatArray | None:
    """Answers to the shared views ``(n_views, n, K, ...)`` of as many teachers as the plan asks, averaged as it says.

    Each further teacher is fitted as the reference was, from another seed. Every fit and every teacher's answers are
    found in the journal when they were finished before.

    Raises
    ------
    RecipeError
        If the reference is a user's own network: there are no others of its kind.
    """
    answers = taught(run, material, reference, baseline, plan)
    if answers is None or plan.n_teachers == 1:
        return answers
    if is_own:
        raise RecipeError(
            f"{plan.n_teachers} teachers for a network of your own", expected="one: the network itself",
            hint="leave n_teachers out of the recipe's plan",
        )  # fmt: skip
    from bedside.train.answering import blended

    found = [answers]
    for number in range(1, plan.n_teachers):
        other, folder = referenced(run, material, replace(baseline.plan, seed=baseline.plan.seed + SEED_STEP * number))
        further = taught(run, material, load_reference(other, folder), other, plan)
        found += [] if further is None else [further]
    return blended(found, plan.teacher_average, material.task.kind)


def same_answers(plan: TrainPlan, other: TrainPlan) -> bool:
    """Whether the teachers' answers that one plan asks for are those of another."""

    def asked(plan: TrainPlan) -> tuple[object, ...]:
        return plan.augment, plan.seed, plan.n_views, plan.n_teachers, plan.teacher_average

    return asked(plan) == asked(other)
