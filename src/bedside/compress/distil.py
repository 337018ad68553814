"""Distillation: the student learns the teacher's soft answers on shared views."""

from copy import deepcopy
from typing import TYPE_CHECKING

from bedside.compress.recipe import Recipe, Workbench

if TYPE_CHECKING:
    from torch import nn


def distil(model: "nn.Module", recipe: Recipe, bench: Workbench) -> "nn.Module":
    """Fit a copy of `model` on soft targets (Hinton et al., arXiv:1503.02531); without a teacher, on labels alone."""
    from bedside.train.fitting import fit

    fitted, _ = fit(
        deepcopy(model),
        recipe.plan,
        bench.data,
        monitor=bench.monitor,
        teacher_logits=bench.teacher_logits,
        hardening=bench.hardening,
        checkpoint=bench.folder / "distil.ckpt" if bench.folder else None,
        on_epoch=bench.on_epoch,
    )
    return fitted
