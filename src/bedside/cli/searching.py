"""``bedside search``."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console

from bedside.base.errors import InputError
from bedside.base.seam import Requirement, require
from bedside.cli.optimizing import Request, announced, show_result
from bedside.cli.terminal_watch import terminal_watch

if TYPE_CHECKING:
    from bedside.compress.search.options import SearchOptions
    from bedside.searching import Found

_NEEDS = (
    Requirement("torch", "bedside[workshop]"),
    Requirement("optuna", "bedside[workshop]"),
    Requirement("sklearn", "bedside[workshop]"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """What the command adds to the options of ``bedside optimize``."""

    n_trials: int
    sampler: str
    costs: str
    families: str
    blocks: str
    gates: str
    resolutions: str
    quality: str
    supernet_images: int
    fit_epochs: int
    kept_fracs: str
    precisions: str
    batch: int
    patience: int
    n_measured: int
    n_finalists: int
    ray: str | None
    ships: bool

    def options(self) -> "SearchOptions":
        """The options of the search.

        Raises
        ------
        InputError
            If one is not a list of names or of numbers.
        RecipeError
            If a block or a gate is unknown.
        """
        from bedside.compress.search.brief import SearchPlan
        from bedside.compress.search.options import SearchOptions

        plan = SearchPlan(
            n_trials=self.n_trials, batch=self.batch, patience=self.patience, n_measured=self.n_measured,
            n_design=min(12, self.n_measured),
        )  # fmt: skip
        return SearchOptions(
            families=_names(self.families), blocks=_names(self.blocks), gates=_names(self.gates),
            costs=_names(self.costs), sampler=self.sampler,  # type: ignore[arg-type]
            resolutions_px=tuple(int(number) for number in _numbers(self.resolutions, "--resolutions")),
            quality=self.quality, supernet_images=self.supernet_images, fit_epochs=self.fit_epochs,
            kept_fracs=_numbers(self.kept_fracs, "--kept"), precisions=_names(self.precisions), plan=plan,
            ray=self.ray, n_finalists=self.n_finalists,
        )  # fmt: skip


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _numbers(text: str, option: str) -> tuple[float, ...]:
    try:
        return tuple(float(word) for word in _names(text))
    except ValueError:
        raise InputError(f"{option} {text}", expected="numbers, separated by commas", hint="such as 48,64") from None


def run_search(asked: SearchRequest, request: Request) -> None:
    """Search, show the front, and take its best through the hall."""
    require("bedside search", _NEEDS)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    console, options = Console(), asked.options()
    cohort = announced(request, console)
    from bedside.searching import conclude_search, search_cohort

    with terminal_watch(console) as watch:
        found = search_cohort(
            cohort,
            request.budget(),
            options,
            **request.asked(),
            out=request.out,
            preprocessing=request.preprocessing(),
            resume=request.resume,
            watch=watch,
        )
        _show_front(console, found)
        bundle = conclude_search(found, out=request.out, key=request.key) if asked.ships else None
    if bundle is not None:
        show_result(console, bundle, request.out)


def _show_front(console: Console, found: "Found") -> None:
    """Print the front, what was learned of costs, and where the table lies."""
    from rich.table import Column, Table

    result, names = found.result, found.goals.quantities
    table = Table(
        "front",
        "tuning",
        *names,
        Column("network", overflow="fold"),
        title=f"{len(result.trials)} trials; ended: {result.ended}",
    )
    for number in result.front:
        trial = result.trial(number)
        costs = [f"{trial.costs[name].value:.4g}" + _mark(trial.costs[name].origin) for name in names]
        table.add_row(str(number), f"{trial.quality:.4f}", *costs, _brief(found, trial.number))
    console.print(table)
    predictor = result.pricing.predictors.get("latency_p50_ms")
    if predictor is not None:
        console.print(
            f"latency          learned from {predictor.n_measured} measured files, median error "
            f"{100 * predictor.error_frac:.1f} % on files left out",
            highlight=False,
        )
    console.print(f"trials           {found.folder / 'search.csv'}", highlight=False, soft_wrap=True)
    console.print(f"recipes          {found.folder / 'recipes'}", highlight=False, soft_wrap=True)


def _mark(origin: str) -> str:
    return "" if origin == "measured" else f" ({origin})"


def _brief(found: "Found", number: int) -> str:
    """Network, input size and steps in few characters."""
    from bedside.compress.recipe import label_of

    recipe = found.frame.recipe(found.result.trial(number).point)
    steps = [label_of(step) for step in recipe.steps if step != "distil"]
    return " ".join([recipe.architecture.name, f"at {recipe.architecture.spec.height_px} px", *steps])
