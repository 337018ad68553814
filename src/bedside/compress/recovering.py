"""Recovery: a short fit of a network that a step has just changed."""

from dataclasses import replace
from typing import TYPE_CHECKING

from bedside.compress.recipe import Recipe, Workbench

if TYPE_CHECKING:
    from torch import nn


def recovered(
    model: "nn.Module", recipe: Recipe, bench: Workbench, *, name: str, n_epochs: int, rate_frac: float
) -> "nn.Module":
    """Fit `model` in place on the bench's targets and teacher for a few epochs, and return it.

    Parameters
    ----------
    name
        Of the step: its checkpoint is called so, beside a digest of the network's shapes.
    rate_frac
        Highest learning rate as a share of the recipe's.
    """
    from bedside.train.checkpoint import shapes_digest
    from bedside.train.fitting import fit

    plan = replace(
        recipe.plan, n_epochs=n_epochs, patience=n_epochs, learning_rate=recipe.plan.learning_rate * rate_frac
    )
    file = f"{name}-{shapes_digest(model)[:8]}.ckpt"
    fitted, _ = fit(
        model, plan, bench.data, monitor=bench.monitor, teacher_logits=bench.teacher_logits,
        checkpoint=bench.folder / file if bench.folder else None, on_epoch=bench.on_epoch,
    )  # fmt: skip
    return fitted
