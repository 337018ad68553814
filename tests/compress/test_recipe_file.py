"""Recipes as YAML: whole round trips, and errors that name the nearest key."""

from pathlib import Path

import pytest

pytest.importorskip("yaml", reason="recipe files need the workshop extra")

from bedside.base.errors import RecipeError
from bedside.base.task import TensorSpec
from bedside.compress.recipe import Recipe, StepCall
from bedside.compress.recipe_file import parse_recipe, read_recipe, recipe_text, write_recipe
from bedside.data.augment import Augment
from bedside.train.architecture import Architecture, build
from bedside.train.plan import TrainPlan

pytestmark = pytest.mark.workshop

SPEC = TensorSpec(n_channels=1, height_px=28, width_px=28)
RECIPE = Recipe(
    architecture=Architecture(family="fire", width=0.75, spec=SPEC, n_classes=3),
    plan=TrainPlan(n_epochs=7, learning_rate=1.5e-3, augment=Augment(flip_prob=0.5), seed=3),
    steps=("distil", StepCall(step="prune", options={"macs_frac": 0.25, "criterion": "l1", "rounds": 2})),
)
OTHER_PLAN = TrainPlan(n_epochs=99, seed=8)


def test_a_written_recipe_is_the_same_when_it_is_read(tmp_path: Path) -> None:
    sketch = read_recipe(write_recipe(RECIPE, tmp_path / "r.yaml"))
    assert sketch.completed(SPEC, 3, OTHER_PLAN) == RECIPE
    assert len(recipe_text(RECIPE).splitlines()) < 40


def test_what_a_file_leaves_out_is_the_runs() -> None:
    sketch = parse_recipe("architecture: {family: fire}\nsteps: [distil]\nplan: {n_epochs: 3, augment: {flip_prob: 0}}")
    recipe = sketch.completed(SPEC, 2, OTHER_PLAN)
    assert recipe.plan.n_epochs == 3
    assert recipe.plan.seed == 8
    assert recipe.plan.augment == Augment(flip_prob=0)
    assert recipe.architecture == Architecture(family="fire", width=1.0, spec=SPEC, n_classes=2)


@pytest.mark.parametrize("name", ["prune-2x", "prune-4x", "prune-8x"])
def test_built_in_recipes_take_a_network_that_is_at_hand(name: str) -> None:
    recipe = read_recipe(name).completed(SPEC, 3, OTHER_PLAN, own=RECIPE.architecture)
    (step,) = recipe.steps
    assert isinstance(step, StepCall)
    assert step.options["macs_frac"] == 1 / int(name[-2])


@pytest.mark.parametrize("name", ["distil-attention", "born-again", "codebook", "low-rank", "recursive"])
def test_built_in_recipes_with_a_network_of_their_own_are_whole(name: str) -> None:
    recipe = read_recipe(name).completed(SPEC, 2, OTHER_PLAN)
    assert build(recipe.architecture, seed=0)
    assert parse_recipe(recipe_text(recipe)).completed(SPEC, 2, OTHER_PLAN) == recipe


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("steps: [distil]\nstepz: 1", ("'stepz'", "'steps'")),
        ("steps: [distil]\nplan: {n_epoch: 3}", ("'n_epoch'", "'n_epochs'")),
        ("steps: [distil]\nplan: {n_epochs: many}", ("n_epochs",)),
        ("steps: [distil]\nplan: {augment: {flip: 1}}", ("'flip'", "'flip_prob'")),
        ("steps: [distil]\narchitecture: {famly: fire}", ("'famly'", "'family'")),
        ("steps: [prun]", ("'prun'", "'prune'")),
        ("steps: [{prune: {mac_frac: 0.5}}]", ("'mac_frac'", "'macs_frac'")),
        ("steps: [{prune: {macs_frac: half}}]", ("macs_frac",)),
        ("steps: [{prune: {macs_frac: 2}}]", ("macs_frac 2",)),
        ("steps: [{distil: {weigth: 2}}]", ("'weigth'", "'weight'")),
        ("steps: [{distil: {kind: attention-maps}}]", ("'attention-maps'", "attention")),
        ("steps: [{distil: {kind: deep_to_shallow}}]", ("self_distil",)),
        ("steps: [{self_distil: {generations: 0}}]", ("0 generations",)),
        ("steps: [{cluster: {n_centroids: 7}}]", ("to 7 values",)),
        ("steps: [{low_rank: {energy_frac: 0.9, rank_frac: 0.5}}]", ("one of the two",)),
        ("steps: [prune]", ("0 targets",)),
        ("steps: []", ("without steps",)),
        ("steps: distil", ("lists no steps",)),
        ("steps: [[distil]]", ("is not a step",)),
        ("steps: [distil\nplan: {", ("not YAML",)),
        ("steps: [distil]\nplan: 3", ("plan is 3",)),
    ],
)
def test_a_wrong_recipe_is_refused_with_the_nearest_name(text: str, words: tuple[str, ...], refuses) -> None:
    with refuses(RecipeError, *words):
        parse_recipe(text)


def test_a_recipe_for_other_data_is_refused(refuses) -> None:
    sketch = parse_recipe(recipe_text(RECIPE))
    with refuses(RecipeError, "(1, 28, 28)", "3 classes"):
        sketch.completed(SPEC, 2, OTHER_PLAN)
    with refuses(RecipeError, "names no network"):
        parse_recipe("steps: [distil]").completed(SPEC, 2, OTHER_PLAN)
    with refuses(RecipeError, "prune-9x", "prune-8x"):
        read_recipe("prune-9x")
