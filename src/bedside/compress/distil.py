"""Distillation: the student learns from the teacher's soft answers on shared views, and, if asked, from its insides."""

from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bedside.base.errors import RecipeError
from bedside.compress.recipe import Recipe, Workbench

if TYPE_CHECKING:
    from torch import nn

    from bedside.train.guide import Guide

SOFT_TARGETS = "soft_targets"


@dataclass(frozen=True, slots=True, kw_only=True)
class Distil:
    """Fit a copy of the network, distilled; without a teacher and without a kind, on labels alone.

    Parameters
    ----------
    kind
        ``soft_targets`` (Hinton et al., arXiv:1503.02531), or a name in `bedside.train.guide.GUIDES` that adds a term
        to them: ``attention``, ``hints``, ``relational``; for outlines ``pixels``, in the place of the coarse answers.
    weight
        Multiple of that term's usual weight; of the soft targets the weight is the plan's ``distil_weight``.
    edge_weight
        For ``pixels``: by how much a pixel near a border of the mask counts more than another's.
    """

    kind: str = SOFT_TARGETS
    weight: float = 1.0
    edge_weight: float = 4.0

    def __post_init__(self) -> None:
        if self.kind != SOFT_TARGETS:
            check_kind(self.kind)
        if self.weight < 0 or self.edge_weight < 0:
            raise RecipeError(
                f"distillation with a weight of {self.weight:g} and an edge weight of {self.edge_weight:g}",
                expected="0 or more", hint="leave them out for their defaults",
            )  # fmt: skip

    def __call__(self, model: "nn.Module", recipe: Recipe, bench: Workbench) -> "nn.Module":
        """Return a fitted copy; `model` itself is never touched."""
        from bedside.train.checkpoint import weights_digest
        from bedside.train.fitting import fit

        student = deepcopy(model)
        name = f"distil-{self.kind}-{weights_digest(model)[:8]}.ckpt"
        fitted, _ = fit(
            student,
            recipe.plan,
            bench.data,
            monitor=bench.monitor,
            teacher_logits=None if self.kind == "pixels" else bench.teacher_logits,
            guide=self._guide(student, recipe, bench),
            hardening=bench.hardening,
            checkpoint=bench.folder / name if bench.folder else None,
            on_epoch=bench.on_epoch,
        )
        return fitted

    def _guide(self, student: "nn.Module", recipe: Recipe, bench: Workbench) -> "Guide | None":
        if self.kind == SOFT_TARGETS:
            return None
        from bedside.train.guide import GUIDES, GuideOrder

        order = GuideOrder(
            student=student, teacher=bench.teacher, data=bench.data, plan=recipe.plan, weight=self.weight,
            edge_weight=self.edge_weight,
        )  # fmt: skip
        return GUIDES.get(self.kind)(order)


def check_kind(kind: str) -> None:
    """Refuse a kind of distillation that does not exist."""
    from bedside.train.guide import GUIDES

    names = [name for name in GUIDES.names() if name != "deep_to_shallow"]
    if kind not in names:
        raise RecipeError(
            f"distillation of the kind {kind!r}", expected="one of " + ", ".join((SOFT_TARGETS, *names)),
            hint="self_distil teaches a network by itself" if kind == "deep_to_shallow" else "check the spelling",
        )  # fmt: skip


def distil(model: "nn.Module", recipe: Recipe, bench: Workbench) -> "nn.Module":
    """Fit a copy of `model` on soft targets; without a teacher, on labels alone."""
    return Distil()(model, recipe, bench)
