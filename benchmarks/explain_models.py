"""The models of ``python -m benchmarks.explain``: a reference, and a small network distilled from it, as files."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bedside.base.digest import digest_array
from bedside.base.journal import Journal
from bedside.base.task import Task
from bedside.compress.compressing import CompressedModel, compress, load_compressed
from bedside.compress.quantization import QuantizationPlan
from bedside.compress.recipe import Recipe, Workbench
from bedside.data.augment import Augment
from bedside.data.cohort import Cohort
from bedside.data.preprocess import Preprocess
from bedside.data.split import Split
from bedside.data.stacking import stack_images
from bedside.data.targets import labels_of
from bedside.export.converting import ExportJob, convert
from bedside.export.exported import eager_session
from bedside.runtime.artifact import Artifact
from bedside.runtime.session import Session, logits, open_session
from bedside.train.architecture import Architecture
from bedside.train.baseline import Baseline, fit_reference, load_reference
from bedside.train.objective import CLASSES
from bedside.train.plan import TrainPlan
from bedside.verify.judge import judge_of
from bedside.verify.operating_point import OperatingPoint, lock_operating_point

if TYPE_CHECKING:
    from torch import nn

    from bedside.train.fitting import TrainingData

TASK = Task(classes=("benign", "malignant"), positive=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looker:
    """A model that can be asked where it looks."""

    session: Session
    point: OperatingPoint


def lesions_only(cohort: Cohort) -> Cohort:
    """Leave the normal images out, which have no lesion to point at."""
    kept = [case for case in cohort.cases if cohort.task.classes[case.label] in TASK.classes]
    cases = (replace(case, label=TASK.classes.index(cohort.task.classes[case.label])) for case in kept)
    return replace(cohort, task=TASK, cases=tuple(cases), may_flip=True)


def training_data(split: Split, preprocess: Preprocess) -> "TrainingData":
    from bedside.train.fitting import TrainingData

    return TrainingData(
        development=stack_images(split.development, preprocess),
        development_targets=labels_of(split.development),
        tuning=stack_images(split.tuning, preprocess),
        tuning_targets=labels_of(split.tuning),
        preprocess=preprocess,
    )


def fitted(
    split: Split, preprocess: Preprocess, seed: int, folder: Path, *, family: str | None = None
) -> tuple["nn.Module", dict[str, Looker]]:
    """Fit the reference, distil the small network, write its files; return the reference network and all lookers.

    Parameters
    ----------
    family
        Of the reference; the usual one for the input by default.
    """
    from bedside.train.fitting import teach

    data, monitor = training_data(split, preprocess), judge_of(TASK).monitor(TASK)
    flips = Augment(flip_prob=0.5)
    plan = TrainPlan(n_epochs=12, learning_rate=5e-4, patience=12, n_views=10_000, batch_size=32, augment=flips,
                     seed=seed)  # fmt: skip
    architecture, journal = CLASSES.reference(preprocess.spec, TASK, family), Journal(folder=folder)
    baseline = journal.stop(
        "reference",
        Baseline,
        [architecture, plan, split.digest()],
        lambda: fit_reference(architecture, plan, data, folder, monitor=monitor, on_epoch=print),
    )
    reference = load_reference(baseline, folder)
    student = replace(plan, n_epochs=40, learning_rate=3e-3, patience=40, n_views=4)
    small = Architecture(family="depthwise", width=0.75, spec=preprocess.spec, n_classes=TASK.n_classes)
    recipe = Recipe(architecture=small, plan=student)

    def distilled() -> CompressedModel:
        taught = teach(reference, student, data)
        bench = Workbench(data=data, monitor=monitor, teacher_logits=taught, folder=folder, on_epoch=print)
        return compress(recipe, bench, folder)

    model = journal.stop("small", CompressedModel, [recipe, baseline.digest], distilled)
    network = load_compressed(model, folder)
    observed = preprocess.normalize(stack_images(split.observation, preprocess))
    job = ExportJob(
        model=network, spec=preprocess.spec, n_classes=TASK.n_classes, observed=observed, folder=folder,
        plan=QuantizationPlan(n_observed=len(observed), observation=digest_array(observed)),
    )  # fmt: skip
    sessions = {"reference fp32": eager_session(reference)}
    files = journal.stop("files", tuple[Artifact, ...], [model.digest, job.plan], lambda: convert(job, "litert"))
    for artifact in files:
        sessions[f"small {artifact.precision}"] = open_session(artifact, folder)
    tuning = preprocess.normalize(data.tuning)
    points = {
        name: lock_operating_point(data.tuning_targets, logits(session, tuning), TASK)
        for name, session in sessions.items()
    }
    return reference, {name: Looker(session=held, point=points[name]) for name, held in sessions.items()}
