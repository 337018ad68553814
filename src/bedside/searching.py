"""The search's door of the hall: a cohort and a budget go in, the front that is found goes through stops 4 to 11."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

from bedside.base.budget import Budget
from bedside.base.errors import InputError
from bedside.base.journal import Journal
from bedside.base.watch import Watch
from bedside.bundle.opening import Bundle
from bedside.bundle.signing import default_key_path
from bedside.cohort_stops import Material, Parts, gathered, parted
from bedside.compress.proposing import given
from bedside.compress.search.brief import Tools
from bedside.compress.search.choosing import finalists
from bedside.compress.search.engine import SearchResult, search
from bedside.compress.search.goals import Goals, goals_for
from bedside.compress.search.journal import open_journal
from bedside.compress.search.options import SearchOptions
from bedside.compress.search.oracle import QualityOracle
from bedside.compress.search.sketching import Frame
from bedside.compress.search.space import SearchSpace, sampled
from bedside.compress.search.spaces import space_for
from bedside.compress.search.spread import Here, OnRay
from bedside.compress.search.table import leave_table
from bedside.compress.search.trial import SearchTrial
from bedside.concluding import Opening, concluded
from bedside.data.cohort import Cohort
from bedside.data.preprocess import Preprocess
from bedside.data.stacking import suit_preprocess
from bedside.fitting_stops import plans_for, referenced
from bedside.running import AskedOfNetworks, Run, begun, settings_of
from bedside.runtime.devices import device_named
from bedside.search_stops import Measurer, leave_figures, oracle_for
from bedside.verify.judge import judge_of

KINDS = ("classification", "ordinal", "multilabel")
_N_SAMPLED = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A search that has ended, and all that the hall needs to go on."""

    run: Run
    parts: Parts
    materials: Mapping[int, Material]
    preprocess: Preprocess
    frame: Frame
    goals: Goals
    result: SearchResult
    folder: Path
    budget: Budget
    n_finalists: int


def search_cohort(
    cohort: Cohort | str,
    budget: Budget | None = None,
    options: SearchOptions | None = None,
    *,
    out: Path | str,
    preprocessing: Mapping[str, Any] | None = None,
    resume: bool = True,
    watch: Watch | None = None,
    **asked: Unpack[AskedOfNetworks],
) -> Found:
    """Search for networks that fit a budget; tuning data only.

    The table, the figures and a recipe for every row are left in ``OUT.work/search``, the journal too: a search that
    was stopped goes on, and one with more trials goes on from one with fewer.

    Raises
    ------
    InputError
        If the task is not one of images and classes, or the folder holds another search.
    BudgetError
        If nothing that was tried fits.
    """
    budget, options, out = budget or Budget(), options or SearchOptions(), Path(out)
    settings = settings_of(**asked)
    run = begun(settings, out, resume=resume, watch=watch)
    parts = parted(run, cohort)
    cohort, seed = parts.cohort, settings.seed
    _check_kind(cohort)
    preprocess = suit_preprocess(
        cohort, image_px=settings.image_px or settings.preset.image_px, **(preprocessing or {})
    )
    sides_px = options.resolutions_px or _sides_px(preprocess.height_px)
    materials = {side: gathered(run, cohort, parts.split, resized(preprocess, side)) for side in sides_px}
    largest = materials[max(materials)]
    _, plan = plans_for(run, cohort, largest)
    frame = Frame(
        spec=largest.preprocess.spec, n_classes=cohort.task.n_classes, plan=plan, device=device_named(budget.device),
        elastic=options.genes,
    )  # fmt: skip
    space = space_for(
        options.families, sides_px, elastic=frame.elastic, kept_fracs=options.kept_fracs, precisions=options.precisions
    )
    goals = _goals(space, frame, budget, options, cohort)
    folder = run.journal.folder / "search"
    journal = open_journal(folder, space, goals, sampler=options.sampler, seed=seed)
    run.watch.stop(3, "supernet" if options.quality == "supernet" else "search")
    oracle = oracle_for(run, materials, frame, quality=options.quality, n_images=options.supernet_images,
                        fit_epochs=options.fit_epochs)  # fmt: skip
    run.watch.stop(4, "search", f"{options.plan.n_trials} trials by {options.sampler} of {space.n_points():.3g} points")
    result = search(journal, options.plan, _tools(run, materials, frame, goals, oracle, options, folder))
    leave_table(folder, result, frame)
    leave_figures(folder, result, goals, judge_of(cohort.task).metric)
    return Found(
        run=run, parts=parts, materials=materials, preprocess=preprocess, frame=frame, goals=goals, result=result,
        folder=folder, budget=budget, n_finalists=options.n_finalists,
    )  # fmt: skip


def _tools(
    run: Run, materials: Mapping[int, Material], frame: Frame, goals: Goals, oracle: QualityOracle,
    options: SearchOptions, folder: Path,
) -> Tools:  # fmt: skip
    def tick(trial: SearchTrial, n_done: int) -> None:
        shown = trial.dropped or f"tuning {trial.quality:.4f}, {trial.costs['latency_p50_ms'].value:.3g} ms"
        run.watch.tick(n_done, options.plan.n_trials, f"trial {trial.number}: {shown[:60]}")

    return Tools(
        frame=frame, goals=goals, oracle=oracle, rounds=len(options.precisions) > 1,
        answers=Journal(folder=folder / "answers"),
        measure=Measurer(run=run, materials=materials, frame=frame, folder=folder),
        spread=OnRay(options.ray) if options.ray else Here(), on_trial=tick,
    )  # fmt: skip


def _goals(space: SearchSpace, frame: Frame, budget: Budget, options: SearchOptions, cohort: Cohort) -> Goals:
    sample = [frame.paper(frame.features(point)) for point in sampled(space, _N_SAMPLED)]
    return goals_for(options.costs, budget, 0.5, sample)


def _check_kind(cohort: Cohort) -> None:
    is_still = not any(case.is_clip or case.is_volume for case in cohort.cases)
    if cohort.task.kind not in KINDS or not is_still:
        what = cohort.task.kind if is_still else "clips or volumes"
        raise InputError(
            f"no search space is known for {what}", expected="still images of " + ", ".join(KINDS),
            hint="bedside optimize tries the families for it",
        )  # fmt: skip


def _sides_px(side_px: int) -> tuple[int, ...]:
    """All, three quarters and half, in multiples of 4."""
    return tuple(sorted({side_px, *(max(8, round(side_px * share / 4) * 4) for share in (0.5, 0.75))}))


def resized(preprocess: Preprocess, side_px: int) -> Preprocess:
    """Return the same preprocessing at another size, the aspect kept."""
    factor = side_px / preprocess.height_px
    return replace(preprocess, height_px=side_px, width_px=round(preprocess.width_px * factor))


def conclude_search(found: Found, *, out: Path | str, key: Path | None = None) -> Bundle:
    """Take the finalists through the hall: fitted in full, exported, checked, the best one sealed with its evidence.

    The reference is fitted at the finalists' input size.

    Raises
    ------
    BudgetError, ParityError
        As `bedside.optimize` does.
    """
    run, settings = found.run, found.run.settings
    chosen = finalists(found.result, found.budget, margin=settings.margin, n=found.n_finalists)
    side_px = int(chosen[0].point["resolution_px"] or found.frame.spec.height_px)
    material = found.materials[side_px]
    run.watch.stop(3, "reference")
    reference_plan, plan = plans_for(run, found.parts.cohort, material)
    baseline, folder = referenced(run, material, reference_plan)
    opening = Opening(parts=found.parts, material=material, baseline=baseline, folder=folder, plan=plan)
    recipes = [found.frame.recipe(trial.point) for trial in chosen]
    proposal = given(recipes, device_named(found.budget.device))
    return concluded(run, opening, proposal, found.budget, Path(out), key or default_key_path())
