"""Self-distillation: a network's own best weights teach the next generation, or its last stage the earlier ones."""

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from bedside.base.errors import RecipeError
from bedside.compress.recipe import Recipe, Workbench

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfDistil:
    """Fit a network once more with itself as the teacher.

    Parameters
    ----------
    kind
        ``born_again``: a fresh network of the same shapes learns from the fitted one's answers (Furlanello et al., ICML
        2018); ``deep_to_shallow``: heads on the early stages learn the final answer (Zhang et al., ICCV 2019).
    generations
        Born-again generations, each taught by the one before.
    epochs_frac
        Epochs of each generation as a share of the recipe's.
    beside_reference
        Whether the reference teaches too: its answers and the network's own are averaged.
    weight
        For ``deep_to_shallow``, a multiple of the term's usual weight.
    """

    kind: Literal["born_again", "deep_to_shallow"] = "born_again"
    generations: int = 1
    epochs_frac: float = 1.0
    beside_reference: bool = False
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.generations < 1 or self.epochs_frac <= 0 or self.weight < 0:
            raise RecipeError(
                f"self-distillation over {self.generations} generations of {self.epochs_frac:g} of the epochs, "
                f"weight {self.weight:g}",
                expected="one generation at least, a share above 0, a weight of 0 or more",
                hint="leave them out for their defaults",
            )  # fmt: skip

    def __call__(self, model: "nn.Module", recipe: Recipe, bench: Workbench) -> "nn.Module":
        """Return the last generation; `model` itself is never touched."""
        n_epochs = max(1, round(self.epochs_frac * recipe.plan.n_epochs))
        shorter = replace(recipe, plan=replace(recipe.plan, n_epochs=n_epochs, patience=n_epochs))
        if self.kind == "deep_to_shallow":
            return self._deepened(model, shorter, bench)
        for generation in range(1, self.generations + 1):
            model = self._born_again(model, shorter, bench, generation)
        return model

    def _born_again(self, parent: "nn.Module", recipe: Recipe, bench: Workbench, generation: int) -> "nn.Module":
        from bedside.train.answering import blended, teach
        from bedside.train.checkpoint import weights_digest
        from bedside.train.fitting import fit

        answers = teach(parent, recipe.plan, bench.data)
        if self.beside_reference and bench.teacher_logits is not None:
            answers = blended([answers, bench.teacher_logits], recipe.plan.teacher_average, bench.data.kind)
        name = f"born-{generation}-{weights_digest(parent)[:8]}.ckpt"
        child, _ = fit(
            newborn(parent, recipe, bench, generation), recipe.plan, bench.data, monitor=bench.monitor,
            teacher_logits=answers, hardening=bench.hardening,
            checkpoint=bench.folder / name if bench.folder else None, on_epoch=bench.on_epoch,
        )  # fmt: skip
        return child

    def _deepened(self, model: "nn.Module", recipe: Recipe, bench: Workbench) -> "nn.Module":
        from bedside.train.checkpoint import weights_digest
        from bedside.train.fitting import fit
        from bedside.train.guide import GUIDES, GuideOrder

        student = deepcopy(model)
        order = GuideOrder(student=student, teacher=None, data=bench.data, plan=recipe.plan, weight=self.weight)
        name = f"deepened-{weights_digest(model)[:8]}.ckpt"
        fitted, _ = fit(
            student, recipe.plan, bench.data, monitor=bench.monitor,
            teacher_logits=bench.teacher_logits if self.beside_reference else None,
            guide=GUIDES.get("deep_to_shallow")(order), hardening=bench.hardening,
            checkpoint=bench.folder / name if bench.folder else None, on_epoch=bench.on_epoch,
        )  # fmt: skip
        return fitted


def newborn(parent: "nn.Module", recipe: Recipe, bench: Workbench, generation: int) -> "nn.Module":
    """Return a network to start the next generation from.

    A fresh one of the recipe's architecture, from another seed; but where `parent` has other shapes by now (it was
    pruned or factored) or is a user's own, it begins with the parent's weights.
    """
    from bedside.train.checkpoint import shapes_digest
    from bedside.train.start_weights import started

    if bench.start is None:
        fresh = started(recipe.architecture, seed=recipe.plan.seed + generation, start=bench.start_file)
        if shapes_digest(fresh) == shapes_digest(parent):
            return fresh
    return deepcopy(parent)
