"""Predictions as a sheet: the columns follow from what the bundle answers, so that every row has all of them."""

import csv
import sys
from collections.abc import Callable, Iterator

from bedside.base.task import Task
from bedside.serve.prediction import FoundBox, Outlined, Prediction

Cells = dict[str, Callable[[Prediction], str]]
"""By name of the column."""

CORNERS = ("x0_px", "y0_px", "x1_px", "y1_px")


def print_csv(
    predictions: Iterator[Prediction], task: Task, *, of_volumes: bool = False, in_a_row: bool = False
) -> None:
    """Print one row an image, or one a box; the head comes first, whatever becomes of the images.

    A cell is blank where there is nothing to say: measures of an image that is referred, mm of a file that states no
    spacing, the diameter of what is not there.

    Parameters
    ----------
    in_a_row
        Two bundles answer in a row, and each row says which one did.
    """
    writer = csv.writer(sys.stdout)
    if task.kind == "detection":
        _print_boxes(writer.writerow, predictions)
        return
    columns = _columns(task, of_volumes) | ({"answered_by": lambda found: found.answered_by} if in_a_row else {})
    writer.writerow(columns)
    for found in predictions:
        writer.writerow([cell(found) for cell in columns.values()])


def _columns(task: Task, of_volumes: bool) -> Cells:
    columns: Cells = {
        "file": lambda found: found.file,
        "called": lambda found: found.called,
        "refer": lambda found: found.refer,
        "prediction_set": lambda found: "|".join(found.classes_in_set or ()),
        "threshold_prob": lambda found: _number(found.threshold_prob, 6),
    }
    for k, name in enumerate(task.classes):
        columns[f"p_{name}"] = lambda found, k=k: f"{found.probabilities[k]:.6f}"
    if task.kind == "multilabel":
        for k, name in enumerate(task.classes):
            columns[f"t_{name}"] = lambda found, k=k: f"{found.thresholds_prob[k]:.6f}"
    if task.kind == "segmentation":
        for k, name in enumerate(task.classes[1:]):
            for prefix, measure in (_VOLUME if of_volumes else _AREA).items():
                columns[f"{prefix}_{name}"] = lambda found, k=k, measure=measure: _measured(found, k, measure)
    return columns


_AREA: dict[str, Callable[[Outlined], str]] = {
    "area_px": lambda held: str(held.n_cells),
    "area_mm2": lambda held: _number(held.size, 3),
    "n_findings": lambda held: str(held.n_findings),
    "diameter_px": lambda held: _number(held.diameter_px, 2),
    "diameter_mm": lambda held: _number(held.diameter_mm, 2),
}
_VOLUME: dict[str, Callable[[Outlined], str]] = {
    "voxels": lambda held: str(held.n_cells),
    "volume_ml": lambda held: _number(held.size, 4),
    "n_findings": lambda held: str(held.n_findings),
    "diameter_mm": lambda held: _number(held.diameter_mm, 2),
}


def _measured(found: Prediction, k: int, measure: Callable[[Outlined], str]) -> str:
    return measure(found.outlined[k]) if found.outlined else ""


def _print_boxes(write_row: Callable[[list[str]], object], predictions: Iterator[Prediction]) -> None:
    """One row a box; an image without boxes has one row, with 0 findings, or with none where it is referred."""
    write_row(["file", "refer", "object", "probability", *CORNERS, "area_px", "area_mm2", "n_findings"])
    for found in predictions:
        for box in found.boxes:
            write_row([found.file, "", *_box_cells(box), str(len(found.boxes))])
        if not found.boxes:
            write_row([found.file, found.refer, *[""] * 8, "" if found.refer else "0"])


def _box_cells(box: FoundBox) -> list[str]:
    corners = [f"{getattr(box, corner):.2f}" for corner in CORNERS]
    return [box.name, f"{box.probability:.6f}", *corners, f"{box.area_px:.2f}", _number(box.area_mm2, 3)]


def _number(value: float | None, n_places: int) -> str:
    return "" if value is None else f"{value:.{n_places}f}"
