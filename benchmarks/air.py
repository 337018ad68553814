"""Background tiles of real scans with air: ``python -m benchmarks.air`` with ``$BEDSIDE_DATA`` (resumes scan by scan).

Slices of a body CT and of a head MR, read from their DICOM files by geometry as the ward reads them, through an
untrained 3-D U-Net in LiteRT, whose time does not depend on its weights. Nobody outlined anything in them, so that no
level can be fitted and no Dice be given: shares and times stand for levels that are stated.
"""

import argparse
import os
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from bedside.data.preprocess import Preprocess
from bedside.data.window import AnyWindow, window_named
from bedside.runtime.session import open_session
from bedside.runtime.skipping import Skipping
from bedside.runtime.tiling import Tiling, padded
from bedside.serve.volume_outlines import run_volume
from benchmarks.exporting import exported
from benchmarks.ledger import Figure, record
from benchmarks.sparsity import CELLS, SEED, cell

COMMAND = "python -m benchmarks.air"
SIDES = (8, 64, 64)
N_REPEATS = 3
SCANS: dict[str, tuple[str, AnyWindow | None, tuple[int, ...]]] = {
    "CT of the body, 8 slices of 512 x 512, soft tissue window": (
        "ct/totalseg_series", window_named("soft tissue"), (0,)
    ),
    "MR of the head, 3 slices of 384 x 274": ("mr/studyforrest_t1", None, (0, 20, 40)),
}  # fmt: skip
"""Folder of the series, its window, and dark levels: in the window of soft tissue air and fat are 0 exactly."""


def scan_cell(folder: str, window: AnyWindow | None, levels: tuple[int, ...]) -> dict[str, Any]:
    """Share of tiles skipped and of time saved, level by level; the median of three runs of each, in turn."""
    from bedside.train.architecture import Architecture, build

    depth, height, width = SIDES
    preprocess = Preprocess(n_channels=1, depth_px=depth, height_px=height, width_px=width, window=window)
    raw, spacing_mm = preprocess.read(Path(os.environ["BEDSIDE_DATA"]) / "dicom_samples" / folder)
    model = build(Architecture(family="unet3d", width=1.0, spec=preprocess.spec, n_classes=3), seed=SEED)
    files = CELLS / "files-air"
    observed = preprocess.normalize(preprocess.geometry(raw, spacing_mm)[None])
    (file,) = exported(model, preprocess.spec, 3, observed, files, ("fp32",))
    session = open_session(file, files)
    grown = padded(raw[None], tiling := Tiling(tile=SIDES))[0]
    tiles = [grown[(slice(None), *place)] for place in tiling.places(grown.shape[1:])]  # type: ignore[arg-type]
    rules: dict[int, Skipping | None] = {-1: None} | {n: Skipping(dark_level=n, n_classes=3) for n in levels}
    times: dict[int, list[float]] = {level: [] for level in rules}
    for _ in range(N_REPEATS):
        for level, rule in rules.items():
            begun = perf_counter()
            run_volume(session, preprocess, raw, spacing_mm, skipping=rule)
            times[level].append(1000 * (perf_counter() - begun))
    whole = np.array(times[-1])
    return {
        "n_tiles": len(tiles), "whole_ms": times[-1],
        "levels": {
            level: {
                "skipped": float(np.mean([rule.skips(tile) for tile in tiles])),
                "saved": (1 - np.array(times[level]) / whole).tolist(), "ms": times[level],
            }
            for level, rule in rules.items() if rule is not None
        },
    }  # fmt: skip


def report(title: str, found: dict[str, Any]) -> None:
    """Two rows a level; the interval of the time is the least and the largest of the runs."""
    for level, row in found["levels"].items():
        where = f"{title}, {found['n_tiles']} tiles, dark level {level} (stated, not fitted)"
        share = row["skipped"]
        saved = (float(np.median(row["saved"])), min(row["saved"]), max(row["saved"]))
        for what, values in (("tiles skipped", (share, share, share)), ("time saved (range of runs)", saved)):
            value, low, high = values
            record("compression", Figure(figure=f"sparsity: share of {what}, {where}", value=value, low=low, high=high,
                                         target="none set", met=True, command=COMMAND, seeds=(SEED,)))  # fmt: skip


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    CELLS.mkdir(parents=True, exist_ok=True)
    for title, (folder, window, levels) in SCANS.items():
        report(title, cell(f"air-{folder.replace('/', '-')}", lambda a=(folder, window, levels): scan_cell(*a)))
