"""DICOM files that nobody labelled yet, as something to look at: no optimization can start from it."""

from collections.abc import Callable

from bedside.base.errors import CohortError, ImageError
from bedside.base.task import Task
from bedside.data.case import Case
from bedside.data.cohort import Cohort
from bedside.data.sources.dicom import cases_of_file, files_below, read_header_of
from bedside.data.sources.tables import folder_at


def load_unlabelled(rest: str, *, tick: Callable[[int, int], None] = lambda done, total: None) -> Cohort:
    """Gather every DICOM image below a folder; of a multi-frame one the frame in the middle.

    All cases are in the class "unlabelled". Files that are no readable image are quarantined with the reason.

    Raises
    ------
    InputError, CohortError
        For a missing folder, and where no file is an image.
    """
    folder = folder_at(rest, "a folder of DICOM files")
    paths = list(files_below(folder, folder / "labels.csv"))
    cases: list[Case] = []
    quarantined: dict[str, str] = {}
    modalities: set[str] = set()
    for done, path in enumerate(paths, start=1):
        tick(done, len(paths))
        name = path.relative_to(folder).as_posix()
        try:
            header = read_header_of(path)
        except ImageError as error:
            quarantined[name] = error.message
            continue
        modalities.add(str(header.get("Modality", "unknown")))
        cases += cases_of_file(path, name, header)
    if not cases:
        raise CohortError(
            f"no file below {folder} is a DICOM image", expected="DICOM images",
            hint=next(iter(quarantined.values()), "the folder holds no files"),
        )  # fmt: skip
    return Cohort(
        name=folder.resolve().name,
        task=Task(classes=("unlabelled", "labelled"), kind="segmentation"),  # a kind that asks no label of a case
        cases=tuple(cases),
        source=f"dicom:{folder.resolve().name}",
        modality=", ".join(sorted(modalities)),
        quarantined=quarantined,
    )
