"""The stop of tiles: whether background of large volumes is left out at the bedside; part of stop 9."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from bedside.base.arrays import ByteArray
from bedside.base.errors import CohortError
from bedside.bundle.sealing import ModelFile
from bedside.cohort_stops import Material, thinned
from bedside.data.case import Case
from bedside.data.split import Split
from bedside.data.units import units_of
from bedside.data.volume_targets import own_label_map
from bedside.running import Run
from bedside.runtime.session import Session, open_session
from bedside.runtime.skip_fitting import fit_skipping
from bedside.runtime.skipping import Skipping
from bedside.runtime.tiling import Tiling, padded, run_tiled
from bedside.verify.operating_point import OperatingPoint
from bedside.verify.overlap import class_tables, dice_of
from bedside.verify.tile_evidence import TileEvidence, VolumeRun, tile_evidence

N_FITTED, N_JUDGED = 200, 24
"""Development volumes that the dark level is fitted on, at most, and tuning volumes that are run twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiles:
    """The rule as the bundle ships it, None where every tile is run, and what was measured."""

    rule: Skipping | None = None
    evidence: TileEvidence | None = None

    def values(self) -> dict[str, object]:
        """By the path of their file in the bundle."""
        return {"evidence/tiles.json": self.evidence} if self.evidence else {}


def tiled(run: Run, material: Material, split: Split, shipped: ModelFile) -> Tiles:
    """Fit the dark level on development, judge it on tuning, and say whether it ships.

    Nothing where no volume is outlined, nothing but a note where a lesion may be black. Where the model's input holds
    every volume whole, the evidence says that there is nothing to leave out.
    """
    preprocess, task = material.preprocess, material.task
    if preprocess.depth_px is None or task.kind != "segmentation":
        return Tiles()
    tiling = Tiling(tile=(preprocess.depth_px, preprocess.height_px, preprocess.width_px))

    def volumes(cases: Sequence[Case]) -> Iterator[tuple[ByteArray, ByteArray]]:
        return (_placed(case, material) for case in cases)

    tuning = thinned(split.tuning, N_JUDGED)
    inputs = [material.digest, shipped.artifact, shipped.point]
    try:
        rule = run.journal.stop(
            "skipping", Skipping, inputs,
            lambda: fit_skipping(
                volumes(thinned(split.development, N_FITTED)), tiling, n_classes=task.n_classes
            ),
        )  # fmt: skip
    except CohortError as error:
        run.watch.note(f"every tile is run: {error.message}")
        return Tiles()

    def judged() -> TileEvidence:
        session = open_session(shipped.artifact, shipped.folder, threads=1)
        runs = []
        for number, (voxels, labels) in enumerate(volumes(tuning), start=1):
            runs.append(_run_twice(session, voxels, labels, material, tiling, rule, shipped.point))
            run.watch.tick(number, len(tuning), "background tiles")
        return tile_evidence(rule.dark_level, runs, units_of(tuning))

    evidence = run.journal.stop("tiles", TileEvidence, [*inputs, rule], judged)
    return Tiles(rule=rule if evidence.ships else None, evidence=evidence)


def _placed(case: Case, material: Material) -> tuple[ByteArray, ByteArray]:
    """Voxels ``(C, D, H, W)`` and label numbers ``(D, H, W)`` in voxels of the model's size, not cut to its input."""
    preprocess = material.preprocess
    labels, spacing_mm = own_label_map(case, material.task)
    voxels = preprocess.respaced_volume(case.seen(preprocess), spacing_mm)
    return voxels, preprocess.placing(labels.shape, spacing_mm).uncut().labels(labels)


def _run_twice(
    session: Session, voxels: ByteArray, labels: ByteArray, material: Material, tiling: Tiling, rule: Skipping,
    point: OperatingPoint,
) -> VolumeRun:  # fmt: skip
    def dice_and_ms(skipping: Skipping | None) -> tuple[float, float]:
        begun = perf_counter()
        logits = run_tiled(session, voxels, material.preprocess.normalize, tiling, skipping=skipping)
        ms = 1000 * (perf_counter() - begun)
        called = point.calls(point.probabilities(logits[None]))
        return float(dice_of(class_tables(labels[None], called, material.task.n_classes)).mean()), ms

    (dice, ms), (dice_skipping, ms_skipping) = dice_and_ms(None), dice_and_ms(rule)
    grown, kept = padded(voxels, tiling)
    seen, n_tiles, n_skipped = np.zeros(grown.shape[1:], bool), 0, 0
    for place in tiling.places(grown.shape[1:]):  # type: ignore[arg-type]
        skips = rule.skips(grown[(slice(None), *place)])
        n_tiles, n_skipped = n_tiles + 1, n_skipped + skips
        if not skips:
            seen[place] = True
    return VolumeRun(
        n_tiles=n_tiles, n_skipped=n_skipped, dice=dice, dice_skipping=dice_skipping, ms=ms, ms_skipping=ms_skipping,
        lost_voxels=int(np.count_nonzero(labels[~seen[kept]])),
    )  # fmt: skip
