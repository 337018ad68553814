"""The hall: a cohort and a budget go in, a signed bundle comes out, eleven stops in order."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

from bedside.base.budget import Budget
from bedside.base.errors import BudgetError
from bedside.base.watch import Watch
from bedside.bundle.opening import Bundle
from bedside.cohort_stops import gathered, parted
from bedside.compress.proposing import Proposal, given, propose
from bedside.compress.recipe_file import RecipeSketch, read_recipe
from bedside.concluding import Opening, concluded
from bedside.data.cohort import Cohort
from bedside.data.stacking import suit_preprocess
from bedside.fitting_stops import plans_for, referenced
from bedside.running import AskedOfNetworks, begun, settings_of
from bedside.runtime.devices import device_named
from bedside.trial_tables import leave_trials


def optimize(
    cohort: Cohort | str,
    budget: Budget | None = None,
    *,
    out: Path | str,
    preprocessing: Mapping[str, Any] | None = None,
    recipes: Sequence[str | Path | RecipeSketch] = (),
    key: Path | None = None,
    resume: bool = True,
    watch: Watch | None = None,
    **asked: Unpack[AskedOfNetworks],
) -> Bundle:
    """Turn a cohort and a budget into a signed bundle.

    Parameters
    ----------
    cohort
        A cohort, or a source such as ``medmnist:pneumoniamnist``.
    out
        Folder of the bundle; ``out.bedside`` is the same in one file, ``out.work`` the journal of the run.
    preprocessing
        Fields of `Preprocess` beyond size and channels: ``window``, ``spacing_mm``, ``enhance``, ``normalization``,
        ``fit``.
    recipes
        Recipe files, names or sketches to try in place of the proposed candidates.
    key
        Ed25519 private key (PEM); the user's own by default, made at its first use.
    resume
        Go on from the journal; otherwise start afresh.
    preset
        Amount of work: ``quick``, ``standard``, ``thorough``, or a `Preset` of your own.
    formats, seed, threads, margin, target_sensitivity, leak_policy, autopilot
        As in `bedside.running.Settings`.
    reference, image_px, adversarial_eps, n_teachers
        As there too.
    start_weights
        State dict (safetensors, or a PyTorch file read with ``weights_only``) that every network starts from that it
        fits, reference or candidate; such as `bedside pretrain` writes.

    Raises
    ------
    LeakError, BudgetError, ParityError, InputError
        When the answer is no; the trial table is in ``out.work`` all the same.
    """
    budget, out = budget or Budget(), Path(out)
    sketches = [recipe if isinstance(recipe, RecipeSketch) else read_recipe(recipe) for recipe in recipes]
    settings, device = settings_of(**asked), device_named(budget.device)
    run = begun(settings, out, resume=resume, watch=watch)
    parts = parted(run, cohort)
    preprocess = suit_preprocess(
        parts.cohort,
        image_px=settings.image_px or settings.preset.image_px,
        development=parts.split.development,
        **(preprocessing or {}),
    )
    material = gathered(run, parts.cohort, parts.split, preprocess)
    run.watch.stop(3, "reference")
    reference_plan, plan = plans_for(run, parts.cohort, material)
    spec, task = material.preprocess.spec, parts.cohort.task

    def proposing() -> Proposal:
        if sketches:
            return given([sketch.completed(spec, task.n_classes, plan) for sketch in sketches], device)
        return propose(spec, task, plan, settings.preset, budget, device)

    proposal = _on_paper(proposing, run.journal.folder, budget)
    baseline, folder = referenced(run, material, reference_plan)
    opening = Opening(parts=parts, material=material, baseline=baseline, folder=folder, plan=plan)
    return concluded(run, opening, proposal, budget, out, key)


def _on_paper(proposing: Callable[[], Proposal], work: Path, budget: Budget) -> Proposal:
    """Cost the candidates before anything is trained: a hopeless budget ends the run here, its table left behind."""
    try:
        return proposing()
    except BudgetError as error:
        leave_trials(work, (), budget, error.refused)
        raise
