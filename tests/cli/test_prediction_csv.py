"""The sheet of predictions: one set of columns for every row, from the task of the bundle."""

import csv
from io import StringIO

import pytest

from bedside.base.task import Task
from bedside.cli.prediction_csv import print_csv
from bedside.serve.prediction import FoundBox, Outlined, Prediction

LESION = Task(classes=("background", "lesion", "cyst"), kind="segmentation")
CELLS = Task(classes=("RBC", "WBC"), kind="detection")


def answer(file: str, task: Task, *, refer: str = "", outlined=(), boxes=()) -> Prediction:
    return Prediction(
        file=file, called="refer" if refer else "lesion", is_positive=None, probabilities=(0.5,) * task.n_classes,
        classes=task.classes, positive=task.positive_name, threshold_prob=0.4, refer=refer, outlined=outlined,
        boxes=boxes,
    )  # fmt: skip


def sheet(capsys, predictions: list[Prediction], task: Task, **how: bool) -> list[dict[str, str]]:
    print_csv(iter(predictions), task, **how)
    text = capsys.readouterr().out
    head, *lines = csv.reader(StringIO(text))
    assert len(set(head)) == len(head)
    assert {len(line) for line in lines} <= {len(head)}
    return list(csv.DictReader(StringIO(text)))


def two(*, in_mm: bool) -> tuple[Outlined, ...]:
    lesion = Outlined(name="lesion", is_volume=False, n_cells=12, n_findings=2, diameter_px=4.5,
                      size=3.0 if in_mm else None, diameter_mm=2.25 if in_mm else None)  # fmt: skip
    return lesion, Outlined(name="cyst", is_volume=False, n_cells=0, n_findings=0, size=0.0 if in_mm else None)


def test_a_referred_row_stands_first_and_has_the_columns_of_the_others(capsys) -> None:
    rows = sheet(capsys, [
        answer("odd.png", LESION, refer="unlike the others"), answer("a.dcm", LESION, outlined=two(in_mm=True)),
        answer("b.png", LESION, outlined=two(in_mm=False)),
    ], LESION)  # fmt: skip
    columns = [f"{what}_{name}" for name in ("lesion", "cyst")
               for what in ("area_px", "area_mm2", "n_findings", "diameter_px", "diameter_mm")]  # fmt: skip
    assert list(rows[0])[-10:] == columns
    assert [rows[0][name] for name in columns] == [""] * 10
    assert [rows[1][name] for name in columns] == ["12", "3.000", "2", "4.50", "2.25", "0", "0.000", "0", "", ""]
    assert [rows[2][name] for name in columns] == ["12", "", "2", "4.50", "", "0", "", "0", "", ""]


def test_volumes_are_in_ml(capsys) -> None:
    held = [Outlined(name=name, is_volume=True, n_cells=1200, n_findings=1, size=1.2, diameter_mm=9.0)
            for name in ("lesion", "cyst")]  # fmt: skip
    (row,) = sheet(capsys, [answer("a.nii", LESION, outlined=tuple(held))], LESION, of_volumes=True)
    assert [row[name] for name in ("voxels_lesion", "volume_ml_lesion", "n_findings_lesion", "diameter_mm_cyst")] == [
        "1200", "1.2000", "1", "9.00"
    ]  # fmt: skip
    assert "area_px_lesion" not in row


@pytest.mark.parametrize("task", [LESION, CELLS, Task(classes=("well", "ill"))])
def test_without_a_single_readable_file_the_head_is_there(task: Task, capsys) -> None:
    print_csv(iter(()), task)
    assert capsys.readouterr().out.startswith("file,")


def test_boxes_have_their_area_and_how_many_there_are(capsys) -> None:
    corners = {"name": "RBC", "probability": 0.9, "x0_px": 1.0, "y0_px": 2.0, "x1_px": 5.0, "y1_px": 4.5}
    boxes = FoundBox(**corners), FoundBox(**corners, spacing_mm=(0.5, 0.2))
    rows = sheet(capsys, [
        answer("odd.png", CELLS, refer="unlike"), answer("a.png", CELLS, boxes=boxes), answer("none.png", CELLS)
    ], CELLS)  # fmt: skip
    assert [row["n_findings"] for row in rows] == ["", "2", "2", "0"]
    assert [row["area_px"] for row in rows] == ["", "10.00", "10.00", ""]
    assert [row["area_mm2"] for row in rows] == ["", "", "1.000", ""]
    assert [row["refer"] for row in rows] == ["unlike", "", "", ""]


def test_a_row_of_a_cascade_says_which_bundle_answered(capsys) -> None:
    (row,) = sheet(capsys, [answer("a.png", CELLS)], Task(classes=("RBC", "WBC")), in_a_row=True)
    assert row["answered_by"] == ""
