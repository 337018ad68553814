"""The hall: a cohort and a budget go in, a signed bundle comes out, eleven stops in order."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bedside.attempts import Attempt, attempted, leave_trials, shipment
from bedside.base.budget import Budget
from bedside.base.errors import BudgetError, InputError
from bedside.base.files import storage_errors, sweep_leftovers
from bedside.base.journal import Journal
from bedside.base.watch import Silent, Watch
from bedside.bundle.opening import Bundle
from bedside.bundle.signing import default_key_path
from bedside.compress.compressing import load_compressed
from bedside.compress.presets import Preset, preset_named
from bedside.compress.proposing import Proposal, given, propose
from bedside.compress.recipe_file import RecipeSketch, read_recipe
from bedside.data.audit import CohortAudit, LeakPolicy
from bedside.data.cohort import Cohort
from bedside.data.sources import load_cohort
from bedside.data.split import Split, split_by_patient
from bedside.data.stacking import suit_preprocess
from bedside.evidence_stops import Networks, abstaining, examined
from bedside.export.converting import CONVERTERS
from bedside.export.exported import eager_session
from bedside.mending_stops import leave_tries
from bedside.robustness_stops import gated, stressed
from bedside.runtime.devices import device_named
from bedside.runtime.session import logits, open_session
from bedside.sealing_stops import Story, sealed, tested
from bedside.stops import (
    Material,
    Run,
    Settings,
    audited,
    exported,
    gathered,
    locked,
    plans_for,
    profiled,
    referenced,
)
from bedside.teaching_stops import same_answers, taught_by_all
from bedside.train.baseline import Baseline, load_reference
from bedside.train.plan import TrainPlan
from bedside.train.start_weights import start_file
from bedside.verify.selection import select

FORMATS = ("litert", "executorch", "onnx")
"""Formats that are made when none are named; the first one is the one that the evidence is about."""


def optimize(
    cohort: Cohort | str,
    budget: Budget | None = None,
    *,
    out: Path | str,
    preset: str | Preset = "standard",
    formats: Sequence[str] = FORMATS,
    seed: int = 0,
    threads: int = 1,
    margin: float = 0.02,
    target_sensitivity: float | None = None,
    leak_policy: LeakPolicy = "stop",
    reference: str | None = None,
    image_px: int | None = None,
    preprocessing: Mapping[str, Any] | None = None,
    adversarial_eps: float = 0.0,
    autopilot: bool = True,
    start_weights: Path | str | None = None,
    n_teachers: int = 1,
    recipes: Sequence[str | Path | RecipeSketch] = (),
    key: Path | None = None,
    resume: bool = True,
    watch: Watch | None = None,
) -> Bundle:
    """Turn a cohort and a budget into a signed bundle.

    Parameters
    ----------
    cohort
        A cohort, or a source such as ``medmnist:pneumoniamnist``.
    out
        Folder of the bundle; ``out.bedside`` is the same in one file, ``out.work`` the journal of the run.
    preset
        Amount of work: ``quick``, ``standard``, ``thorough``, or a `Preset` of your own.
    margin
        Non-inferiority margin in AUROC, set before anything is seen.
    target_sensitivity
        Sensitivity that the threshold must reach on tuning; without it the Youden index decides.
    leak_policy
        What a leak does: ``stop``, ``drop`` the copies in the less protected part, or ``allow`` and mark the report.
    preprocessing
        Fields of `Preprocess` beyond size and channels: ``window``, ``spacing_mm``, ``enhance``, ``normalization``,
        ``fit``.
    adversarial_eps
        Grey levels of adversarial training of the small models; 0 is ordinary training.
    start_weights
        State dict (safetensors, or a PyTorch file read with ``weights_only``) that every network starts from that it
        fits, reference or candidate; such as `bedside pretrain` writes.
    n_teachers
        References, fitted from different seeds, that teach together; the first one is what the evidence compares with.
    recipes
        Recipe files, names or sketches to try in place of the proposed candidates.
    key
        Ed25519 private key (PEM); the user's own by default, made at its first use.
    resume
        Go on from the journal; otherwise start afresh.

    Raises
    ------
    LeakError, BudgetError, ParityError, InputError
        When the answer is no; the trial table is in ``out.work`` all the same.
    """
    budget, watch, out = budget or Budget(), watch or Silent(), Path(out)
    sketches = [recipe if isinstance(recipe, RecipeSketch) else read_recipe(recipe) for recipe in recipes]
    settings = checked_settings(
        preset, formats, seed, threads, margin, target_sensitivity, leak_policy, reference, image_px
    )
    start = start_file(Path(start_weights)) if start_weights is not None else None
    settings = replace(
        settings, adversarial_eps=adversarial_eps, start=start, autopilot=autopilot, n_teachers=n_teachers
    )
    settings.hardening()  # refuses nonsense before any work is done
    device, work = device_named(budget.device), work_folder(out, resume=resume)
    run = Run(settings=settings, journal=Journal(folder=work, on_reuse=reuse_note(watch)), watch=watch)

    watch.stop(1, "cohort")
    cohort, audit = audited(run, load_cohort(cohort) if isinstance(cohort, str) else cohort)
    watch.stop(2, "split")
    split = split_by_patient(cohort, seed=seed)
    preprocess = suit_preprocess(
        cohort, image_px=image_px or settings.preset.image_px, development=split.development, **(preprocessing or {})
    )
    material = gathered(run, cohort, split, preprocess)
    watch.stop(3, "reference")
    reference_plan, plan = plans_for(run, cohort, material)
    spec = material.preprocess.spec

    def proposing() -> Proposal:
        if sketches:
            return given([sketch.completed(spec, cohort.task.n_classes, plan) for sketch in sketches], device)
        return propose(spec, cohort.task, plan, settings.preset, budget, device)

    proposal = _on_paper(proposing, work, budget)
    baseline, folder = referenced(run, material, reference_plan)
    opening = Opening(
        cohort=cohort, audit=audit, split=split, material=material, baseline=baseline, folder=folder, plan=plan
    )
    return concluded(run, opening, proposal, budget, out, key)


def _on_paper(proposing: Callable[[], Proposal], work: Path, budget: Budget) -> Proposal:
    """Cost the candidates before anything is trained: a hopeless budget ends the run here, its table left behind."""
    try:
        return proposing()
    except BudgetError as error:
        leave_trials(work, (), budget, error.refused)
        raise


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What is known when the reference is there: the first three stops.

    `from_reference` says that candidates begin with the reference's own network rather than with a fresh one.
    """

    cohort: Cohort
    audit: CohortAudit
    split: Split
    material: Material
    baseline: Baseline
    folder: Path
    plan: TrainPlan
    from_reference: bool = False


def concluded(run: Run, opening: Opening, proposal: Proposal, budget: Budget, out: Path, key: Path | None) -> Bundle:
    """Stops 4 to 11: candidates, trials, selection, the sealed test, the bundle."""
    settings, watch, work, device = run.settings, run.watch, run.journal.folder, device_named(budget.device)
    cohort, split, material, baseline = opening.cohort, opening.split, opening.material, opening.baseline
    network = load_reference(baseline, opening.folder)
    reference_session = eager_session(network)
    reference_outputs = logits(reference_session, material.tuning_inputs())
    teacher = taught_by_all(run, material, network, baseline, opening.plan, is_own=opening.from_reference)
    (reference_file,), reference_folder = exported(
        run, material, network, baseline.digest, settings.formats[0], ("fp32",)
    )
    reference_profile = profiled(run, material, reference_file, reference_folder, device, None)
    watch.stop(4, "candidates")
    start = network if opening.from_reference else None

    attempts: list[Attempt] = []
    for candidate in proposal.candidates:
        plan = candidate.recipe.plan
        answers = teacher
        if not same_answers(plan, opening.plan):
            answers = taught_by_all(run, material, network, baseline, plan, is_own=opening.from_reference)
        attempts += attempted(run, material, candidate, answers, baseline, reference_outputs, budget, start, network)
        leave_tries(work, list({a.int8.model: a.int8 for a in attempts if a.int8}.values()))
        leave_trials(work, [t for a in attempts for t in a.trials], budget, proposal.dropped)

    watch.stop(9, "selection")
    trials = tuple(trial for attempt in attempts for trial in attempt.trials)
    choice = select(trials, budget, margin=settings.margin)
    attempt, chosen = next((a, t) for a in attempts for t in a.trials if t.name == choice.name)
    shipped = shipment(run, material, attempt, chosen, budget)
    gate = gated(run, material, split)
    rules = abstaining(run, material, shipped.models)
    watch.stop(10, "evidence")
    reference_point = locked(run, material, reference_outputs)
    own_fp32 = open_session(shipped.own_fp32.artifact, shipped.own_fp32.folder)
    evidence, outcome = tested(
        run, material, split.test, shipped.models[0], own_fp32, reference_session, reference_point
    )  # fmt: skip
    hardships = stressed(
        run, cohort, split, material, gate, shipped.models[0], shipped.own_fp32, outcome.images, outcome.targets,
        outcome.units,
    )  # fmt: skip
    networks = Networks(
        reference=network, reference_digest=baseline.digest, reference_point=reference_point,
        shipped=load_compressed(attempt.model, attempt.model_folder), device=device,
    )  # fmt: skip
    findings = examined(run, material, shipped.models, shipped.own_fp32, networks, outcome, rules)
    watch.stop(11, "bundle")
    story = Story(
        cohort=cohort, audit=opening.audit, split=split, material=material, baseline=baseline,
        reference_point=reference_point, reference_profile=reference_profile, proposal=proposal, trials=trials,
        choice=choice, attempt=attempt, shipment=shipped, budget=budget, evidence=evidence, outcome=outcome, gate=gate,
        hardships=hardships, findings=findings,
        int8=tuple({a.int8.model: a.int8 for a in attempts if a.int8}.values()),
    )  # fmt: skip
    return sealed(run, story, out, key or default_key_path())


def checked_settings(
    preset: str | Preset, formats: Sequence[str], seed: int, threads: int, margin: float,
    target_sensitivity: float | None, leak_policy: LeakPolicy, reference: str | None, image_px: int | None,
) -> Settings:  # fmt: skip
    """Refuse nonsense before any work is done."""
    from bedside.base.seam import require

    if not formats:
        raise InputError("no format was named", expected="one at least of " + ", ".join(CONVERTERS.names()))
    for name in formats:
        require(f"export to {name}", CONVERTERS.get(name).requires)
    if not 0 < margin < 1:
        raise InputError(f"a margin of {margin}", expected="a number between 0 and 1, such as 0.02")
    if target_sensitivity is not None and not 0 < target_sensitivity <= 1:
        raise InputError(f"a target sensitivity of {target_sensitivity}", expected="above 0 and at most 1")
    if threads < 1:
        raise InputError(f"{threads} threads", expected="1 or more")
    return Settings(
        preset=preset if isinstance(preset, Preset) else preset_named(preset), formats=tuple(formats), seed=seed,
        threads=threads, margin=margin, target_sensitivity=target_sensitivity,
        leak_policy=leak_policy, reference=reference, image_px=image_px,
    )  # fmt: skip


def work_folder(out: Path, *, resume: bool) -> Path:
    """Make or empty the folder of the journal, ``OUT.work``."""
    work = out.with_name(out.name + ".work")
    with storage_errors(work):
        if work.exists() and not resume:
            shutil.rmtree(work)
        work.mkdir(parents=True, exist_ok=True)
    sweep_leftovers(work)
    for folder in (path for path in work.iterdir() if path.is_dir()):
        sweep_leftovers(folder)
    return work


def reuse_note(watch: Watch):
    """Tell the watch what was found in the journal."""
    return lambda stop: watch.note(f"{stop}: found in the journal")
