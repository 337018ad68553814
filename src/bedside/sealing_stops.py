"""Stop 11: everything that goes into the bundle, under one signature."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bedside.attempts import Attempt, Shipment
from bedside.base.arrays import FloatArray
from bedside.base.budget import Budget
from bedside.base.digest import digest_value
from bedside.base.stamp import Stamp, versions_of
from bedside.base.task import Task
from bedside.base.version import VERSION
from bedside.bundle.cohort_numbers import cohort_numbers
from bedside.bundle.gallery import GalleryJob, gallery_of
from bedside.bundle.model_card import intended_use
from bedside.bundle.opening import Bundle
from bedside.bundle.report_data import ReportData
from bedside.bundle.report_texts import report_texts
from bedside.bundle.sealing import SealJob, seal
from bedside.bundle.signing import load_or_create_key
from bedside.cohort_stops import Material, Parts
from bedside.compress.proposing import Proposal
from bedside.data.counting import native_sizes
from bedside.evidence_stops import Findings
from bedside.robustness_stops import Hardships
from bedside.running import WORKSHOP, Run
from bedside.runtime.session import Session, open_session
from bedside.skipping_stops import Tiles
from bedside.testing_stops import REASON, TestOutcome
from bedside.train.baseline import Baseline
from bedside.train.start_weights import StartFile
from bedside.train.transfer import start_words
from bedside.verify.gate import AcceptanceGate
from bedside.verify.int8_tries import AutopilotReport, Int8Reports
from bedside.verify.judge import AnyEvidence
from bedside.verify.operating_point import OperatingPoint
from bedside.verify.profiling import Profile
from bedside.verify.selection import Choice, Trial
from bedside.verify.volume_robustness import VolumeRobustness


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What the run has learned by the time the bundle is sealed."""

    parts: Parts
    material: Material
    baseline: Baseline
    reference_point: OperatingPoint
    reference_profile: Profile
    proposal: Proposal
    trials: tuple[Trial, ...]
    choice: Choice
    attempt: Attempt
    shipment: Shipment
    budget: Budget
    evidence: AnyEvidence
    outcome: TestOutcome
    gate: AcceptanceGate | None
    hardships: Hardships
    findings: Findings = field(default_factory=Findings)
    tiles: Tiles = field(default_factory=Tiles)
    spoilt_volumes: VolumeRobustness | None = None
    int8: tuple[AutopilotReport, ...] = ()


def sealed(run: Run, story: Story, out: Path, key_path: Path) -> Bundle:
    """Stop 11: report, model card, pack, lineage and files, under one signature."""
    shipped = story.shipment.models[0]
    session = open_session(shipped.artifact, shipped.folder)
    data = _report_data(run, story, session, shipped.point)
    job = SealJob(
        name=out.name,
        task=story.parts.cohort.task,
        preprocess=story.material.preprocess,
        models=story.shipment.models,
        cohort=story.parts.cohort.name,
        cohort_digest=data.lineage[0].digest,
        is_phantom=story.parts.cohort.is_phantom,
        intended_use=intended_use(data),
        version=VERSION,
        values={
            "evidence/evidence.json": story.evidence,
            "evidence/parity.json": story.shipment.parity_of_format,
            "evidence/audit.json": story.parts.audit,
            "evidence/lineage.json": {"stamps": data.lineage, "versions": data.versions, "seed": data.seed},
            "evidence/recipe.json": story.attempt.candidate.recipe,
            "evidence/profile.json": {"shipped": data.chosen.profile, "reference": story.reference_profile},
            **({"evidence/int8.json": story.shipment.int8} if story.shipment.int8 else {}),
            "evidence/trials.json": {"trials": story.trials, "choice": story.choice, "dropped": story.proposal.dropped},
            **story.hardships.values(),
            **story.findings.values(),
            **story.tiles.values(),
            **({"evidence/spoilt_volumes.json": story.spoilt_volumes} if story.spoilt_volumes else {}),
        },
        texts=report_texts(data, name=out.name, version=VERSION),
        gate=story.gate,
        abstention=story.findings.rules,
        skipping=story.tiles.rule,
    )
    return seal(job, out, load_or_create_key(key_path))


def _start_weights(story: Story, start: StartFile | None) -> str:
    architectures = (story.baseline.architecture, story.attempt.candidate.recipe.architecture)
    if any(a.family.startswith("python:") for a in architectures):
        return "the user's own network, with its weights"
    if start is not None:
        return f"{start.title}, in every network that it fits"
    started = [a.family for a in architectures if a.pretrained]
    return start_words(started) if started else "none; trained from scratch"


def _report_data(run: Run, story: Story, session: Session, point: OperatingPoint) -> ReportData:
    cohort, outcome, settings = story.parts.cohort, story.outcome, run.settings
    truth = outcome.truth(cohort.task)
    job = GalleryJob(
        images=outcome.images, truth=truth, outputs=outcome.shipped, point=point, session=session,
        preprocess=story.material.preprocess,
    )  # fmt: skip
    return ReportData(
        cohort=cohort_numbers(cohort, story.parts.split, story.parts.audit, outcome.units),
        task=cohort.task,
        audit=story.parts.audit,
        budget=story.budget,
        trials=story.trials,
        choice=story.choice,
        dropped_on_paper=story.proposal.dropped,
        parity_of_format=story.shipment.parity_of_format,
        reference_name=story.baseline.architecture.name,
        reference_profile=story.reference_profile,
        evidence=story.evidence,
        labels=outcome.targets,
        shipped_probabilities=_by_case(cohort.task, point, outcome.shipped),
        reference_probabilities=_by_case(cohort.task, story.reference_point, outcome.reference),
        gallery=gallery_of(job),
        sizes_kib={f"{m.artifact.format} {m.artifact.precision}": m.artifact.size_kib for m in story.shipment.models},
        lineage=_lineage(story),
        versions=versions_of(WORKSHOP),
        seed=settings.seed,
        preset=settings.preset.name,
        native_sizes=native_sizes(story.parts.split.observation),
        input_spec=story.material.preprocess.spec,
        models=tuple(model.artifact for model in story.shipment.models),
        start_weights=_start_weights(story, settings.start),
        robustness=story.hardships.robustness,
        gate=story.hardships.gate,
        shortcuts=story.hardships.shortcuts,
        abstention=story.findings.abstention,
        subgroups=story.findings.subgroups,
        usefulness=story.findings.usefulness,
        gaze=story.findings.gaze,
        gaze_pictures=story.findings.gaze_pictures,
        int8=_int8_reports(story),
        tiles=story.tiles.evidence,
        volume_robustness=story.spoilt_volumes,
    )


def _int8_reports(story: Story) -> Int8Reports | None:
    """Reports of the shipped model first, then those of the other candidates."""
    shipped = story.shipment.int8
    rest = tuple(report for report in story.int8 if report not in shipped)
    return Int8Reports(reports=(*shipped, *rest)) if shipped or rest else None


def _by_case(task: Task, point: OperatingPoint, outputs: FloatArray) -> FloatArray:
    """Probabilities ``(n, K)``; none where the answer is not a class a case."""
    return point.probabilities(outputs) if task.picks_one else np.zeros((0, task.n_classes))


def _lineage(story: Story) -> tuple[Stamp, ...]:
    """Each stop under its digest; measured values are left out, so that an equal run has an equal lineage."""
    cohort, split = story.parts.cohort.digest(), story.parts.split.digest()
    model, artifact = story.attempt.model.digest, story.shipment.models[0].artifact.digest
    leak = f"{len(story.parts.audit.leaks)} leaks, {story.parts.audit.policy}" if story.parts.audit.leaks else ""
    return (
        Stamp(stop="cohort", digest=cohort, note=leak),
        Stamp(stop="split", digest=split, parents=(cohort,), note=story.parts.split.how),
        Stamp(stop="reference", digest=story.baseline.digest, parents=(split,), note=story.baseline.architecture.name),
        Stamp(stop="candidate", digest=digest_value(story.attempt.candidate.recipe), parents=(split,)),
        Stamp(stop="compress", digest=model, parents=(story.baseline.digest, split), note=story.attempt.candidate.name),
        Stamp(stop="export", digest=artifact, parents=(model,), note=story.shipment.models[0].artifact.name),
        Stamp(stop="parity", digest=digest_value(story.shipment.parity_of_format), parents=(model, artifact)),
        Stamp(stop="selection", digest=digest_value(story.choice.name), parents=(artifact,), note=story.choice.name),
        Stamp(stop="evidence", digest=digest_value(story.evidence), parents=(artifact, split), note=REASON),
    )
