"""``bedside predict``."""

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path

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
    abstain: bool = False,
    max_error: float = 0.05,
) -> None:
    """Predict and print; rows appear as they are made."""
    predictor = Predictor.load(
        bundle, format_=format_, precision=precision, trusted=trust, threads=threads, abstain=abstain,
        max_error_frac=max_error,
    )  # fmt: skip
    predictions = predictor.stream(files)
    {"table": _table, "json": _json, "csv": _csv}[shape](predictions)


def _table(predictions: Iterator[Prediction]) -> None:
    """Plain columns: they import nothing, and can be cut and grepped."""
    for i, found in enumerate(predictions):
        if not i:
            head = f"{'called':<24}{'p(' + found.positive + ')':<20}{'threshold':<12}"
            print(f"{head}{'one of':<28}file" if found.classes_in_set is not None else f"{head}file")
        threshold = "most probable" if found.threshold_prob is None else f"{found.threshold_prob:.4f}"
        why = f"  ({found.refer})" if found.refer else ""
        in_set = "" if found.classes_in_set is None else f"{_set_words(found.classes_in_set):<28}"
        print(f"{found.called:<24}{found.probability:<20.4f}{threshold:<12}{in_set}{found.file}{why}")
    print("research use; not for diagnosis", file=sys.stderr)


def _set_words(classes: tuple[str, ...]) -> str:
    return ", ".join(classes) or "none fits well"


def _json(predictions: Iterator[Prediction]) -> None:
    rows = [
        {
            "file": found.file,
            "called": found.called,
            "is_positive": found.is_positive,
            "refer": found.refer,
            "prediction_set": None if found.classes_in_set is None else list(found.classes_in_set),
            "positive_class": found.positive,
            "threshold_prob": found.threshold_prob,
            "probabilities": dict(zip(found.classes, found.probabilities, strict=True)),
        }
        for found in predictions
    ]
    print(json.dumps(rows, indent=1))


def _csv(predictions: Iterator[Prediction]) -> None:
    writer = csv.writer(sys.stdout)
    for i, found in enumerate(predictions):
        if not i:
            names = [f"p_{name}" for name in found.classes]
            writer.writerow(["file", "called", "refer", "prediction_set", "threshold_prob", *names])
        threshold = "" if found.threshold_prob is None else f"{found.threshold_prob:.6f}"
        in_set, numbers = "|".join(found.classes_in_set or ()), [f"{p:.6f}" for p in found.probabilities]
        writer.writerow([found.file, found.called, found.refer, in_set, threshold, *numbers])
