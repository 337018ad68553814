"""From the steps that a recipe names to steps that can be applied."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import cast

from bedside.base.errors import InputError, PluginError, RecipeError
from bedside.base.jsonform import from_json, to_json
from bedside.compress.recipe import STEPS, Recipe, Step, StepCall, step_name


def step_of(call: str | StepCall) -> Step:
    """Return the step that a recipe names, with its settings.

    Raises
    ------
    RecipeError
        If there is no such step, or it has no such setting; the nearest name is suggested.
    """
    options = {} if isinstance(call, str) else call.options
    try:
        found = STEPS.get(step_name(call))
    except PluginError as error:
        raise RecipeError(
            f"a recipe names the step {step_name(call)!r}", expected=error.expected, hint=error.hint
        ) from None
    if not isinstance(found, type):
        refuse_unknown(options, (), f"the step {step_name(call)!r}")
        return cast(Step, found)
    refuse_unknown(options, [field.name for field in fields(found)], f"the step {step_name(call)!r}")  # type: ignore[arg-type]
    try:
        return from_json(found, to_json(options), where=f"the step {step_name(call)!r}")
    except RecipeError:
        raise
    except InputError as error:
        raise RecipeError(error.message, expected=error.expected, hint=f"see the fields of {found.__name__}") from None


def check_steps(recipe: Recipe) -> None:
    """Refuse a recipe whose steps or settings do not exist, before any work is done."""
    if not recipe.steps:
        raise RecipeError("a recipe without steps", expected="one at least of " + ", ".join(STEPS.names()),
                          hint="add distil")  # fmt: skip
    for call in recipe.steps:
        step_of(call)


def refuse_unknown(given: Iterable[str], known: Sequence[str], where: str) -> None:
    """Refuse a key that does not exist, with the nearest one that does."""
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            raise RecipeError(
                f"{where} has no setting {key!r}",
                expected="one of " + ", ".join(known) if known else "no settings",
                hint=f"did you mean {near[0]!r}?" if near else "leave it out",
            )
