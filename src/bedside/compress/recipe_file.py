"""Recipes as short readable YAML: written for every trial, read for a run; the only file that knows YAML."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from bedside.base.errors import InputError, RecipeError
from bedside.base.files import write_atomic
from bedside.base.jsonform import from_json, to_json, to_plain
from bedside.base.seam import Requirement, require
from bedside.base.task import TensorSpec
from bedside.compress.recipe import Recipe, StepCall
from bedside.compress.steps import check_steps, refuse_unknown
from bedside.data.augment import Augment
from bedside.train.architecture import Architecture
from bedside.train.plan import TrainPlan

_TOP = ("architecture", "steps", "plan")
_ARCHITECTURE = ("family", "width", "input", "n_classes", "pretrained")
_REQUIRES = (Requirement("yaml", "pyyaml"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeSketch:
    """What a recipe file says; what it leaves out is filled in by the run that uses it.

    Parameters
    ----------
    architecture
        ``family``, ``width``, ``pretrained``, ``input`` as ``(C, H, W)``, ``n_classes``: some or none.
    plan
        Some of `TrainPlan`'s fields.
    """

    steps: tuple[str | StepCall, ...]
    architecture: dict[str, Any] = field(default_factory=dict)
    plan: dict[str, Any] = field(default_factory=dict)

    def completed(self, spec: TensorSpec, n_classes: int, plan: TrainPlan, own: Architecture | None = None) -> Recipe:
        """Fill in what the file leaves out: from the data, the run's plan, and `own`, a network that is at hand.

        Raises
        ------
        RecipeError
            If the file was written for another input or another number of classes, or names no family.
        """
        said = self.architecture
        shape = tuple(said.get("input", spec.shape))
        if shape != spec.shape or said.get("n_classes", n_classes) != n_classes:
            raise RecipeError(
                f"the recipe is for inputs of {shape} and {said.get('n_classes', n_classes)} classes",
                expected=f"{spec.shape} and {n_classes}, as the data are",
                hint="leave input and n_classes out of the recipe, or use other data",
            )
        recipe = Recipe(
            architecture=own or _architecture(said, spec, n_classes), plan=_merged(plan, self.plan), steps=self.steps
        )
        check_steps(recipe)
        return recipe


def _architecture(said: Mapping[str, Any], spec: TensorSpec, n_classes: int) -> Architecture:
    if "family" not in said:
        raise RecipeError(
            "the recipe names no network", expected="architecture: {family: residual, width: 1.0}",
            hint="add it; only bedside compress has a network of its own",
        )  # fmt: skip
    return Architecture(
        family=said["family"], width=float(said.get("width", 1.0)), spec=spec, n_classes=n_classes,
        pretrained=bool(said.get("pretrained", False)),
    )  # fmt: skip


def _merged(plan: TrainPlan, said: Mapping[str, Any]) -> TrainPlan:
    whole = to_plain(plan)
    whole |= dict(said) | {"augment": whole["augment"] | dict(said.get("augment", {}))}
    return _as_recipe(TrainPlan, whole, "plan")


def _as_recipe(kind: Any, plain: object, where: str) -> Any:
    try:
        return from_json(kind, to_json(plain), where=f"the recipe's {where}")
    except InputError as error:
        raise RecipeError(error.message, expected=error.expected, hint="correct that line") from None


def recipe_text(recipe: Recipe) -> str:
    """Write the whole of a recipe as YAML: nothing is left to a default that may change."""
    require("recipe files", _REQUIRES)
    import yaml

    architecture = recipe.architecture
    plain = {
        "architecture": {
            "family": architecture.family,
            "width": architecture.width,
            "input": list(architecture.spec.shape),
            "n_classes": architecture.n_classes,
            "pretrained": architecture.pretrained,
        },
        "steps": [step if isinstance(step, str) else {step.step: dict(step.options)} for step in recipe.steps],
        "plan": to_plain(recipe.plan),
    }
    return yaml.safe_dump(plain, sort_keys=False, width=110, default_flow_style=None)


def write_recipe(recipe: Recipe, path: Path) -> Path:
    """Write a recipe file."""
    write_atomic(path, recipe_text(recipe).encode())
    return path


def read_recipe(name: str | Path) -> RecipeSketch:
    """Read a recipe file, or a built-in recipe by its name.

    Raises
    ------
    RecipeError
        If there is none, it is not YAML, or a key or a step does not exist; the nearest name is suggested.
    """
    path = Path(name)
    if path.is_file():
        return parse_recipe(path.read_text(encoding="utf-8"), where=path.name)
    shelf = files("bedside.compress") / "recipes"
    built_in = {entry.name.removesuffix(".yaml"): entry for entry in shelf.iterdir() if entry.name.endswith(".yaml")}
    if str(name) in built_in:
        return parse_recipe(built_in[str(name)].read_text(encoding="utf-8"), where=str(name))
    raise RecipeError(
        f"no recipe {str(name)!r}", expected="a YAML file, or one of " + ", ".join(sorted(built_in)),
        hint="check the path",
    )  # fmt: skip


def parse_recipe(text: str, *, where: str = "the recipe") -> RecipeSketch:
    """Read a recipe from YAML text; every key is checked."""
    require("recipe files", _REQUIRES)
    import yaml

    try:
        plain = yaml.safe_load(text)
    except yaml.YAMLError as error:
        lines = str(error).splitlines()
        raise RecipeError(f"{where} is not YAML: {lines[0]}", expected="a recipe", hint=lines[-1].strip()) from None
    if not isinstance(plain, dict) or not isinstance(plain.get("steps"), list):
        raise RecipeError(
            f"{where} lists no steps", expected="steps: [distil, {prune: {macs_frac: 0.5}}]", hint="add the steps"
        )
    refuse_unknown(plain, _TOP, where)
    architecture, plan = _mapping(plain, "architecture", where), _mapping(plain, "plan", where)
    refuse_unknown(architecture, _ARCHITECTURE, f"{where}: architecture")
    refuse_unknown(plan, [f.name for f in fields(TrainPlan)], f"{where}: plan")
    refuse_unknown(_mapping(plan, "augment", where), [f.name for f in fields(Augment)], f"{where}: plan.augment")
    sketch = RecipeSketch(
        steps=tuple(_step(step, where) for step in plain["steps"]), architecture=architecture, plan=plan
    )
    _check(sketch)
    return sketch


def _mapping(plain: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
    found = plain.get(key) or {}
    if not isinstance(found, dict):
        raise RecipeError(f"{where}: {key} is {found!r}", expected=f"{key}: with names and values below", hint="indent")
    return found


def _step(plain: Any, where: str) -> str | StepCall:
    if isinstance(plain, str):
        return plain
    if isinstance(plain, dict) and len(plain) == 1:
        name, options = next(iter(plain.items()))
        if isinstance(options, dict | None):
            return StepCall(step=str(name), options=options or {})
    raise RecipeError(
        f"{where}: {plain!r} is not a step", expected="a name, or a name with settings: {prune: {macs_frac: 0.5}}",
        hint="one step an entry",
    )  # fmt: skip


def _check(sketch: RecipeSketch) -> None:
    """Refuse steps, settings and plan values that do not exist, before any run begins."""
    stand_in = Architecture(
        family="residual", width=1.0, spec=TensorSpec(n_channels=1, height_px=8, width_px=8), n_classes=2
    )
    bare = replace(sketch, architecture={})
    bare.completed(stand_in.spec, 2, TrainPlan(n_epochs=1), own=stand_in)
