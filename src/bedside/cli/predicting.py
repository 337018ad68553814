"""``bedside predict``."""

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from bedside.base.errors import InputError
from bedside.serve.mask_files import prepare_masks, write_mask
from bedside.serve.predicting import Predictor
from bedside.serve.prediction import Prediction


def run_predict(
    bundle: Path,
    files: list[Path],
    shape: str,
    format_: str | None,
    precision: str | None,
    trust: str | None,
    threads: int,
    masks: Path | None = None,
) -> None:
    """Predict and print; rows appear as they are made, and so do masks."""
    predictor = Predictor.load(bundle, format_=format_, precision=precision, trusted=trust, threads=threads)
    predictions = predictor.stream(files)
    if masks is not None:
        predictions = _with_masks(predictor, predictions, files, masks)
    {"table": _table, "json": _json, "csv": _csv}[shape](predictions)


def _with_masks(
    predictor: Predictor, predictions: Iterator[Prediction], files: list[Path], folder: Path
) -> Iterator[Prediction]:
    """Write each mask before its row is shown."""
    kind = predictor.bundle.manifest.task.kind
    if kind != "segmentation":
        raise InputError(
            f"{predictor.bundle.manifest.name} answers a task of {kind}", expected="a bundle that outlines",
            hint="leave --masks out",
        )  # fmt: skip
    prepare_masks(files, folder, volumes=predictor.bundle.manifest.preprocess.depth_px is not None)
    for found in predictions:
        write_mask(found, folder)
        yield found


def _table(predictions: Iterator[Prediction]) -> None:
    """Plain columns: they import nothing, and can be cut and grepped."""
    for i, found in enumerate(predictions):
        if not i:
            print(f"{'called':<24}{'p(' + found.positive + ')':<20}{'threshold':<12}file")
        threshold = "most probable" if found.threshold_prob is None else f"{found.threshold_prob:.4f}"
        why = "".join(f"  {name} {value:g} {unit}" for name, value, unit in found.measures)
        why += f"  ({found.refer})" if found.refer else ""
        print(f"{found.called:<24}{found.probability:<20.4f}{threshold:<12}{found.file}{why}")
    print("research use; not for diagnosis", file=sys.stderr)


def _json(predictions: Iterator[Prediction]) -> None:
    rows = [
        {
            "file": found.file,
            "called": found.called,
            "is_positive": found.is_positive,
            "refer": found.refer,
            "positive_class": found.positive,
            "threshold_prob": found.threshold_prob,
            "probabilities": dict(zip(found.classes, found.probabilities, strict=True)),
            **_measured(found),
        }
        for found in predictions
    ]
    print(json.dumps(rows, indent=1))


def _measured(found: Prediction) -> dict[str, object]:
    """What was measured, for a row of JSON; nothing where the task measures nothing."""
    if not found.measures:
        return {}
    return {"measures": {name: {"value": value, "unit": unit} for name, value, unit in found.measures}}


def _csv(predictions: Iterator[Prediction]) -> None:
    writer = csv.writer(sys.stdout)
    for i, found in enumerate(predictions):
        if not i:
            writer.writerow(["file", "called", "refer", "threshold_prob", *(f"p_{name}" for name in found.classes)])
        threshold = "" if found.threshold_prob is None else f"{found.threshold_prob:.6f}"
        writer.writerow([found.file, found.called, found.refer, threshold, *(f"{p:.6f}" for p in found.probabilities)])
