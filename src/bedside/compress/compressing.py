"""Apply a recipe."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bedside.base.digest import Digest
from bedside.compress.recipe import Recipe, Workbench
from bedside.compress.steps import check_steps, step_of
from bedside.train.architecture import build

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressedModel:
    """A recipe that has been applied: the weights in `file`, and their digest."""

    recipe: Recipe
    file: str
    digest: Digest


def compress(recipe: Recipe, bench: Workbench, folder: Path) -> CompressedModel:
    """Build the recipe's network (or take the bench's start), apply its steps, and write the weights into `folder`."""
    from bedside.train.checkpoint import save_weights
    from bedside.train.start_weights import started

    check_steps(recipe)
    model = bench.start
    if model is None:
        model = started(recipe.architecture, seed=recipe.plan.seed, start=bench.start_file)
    for call in recipe.steps:
        model = step_of(call)(model, recipe, bench)
    digest = save_weights(model, folder / "weights.safetensors")
    for leftover in folder.glob("*.ckpt"):
        leftover.unlink()
    return CompressedModel(recipe=recipe, file="weights.safetensors", digest=digest)


def load_compressed(model: CompressedModel, folder: Path) -> "nn.Module":
    """Build the network again, at the widths that its file has, and load its weights; in evaluation mode."""
    from dataclasses import replace

    from bedside.train.checkpoint import load_weights

    bare = build(replace(model.recipe.architecture, pretrained=False), seed=0)
    return load_weights(bare, folder / model.file)
