"""Spatial sparsity at run time: ``python -m benchmarks.sparsity`` with ``$BEDSIDE_DATA`` (resumes part by part).

Cascade: two residual networks of one width, for 32 and 64 px, fitted on the development part of a data set and written
as LiteRT; the confidence is locked on tuning and the cascade judged once on the test. Tiles:
phantoms of an organ in a wide dark field, through an untrained 3-D U-Net, whose time does not depend on its weights;
the dark level is fitted on some phantoms and judged on others. The same rule is tried on real hippocampus crops.
"""

import argparse
import json
import os
import time
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from bedside.base.files import write_atomic
from bedside.base.task import Task
from bedside.data.audit import audit_cohort, usable
from bedside.data.augment import Augment
from bedside.data.case import Case
from bedside.data.phantom_volume import VolumePhantom
from bedside.data.preprocess import Preprocess
from bedside.data.sources import load_cohort
from bedside.data.split import split_by_patient
from bedside.data.stacking import stack_images, suit_preprocess
from bedside.data.targets import labels_of
from bedside.data.units import units_of
from bedside.data.volume_targets import own_label_map
from bedside.runtime.session import Session, logits, open_session
from bedside.runtime.skip_fitting import fit_skipping
from bedside.runtime.skipping import Skipping
from bedside.runtime.tiling import Tiling, padded, run_tiled
from bedside.serve.cascade_fitting import timed_outputs
from bedside.verify.cascade import fit_cascade, judge_cascade
from bedside.verify.operating_point import lock_operating_point
from benchmarks.exporting import exported
from benchmarks.ledger import Figure, record

CELLS = Path(__file__).parent / ".cells" / "sparsity"
COMMAND = "python -m benchmarks.sparsity"
SIDES_PX, WIDTH, N_IMAGES, MARGIN, SEED = (32, 64), 0.5, {32: 56_000, 64: 37_000}, 0.02, 0
CASCADES = {"mri_braintumor4": "brain tumour MR", "cxr_pneumonia_kermany": "Kermany"}
CASCADE_SEEDS = (0, 1, 2)
TILING = Tiling(tile=(16, 24, 16))
FIELD, N_FITTED, N_JUDGED, AIR_NOISE = (48, 72, 48), 12, 8, 0.03


def fitted(task: Task, preprocess: Preprocess, parts: dict[str, Any], folder: Path, seed: int) -> Session:
    """Fit and convert the network of one input size; every data set shows it as many images."""
    from bedside.train.architecture import Architecture, build
    from bedside.train.fitting import TrainingData, fit
    from bedside.train.plan import TrainPlan
    from bedside.verify.judge import judge_of

    side_px, images = preprocess.width_px, {name: stack_images(cases, preprocess) for name, cases in parts.items()}
    data = TrainingData(
        development=images["development"], development_targets=labels_of(parts["development"]),
        tuning=images["tuning"], tuning_targets=labels_of(parts["tuning"]), preprocess=preprocess,
    )  # fmt: skip
    augment = Augment(rotate_deg=15, scale_frac=0.2, gain_frac=0.3, offset_frac=0.15, gamma_frac=0.5, noise_frac=0.05)
    n_epochs = round(N_IMAGES[side_px] / len(data.development))
    plan = TrainPlan(
        n_epochs=n_epochs, patience=n_epochs, batch_size=32, learning_rate=2e-3, weight_decay=0.05,
        label_smoothing=0.05, augment=augment, n_views=10_000, seed=seed,
    )  # fmt: skip
    architecture = Architecture(family="residual", width=WIDTH, spec=preprocess.spec, n_classes=task.n_classes)
    begun = time.process_time()
    model, _ = fit(
        build(architecture, seed=seed), plan, data, monitor=judge_of(task).monitor(task),
        on_epoch=lambda mark: print(side_px, mark, f"{time.process_time() - begun:.0f} s", flush=True),
    )  # fmt: skip
    observed = preprocess.normalize(images["observation"])
    (file,) = exported(model, preprocess.spec, task.n_classes, observed, folder, ("fp32",))
    return open_session(file, folder)


def cascade_cell(name: str, seed: int) -> dict[str, Any]:
    """Lock the cascade of 32 and 64 px on tuning and judge it on the test; seeds of the networks share the parts."""
    cohort = load_cohort(f"folder:{Path(os.environ.get('BEDSIDE_DATA', '../shared/data')) / name}")
    task, split = cohort.task, split_by_patient(usable(cohort, audit_cohort(cohort, policy="drop")[1]), seed=SEED)
    parts = {"development": split.development, "tuning": split.tuning, "observation": split.observation}
    labels = labels_of(split.tuning)
    preprocesses = [Preprocess(n_channels=1, height_px=side, width_px=side) for side in SIDES_PX]
    sessions, points, tuning = [], [], []
    for side, preprocess in zip(SIDES_PX, preprocesses, strict=True):
        session = fitted(task, preprocess, parts, CELLS / f"files-{name}-{seed}-{side}", seed)
        outputs = logits(session, preprocess.normalize(stack_images(split.tuning, preprocess)))
        points.append(lock_operating_point(labels, outputs, task))
        tuning.append(points[-1].probabilities(outputs))
        sessions.append(session)
    cascade = fit_cascade(task, labels, *tuning, margin=MARGIN, units=units_of(split.tuning), seed=SEED)
    test = split.test.open(reason="the one evaluation of the locked cascade")
    one, two = (
        timed_outputs(session, preprocess, point, test)
        for session, preprocess, point in zip(sessions, preprocesses, points, strict=True)
    )
    judged = judge_cascade(
        cascade, task, labels_of(test), one.probabilities, two.probabilities, small_ms=one.elapsed_ms,
        large_ms=two.elapsed_ms, units=units_of(test), seed=SEED,
    )  # fmt: skip
    figures = {
        name: getattr(judged, name) for name in ("share_stopped", "small_ms", "large_ms", "cascade_ms", "saved_ms")
    } | {"difference": judged.non_inferiority.difference}
    found = {name: {"value": e.value, "low": e.low, "high": e.high} for name, e in figures.items()}
    return found | {
        "threshold_prob": cascade.threshold_prob, "tuning_stopped_frac": cascade.share_stopped_frac,
        "verdict": judged.non_inferiority.verdict,
    }  # fmt: skip


def phantom(index: int) -> tuple[np.ndarray, np.ndarray]:
    """An organ somewhere in a wide field of noisy air: voxels ``(1, D, H, W)`` and labels."""
    rng = np.random.default_rng((SEED, index))
    air = np.hypot(*rng.normal(scale=AIR_NOISE, size=(2, *FIELD))) * 255
    voxels, labels = air.clip(0, 255).astype(np.uint8), np.zeros(FIELD, np.uint8)
    organ, own = VolumePhantom(shape=TILING.tile).volume(index)
    corner = [rng.integers(0, n - side + 1) for n, side in zip(FIELD, organ.shape, strict=True)]
    place = tuple(slice(start, start + side) for start, side in zip(corner, organ.shape, strict=True))
    voxels[place], labels[place] = organ, own
    return voxels[None], labels


def tiles_cell() -> dict[str, Any]:
    """Share of tiles skipped and of time saved on phantoms that the level was not fitted on."""
    from bedside.train.architecture import Architecture, build

    depth, height, width = TILING.tile
    preprocess = Preprocess(n_channels=1, depth_px=depth, height_px=height, width_px=width)
    model = build(Architecture(family="unet3d", width=1.0, spec=preprocess.spec, n_classes=3), seed=SEED)
    observed = preprocess.normalize(np.stack([VolumePhantom().volume(i)[0][None] for i in range(4)]))
    folder = CELLS / "files-tiles"
    (file,) = exported(model, preprocess.spec, 3, observed, folder, ("fp32",))
    session = open_session(file, folder)
    skipping = fit_skipping((phantom(i) for i in range(N_FITTED)), TILING, n_classes=3)
    skipped, saved, lost = [], [], 0
    for index in range(N_FITTED, N_FITTED + N_JUDGED):
        voxels, labels = phantom(index)
        skipped.append(skipped_frac(voxels, skipping))
        lost += lesions_lost(voxels, labels, skipping)
        begun = perf_counter()
        run_tiled(session, voxels, preprocess.normalize, TILING)
        middle = perf_counter()
        run_tiled(session, voxels, preprocess.normalize, TILING, skipping=skipping)
        saved.append(1 - (perf_counter() - middle) / (middle - begun))
    return {"skipped": skipped, "saved": saved, "lesion_voxels_lost": lost, "dark_level": skipping.dark_level}


def hippocampus_cell() -> dict[str, Any]:
    """The same rule on real crops: the level from development, the share of skipped tiles on tuning."""
    cohort = load_cohort(
        f"nifti:{Path(os.environ.get('BEDSIDE_DATA', '../shared/data')) / 'mri_hippocampus_msd'}",
        classes="background,anterior,posterior",
    )
    split, preprocess = split_by_patient(cohort, seed=SEED), suit_preprocess(cohort, image_px=96)

    def read(case: Case) -> tuple[np.ndarray, np.ndarray]:
        if case.path is None:
            raise AssertionError("these volumes are files")
        return preprocess.read(case.path)[0][None], own_label_map(case, cohort.task)[0]

    skipping = fit_skipping((read(case) for case in split.development), TILING, n_classes=3)
    tuning = [read(case) for case in split.tuning]
    return {
        "skipped": [skipped_frac(voxels, skipping) for voxels, _ in tuning], "dark_level": skipping.dark_level,
        "lesion_voxels_lost": sum(lesions_lost(voxels, labels, skipping) for voxels, labels in tuning),
    }  # fmt: skip


def skipped_frac(voxels: np.ndarray, skipping: Skipping) -> float:
    """Share of the tiles of a volume that are not run."""
    grown = padded(voxels, TILING)[0]
    return float(np.mean([skipping.skips(grown[(slice(None), *p)]) for p in TILING.places(grown.shape[1:])]))


def lesions_lost(voxels: np.ndarray, labels: np.ndarray, skipping: Skipping) -> int:
    """Lesion voxels in skipped tiles, whether or not another tile sees them."""
    grown, own = padded(voxels, TILING)[0], padded(labels[None], TILING)[0]
    places = [(slice(None), *p) for p in TILING.places(grown.shape[1:])]
    return int(sum(np.count_nonzero(own[p]) for p in places if skipping.skips(grown[p])))


def cell(name: str, run: Any) -> dict[str, Any]:
    """Run a part, or find it finished."""
    path = CELLS / f"{name}.json"
    if path.is_file():
        return json.loads(path.read_text())
    begun = time.process_time()
    found = run() | {"cpu_seconds": time.process_time() - begun}
    write_atomic(path, json.dumps(found, indent=1).encode())
    print(name, found, flush=True)
    return found


def report(
    figure: str, values: tuple[float, float, float], target: str, *, met: bool, seeds: tuple[int, ...] = (SEED,)
) -> None:
    """Write one row."""
    value, low, high = values
    record("compression", Figure(figure=figure, value=value, low=low, high=high, target=target, met=met,
                                 command=COMMAND, seeds=seeds))  # fmt: skip


def report_tiles() -> None:
    """Rows of the tiles; intervals are the least and the largest of the volumes."""
    tiles, real = cell("tiles", tiles_cell), cell("hippocampus", hippocampus_cell)
    for title, found in (("phantoms in a wide field", tiles), ("hippocampus crops, tuning", real)):
        for what in ("skipped", "saved"):
            if what in found:
                word = "tiles skipped" if what == "skipped" else "time saved"
                values = (float(np.mean(found[what])), min(found[what]), max(found[what]))
                report(f"sparsity: share of {word}, {title} (range over volumes)", values, "none set", met=True)
        lost = found["lesion_voxels_lost"]
        report(f"sparsity: lesion voxels in skipped tiles, {title}", (lost, lost, lost), "0", met=lost == 0)


def report_cascade(name: str, title: str) -> None:
    """Rows of the cascade on one data set: means over seeds, of the values and of the ends of their intervals."""
    seeds = {seed: cell(f"cascade-{name}-{seed}", lambda seed=seed: cascade_cell(name, seed)) for seed in CASCADE_SEEDS}

    def row(figure: str, key: str, target: str, met: bool) -> None:
        value, low, high = (float(np.mean([found[key][end] for found in seeds.values()])) for end in
                            ("value", "low", "high"))  # fmt: skip
        report(f"sparsity: {figure}, {title}, 32 then 64 px, LiteRT fp32, mean of seeds", (value, low, high), target,
               met=met, seeds=tuple(seeds))  # fmt: skip

    verdicts = [found["verdict"] for found in seeds.values()]
    row("AUROC of the cascade less the 64 px network alone", "difference",
        f"non-inferior by {MARGIN} in every seed; {', '.join(verdicts)}", set(verdicts) == {"PASS"})  # fmt: skip
    row("share that the 32 px network answered", "share_stopped", "none set", True)
    row("ms an image, 64 px network alone", "large_ms", "none set", True)
    row("ms an image, cascade", "cascade_ms", "none set", True)
    row("ms saved an image", "saved_ms", "above 0 in every seed", min(f["saved_ms"]["low"] for f in seeds.values()) > 0)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    CELLS.mkdir(parents=True, exist_ok=True)
    report_tiles()
    for name, title in CASCADES.items():
        report_cascade(name, title)
