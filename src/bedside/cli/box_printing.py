"""Predictions of a detector in words: one line a box."""

import json
import sys
from collections.abc import Iterator

from bedside.cli.prediction_csv import CORNERS
from bedside.serve.prediction import Prediction


def box_table(predictions: Iterator[Prediction]) -> None:
    """One line a box, the most certain of an image first; an image without boxes has one line, and says so."""
    for i, found in enumerate(predictions):
        if not i:
            print(f"{'object':<24}{'probability':<14}{'x0':>8}{'y0':>8}{'x1':>8}{'y1':>8}  file")
        for box in found.boxes:
            corners = "".join(f"{getattr(box, corner):8.1f}" for corner in CORNERS)
            print(f"{box.name:<24}{box.probability:<14.4f}{corners}  {found.file}")
        if not found.boxes:
            why = f"  ({found.refer})" if found.refer else ""
            print(f"{found.called:<24}{'':<46}  {found.file}{why}")
    print("pixels of the image itself; research use; not for diagnosis", file=sys.stderr)


def box_json(predictions: Iterator[Prediction]) -> None:
    """One object an image, with its boxes and the highest probability of each kind anywhere in it."""
    rows = [
        {
            "file": found.file,
            "called": found.called,
            "is_positive": found.is_positive,
            "refer": found.refer,
            "positive_class": found.positive,
            "highest_probabilities": dict(zip(found.classes, found.probabilities, strict=True)),
            "boxes": [
                {
                    "object": box.name,
                    "probability": box.probability,
                    **{corner: getattr(box, corner) for corner in CORNERS},
                    "area_px": box.area_px,
                    "area_mm2": box.area_mm2,
                }
                for box in found.boxes
            ],
        }
        for found in predictions
    ]
    print(json.dumps(rows, indent=1))
