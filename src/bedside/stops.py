"""The stops of the hall: each takes values, hands on one, and is found in the journal when it was finished before."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.digest import Digest, digest_array, digest_value
from bedside.base.errors import InputError
from bedside.base.journal import Journal
from bedside.base.stamp import versions_of
from bedside.base.task import Task
from bedside.base.watch import Watch
from bedside.compress.compressing import CompressedModel, compress
from bedside.compress.presets import Preset
from bedside.compress.proposing import Candidate
from bedside.compress.quantization import QuantizationPlan
from bedside.compress.recipe import Recipe, Workbench
from bedside.data.audit import CohortAudit, LeakPolicy, audit_cohort, usable
from bedside.data.augment import Augment
from bedside.data.case import Case, units_of
from bedside.data.cohort import Cohort
from bedside.data.preprocess import Preprocess
from bedside.data.split import Split, disjoint_observations
from bedside.data.stacking import stack_images
from bedside.data.targets import Targets, targets_of
from bedside.export.converting import ExportJob, convert
from bedside.export.exported import eager_session, exported_session
from bedside.runtime.artifact import Artifact, Precision
from bedside.runtime.devices import DeviceSpec
from bedside.runtime.session import logits, open_session
from bedside.train.baseline import Baseline, fit_reference
from bedside.train.plan import TrainPlan
from bedside.train.volume_plans import for_volumes
from bedside.verify.judge import Answer, Truth, judge_of
from bedside.verify.operating_point import OperatingPoint
from bedside.verify.parity import ParityReport, edge_images
from bedside.verify.profiling import Profile, profile
from bedside.verify.selection import Trial

if TYPE_CHECKING:
    from torch import nn

    from bedside.train.fitting import TrainingData
    from bedside.train.hardening import Hardening
    from bedside.train.start_weights import StartFile

WORKSHOP = ("bedside", "torch", "timm", "litert-torch", "ai-edge-quantizer", "executorch", "torchao", "onnx",
            "onnxruntime", "ai-edge-litert", "numpy", "pillow")  # fmt: skip
N_PARITY = 400
"""Tuning images that the parity chain runs on."""

_BATCH_SIZES = {"segmentation": 8, "detection": 8}
"""By kind of task, where it is not 64: each pixel of a mask or a map teaches, so that few images make a step."""

_REFERENCE_RATES = {"segmentation": (1.5e-3, 3e-3), "detection": (2e-3, 3e-3)}
"""Learning rates of the reference by kind of task, with start weights and without, where not 5e-4 and 1e-3: a decoder
has no start weights and has to catch up with its encoder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a run was asked for, beyond cohort and budget."""

    preset: Preset
    formats: tuple[str, ...] = ("litert", "executorch", "onnx")
    seed: int = 0
    threads: int = 1
    margin: float = 0.02
    target_sensitivity: float | None = None
    leak_policy: LeakPolicy = "stop"
    reference: str | None = None
    image_px: int | None = None
    adversarial_eps: float = 0.0
    start: "StartFile | None" = None
    autopilot: bool = True
    n_teachers: int = 1

    def __post_init__(self) -> None:
        if self.n_teachers < 1:
            raise InputError(f"{self.n_teachers} teachers", expected="1 or more", hint="leave --teachers out for one")

    def hardening(self) -> "Hardening | None":
        """Adversarial training of the students, where it is asked for."""
        from bedside.train.hardening import Hardening

        return Hardening(eps_levels=self.adversarial_eps) if self.adversarial_eps else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What every stop may lean on: settings, journal, watch. It holds no result."""

    settings: Settings
    journal: Journal
    watch: Watch

    def ticker(self, n_epochs: int):
        """Return a listener that shows epochs."""
        return lambda mark: self.watch.tick(
            mark.epoch + 1, n_epochs, f"epoch {mark.epoch + 1}, tuning score {mark.tuning_score:.4f}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """The parts as arrays, with the digest of all that training depends on.

    Parameters
    ----------
    observation_pair
        Two disjoint sets of observed cases whose int8 files must agree, the first one `observed` itself where
        development is large enough; empty where that is not asked.
    damage_targets
        Targets of the images that layer damage is measured on: the second set, else `observed`.
    """

    task: Task
    data: "TrainingData"
    observed: FloatArray
    tuning_units: tuple[str, ...]
    digest: Digest
    observation_pair: tuple[FloatArray, ...] = field(default=(), repr=False)
    damage_targets: Targets = field(default_factory=lambda: np.zeros(0), repr=False)

    @property
    def preprocess(self) -> Preprocess:
        """How pixels become inputs."""
        return self.data.preprocess

    @property
    def tuning_truth(self) -> Truth:
        """What the reference standard says of the tuning cases."""
        return Truth(task=self.task, targets=self.data.tuning_targets, units=self.tuning_units)

    @property
    def damage_images(self) -> FloatArray:
        """Images whose ranges were not observed, where there are any: on them clipping shows."""
        return self.observation_pair[1] if self.observation_pair else self.observed

    def tuning_inputs(self) -> FloatArray:
        """Preprocessed tuning images, ``(n, C, H, W)``."""
        return self.preprocess.normalize(self.data.tuning)


def audited(run: Run, cohort: Cohort) -> tuple[Cohort, CohortAudit]:
    """Stop 1: the usable cohort and what the audit saw."""
    policy = run.settings.leak_policy
    audit = run.journal.stop(
        "cohort",
        CohortAudit,
        [cohort.digest(), policy],
        lambda: audit_cohort(cohort, policy=policy, tick=run.watch.tick)[1],
    )
    return usable(cohort, audit), audit


def gathered(run: Run, cohort: Cohort, split: Split, preprocess: Preprocess) -> Material:
    """Stop 2: development, tuning and observation as arrays. The test stays sealed."""
    from bedside.train.fitting import TrainingData

    data = TrainingData(
        development=stack_images(split.development, preprocess, run.watch.tick),
        development_targets=targets_of(split.development, cohort.task, preprocess),
        tuning=stack_images(split.tuning, preprocess),
        tuning_targets=targets_of(split.tuning, cohort.task, preprocess),
        preprocess=preprocess,
        kind=cohort.task.kind,
    )
    observed = preprocess.normalize(stack_images(split.observation, preprocess))
    pair = _observation_pair(run, cohort, split)
    return Material(
        task=cohort.task,
        data=data,
        observed=observed,
        tuning_units=tuple(units_of(split.tuning)),
        observation_pair=tuple(
            observed if cases == split.observation else preprocess.normalize(stack_images(cases, preprocess))
            for cases in pair
        ),
        damage_targets=targets_of(pair[1] if pair else split.observation, cohort.task, preprocess),
        digest=digest_value([split.digest(), preprocess, cohort.task, versions_of(WORKSHOP)]),
    )


def _observation_pair(run: Run, cohort: Cohort, split: Split) -> tuple[tuple[Case, ...], ...]:
    """Two sets that share no patient; none for phantoms and quick runs, which a second conversion would slow down."""
    if not run.settings.autopilot or cohort.is_phantom or run.settings.preset.name == "quick":
        return ()
    first, second = disjoint_observations(split, cohort.task, seed=run.settings.seed)
    return (first, second) if second else ()


def plans_for(run: Run, cohort: Cohort, material: Material) -> tuple[TrainPlan, TrainPlan]:
    """Return the plans of the reference and of the students; they share seed, views and augmentation."""
    settings, n = run.settings, len(material.data.development)
    architecture = material.data.objective.reference(material.preprocess.spec, cohort.task, settings.reference)
    student = TrainPlan(
        n_epochs=settings.preset.student_epochs(n),
        batch_size=_BATCH_SIZES.get(cohort.task.kind, 64),
        learning_rate=3e-3,
        patience=settings.preset.student_epochs(n),
        n_views=settings.preset.n_views,
        augment=Augment(flip_prob=0.5 if cohort.may_flip else 0.0),
        threads=settings.threads,
        seed=settings.seed,
        n_teachers=settings.n_teachers,
    )
    n_epochs = settings.preset.reference_epochs(n, pretrained=architecture.pretrained)
    pretrained_rate, fresh_rate = _REFERENCE_RATES.get(cohort.task.kind, (5e-4, 1e-3))
    reference = replace(
        student,
        n_epochs=n_epochs,
        learning_rate=pretrained_rate if architecture.pretrained else fresh_rate,
        patience=max(5, n_epochs // 3),
        n_views=10_000,
        n_teachers=1,
    )
    spec = material.preprocess.spec
    if spec.depth_px is not None:
        reference, student = (
            for_volumes(plan, spec, cohort.task, may_flip=cohort.may_flip, voxel_mm=material.preprocess.own_spacing_mm)
            for plan in (reference, student)
        )
        reference = replace(reference, n_epochs=student.n_epochs)
    return reference, student


def referenced(run: Run, material: Material, plan: TrainPlan) -> tuple[Baseline, Path]:
    """Stop 3: the fp32 reference."""
    architecture = material.data.objective.reference(material.preprocess.spec, material.task, run.settings.reference)
    start = run.settings.start
    inputs = [material.digest, architecture, plan, *([start.digest] if start else [])]
    folder = run.journal.place("reference", inputs)
    baseline = run.journal.stop(
        "reference",
        Baseline,
        inputs,
        lambda: fit_reference(
            architecture,
            plan,
            material.data,
            folder,
            monitor=judge_of(material.task).monitor(material.task),
            start=start,
            on_epoch=run.ticker(plan.n_epochs),
        ),
    )
    return baseline, folder


def taught(
    run: Run, material: Material, reference: "nn.Module", baseline: Baseline, plan: TrainPlan
) -> FloatArray | None:
    """The reference's soft answers to the shared views, ``(n_views, n, K)``; part of stop 3. None if none are asked."""
    if not plan.distil_weight:
        return None
    from bedside.base.files import write_atomic
    from bedside.train.fitting import teach

    inputs = [baseline.digest, material.digest, plan.augment, plan.seed, plan.n_views, plan.threads]
    path = run.journal.place("teacher", inputs) / "answers.npy"

    def make() -> Digest:
        answers = teach(
            reference, plan, material.data,
            on_view=lambda view: run.watch.tick(view + 1, plan.n_views, f"teacher answers, view {view + 1}"),
        )  # fmt: skip
        write_atomic(path, _npy(answers))
        return digest_array(answers)

    run.journal.stop("teacher", str, inputs, make)
    return np.load(path)


def _npy(array: np.ndarray) -> bytes:
    from io import BytesIO

    buffer = BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def compressed(
    run: Run,
    material: Material,
    recipe: Recipe,
    teacher_logits: FloatArray | None,
    baseline: Baseline,
    start: "nn.Module | None" = None,
    teacher: "nn.Module | None" = None,
) -> tuple[CompressedModel, Path]:
    """Stop 5: a recipe applied to a fresh network, or to a copy of `start`, the network of the baseline.

    `teacher` is that network too, for kinds of distillation that look inside it.
    """
    hardening, start_file = run.settings.hardening(), run.settings.start
    inputs = [material.digest, recipe, baseline.digest, *([hardening] if hardening else [])]
    inputs += [start_file.digest] if start_file else []
    folder = run.journal.place("model", inputs)
    bench = Workbench(
        data=material.data,
        monitor=judge_of(material.task).monitor(material.task),
        teacher_logits=teacher_logits,
        folder=folder,
        hardening=hardening,
        on_epoch=run.ticker(recipe.plan.n_epochs),
        start=start,
        start_file=start_file,
        teacher=teacher,
    )
    return run.journal.stop("model", CompressedModel, inputs, lambda: compress(recipe, bench, folder)), folder


def exported(
    run: Run, material: Material, model: "nn.Module", digest: Digest, format_: str, precisions: Sequence[Precision]
) -> tuple[tuple[Artifact, ...], Path]:
    """Stop 6: files in one format, int8 by the one quantization plan."""
    plan = QuantizationPlan(n_observed=len(material.observed), observation=digest_array(material.observed))
    inputs = [digest, format_, list(precisions), plan, versions_of(WORKSHOP)]
    folder = run.journal.place("artifact", inputs)
    job = ExportJob(
        model=model,
        spec=material.preprocess.spec,
        n_classes=material.task.n_classes,
        plan=plan,
        observed=material.observed,
        folder=folder,
    )
    artifacts = run.journal.stop("artifact", tuple[Artifact, ...], inputs, lambda: convert(job, format_, precisions))
    return artifacts, folder


def paritied(
    run: Run, material: Material, model: "nn.Module", digest: Digest, artifacts: Sequence[Artifact], folder: Path
) -> ParityReport:
    """Stop 7: the chain from the eager model through its exported graph to each file."""
    inputs = [material.digest, digest, list(artifacts), run.settings.target_sensitivity]

    def make() -> ParityReport:
        images = material.tuning_inputs()
        eager = eager_session(model)
        point = locked(run, material, logits(eager, images))
        chain = [("eager", eager), ("exported", exported_session(model, material.preprocess.spec))]
        chain += [(artifact.name, open_session(artifact, folder)) for artifact in artifacts]  # type: ignore[list-item]
        edges = material.preprocess.normalize(edge_images(material.preprocess.spec.shape))
        shown = images[:: max(1, len(images) // N_PARITY)]
        return judge_of(material.task).parity(chain, shown, edges, point)

    return run.journal.stop("parity", ParityReport, inputs, make)


def locked(run: Run, material: Material, outputs: FloatArray) -> OperatingPoint:
    """Temperature and threshold for outputs on the tuning part."""
    judge, asked = judge_of(material.task), run.settings.target_sensitivity
    return judge.lock(material.tuning_truth, outputs, target_sensitivity=asked)


def profiled(
    run: Run, material: Material, artifact: Artifact, folder: Path, device: DeviceSpec, candidate: Candidate | None
) -> Profile:
    """Stop 8: latency, memory, energy, size."""
    inputs = [artifact, device.name, candidate.cost if candidate else None]
    image = material.tuning_inputs()[0]
    mmacs = candidate.cost.mmacs if candidate else None
    n_layers = candidate.cost.n_layers if candidate else None
    return run.journal.stop(
        "profile", Profile, inputs, lambda: profile(artifact, folder, image, device, mmacs=mmacs, n_layers=n_layers)
    )


def tried(
    run: Run,
    material: Material,
    candidate: Candidate,
    files: tuple[tuple[Artifact, ...], Path],
    parity: ParityReport,
    speed: Profile,
    reference_outputs: FloatArray,
) -> Trial:
    """One row of the trial table, from tuning data only; the last of the files is the one that would ship."""
    artifacts, folder = files
    shipped = artifacts[-1]
    outputs = logits(open_session(shipped, folder), material.tuning_inputs())
    answer = Answer(outputs=outputs, point=locked(run, material, outputs))
    judge = judge_of(material.task)
    score, judged = judge.tuning(
        material.tuning_truth,
        shipped=answer,
        reference=Answer(outputs=reference_outputs, point=locked(run, material, reference_outputs)),
        margin=run.settings.margin,
        seed=run.settings.seed,
    )
    return Trial(
        name=f"{candidate.name} {shipped.precision}",
        recipe=digest_value(candidate.recipe),
        artifacts=artifacts,
        metric=judge.metric,
        tuning_score=score,
        non_inferiority=judged,
        point=answer.point,
        parity=parity,
        profile=speed,
        mmacs=candidate.cost.mmacs,
        n_parameters=candidate.cost.n_parameters,
    )
