"""The stops about odd, spoilt and hostile images: the gate, its evidence, corruptions, shortcuts, attacks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bedside.base.arrays import ByteArray, IntArray
from bedside.base.digest import digest_array
from bedside.bundle.sealing import ModelFile
from bedside.cohort_stops import Material, thinned
from bedside.data.case import Case
from bedside.data.cohort import Cohort
from bedside.data.corrupting_volumes import suite_and_spoiler
from bedside.data.preprocess import Preprocess
from bedside.data.split import Split
from bedside.data.units import units_of
from bedside.data.volume_placing import looks
from bedside.running import Run
from bedside.runtime.session import open_session
from bedside.verify.gate import MIN_IMAGES, AcceptanceGate, fit_gate
from bedside.verify.outliers import GateEvidence
from bedside.verify.robustness import Robustness, corruption_robustness
from bedside.verify.shortcuts import N_FOLDS, ShortcutReport, probe_shortcuts
from bedside.verify.volume_outliers import evidence_at_gate

N_GATE_IMAGES = 1500
"""Development images that the gate is fitted on, at most; so many tuning images, at most, set its limit."""

N_SHORTCUT_IMAGES = 4000
"""Development images that shortcuts are probed on, at most."""

N_CORRUPTED_IMAGES = 400
"""Test images that are corrupted in the main job, at most; ``bedside robustness`` takes all."""

SEVERITIES_IN_SHORT = (1, 3, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardships:
    """What odd and spoilt images do to the shipped model, measured on the opened test; and shortcuts in development."""

    gate: GateEvidence | None
    robustness: Robustness | None
    shortcuts: ShortcutReport | None

    def values(self) -> dict[str, object]:
        """By the path of their file in the bundle; what could not be measured has none."""
        held = {"gate": self.gate, "robustness": self.robustness, "shortcuts": self.shortcuts}
        return {f"evidence/{name}.json": value for name, value in held.items() if value is not None}


def gated(run: Run, material: Material, split: Split) -> AcceptanceGate | None:
    """Fit the acceptance gate on development and tuning images; part of stop 9, since it ships with the model.

    None, with a note, where there are too few images to say what is usual; None for clips. Of volumes the gate sees the
    three middle planes.
    """
    if material.preprocess.n_frames is not None:
        run.watch.note("no acceptance gate: it does not look at clips")
        return None
    if (fewest := min(len(split.development), len(split.tuning))) < MIN_IMAGES:
        run.watch.note(f"no acceptance gate: {fewest} images cannot say what is usual; {MIN_IMAGES} can")
        return None
    inputs = [material.digest, N_GATE_IMAGES]

    def make() -> AcceptanceGate:
        development, tuning = (thinned(cases, N_GATE_IMAGES) for cases in (split.development, split.tuning))
        return fit_gate(
            _read(development, material.preprocess),
            _read(tuning, material.preprocess),
            development_units=units_of(development),
            tuning_units=units_of(tuning),
        )

    return run.journal.stop("gate", AcceptanceGate, inputs, make)


def _read(cases: Sequence[Case], preprocess: Preprocess) -> tuple[ByteArray, list[ByteArray]]:
    if preprocess.depth_px is not None:
        planes = looks(np.stack([case.placed(preprocess) for case in cases]))
        return planes, [picture[0] for picture in planes]
    return np.stack([case.placed(preprocess) for case in cases]), [case.seen(preprocess) for case in cases]


def stressed(
    run: Run, cohort: Cohort, split: Split, material: Material, gate: AcceptanceGate | None, shipped: ModelFile,
    own_fp32: ModelFile, images: ByteArray, labels: IntArray, units: Sequence[str],
) -> Hardships:  # fmt: skip
    """Measure all three; `images`, `labels` and `units` are those of the opened test."""
    run.watch.note("corruptions of the modality, odd images at the gate, shortcut probes")
    spec, picks_one = material.preprocess.spec, material.task.picks_one
    robust = picks_one and spec.n_frames is None
    return Hardships(
        gate=gate_tested(run, gate, images, units, material.preprocess) if gate is not None else None,
        robustness=corrupted(run, cohort, material, shipped, own_fp32, images, labels, units) if robust else None,
        shortcuts=probed(run, material, split) if picks_one and spec.is_image else None,
    )


def gate_tested(
    run: Run, gate: AcceptanceGate, images: ByteArray, units: Sequence[str], preprocess: Preprocess
) -> GateEvidence:
    """Measure the gate on the opened test images or volumes, ``(n, *spec.shape)``, and on outliers made from them."""
    return run.journal.stop(
        "gate-evidence",
        GateEvidence,
        [gate, digest_array(images), preprocess],
        lambda: evidence_at_gate(gate, images, units, preprocess, seed=run.settings.seed),
    )


def corrupted(
    run: Run, cohort: Cohort, material: Material, shipped: ModelFile, reference: ModelFile, images: ByteArray,
    labels: IntArray, units: Sequence[str], severities: Sequence[int] = SEVERITIES_IN_SHORT,
) -> Robustness:  # fmt: skip
    """Try corruptions of the cohort's modality, or those of volumes, on some of the opened test images."""
    step = -(-len(images) // N_CORRUPTED_IMAGES)
    both = [(open_session(model.artifact, model.folder), model.point) for model in (shipped, reference)]
    suite, spoil = suite_and_spoiler(cohort.modality, material.preprocess)
    return run.journal.stop(
        "robustness",
        Robustness,
        [shipped.artifact, shipped.point, reference.artifact, reference.point, digest_array(images), cohort.modality,
         list(severities), step],
        lambda: corruption_robustness(
            material.task, images[::step], labels[::step], units[::step], material.preprocess,
            suite, shipped=both[0], reference=both[1], severities=severities, seed=run.settings.seed,
            tick=run.watch.tick, spoil=spoil,
        ),
    )  # fmt: skip


def probed(run: Run, material: Material, split: Split) -> ShortcutReport | None:
    """Probe the development images for shortcuts; None, with a note, where there are too few patients to fold."""
    step = -(-len(split.development) // N_SHORTCUT_IMAGES)
    units = units_of(split.development)[::step]
    if (n_units := len(set(units))) < 2 * N_FOLDS:
        run.watch.note(f"no shortcut probes: {n_units} patients cannot be folded; {2 * N_FOLDS} can")
        return None
    return run.journal.stop(
        "shortcuts",
        ShortcutReport,
        [material.digest, N_SHORTCUT_IMAGES],
        lambda: probe_shortcuts(
            material.task, material.data.development[::step], material.data.development_targets[::step], units,
            seed=run.settings.seed, tick=run.watch.tick,
        ),
    )  # fmt: skip
