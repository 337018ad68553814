"""What a case is told apart by: its pixels, its mask and all that is known about it."""

from pathlib import Path
from typing import TYPE_CHECKING

from bedside.base.digest import Digest, digest_array, digest_file, digest_many
from bedside.base.errors import CohortError

if TYPE_CHECKING:
    from bedside.data.case import Case


def digest_case(case: "Case") -> Digest:
    """Digest of the image, of its mask if it has one, and of all that is known about it.

    Raises
    ------
    CohortError
        If a file of it is not there.
    """
    facts = [case.case_id, str(case.label), str(case.patient_id), str(case.group), str(case.part)]
    facts += [] if case.frame is None else [f"frame {case.frame}"]
    facts += [f"{column}={value}" for column, value in case.attributes]
    facts += [f"marks {case.marks}"] if case.marks else []
    facts += [f"box {box.row()}" for box in case.boxes]
    facts += ["its mask counts objects"] if case.mask_counts_objects else []
    if case.mask_path is not None:
        facts.append(digest_file(_existing(case, case.mask_path)))
    if case.mask_pixels is not None:
        facts.append(digest_array(case.mask_pixels))
    return digest_many([*_content(case), *facts])


def _content(case: "Case") -> list[Digest]:
    if case.pixels is not None:
        return [digest_array(case.pixels)]
    return [digest_file(_existing(case, path)) for path in case.frame_paths or (case.path,)]


def _existing(case: "Case", path: Path | None) -> Path:
    if path is None or not path.is_file():
        raise CohortError(
            f"case {case.case_id} has no file at {path}", expected="an image file", hint="check the metadata"
        )
    return path
