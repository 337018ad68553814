"""Stops 3 and 5: the reference, its answers, and the networks that recipes make of them."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.digest import Digest, digest_array
from bedside.cohort_stops import Material
from bedside.compress.compressing import CompressedModel, compress
from bedside.compress.qat import Qat
from bedside.compress.recipe import Recipe, Workbench
from bedside.data.augment import Augment
from bedside.data.cohort import Cohort
from bedside.running import Run
from bedside.train.baseline import Baseline, fit_reference
from bedside.train.plan import TrainPlan
from bedside.train.volume_plans import for_volumes
from bedside.verify.judge import judge_of

if TYPE_CHECKING:
    from torch import nn

_BATCH_SIZES = {"segmentation": 8, "detection": 8}
"""By kind of task, where it is not 64: each pixel of a mask or a map teaches, so that few images make a step."""

_REFERENCE_RATES = {"segmentation": (1.5e-3, 3e-3), "detection": (2e-3, 3e-3)}
"""Learning rates of the reference by kind of task, with start weights and without, where not 5e-4 and 1e-3: a decoder
has no start weights and has to catch up with its encoder."""


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
        fitted_in = partial(
            for_volumes, spec=spec, task=cohort.task, may_flip=cohort.may_flip,
            voxel_mm=material.preprocess.own_spacing_mm, n_volumes=n, max_voxels=settings.preset.volume_voxels,
        )  # fmt: skip
        reference, student = fitted_in(reference), fitted_in(student)
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


def trained_rounding(
    run: Run, material: Material, network: "nn.Module", recipe: Recipe, folder: Path
) -> tuple["nn.Module", CompressedModel]:
    """Quantization-aware training of a copy, with the network's own soft answers; its weights go into `folder`."""
    from bedside.train.checkpoint import save_weights

    monitor = judge_of(material.task).monitor(material.task)
    bench = Workbench(
        data=material.data, monitor=monitor, teacher_logits=None, folder=folder,
        on_epoch=lambda mark: run.watch.tick(mark.epoch + 1, mark.epoch + 2, f"epoch {mark.epoch + 1} for int8"),
    )  # fmt: skip
    trained = Qat()(network, recipe, bench)
    digest = save_weights(trained, folder / "weights.safetensors")
    for leftover in folder.glob("*.ckpt"):
        leftover.unlink()
    whole = replace(recipe, steps=(*recipe.steps, "qat"))
    return trained, CompressedModel(recipe=whole, file="weights.safetensors", digest=digest)
