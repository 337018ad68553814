"""Stops 4 to 11: from the reference and a proposal to a sealed bundle; every door of the hall ends here."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bedside.attempts import Attempt, attempted, shipment
from bedside.base.arrays import FloatArray
from bedside.base.budget import Budget
from bedside.bundle.opening import Bundle
from bedside.bundle.signing import default_key_path
from bedside.cohort_stops import Material, Parts
from bedside.compress.compressing import load_compressed
from bedside.compress.proposing import Proposal
from bedside.evidence_stops import Networks, abstaining, examined
from bedside.export.exported import eager_session
from bedside.file_stops import exported, locked, profiled
from bedside.robustness_stops import gated, stressed
from bedside.running import Run
from bedside.runtime.devices import DeviceSpec, device_named
from bedside.runtime.session import Session, logits, open_session
from bedside.sealing_stops import Story, sealed
from bedside.skipping_stops import tiled
from bedside.spoiling_stops import spoilt
from bedside.teaching_stops import same_answers, taught_by_all
from bedside.testing_stops import tested
from bedside.train.baseline import Baseline, load_reference
from bedside.train.plan import TrainPlan
from bedside.trial_tables import leave_trials, leave_tries
from bedside.verify.int8_tries import AutopilotReport
from bedside.verify.operating_point import OperatingPoint
from bedside.verify.profiling import Profile
from bedside.verify.selection import select

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What is known when the reference is there: the first three stops.

    `from_reference` says that candidates begin with the reference's own network rather than with a fresh one.
    """

    parts: Parts
    material: Material
    baseline: Baseline
    folder: Path
    plan: TrainPlan
    from_reference: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The reference as the later stops meet it."""

    network: "nn.Module"
    session: Session
    tuning_outputs: FloatArray
    profile: Profile
    point: OperatingPoint


def concluded(run: Run, opening: Opening, proposal: Proposal, budget: Budget, out: Path, key: Path | None) -> Bundle:
    """Stops 4 to 11: candidates, trials, selection, the sealed test, the bundle."""
    parts, material, device = opening.parts, opening.material, device_named(budget.device)
    reference = _reference(run, opening, device)
    run.watch.stop(4, "candidates")
    attempts = _attempts(run, opening, reference, proposal, budget)

    run.watch.stop(9, "selection")
    trials = tuple(trial for attempt in attempts for trial in attempt.trials)
    choice = select(trials, budget, margin=run.settings.margin)
    attempt, chosen = next((a, t) for a in attempts for t in a.trials if t.name == choice.name)
    shipped = shipment(run, material, attempt, chosen, budget)
    tiles = tiled(run, material, parts.split, shipped.models[0])
    gate, rules = gated(run, material, parts.split), abstaining(run, material, shipped.models)

    run.watch.stop(10, "evidence")
    own_fp32 = open_session(shipped.own_fp32.artifact, shipped.own_fp32.folder)
    evidence, outcome = tested(
        run, material, parts.split.test, shipped.models[0], own_fp32, reference.session, reference.point
    )  # fmt: skip
    hardships = stressed(
        run, parts.cohort, parts.split, material, gate, shipped.models[0], shipped.own_fp32, outcome.images,
        outcome.targets, outcome.units,
    )  # fmt: skip
    spoilt_volumes = spoilt(run, parts.cohort, material, shipped.models[0], shipped.own_fp32, outcome)
    networks = Networks(
        reference=reference.network, reference_digest=opening.baseline.digest, reference_point=reference.point,
        shipped=load_compressed(attempt.model, attempt.model_folder), device=device,
    )  # fmt: skip
    findings = examined(run, material, shipped.models, shipped.own_fp32, networks, outcome, rules)

    run.watch.stop(11, "bundle")
    story = Story(
        parts=parts, material=material, baseline=opening.baseline, reference_point=reference.point,
        reference_profile=reference.profile, proposal=proposal, trials=trials, choice=choice, attempt=attempt,
        shipment=shipped, budget=budget, evidence=evidence, outcome=outcome, gate=gate, hardships=hardships,
        findings=findings, tiles=tiles, spoilt_volumes=spoilt_volumes, int8=_int8_of(attempts),
    )  # fmt: skip
    return sealed(run, story, out, key or default_key_path())


def _reference(run: Run, opening: Opening, device: DeviceSpec) -> Reference:
    """Run the reference on tuning, and export and profile it as it will be compared."""
    material, baseline = opening.material, opening.baseline
    network = load_reference(baseline, opening.folder)
    session = eager_session(network)
    outputs = logits(session, material.tuning_inputs())
    (file,), folder = exported(run, material, network, baseline.digest, run.settings.formats[0], ("fp32",))
    return Reference(
        network=network, session=session, tuning_outputs=outputs, point=locked(run, material, outputs),
        profile=profiled(run, material, file, folder, device, None),
    )  # fmt: skip


def _attempts(run: Run, opening: Opening, reference: Reference, proposal: Proposal, budget: Budget) -> list[Attempt]:
    """Stops 5 to 8 for every candidate; the tables are left in the journal's folder as they grow."""
    folder, start = run.journal.folder, reference.network if opening.from_reference else None

    def taught(plan: TrainPlan) -> FloatArray | None:
        return taught_by_all(
            run, opening.material, reference.network, opening.baseline, plan, is_own=opening.from_reference
        )

    usual, attempts = taught(opening.plan), []
    for candidate in proposal.candidates:
        plan = candidate.recipe.plan
        attempts += attempted(
            run, opening.material, candidate, usual if same_answers(plan, opening.plan) else taught(plan),
            opening.baseline, reference.tuning_outputs, budget, start, reference.network,
        )  # fmt: skip
        leave_tries(folder, _int8_of(attempts))
        leave_trials(folder, [t for a in attempts for t in a.trials], budget, proposal.dropped)
    return attempts


def _int8_of(attempts: Sequence[Attempt]) -> tuple[AutopilotReport, ...]:
    """One report a model."""
    return tuple({a.int8.model: a.int8 for a in attempts if a.int8}.values())
