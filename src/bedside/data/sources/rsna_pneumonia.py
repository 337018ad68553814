"""``rsna-pneumonia:DIR``: the RSNA Pneumonia Detection Challenge (Shih et al., Radiology AI 2019)."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from bedside.base.task import Task
from bedside.data.cohort import Cohort
from bedside.data.sources.drawn_boxes import Drawn, Gathering, number
from bedside.data.sources.tables import folder_at, rows_of, unknown_layout

_LABELS, _IMAGES = "stage_2_train_labels.csv", "stage_2_train_images"
_DETAILS = "stage_2_detailed_class_info.csv"
_COLUMNS = ("patientId", "x", "y", "width", "height", "Target")
OPACITY = "lung opacity"


def load(rest: str, options: Mapping[str, str]) -> Cohort:
    """Load ``rsna-pneumonia:DIR``.

    Looked for: ``stage_2_train_labels.csv`` (patientId, x, y, width, height, Target; one row a box, one blank row for
    an image without) and ``stage_2_train_images/PATIENTID.dcm``. ``stage_2_detailed_class_info.csv``, if it is there,
    gives each case the attribute ``finding``. The challenge's own test images have no public labels, so that the source
    names no parts. Option ``may_flip=yes`` as elsewhere.

    Raises
    ------
    InputError, CohortError
        For another layout, or a table without the documented columns.
    """
    folder = folder_at(rest, "the folder of the RSNA Pneumonia Detection Challenge")
    if not (folder / _LABELS).is_file() or not (folder / _IMAGES).is_dir():
        raise unknown_layout(folder, "the RSNA Pneumonia Detection Challenge", f"{_LABELS} and {_IMAGES}/*.dcm")
    gathering = Gathering()
    drawn: dict[str, list[Drawn]] = defaultdict(list)
    for line, row in rows_of(folder / _LABELS, _COLUMNS):
        name, where = row["patientId"], f"{_LABELS} line {line}"
        corner = [row[column] for column in _COLUMNS[1:5]]
        if not name or row["Target"] not in ("0", "1") or bool(any(corner)) != (row["Target"] == "1"):
            gathering.set_aside(where, f"patient {name or '(blank)'}, Target {row['Target']!r}, box {corner}")
        elif row["Target"] == "0":
            drawn[name] += []
        else:
            x, y, width, height = map(number, corner)
            drawn[name].append(Drawn(label=0, x0_px=x, y0_px=y, x1_px=x + width, y1_px=y + height, where=where))
    findings = _findings(folder / _DETAILS)
    for name, boxes in drawn.items():
        gathering.add(
            name,
            folder / _IMAGES / f"{Path(name).name}.dcm",
            boxes,
            patient_id=f"rsna-{name}",
            attributes=(("finding", findings[name]),) if name in findings else (),
        )
    if not gathering.cases:
        raise unknown_layout(
            folder, "the RSNA Pneumonia Detection Challenge", f"the listed images in {_IMAGES}/, of which none is there"
        )
    return Cohort(
        name="rsna-pneumonia",
        task=Task(classes=(OPACITY,), positive=0, kind="detection"),
        cases=tuple(gathering.cases),
        source=f"rsna-pneumonia:{folder.resolve().name}",
        licence="RSNA, non-commercial use as the challenge's rules state it",
        modality="X-ray",
        may_flip=options.get("may_flip", "") == "yes",
        quarantined=gathering.quarantined,
    )


def _findings(table: Path) -> dict[str, str]:
    """Each patient's class in the detailed table; none where the table is absent."""
    if not table.is_file():
        return {}
    return {row["patientId"]: row["class"] for _, row in rows_of(table, ("patientId", "class"))}
