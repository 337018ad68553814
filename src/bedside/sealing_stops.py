"""The last stops: the sealed test, and everything that goes into the bundle."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bedside.attempts import Attempt, Shipment
from bedside.base.arrays import ByteArray, FloatArray, IntArray
from bedside.base.budget import Budget
from bedside.base.digest import digest_value
from bedside.base.files import write_atomic
from bedside.base.stamp import Stamp, versions_of
from bedside.base.version import VERSION
from bedside.bundle.model_card import intended_use
from bedside.bundle.opening import Bundle
from bedside.bundle.report_data import GalleryItem, ReportData
from bedside.bundle.report_texts import report_texts
from bedside.bundle.sealing import ModelFile, SealJob, seal
from bedside.bundle.signing import load_or_create_key
from bedside.compress.proposing import Proposal
from bedside.data.audit import CohortAudit
from bedside.data.case import Cohort, labels_of, units_of
from bedside.data.counting import native_sizes, part_classes, part_units
from bedside.data.preprocess import Preprocess
from bedside.data.split import SealedCases, Split
from bedside.data.stacking import stack_images
from bedside.robustness_stops import Hardships
from bedside.runtime.session import Session, logits, open_session
from bedside.stops import WORKSHOP, Material, Run
from bedside.train.baseline import Baseline
from bedside.train.transfer import START_WEIGHTS
from bedside.verify.evidence import Evidence, evaluate
from bedside.verify.gate import AcceptanceGate
from bedside.verify.occlusion import occlusion_map
from bedside.verify.operating_point import OperatingPoint
from bedside.verify.profiling import Profile
from bedside.verify.selection import Choice, Trial

REASON = "the one clinical evaluation of the shipped model, after it was chosen on tuning data"
N_GALLERY = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class TestOutcome:
    """What the opened test came to: images (uint8), labels and outputs; kept, so that the seal is broken once only."""

    __test__ = False

    images: ByteArray
    labels: IntArray
    units: tuple[str, ...]
    shipped: FloatArray
    own_fp32: FloatArray
    reference: FloatArray


def tested(
    run: Run, material: Material, sealed: SealedCases, shipped: ModelFile, own_fp32: Session, reference: Session,
    reference_point: OperatingPoint,
) -> tuple[Evidence, TestOutcome]:  # fmt: skip
    """Stop 10: the seal is broken once, for the shipped bytes, on the shipped runtime."""
    inputs = [shipped.artifact, shipped.point, reference_point, material.digest, sealed.digest(), run.settings.margin]
    path = run.journal.place("evidence", inputs) / "outcome.npz"

    def make() -> Evidence:
        cases = sealed.open(reason=REASON)
        images = stack_images(cases, material.preprocess, run.watch.tick)
        ready = material.preprocess.normalize(images)
        outcome = TestOutcome(
            images=images,
            labels=labels_of(cases),
            units=tuple(units_of(cases)),
            shipped=logits(open_session(shipped.artifact, shipped.folder), ready),
            own_fp32=logits(own_fp32, ready),
            reference=logits(reference, ready),
        )
        write_atomic(path, _packed(outcome))
        return _judge(run, material, outcome, shipped.point, reference_point)

    evidence = run.journal.stop("evidence", Evidence, inputs, make)
    return evidence, _unpacked(path)


def _judge(
    run: Run, material: Material, outcome: TestOutcome, point: OperatingPoint, reference_point: OperatingPoint
) -> Evidence:
    return evaluate(
        material.task,
        outcome.labels,
        outcome.units,
        shipped=(outcome.shipped, point),
        reference=(outcome.reference, reference_point),
        own_fp32=outcome.own_fp32,
        margin=run.settings.margin,
        reason=REASON,
        seed=run.settings.seed,
    )


def _packed(outcome: TestOutcome) -> bytes:
    from io import BytesIO

    buffer = BytesIO()
    np.savez_compressed(
        buffer,
        images=outcome.images,
        labels=outcome.labels,
        units=np.array(outcome.units),
        shipped=outcome.shipped,
        own_fp32=outcome.own_fp32,
        reference=outcome.reference,
    )
    return buffer.getvalue()


def _unpacked(path: Path) -> TestOutcome:
    with np.load(path, allow_pickle=False) as held:
        arrays = {name: held[name] for name in held.files}
    units = tuple(str(unit) for unit in arrays.pop("units"))
    return TestOutcome(units=units, **arrays)


def gallery(
    outcome: TestOutcome, session: Session, point: OperatingPoint, preprocess: Preprocess, classes: tuple[str, ...]
) -> tuple[GalleryItem, ...]:
    """The most confident hits and misses of the test, with heat maps of the shipped file."""
    probabilities = point.probabilities(outcome.shipped)
    called = point.calls(probabilities)
    certainty = probabilities[np.arange(len(called)), called]
    order = np.argsort(-certainty, kind="stable")
    right = called[order] == outcome.labels[order]
    items = []
    for kind, rows in (("miss", order[~right][:N_GALLERY]), ("hit", _spread(order[right], outcome.labels))):
        for row in rows:
            shown = point.positive if point.threshold_prob is not None else called[row]
            heat = occlusion_map(session, preprocess.normalize(outcome.images[row]), point, int(called[row]))
            items.append(
                GalleryItem(
                    image=outcome.images[row],
                    heat=heat,
                    truth=classes[int(outcome.labels[row])],
                    called=classes[int(called[row])],
                    probability=float(probabilities[row, shown]),
                    kind=kind,  # type: ignore[arg-type]
                )
            )
    return tuple(items)


def _spread(rows: IntArray, labels: IntArray) -> list[int]:
    """The first few rows, classes in turn."""
    by_class = [[int(r) for r in rows if labels[r] == k] for k in np.unique(labels)]
    turns = [members[i] for i in range(N_GALLERY) for members in by_class if i < len(members)]
    return turns[:N_GALLERY]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What the run has learned by the time the bundle is sealed."""

    cohort: Cohort
    audit: CohortAudit
    split: Split
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
    evidence: Evidence
    outcome: TestOutcome
    gate: AcceptanceGate | None
    hardships: Hardships


def sealed(run: Run, story: Story, out: Path, key_path: Path) -> Bundle:
    """Stop 11: report, model card, pack, lineage and files, under one signature."""
    shipped = story.shipment.models[0]
    session = open_session(shipped.artifact, shipped.folder)
    data = _report_data(run, story, session, shipped.point)
    job = SealJob(
        name=out.name,
        task=story.cohort.task,
        preprocess=story.material.preprocess,
        models=story.shipment.models,
        cohort=story.cohort.name,
        cohort_digest=data.lineage[0].digest,
        is_phantom=story.cohort.is_phantom,
        intended_use=intended_use(data),
        version=VERSION,
        values={
            "evidence/evidence.json": story.evidence,
            "evidence/parity.json": story.shipment.parity_of_format,
            "evidence/audit.json": story.audit,
            "evidence/lineage.json": {"stamps": data.lineage, "versions": data.versions, "seed": data.seed},
            "evidence/recipe.json": story.attempt.candidate.recipe,
            "evidence/profile.json": {"shipped": data.chosen.profile, "reference": story.reference_profile},
            "evidence/trials.json": {"trials": story.trials, "choice": story.choice, "dropped": story.proposal.dropped},
            **story.hardships.values(),
        },
        texts=report_texts(data, name=out.name, version=VERSION),
        gate=story.gate,
    )
    return seal(job, out, load_or_create_key(key_path))


def _start_weights(story: Story) -> str:
    architectures = (story.baseline.architecture, story.attempt.candidate.recipe.architecture)
    if any(a.family.startswith("python:") for a in architectures):
        return "the user's own network, with its weights"
    return START_WEIGHTS if any(a.pretrained for a in architectures) else "none; trained from scratch"


def _report_data(run: Run, story: Story, session: Session, point: OperatingPoint) -> ReportData:
    cohort, outcome, settings = story.cohort, story.outcome, run.settings
    return ReportData(
        cohort_name=cohort.name,
        source=cohort.source,
        licence=cohort.licence,
        modality=cohort.modality,
        is_phantom=cohort.is_phantom,
        task=cohort.task,
        audit=story.audit,
        split_how=story.split.how,
        part_sizes=_part_sizes(story.split),
        budget=story.budget,
        trials=story.trials,
        choice=story.choice,
        dropped_on_paper=story.proposal.dropped,
        parity_of_format=story.shipment.parity_of_format,
        reference_name=story.baseline.architecture.name,
        reference_profile=story.reference_profile,
        evidence=story.evidence,
        labels=outcome.labels,
        shipped_probabilities=point.probabilities(outcome.shipped),
        reference_probabilities=story.reference_point.probabilities(outcome.reference),
        gallery=gallery(outcome, session, point, story.material.preprocess, cohort.task.classes),
        sizes_kib={f"{m.artifact.format} {m.artifact.precision}": m.artifact.size_kib for m in story.shipment.models},
        lineage=_lineage(story),
        versions=versions_of(WORKSHOP),
        seed=settings.seed,
        preset=settings.preset.name,
        part_classes=part_classes(story.split, outcome.labels, cohort.task.classes),
        part_units=part_units(story.split, outcome.units),
        native_sizes=native_sizes(story.split.observation),
        input_spec=story.material.preprocess.spec,
        models=tuple(model.artifact for model in story.shipment.models),
        start_weights=_start_weights(story),
        robustness=story.hardships.robustness,
        gate=story.hardships.gate,
        shortcuts=story.hardships.shortcuts,
    )


def _part_sizes(split: Split) -> dict[str, int]:
    return {name: len(getattr(split, name)) for name in ("development", "observation", "tuning", "test")}


def _lineage(story: Story) -> tuple[Stamp, ...]:
    """Each stop under its digest; measured values are left out, so that an equal run has an equal lineage."""
    cohort, split = story.cohort.digest(), story.split.digest()
    model, artifact = story.attempt.model.digest, story.shipment.models[0].artifact.digest
    leak = f"{len(story.audit.leaks)} leaks, {story.audit.policy}" if story.audit.leaks else ""
    return (
        Stamp(stop="cohort", digest=cohort, note=leak),
        Stamp(stop="split", digest=split, parents=(cohort,), note=story.split.how),
        Stamp(stop="reference", digest=story.baseline.digest, parents=(split,), note=story.baseline.architecture.name),
        Stamp(stop="candidate", digest=digest_value(story.attempt.candidate.recipe), parents=(split,)),
        Stamp(stop="compress", digest=model, parents=(story.baseline.digest, split), note=story.attempt.candidate.name),
        Stamp(stop="export", digest=artifact, parents=(model,), note=story.shipment.models[0].artifact.name),
        Stamp(stop="parity", digest=digest_value(story.shipment.parity_of_format), parents=(model, artifact)),
        Stamp(stop="selection", digest=digest_value(story.choice.name), parents=(artifact,), note=story.choice.name),
        Stamp(stop="evidence", digest=digest_value(story.evidence), parents=(artifact, split), note=REASON),
    )
