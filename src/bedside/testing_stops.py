"""Stop 10: the sealed test is opened once, for the shipped bytes on the shipped runtime."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray
from bedside.base.files import write_atomic
from bedside.base.task import Task
from bedside.bundle.sealing import ModelFile
from bedside.cohort_stops import Material
from bedside.data.case_notes import CaseNotes, note_cases, notes_from
from bedside.data.spacings import spacings_of
from bedside.data.split import SealedCases
from bedside.data.stacking import stack_images
from bedside.data.targets import Targets, targets_of
from bedside.data.units import units_of
from bedside.running import Run
from bedside.runtime.session import Session, logits, open_session
from bedside.verify.evidence import Evidence
from bedside.verify.judge import Answer, AnyEvidence, Truth, judge_of
from bedside.verify.measured import MeasuredEvidence
from bedside.verify.operating_point import OperatingPoint

REASON = "the one clinical evaluation of the shipped model, after it was chosen on tuning data"


@dataclass(frozen=True, slots=True, kw_only=True)
class TestOutcome:
    """What the opened test came to; kept, so that the seal is broken once only.

    Parameters
    ----------
    images
        ``(n, *spec.shape)`` uint8.
    targets
        ``(n, ...)``, what the reference standard says.
    shipped, own_fp32, reference
        Outputs ``(n, K, ...)``.
    spacing_mm
        Of the model's grid, ``(n, axes)``, NaN where not known; empty where the task does not ask.
    """

    __test__ = False

    images: ByteArray
    targets: Targets
    units: tuple[str, ...]
    shipped: FloatArray
    own_fp32: FloatArray
    reference: FloatArray
    spacing_mm: FloatArray
    notes: CaseNotes = field(default_factory=CaseNotes)

    def truth(self, task: Task) -> Truth:
        """What the reference standard says of the test."""
        rows = (tuple(map(float, row)) for row in self.spacing_mm)
        spacings = tuple(None if any(math.isnan(size) for size in row) else row for row in rows)
        return Truth(task=task, targets=self.targets, units=self.units, spacing_mm=spacings)


def tested(
    run: Run, material: Material, sealed: SealedCases, shipped: ModelFile, own_fp32: Session, reference: Session,
    reference_point: OperatingPoint,
) -> tuple[AnyEvidence, TestOutcome]:  # fmt: skip
    """Stop 10: the seal is broken once, for the shipped bytes, on the shipped runtime."""
    inputs = [shipped.artifact, shipped.point, reference_point, material.digest, sealed.digest(), run.settings.margin]
    path = run.journal.place("evidence", inputs) / "outcome.npz"

    def make() -> AnyEvidence:
        cases = sealed.open(reason=REASON)
        images = stack_images(cases, material.preprocess, run.watch.tick)
        ready = material.preprocess.normalize(images)
        outcome = TestOutcome(
            images=images,
            targets=targets_of(cases, material.task, material.preprocess),
            units=tuple(units_of(cases)),
            shipped=logits(open_session(shipped.artifact, shipped.folder), ready),
            own_fp32=logits(own_fp32, ready),
            reference=logits(reference, ready),
            spacing_mm=_table(spacings_of(cases, material.task, material.preprocess)),
            notes=note_cases(
                cases,
                material.preprocess,
                seed=run.settings.seed,
                with_lesions=material.task.picks_one and material.preprocess.spec.is_image,
            ),
        )
        write_atomic(path, _packed(outcome))
        return _judge(run, material, outcome, shipped.point, reference_point)

    kind = Evidence if material.task.picks_one else MeasuredEvidence
    evidence = run.journal.stop("evidence", kind, inputs, make)
    return evidence, _unpacked(path)


def _judge(
    run: Run, material: Material, outcome: TestOutcome, point: OperatingPoint, reference_point: OperatingPoint
) -> AnyEvidence:
    return judge_of(material.task).evaluate(
        outcome.truth(material.task),
        shipped=Answer(outputs=outcome.shipped, point=point),
        reference=Answer(outputs=outcome.reference, point=reference_point),
        own_fp32=outcome.own_fp32,
        margin=run.settings.margin,
        reason=REASON,
        seed=run.settings.seed,
    )


def _table(spacings: Sequence[tuple[float, ...] | None]) -> FloatArray:
    """``(n, axes)``, NaN where not known."""
    n_axes = max((len(row) for row in spacings if row is not None), default=1)
    return np.array([row or (math.nan,) * n_axes for row in spacings]).reshape(len(spacings), n_axes)


def _packed(outcome: TestOutcome) -> bytes:
    from io import BytesIO

    buffer = BytesIO()
    np.savez_compressed(
        buffer,
        images=outcome.images,
        targets=outcome.targets,
        units=np.array(outcome.units),
        shipped=outcome.shipped,
        own_fp32=outcome.own_fp32,
        reference=outcome.reference,
        spacing_mm=outcome.spacing_mm,
        **outcome.notes.arrays(),  # type: ignore[arg-type]
    )
    return buffer.getvalue()


def _unpacked(path: Path) -> TestOutcome:
    with np.load(path, allow_pickle=False) as held:
        arrays = {name: held[name] for name in held.files}
    units = tuple(str(unit) for unit in arrays.pop("units"))
    notes = notes_from(arrays)
    return TestOutcome(units=units, notes=notes, **arrays)
